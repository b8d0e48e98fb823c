"""Backups as they lie there: files, restic repositories, Windows Server Backup."""
