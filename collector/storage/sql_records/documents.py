"""Documents that never change, kept compressed and found by their hash."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from sqlalchemy import Connection, select

from collector.domain import Document
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.schema import documents


def add_documents(database: Database, connection: Connection, added: Sequence[Document]) -> None:
    """Keep documents; one that is there already is the same."""
    if not added:
        return
    statement = database.insert(documents).on_conflict_do_nothing(index_elements=["sha256"])
    connection.execute(
        statement,
        [
            {"sha256": one.sha256, "kind": one.kind, "body": zlib.compress(one.text.encode())}
            for one in added
        ],
    )


def read_document(connection: Connection, sha256: str) -> Document | None:
    """Return a document as stored. An unreadable one has an empty text, which fits no hash."""
    row = connection.execute(select(documents).where(documents.c.sha256 == sha256)).first()
    if row is None:
        return None
    try:
        text = zlib.decompress(row.body).decode()
    except (zlib.error, UnicodeDecodeError):
        text = ""
    return Document(row.sha256, row.kind, text)
