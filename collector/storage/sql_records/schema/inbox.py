"""Accepted batches, the series they hold, refused bodies."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from collector.storage.sql_records.schema.base import UtcTime, metadata, row_number

inbox = Table(
    "inbox",
    metadata,
    row_number(),
    Column("agent_id", String(64), nullable=False),
    Column("batch_id", String(64), nullable=False),
    Column("school_id", ForeignKey("schools.id"), nullable=False),
    Column("stream", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("content_sha256", LargeBinary(32), nullable=False),
    Column("body", LargeBinary),
    Column("applied_at", UtcTime),
    Column("set_aside_reason", Text),
    UniqueConstraint("agent_id", "batch_id"),
    Index("ix_inbox_stream_sequence", "agent_id", "stream", "sequence"),
    Index(
        "ix_inbox_pending",
        "position",
        sqlite_where=text("body IS NOT NULL"),
        postgresql_where=text("body IS NOT NULL"),
    ),
    Index("ix_inbox_applied_at", "applied_at"),
    Index("ix_inbox_batch_id", "batch_id"),
    sqlite_autoincrement=True,
)

school_series = Table(
    "school_series",
    metadata,
    Column("school_id", ForeignKey("schools.id"), primary_key=True),
    Column("digest", LargeBinary(16), primary_key=True),
)

refusals = Table(
    "refusals",
    metadata,
    row_number(),
    Column("school_id", ForeignKey("schools.id"), nullable=False, index=True),
    Column("agent_id", String(64), nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("status", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

refusal_counts = Table(
    "refusal_counts",
    metadata,
    Column("school_id", ForeignKey("schools.id"), primary_key=True),
    Column("total", BigInteger, nullable=False),
)

bundles = Table(
    "bundles",
    metadata,
    Column("bundle_id", String(64), primary_key=True),
    Column("school_id", ForeignKey("schools.id"), nullable=False),
    Column("agent_id", String(64), nullable=False),
    Column("imported_at", UtcTime, nullable=False),
    Column("batches", Integer, nullable=False),
    Column("readings", Integer, nullable=False),
)
