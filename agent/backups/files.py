"""Backups that are files in a folder: a database dump, an archive, a copy of a virtual machine.

A file is good when it is large enough, not much smaller than those before it, and no longer being
written. The newest file that is not good is never hidden: the age is that of the newest good one,
and the warning says why a newer one does not count.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from statistics import median

from agent.backups.found import FoundBackup
from agent.trouble import TroubleError

MAX_FILES = 20_000
_SETTLED_S = 120.0
"""A file that changed less than two minutes ago is probably still being written."""
_SHRUNK_TO = 0.5
_COMPARED = 5


@dataclass(frozen=True, slots=True)
class BackupFile:
    """One file: path, size and time of the last change, in seconds since 1970."""

    path: str
    size_bytes: int
    changed_s: float


def find_files(folder: Path, pattern: str) -> list[BackupFile]:
    """Return the files in `folder` whose names fit, the newest first.

    `pattern` is a glob below the folder. Raises TroubleError `backup_folder_missing`,
    `backup_folder_unreadable` or `backup_too_many_files`.
    """
    found = []
    try:
        if not folder.is_dir():
            raise TroubleError("backup_folder_missing", str(folder))
        list(folder.iterdir())  # a glob keeps silent about a folder that it may not read
        for path in folder.glob(pattern):
            told = path.stat()
            if stat.S_ISREG(told.st_mode):
                found.append(BackupFile(str(path), told.st_size, told.st_mtime))
            if len(found) > MAX_FILES:
                raise TroubleError("backup_too_many_files", str(folder))
    except OSError as error:
        raise TroubleError("backup_folder_unreadable", f"{folder}: {error.strerror}") from error
    return sorted(found, key=lambda file: -file.changed_s)


def judge_files(files: Sequence[BackupFile], min_bytes: int, now: datetime) -> FoundBackup:
    """Return the newest good file. Pure.

    Raises TroubleError `backup_none`, or what is wrong with the newest where none is good.
    """
    if not files:
        raise TroubleError("backup_none")
    faults = list(_faults(files, min_bytes, now.timestamp()))
    good = next((n for n, fault in enumerate(faults) if fault is None), None)
    newest = files[0]
    if good is None:
        raise TroubleError(faults[0] or "backup_none", f"{newest.path}: {newest.size_bytes} B")
    chosen = files[good]
    warning = next((fault for fault in faults[:good] if fault), None)
    return FoundBackup(
        finished_at=datetime.fromtimestamp(chosen.changed_s, UTC),
        size_bytes=chosen.size_bytes,
        count=sum(fault is None for fault in faults),
        # A run under way is what one expects to see now and then.
        warning=None if warning == "backup_being_written" else warning,
        evidence={
            "file": PurePath(chosen.path).name,
            "newest_file": PurePath(newest.path).name,
            "newest_bytes": newest.size_bytes,
        },
    )


def _faults(files: Sequence[BackupFile], min_bytes: int, now_s: float) -> Iterator[str | None]:
    """Yield what is wrong with each file, None for a good one."""
    for number, file in enumerate(files):
        before = [one.size_bytes for one in files[number + 1 :] if one.size_bytes >= min_bytes]
        usual = median(before[:_COMPARED]) if len(before) >= _COMPARED else 0
        if file.changed_s > now_s + _SETTLED_S:
            yield "backup_in_the_future"
        elif now_s - file.changed_s < _SETTLED_S:
            yield "backup_being_written"
        elif file.size_bytes < min_bytes:
            yield "backup_too_small"
        elif file.size_bytes < usual * _SHRUNK_TO:
            yield "backup_shrunk"
        else:
            yield None


def is_same_disk(folder: Path, source: Path) -> bool:
    """Whether the backup lies on the file system of what it backs up.

    Raises TroubleError `backup_source_missing`.
    """
    try:
        return folder.stat().st_dev == source.stat().st_dev
    except OSError as error:
        raise TroubleError("backup_source_missing", f"{source}: {error.strerror}") from error
