"""Database migrations of the record store."""
