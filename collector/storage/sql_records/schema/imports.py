"""Files that were handed in to be imported."""

from __future__ import annotations

from sqlalchemy import Column, Date, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from collector.storage.sql_records.schema.base import UtcTime, metadata

imports = Table(
    "imports",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("name", String(200), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("uploaded_by", String(200), nullable=False),
    Column("uploaded_at", UtcTime, nullable=False),
    Column("committed_by", String(200)),
    Column("committed_at", UtcTime),
    Column("counts", Text, nullable=False),
    Index(None, "uploaded_at"),
)

import_contents = Table(
    "import_contents",
    metadata,
    # Apart from `imports`, so that lists and the audit chain do not read whole files; the row
    # there carries the hash of this content.
    Column("import_id", ForeignKey("imports.id"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
