"""The audit chain in SQL: appending to it, and reading it.

Each record's hash covers its own fields and the hash before it, so no record can be changed, moved
or taken out without breaking every later one. A record about a row holds the hash of that row as
the database gives it back, so a row changed behind the program's back no longer fits its newest
record. Whoever can write to the database can also forge the whole chain from some point on; a head
noted elsewhere (published bundles carry one) shows that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, Table, insert, select, tuple_, update

from collector.domain import Act, AuditHead, AuditRecord, Effect
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.schema import TRACKED_TABLES, audit, audit_head

KEYS_PER_QUERY = 200
RECORDS_PER_FETCH = 1000
GENESIS = bytes(32)
"""Stands for the hash before the first record."""

RowKey: TypeAlias = "str | int | bytes | tuple[str | int | bytes, ...]"
"""Value of a row's primary key; a tuple where that has several columns, in their order."""


class SqlAudit:
    """The part `AuditRecords` of the record store that appends and reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append_act(self, act: Act, table: str | None = None, row_key: str | None = None) -> None:
        """Record an act that changed nothing."""
        with self._database.writing() as connection:
            append_act(connection, act, table, row_key)

    def audit_head(self) -> AuditHead:
        """Return the newest link."""
        with self._database.reading() as connection:
            return read_head(connection)

    def audit_records(self, after: int = 0, limit: int = 100) -> Sequence[AuditRecord]:
        """Return records above a position, oldest first."""
        statement = select(audit).where(audit.c.position > after).order_by("position").limit(limit)
        with self._database.reading() as connection:
            return [record_of(row) for row in connection.execute(statement)]

    def all_audit_records(self) -> Iterator[AuditRecord]:
        """Yield every record, oldest first, in one consistent view."""
        with self._database.snapshot() as connection:
            yield from stream_records(connection)


def append_audit(connection: Connection, act: Act, table: Table, *keys: RowKey) -> None:
    """Record that the act wrote or removed these rows of a tracked table.

    Call it last in the transaction that changed them: on PostgreSQL it holds the chain's head
    until the commit. The rows are read back, so their hashes cover what is really stored; a key
    without a row counts as removed.
    """
    if table not in TRACKED_TABLES:
        raise ValueError(f"{table.name} is not in TRACKED_TABLES: its rows would not be verified")
    links = []
    for start in range(0, len(keys), KEYS_PER_QUERY):
        chunk = [key if isinstance(key, tuple) else (key,) for key in keys[start:][:KEYS_PER_QUERY]]
        hashes = _hashes(connection, table, chunk)
        for key in chunk:
            name = key_text(key)
            links.append((table.name, name, hashes.get(name)))
    _append(connection, act, links, effect=None)


def adopt_rows(connection: Connection, at: datetime) -> None:
    """Begin the chain with the rows of a database that is older than the chain."""
    act = Act("system", at, "audit.begin", "kept before the audit chain began")
    for table in TRACKED_TABLES:
        columns = list(table.primary_key.columns)
        rows = connection.execute(select(*columns).order_by(*columns)).all()
        append_audit(connection, act, table, *(tuple(row) for row in rows))


def append_act(connection: Connection, act: Act, table: str | None, row_key: str | None) -> None:
    """Record an act that left every row as it was."""
    _append(connection, act, [(table, row_key, None)], effect=Effect.NONE)


def _append(
    connection: Connection,
    act: Act,
    links: Sequence[tuple[str | None, str | None, bytes | None]],
    effect: Effect | None,
) -> None:
    if not links:
        return
    head = read_head(connection, lock=True)
    records = []
    for table, row_key, row_sha256 in links:
        record = AuditRecord(
            position=head.position + 1,
            at=act.at.astimezone(UTC),
            actor=act.actor,
            action=act.action,
            why=act.why,
            address=act.address,
            effect=effect or (Effect.REMOVE if row_sha256 is None else Effect.WRITE),
            table=table,
            row_key=row_key,
            row_sha256=row_sha256,
            hash=b"",
        )
        head = AuditHead(record.position, link_hash(head.hash, record))
        records.append(_columns(record, head.hash))
    connection.execute(insert(audit), records)
    connection.execute(update(audit_head).values(position=head.position, hash=head.hash))


def read_head(connection: Connection, *, lock: bool = False) -> AuditHead:
    """Return the newest link; with `lock` nobody else can append until the transaction ends."""
    statement = select(audit_head.c.position, audit_head.c.hash)
    # SQLite ignores FOR UPDATE; there a writing transaction holds the only write lock anyway.
    row = connection.execute(statement.with_for_update() if lock else statement).one()
    return AuditHead(row.position, row.hash)


def stream_records(connection: Connection) -> Generator[AuditRecord]:
    """Yield all records by position without holding them all in memory.

    Whoever stops early closes it, or the server's cursor stays open.
    """
    statement = select(audit).order_by("position")
    with connection.execution_options(yield_per=RECORDS_PER_FETCH).execute(statement) as rows:
        for row in rows:
            yield record_of(row)


def link_hash(previous: bytes, record: AuditRecord) -> bytes:
    """Return the hash of a record that follows the one with the hash `previous`."""
    fields = _columns(record, None)
    return hashlib.sha256(previous + canonical_json(fields)).digest()


def row_hash(row: Mapping[str, Any]) -> bytes:
    """Return the hash of a row, by column name.

    Columns without a value are left out, so a migration may add nullable ones.
    """
    return hashlib.sha256(canonical_json(row)).digest()


def key_text(key: Sequence[Any]) -> str:
    """Return a primary key as the JSON list that records carry."""
    return json.dumps([_plain(part) for part in key], ensure_ascii=False)


def canonical_json(values: Mapping[str, Any]) -> bytes:
    """Return the one JSON text of these values: sorted, without blanks, None left out."""
    plain = {name: _plain(value) for name, value in values.items() if value is not None}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def record_of(row: Row[Any]) -> AuditRecord:
    """Return a stored record."""
    return AuditRecord(
        position=row.position,
        at=row.at,
        actor=row.actor,
        action=row.action,
        why=row.why,
        address=row.address,
        effect=Effect(row.effect),
        table=row.table_name,
        row_key=row.row_key,
        row_sha256=row.row_sha256,
        hash=row.hash,
    )


def _columns(record: AuditRecord, link: bytes | None) -> dict[str, Any]:
    return {
        "position": record.position,
        "at": record.at,
        "actor": record.actor,
        "action": record.action,
        "why": record.why,
        "address": record.address,
        "effect": record.effect.value,
        "table_name": record.table,
        "row_key": record.row_key,
        "row_sha256": record.row_sha256,
        "hash": link,
    }


def _hashes(
    connection: Connection, table: Table, keys: Sequence[tuple[Any, ...]]
) -> dict[str, bytes]:
    columns = list(table.primary_key.columns)
    wanted = (
        columns[0].in_([key[0] for key in keys])
        if len(columns) == 1
        else tuple_(*columns).in_(keys)
    )
    names = [column.name for column in columns]
    found = connection.execute(select(table).where(wanted)).mappings()
    return {key_text([row[name] for name in names]): row_hash(dict(row)) for row in found}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case date():
            return value.isoformat()
        case bytes():
            return value.hex()
        case _:
            return value
