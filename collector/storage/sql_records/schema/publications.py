"""Publications of rounds; what they list is in the documents."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text

from collector.storage.sql_records.schema.base import UtcTime, metadata

publications = Table(
    "publications",
    metadata,
    Column("round_id", ForeignKey("rounds.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("manifest_sha256", ForeignKey("documents.sha256"), nullable=False),
    Column("sheets", Integer, nullable=False),
    Column("published_by", String(200), nullable=False),
    Column("published_at", UtcTime, nullable=False),
    Column("why", Text, nullable=False),
)
