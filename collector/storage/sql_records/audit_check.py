"""Computing the audit chain again, and comparing it with every tracked row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain as chain_of

from sqlalchemy import Connection, Table, func, select

from collector.domain import AuditFault, AuditHead, AuditRecord, AuditReport, Effect
from collector.storage.sql_records.audit import (
    GENESIS,
    RECORDS_PER_FETCH,
    SqlAudit,
    key_text,
    link_hash,
    read_head,
    record_of,
    row_hash,
    stream_records,
)
from collector.storage.sql_records.document_check import check_documents
from collector.storage.sql_records.schema import TRACKED_TABLES, audit

FAULTS_SHOWN = 100
Progress = Callable[[str, int, int], None]


class SqlAuditCheck(SqlAudit):
    """All of the part `AuditRecords` of the record store."""

    def verify_audit(self, expected: AuditHead | None, progress: Progress) -> AuditReport:
        """Compute the chain again and compare every tracked row with its newest record."""
        with self._database.snapshot() as connection:
            head = read_head(connection)
            records, chain = _check_chain(connection, head, expected, progress)
            faults, total, rows = list(chain), len(chain), 0
            checks = [_check_rows(connection, table, progress) for table in TRACKED_TABLES]
            for fault in chain_of(*checks, check_documents(connection, progress)):
                if fault is None:
                    rows += 1
                    continue
                total += 1
                if len(faults) < FAULTS_SHOWN:
                    faults.append(fault)
        return AuditReport(records, rows, head, tuple(faults), total)


def _check_chain(
    connection: Connection, head: AuditHead, expected: AuditHead | None, progress: Progress
) -> tuple[int, list[AuditFault]]:
    """Walk the chain to its first fault: behind it every hash differs anyway."""
    total = connection.execute(select(func.count()).select_from(audit)).scalar_one()
    previous, position, faults = GENESIS, 0, []
    with closing(stream_records(connection)) as stream:
        for record in stream:
            position += 1
            if record.position != position or record.hash != link_hash(previous, record):
                faults.append(AuditFault("chain_broken", position, last=record))
                break
            if expected == AuditHead(position, record.hash):
                expected = None
            previous = record.hash
            if position % RECORDS_PER_FETCH == 0:
                progress(audit.name, position, total)
    progress(audit.name, position, total)
    if not faults:
        if (position, previous) != (head.position, head.hash):
            faults.append(AuditFault("chain_cut", position))
        elif expected is not None and expected != AuditHead(0, GENESIS):
            faults.append(AuditFault("head_differs", expected.position))
    return total, faults


def _check_rows(
    connection: Connection, table: Table, progress: Progress
) -> Iterator[AuditFault | None]:
    """Yield a fault for each row that differs from its newest record, None for one that fits."""
    newest = _newest_records(connection, table)
    names = [column.name for column in table.primary_key.columns]
    total = connection.execute(select(func.count()).select_from(table)).scalar_one()
    rows = connection.execution_options(yield_per=RECORDS_PER_FETCH).execute(select(table))
    for done, row in enumerate(rows.mappings(), start=1):
        key = key_text([row[name] for name in names])
        recorded = newest.pop(key, None)
        if recorded is None:
            yield AuditFault("row_unaudited", table=table.name, row_key=key)
        elif recorded[1] != row_hash(dict(row)):
            yield _row_fault("row_changed", connection, table, key, recorded[0])
        else:
            yield None
        if done % RECORDS_PER_FETCH == 0:
            progress(table.name, done, total)
    progress(table.name, total, total)
    for missing, (position, row_sha256) in newest.items():
        if row_sha256 is not None:
            yield _row_fault("row_missing", connection, table, missing, position)


def _newest_records(
    connection: Connection, table: Table
) -> dict[str | None, tuple[int, bytes | None]]:
    """Return position and row hash of the newest record of each row; None: it was removed."""
    statement = (
        select(audit.c.position, audit.c.row_key, audit.c.row_sha256)
        .where(audit.c.table_name == table.name, audit.c.effect != Effect.NONE.value)
        .order_by(audit.c.position)
    )
    rows = connection.execution_options(yield_per=RECORDS_PER_FETCH).execute(statement)
    return {row.row_key: (row.position, row.row_sha256) for row in rows}


def _row_fault(
    kind: str, connection: Connection, table: Table, key: str | None, position: int
) -> AuditFault:
    return AuditFault(kind, position, table.name, key, _record_at(connection, position))


def _record_at(connection: Connection, position: int) -> AuditRecord:
    return record_of(connection.execute(select(audit).where(audit.c.position == position)).one())
