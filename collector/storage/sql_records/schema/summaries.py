"""Summaries of score sheets, and leases of background work."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, String, Table, Text

from collector.storage.sql_records.schema.base import UtcTime, metadata

summaries = Table(
    "summaries",
    metadata,
    Column("round_id", String(64), primary_key=True),
    Column("school_id", ForeignKey("schools.id"), primary_key=True),
    Column("rubric_id", String(100), primary_key=True),
    Column("rubric_version", String(40), nullable=False),
    Column("computed_at", UtcTime, nullable=False),
    Column("content_hash", String(80), nullable=False),
    Column("refused", String(100), nullable=False),
    Column("counts", Text, nullable=False),
    Column("proven", String(40)),
    Column("possible", String(40)),
    Column("max", String(40)),
    Column("vetoed", Boolean),
    Column("case_state", String(20), nullable=False),
    Column("indicators", Text, nullable=False),
    Index(None, "round_id", "rubric_id", "computed_at"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(100), nullable=False),
    Column("until", UtcTime, nullable=False),
)
