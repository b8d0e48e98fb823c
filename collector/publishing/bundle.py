"""Bundles as files: a zip archive that is written the same way every time, and read with bounds.

The same publication always gives the same bytes, so two copies can be compared by their hash. A
bundle may come from anybody: names, sizes and counts are checked before anything is unpacked, and
nothing of it is ever written to disk.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from collector.publishing.manifest import MANIFEST, Manifest

FILE_BYTES_MAX = 128 << 20
FILES_MAX = 100_000
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip archive can hold
_READABLE = 0o644 << 16
_CHUNK_BYTES = 1 << 20
_UNPACKING = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What the library raises over damaged, encrypted or foreign archives."""


class BundleError(ValueError):
    """A file that is no readable bundle; the message says why."""


def write_bundle(
    target: IO[bytes], manifest: Manifest, files: Iterable[tuple[str, Iterable[bytes]]]
) -> str:
    """Write a bundle and return the SHA-256 of its manifest, which names everything in it.

    `files` gives each file of the manifest with its content in pieces, so that large evidence is
    never held in memory whole.
    """
    text = manifest_text(manifest)
    with zipfile.ZipFile(target, "w") as archive:
        _add(archive, MANIFEST, [text])
        for name, pieces in files:
            _add(archive, name, pieces)
    return hashlib.sha256(text).hexdigest()


def manifest_text(manifest: Manifest) -> bytes:
    """Return the manifest as it stands in the archive."""
    document = manifest.model_dump(mode="json")
    return (json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _add(archive: zipfile.ZipFile, name: str, pieces: Iterable[bytes]) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = _READABLE
    entry.create_system = 3  # whatever system writes it
    with archive.open(entry, "w", force_zip64=True) as file:
        for piece in pieces:
            file.write(piece)


class Bundle:
    """A bundle that is open for reading."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        entries = archive.infolist()
        if len(entries) > FILES_MAX:
            raise BundleError(f"more than {FILES_MAX} files")
        self._sizes: dict[str, int] = {}
        for entry in entries:
            if entry.filename in self._sizes:
                raise BundleError(f"{entry.filename} is in it twice")
            self._sizes[entry.filename] = entry.file_size
        self.manifest_sha256, self.manifest = self._read_manifest()

    @property
    def names(self) -> frozenset[str]:
        """Names of all files in the archive except the manifest."""
        return frozenset(self._sizes) - {MANIFEST}

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of a file in the archive. Raises BundleError."""
        digest = hashlib.sha256()
        for piece in self._pieces(name):
            digest.update(piece)
        return digest.hexdigest()

    def read(self, name: str) -> bytes:
        """Return a file of the archive. Raises BundleError."""
        return b"".join(self._pieces(name))

    def _pieces(self, name: str) -> Iterator[bytes]:
        if name not in self._sizes:
            raise BundleError(f"{name} is missing")
        if self._sizes[name] > FILE_BYTES_MAX:
            raise BundleError(f"{name} has more than {FILE_BYTES_MAX >> 20} MiB")
        left = FILE_BYTES_MAX
        try:
            with self._archive.open(name) as file:
                while piece := file.read(_CHUNK_BYTES):
                    left -= len(piece)
                    if left < 0:
                        raise BundleError(f"{name} is larger than it says")
                    yield piece
        except _UNPACKING as error:
            raise BundleError(f"{name} cannot be unpacked: {error}") from error

    def _read_manifest(self) -> tuple[str, Manifest]:
        text = self.read(MANIFEST)
        try:
            manifest = Manifest.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise BundleError(f"{MANIFEST}: {place}: {first['msg']}") from error
        return hashlib.sha256(text).hexdigest(), manifest


@contextmanager
def open_bundle(path: Path) -> Iterator[Bundle]:
    """Open a bundle. Raises BundleError for what is none, OSError where it cannot be opened."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise BundleError(f"not a zip archive, or cut off: {error}") from error
    with archive:
        yield Bundle(archive)
