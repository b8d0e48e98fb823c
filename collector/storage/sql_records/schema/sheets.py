"""Score sheets that were shown last."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table, Text

from collector.storage.sql_records.schema.base import UtcTime, metadata, row_number

sheets = Table(
    "sheets",
    metadata,
    row_number(),
    Column("school_id", ForeignKey("schools.id"), nullable=False),
    Column("rubric_id", String(100), nullable=False),
    Column("rubric_version", String(40), nullable=False),
    Column("content_hash", String(80), nullable=False, index=True),
    Column("computed_at", UtcTime, nullable=False),
    Column("case_json", Text, nullable=False),
    Column("sheet_json", Text, nullable=False),
    Index(None, "school_id", "rubric_id"),
    sqlite_autoincrement=True,
)
