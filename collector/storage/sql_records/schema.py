"""The tables of the record store, for SQLite and PostgreSQL alike.

Values that must stay exact (facts, entries, sheets) are text. Times are UTC. Whoever changes a
table here adds a migration and sets `SCHEMA_VERSION`; a test compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

SCHEMA_VERSION = "0002"
"""The migration that this code is written for."""


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time; SQLite keeps it without zone, PostgreSQL with."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times instead of guessing their zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time must be aware")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _row_number() -> Column[int]:
    # SQLite only hands out ever-growing row numbers for INTEGER PRIMARY KEY AUTOINCREMENT.
    kind = BigInteger().with_variant(Integer, "sqlite")
    return Column("position", kind, primary_key=True, autoincrement=True)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

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
)

facts = Table(
    "facts",
    metadata,
    _row_number(),
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
    _row_number(),
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

inbox = Table(
    "inbox",
    metadata,
    _row_number(),
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
    _row_number(),
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

sheets = Table(
    "sheets",
    metadata,
    _row_number(),
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
    _row_number(),
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
    _row_number(),
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
