"""What readings do to the cases of a round."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table, Text

from collector.storage.sql_records.schema.base import UtcTime, metadata

reading_effects = Table(
    "reading_effects",
    metadata,
    Column("round_id", String(64), primary_key=True),
    Column("rubric_id", String(100), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("asked_by", String(200), nullable=False),
    Column("asked_at", UtcTime, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("computed_at", UtcTime),
    Column("rubric_hash", String(80), nullable=False),
    Column("found", Text, nullable=False),
)
