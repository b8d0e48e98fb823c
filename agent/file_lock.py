"""One writer per state folder: a lock the system releases when its holder dies, however it dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path


class LockHeldError(RuntimeError):
    """Another process holds the lock."""


class FileLock:
    """An exclusive advisory lock on a file, held until `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        """Take the lock at once. Raises LockHeldError, or OSError where no file can be made."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # not inherited by children
        try:
            _lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise LockHeldError(str(path)) from error
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Give the lock back; the file stays, since removing it would race with the next holder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
