"""Schools, facts, entries."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, ForeignKey, Index, Integer, String, Table, Text

from collector.storage.sql_records.schema.base import UtcTime, metadata, row_number

schools = Table(
    "schools",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("stages", String(100), nullable=False),
    Column("students", Integer),
    Column("staff", Integer),
    Column("classes", Integer),
    Column("as_of", Date),
    Column("award_level", String(40)),
    Column("is_example", Boolean, nullable=False),
    Column("township_id", String(64)),
    Column("setting", String(20)),
    Column("teaching_point", Boolean),
    Column("main_school_id", String(64)),
)

facts = Table(
    "facts",
    metadata,
    row_number(),
    Column("school_id", ForeignKey("schools.id"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("value", Text, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("author", String(200), nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Index(None, "school_id", "name"),
    sqlite_autoincrement=True,
)

entries = Table(
    "entries",
    metadata,
    row_number(),
    Column("school_id", ForeignKey("schools.id"), nullable=False),
    Column("rubric_id", String(100), nullable=False),
    Column("item_id", String(100), nullable=False),
    Column("name", String(100), nullable=False),
    Column("value_json", Text, nullable=False),
    Column("author", String(200), nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Index(None, "school_id", "rubric_id"),
    sqlite_autoincrement=True,
)
