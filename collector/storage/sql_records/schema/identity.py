"""Agents, keys, enrolment codes."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Integer, LargeBinary, String, Table

from collector.storage.sql_records.schema.base import UtcTime, metadata

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
)
