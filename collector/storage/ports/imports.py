"""Files that were handed in to be imported, and writing what they say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from collector.domain import Act, ImportChange, ImportFile


class ImportRecords(Protocol):
    """Imports: kept from the upload on, so that a preview and its commit read the same bytes."""

    def add_import(self, file: ImportFile, content: bytes, stale: datetime, act: Act) -> None:
        """Keep a file; one with this id that is there already stays as it is.

        Files that wait uncommitted since before `stale` are dropped.
        """

    def import_file(self, import_id: str) -> ImportFile | None:
        """Return the file's description."""

    def import_content(self, import_id: str) -> bytes | None:
        """Return the file as it was handed in."""

    def imports(self, limit: int) -> Sequence[ImportFile]:
        """Return the newest files, newest first."""

    def drop_import(self, import_id: str, act: Act) -> bool:
        """Drop a file that waits. False if there is none, or it was committed."""

    def apply_import(self, done: ImportFile, change: ImportChange, act: Act) -> bool:
        """Write an import, its audit records and that it is `done` in one transaction.

        False, and nothing is written, if it was committed before, or a school has another newest
        version than the one that was seen. Raises ConflictError for a sign-in name that is taken.
        """
