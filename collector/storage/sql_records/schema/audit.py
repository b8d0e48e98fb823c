"""The audit chain and its newest link."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from collector.storage.sql_records.schema.base import UtcTime, metadata

audit = Table(
    "audit",
    metadata,
    # Given by hand under the lock on `audit_head`: a sequence would leave gaps on PostgreSQL.
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("action", String(64), nullable=False),
    Column("why", Text, nullable=False),
    Column("address", String(64), nullable=False),
    Column("effect", String(10), nullable=False),
    Column("table_name", String(64)),
    Column("row_key", String(500)),
    Column("row_sha256", LargeBinary(32)),
    Column("hash", LargeBinary(32), nullable=False),
    Index(None, "table_name", "row_key"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)
