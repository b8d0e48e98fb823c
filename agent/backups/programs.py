"""Backup programs that are asked for their own list: restic and Windows Server Backup."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.backups.found import FoundBackup
from agent.reading import Json
from agent.trouble import TroubleError

_MAX_OUTPUT_BYTES = 16 * 1024 * 1024


def run_program(
    command: Sequence[str], within_s: float, environment: Mapping[str, str] | None = None
) -> bytes:
    """Return what a program printed.

    Raises TroubleError `backup_program_missing`, `_timeout` or `_failed` with its own words.
    """
    try:
        done = subprocess.run(  # noqa: S603 - the school named the program and its arguments
            command,
            capture_output=True,
            timeout=within_s,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
    except subprocess.TimeoutExpired as error:
        raise TroubleError("backup_program_timeout", command[0]) from error
    except OSError as error:
        raise TroubleError("backup_program_missing", f"{command[0]}: {error.strerror}") from error
    if done.returncode:
        said = (done.stderr or done.stdout)[-250:].decode("utf-8", errors="replace").strip()
        raise TroubleError("backup_program_failed", f"{command[0]}: {said}")
    return done.stdout[:_MAX_OUTPUT_BYTES]


def restic_snapshots(
    program: str, repository: str, password_file: Path, tag: str, within_s: float
) -> FoundBackup:
    """Return the newest snapshot of a restic repository, without locking it.

    restic writes a snapshot only once all its data are in the repository, so one that is listed is
    complete. Raises TroubleError as `run_program`, or `backup_none`.
    """
    command = [program, "--no-lock", "--json", "snapshots"]
    command += ["--tag", tag] if tag else []
    secrets = {"RESTIC_REPOSITORY": repository, "RESTIC_PASSWORD_FILE": str(password_file)}
    return read_snapshots(run_program(command, within_s, secrets))


def read_snapshots(output: bytes) -> FoundBackup:
    """Read the output of `restic snapshots --json`. Pure.

    Raises TroubleError `backup_output_unreadable` or `backup_none`.
    """
    try:
        listed: list[dict[str, Any]] = json.loads(output) or []
        if not listed:
            raise TroubleError("backup_none")
        snapshot = max(listed, key=lambda one: datetime.fromisoformat(one["time"]))
        paths: list[Json] = [str(path) for path in snapshot.get("paths") or ()]
        return FoundBackup(
            finished_at=datetime.fromisoformat(snapshot["time"]).astimezone(UTC),
            count=len(listed),
            evidence={
                "snapshot": str(snapshot.get("short_id", "")),
                "host": str(snapshot.get("hostname", "")),
                "paths": paths[:5],
            },
        )
    except (ValueError, TypeError, KeyError) as error:
        raise TroubleError("backup_output_unreadable", f"restic: {error}") from error


def windows_versions(within_s: float) -> FoundBackup:
    """Return the newest version of Windows Server Backup. Needs an administrator's rights."""
    return read_versions(run_program(["wbadmin", "get", "versions"], within_s))


_VERSION = re.compile(r"\b(\d{2})/(\d{2})/(\d{4})-(\d{2}):(\d{2})\b")
"""`Version identifier: 11/20/2026-13:05`, the same in every language, always UTC (wbadmin)."""


def read_versions(output: bytes) -> FoundBackup:
    """Read the output of `wbadmin get versions`, whatever the language of Windows. Pure.

    Read by the identifier's shape: its label is translated, its form is not. Raises TroubleError
    `backup_output_unreadable` or `backup_none`.
    """
    try:
        text = output.decode("utf-8")
    except UnicodeDecodeError:
        text = output.decode("gb18030", errors="replace")
    try:
        found = [
            datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=UTC)
            for month, day, year, hour, minute in _VERSION.findall(text)
        ]
    except ValueError as error:
        raise TroubleError("backup_output_unreadable", f"wbadmin: {error}") from error
    if not found:
        is_wbadmin = "wbadmin" in text.lower()
        raise TroubleError("backup_none" if is_wbadmin else "backup_output_unreadable", text[:100])
    return FoundBackup(finished_at=max(found), count=len(found))
