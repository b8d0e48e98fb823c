"""Score sheets that were shown last."""

from __future__ import annotations

from typing import Protocol

from collector.domain import StoredSheet


class SheetRecords(Protocol):
    """Score sheets with the case files they came from: the newest few of a school and rubric.

    A memory of what was shown last, not the record of a published result: a sheet is a function
    of its case file.
    """

    def add_sheet(self, sheet: StoredSheet) -> bool:
        """Keep a sheet and drop all but the newest few of its school and rubric.

        False if the newest of this school and rubric has the same hash.
        """

    def latest_sheet(self, school_id: str, rubric_id: str) -> StoredSheet | None:
        """Return the newest sheet."""

    def sheet(self, content_hash: str) -> StoredSheet | None:
        """Return the sheet with this content hash."""
