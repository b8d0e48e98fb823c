"""Evidence, the lists it stands in, and notes on flags. The files themselves are on disk."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, ForeignKey, Index, Integer, String, Table, Text

from collector.storage.sql_records.schema.base import UtcTime, metadata, row_number

evidence = Table(
    "evidence",
    metadata,
    Column("school_id", ForeignKey("schools.id"), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("kind", String(100), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("added_by", String(200), nullable=False),
    Column("added_at", UtcTime, nullable=False),
    Column("since", Date),
    Column("until", Date),
    Column("note", Text, nullable=False),
    Column("withdrawn_at", UtcTime),
    Index(None, "sha256"),
)

evidence_supports = Table(
    "evidence_supports",
    metadata,
    Column("school_id", ForeignKey("schools.id"), primary_key=True),
    Column("rubric_id", String(100), primary_key=True),
    Column("item_id", String(100), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("place", Integer, nullable=False),
    Column("added_by", String(200), nullable=False),
    Column("added_at", UtcTime, nullable=False),
)

flag_notes = Table(
    "flag_notes",
    metadata,
    row_number(),
    Column("round_id", String(64), nullable=False),
    Column("school_id", ForeignKey("schools.id"), nullable=False),
    Column("rubric_id", String(100), nullable=False),
    Column("flag_id", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("author", String(200), nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Index(None, "round_id", "school_id"),
    sqlite_autoincrement=True,
)
