"""People, what is assigned to them, passwords, sessions, tokens, failed sign-ins."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from collector.storage.sql_records.schema.base import UtcTime, metadata, row_number

people = Table(
    "people",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("name_folded", String(200), nullable=False, unique=True),
    Column("display_name", String(100), nullable=False),
    Column("role", String(20), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("school_id", ForeignKey("schools.id"), index=True),
    Column("disabled_at", UtcTime),
    Column("oidc_subject", String(500), unique=True),
)

assignments = Table(
    "assignments",
    metadata,
    row_number(),
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("school_id", ForeignKey("schools.id"), nullable=False),
    Column("round_id", String(64)),
    UniqueConstraint("person_id", "school_id", "round_id"),
    sqlite_autoincrement=True,
)

passwords = Table(
    "passwords",
    metadata,
    Column("person_id", ForeignKey("people.id"), primary_key=True),
    Column("hash", Text, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
)

one_time_codes = Table(
    "one_time_codes",
    metadata,
    Column("person_id", ForeignKey("people.id"), primary_key=True),
    Column("code_sha256", LargeBinary(32), nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("used_at", UtcTime),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False, index=True),
    Column("label", String(200), nullable=False),
    Column("scope", String(20), nullable=False),
    Column("secret_sha256", LargeBinary(32), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", LargeBinary(32), primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False, index=True),
    Column("created_at", UtcTime, nullable=False),
    Column("last_seen_at", UtcTime, nullable=False),
    Column("address", String(64), nullable=False),
    Column("ended_at", UtcTime),
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("subject", String(300), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", UtcTime, nullable=False),
    Column("blocked_until", UtcTime),
    Index(None, "last_at"),
)
