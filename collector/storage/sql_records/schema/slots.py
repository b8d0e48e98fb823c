"""Test slots."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from collector.storage.sql_records.schema.base import UtcTime, metadata, row_number

slot_days = Table(
    "slot_days",
    metadata,
    Column("day", Date, primary_key=True),
    Column("wanted_per_school", Integer, nullable=False),
    Column("planned_per_school", Integer, nullable=False),
    Column("reason", String(64)),
)

slot_tests = Table(
    "slot_tests",
    metadata,
    row_number(),
    Column("day", Date, nullable=False),
    Column("school_id", ForeignKey("schools.id"), nullable=False),
    Column("occasion", String(20), nullable=False),
    Column("server", String(300), nullable=False),
    Column("planned_at", UtcTime, nullable=False),
    Column("latest_at", UtcTime, nullable=False),
    Column("state", String(20), nullable=False),
    Column("reason", String(64)),
    Column("slot_id", String(32)),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("reserved_bytes", BigInteger, nullable=False),
    Column("used_bytes", BigInteger),
    Index(None, "day"),
    Index(None, "school_id", "ended_at"),
    sqlite_autoincrement=True,
)

slot_pauses = Table(
    "slot_pauses",
    metadata,
    row_number(),
    Column("school_id", ForeignKey("schools.id")),
    Column("since", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=False),
    Column("note", Text, nullable=False),
    Column("author", String(200), nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Index(None, "until"),
    sqlite_autoincrement=True,
)

slot_settings = Table(
    "slot_settings",
    metadata,
    Column("school_id", ForeignKey("schools.id"), primary_key=True),
    Column("quiet_hours", Text, nullable=False),
    Column("needed_mbps", Float),
    Column("daily_bytes", BigInteger),
)
