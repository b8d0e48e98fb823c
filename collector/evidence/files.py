"""Evidence on disk: one file per content, named by its SHA-256, written before anybody hears of it.

A school's name for a file never becomes a path. Files are only ever added: what was handed in may
have been published, and a bundle made years later must still find it.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from collector.errors import NotFoundError, UnavailableError

_CHUNK_BYTES = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Received:
    """A file that has arrived whole and waits to be kept or dropped."""

    path: Path
    sha256: str
    size_bytes: int


class EvidenceFiles:
    """A folder of files by content. Safe to share between threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self) -> Receiver:
        """Start receiving a file. Raises UnavailableError if the folder cannot be written."""
        arriving = self._folder / "arriving"
        with _explained():
            arriving.mkdir(mode=0o700, parents=True, exist_ok=True)
            return Receiver(arriving / secrets.token_hex(16))

    def keep(self, received: Received) -> None:
        """Keep a received file durably under its hash; the same content is kept once."""
        target = self._path(received.sha256)
        with _explained():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            received.path.replace(target)
            for folder in (target.parent, self._folder):
                _sync_folder(folder)

    def drop(self, received: Received) -> None:
        """Forget a received file."""
        with suppress(OSError):
            received.path.unlink(missing_ok=True)

    def pieces(self, sha256: str) -> Iterator[bytes]:
        """Return a file's content in pieces. Raises NotFoundError at once if it is gone."""
        try:
            file = self._path(sha256).open("rb")
        except FileNotFoundError as error:
            raise NotFoundError(
                "evidence_file_gone",
                "支撑材料的文件不在了，请从备份恢复 evidence 目录。",
                detail_en="The file is gone from the data directory; restore `evidence` from a "
                "backup.",
            ) from error
        return _read(file)

    def is_sound(self, sha256: str) -> bool:
        """Say whether the file is there and still has the content that its name says."""
        digest = hashlib.sha256()
        try:
            for piece in self.pieces(sha256):
                digest.update(piece)
        except NotFoundError:
            return False
        return digest.hexdigest() == sha256

    def _path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise NotFoundError(
                "evidence_unknown", "没有这份支撑材料。", detail_en="There is no such evidence."
            )
        return self._folder / sha256[:2] / sha256


class Receiver:
    """Writes one arriving file and counts as it goes; leaves nothing behind if it is not ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(handle, "wb")
        self._digest = hashlib.sha256()
        self._size_bytes = 0

    @property
    def size_bytes(self) -> int:
        """How much has arrived."""
        return self._size_bytes

    def write(self, piece: bytes) -> None:
        """Take a piece."""
        with _explained():
            self._file.write(piece)
        self._size_bytes += len(piece)
        self._digest.update(piece)

    def end(self) -> Received:
        """Return the whole file, durably on disk."""
        with _explained():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        return Received(self._path, self._digest.hexdigest(), self._size_bytes)

    def abandon(self) -> None:
        """Drop what has arrived."""
        with suppress(OSError):
            self._file.close()
            self._path.unlink(missing_ok=True)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn the disk's errors into ours."""
    try:
        yield
    except OSError as error:
        raise UnavailableError(
            "evidence_disk",
            f"支撑材料写不进磁盘（{error.strerror}）；请检查空间与权限后重试。",
            detail_en=f"The evidence cannot be written ({error.strerror}); check space and "
            "permissions.",
        ) from error


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_CHUNK_BYTES):
            yield piece


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows has no such call; NTFS journals its folders
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
