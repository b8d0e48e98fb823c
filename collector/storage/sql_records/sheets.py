"""Score sheets in SQL."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from collector.domain import StoredSheet
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.schema import sheets

SHEETS_KEPT = 3
"""Sheets kept of one school and rubric: every page view may compute a new one."""


class SqlSheets:
    """The part `SheetRecords` of the record store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_sheet(self, sheet: StoredSheet) -> bool:
        """Keep a sheet, and of its school and rubric only the newest `SHEETS_KEPT`.

        False if the newest has the same hash; nothing is stored then.
        """
        same = _of(sheet.school_id, sheet.rubric_id)
        with self._database.writing() as connection:
            newest = _newest(connection, same)
            if newest is not None and newest.content_hash == sheet.content_hash:
                return False
            connection.execute(insert(sheets).values(asdict(sheet)))
            kept = select(sheets.c.position).where(same).order_by(sheets.c.position.desc())
            oldest_kept = kept.offset(SHEETS_KEPT - 1).limit(1).scalar_subquery()
            connection.execute(delete(sheets).where(same & (sheets.c.position < oldest_kept)))
        return True

    def latest_sheet(self, school_id: str, rubric_id: str) -> StoredSheet | None:
        """Return the newest sheet."""
        with self._database.reading() as connection:
            return _newest(connection, _of(school_id, rubric_id))

    def sheet(self, content_hash: str) -> StoredSheet | None:
        """Return the sheet with this content hash."""
        with self._database.reading() as connection:
            return _newest(connection, sheets.c.content_hash == content_hash)


def _of(school_id: str, rubric_id: str) -> ColumnElement[bool]:
    return (sheets.c.school_id == school_id) & (sheets.c.rubric_id == rubric_id)


def _newest(connection: Connection, condition: ColumnElement[bool]) -> StoredSheet | None:
    columns = sheets.c
    row = connection.execute(
        select(
            columns.school_id,
            columns.rubric_id,
            columns.rubric_version,
            columns.content_hash,
            columns.computed_at,
            columns.case_json,
            columns.sheet_json,
        )
        .where(condition)
        .order_by(columns.position.desc())
        .limit(1)
    ).first()
    return StoredSheet(*row) if row else None
