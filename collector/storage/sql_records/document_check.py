"""Comparing pinned documents with the hashes they are found by.

Documents have no record of their own in the chain: each is named by its hash in a row that has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import Connection, func, select, union

from collector.domain import AuditFault, Document
from collector.storage.sql_records.audit import key_text
from collector.storage.sql_records.documents import read_document
from collector.storage.sql_records.schema import case_versions, documents, publications

_PER_PROGRESS = 200


def check_documents(
    connection: Connection, progress: Callable[[str, int, int], None]
) -> Iterator[AuditFault | None]:
    """Yield a fault for each document that is altered or gone, None for one that fits."""
    total = connection.execute(select(func.count()).select_from(documents)).scalar_one()
    names = connection.execute(select(documents.c.sha256).order_by(documents.c.sha256)).scalars()
    held = set()
    for done, sha256 in enumerate(names.all(), start=1):
        held.add(sha256)
        document = read_document(connection, sha256)
        fits = document and Document.of(document.kind, document.text).sha256 == sha256
        yield None if fits else _fault("row_changed", sha256)
        if done % _PER_PROGRESS == 0:
            progress(documents.name, done, total)
    progress(documents.name, total, total)
    named = union(select(case_versions.c.document_sha256), select(publications.c.manifest_sha256))
    for sha256 in connection.execute(named).scalars():
        if sha256 not in held:
            yield _fault("row_missing", sha256)


def _fault(kind: str, sha256: str) -> AuditFault:
    return AuditFault(kind, table=documents.name, row_key=key_text([sha256]))
