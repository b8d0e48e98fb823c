"""Agents, keys, enrolment codes, and what two hosts sent under one key."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from collector.storage.sql_records.schema.base import UtcTime, metadata, row_number

agents = Table(
    "agents",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("school_id", ForeignKey("schools.id"), nullable=False, index=True),
    Column("host_name", String(253), nullable=False),
    Column("system", String(100), nullable=False),
    Column("enrolled_at", UtcTime, nullable=False),
    Column("version", String(64)),
    Column("last_seen_at", UtcTime),
    Column("clock_skew_s", Float),
    Column("revoked_at", UtcTime),
    Column("quarantined_at", UtcTime),
    Column("quarantine_reason", String(64)),
    Column("trusted_after", BigInteger),
    Column("key_wanted_at", UtcTime),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("scope", String(20), nullable=False),
    Column("secret_sha256", LargeBinary(32), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("school_id", ForeignKey("schools.id")),
    Column("agent_id", ForeignKey("agents.id"), index=True),
    Column("label", String(200), nullable=False),
    Column("revoked_at", UtcTime),
    Column("replaces", String(32)),
    Column("superseded_at", UtcTime),
)

enrolment_codes = Table(
    "enrolment_codes",
    metadata,
    Column("code_sha256", LargeBinary(32), primary_key=True),
    Column("school_id", ForeignKey("schools.id"), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("max_uses", Integer, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("agent_id", String(64)),
)

quarantine = Table(
    "quarantine",
    metadata,
    row_number(),
    Column("school_id", ForeignKey("schools.id"), nullable=False),
    Column("agent_id", ForeignKey("agents.id"), nullable=False),
    Column("batch_id", String(64), nullable=False),
    Column("stream", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("address", String(64), nullable=False),
    Column("readings", Integer, nullable=False),
    Column("content_sha256", LargeBinary(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("agent_id", "batch_id"),
    sqlite_autoincrement=True,
)
