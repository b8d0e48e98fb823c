"""The audit chain: what is found when somebody changes the database behind the program."""

from __future__ import annotations

import sqlite3
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from collector.domain import Act, AuditHead, AuditReport, Fact, Person, Role, School, SchoolKind
from collector.storage.ports import RecordStore
from collector.storage.sql_records import SqlRecordStore, open_records
from collector.storage.sql_records.audit import append_audit
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.schema import TRACKED_TABLES, inbox, metadata

NOW = datetime(2026, 11, 20, 1, 2, 3, 456789, tzinfo=UTC)
FORGED_FACT = (
    "INSERT INTO facts (school_id,name,value,as_of,author,recorded_at) SELECT school_id,name,'999',"
    "as_of,author,recorded_at FROM facts WHERE value='100'"
)
ACT = Act("person:ad", NOW, "fact.declare", "合同到期", "192.0.2.7")


@pytest.fixture
def store(records: SqlRecordStore) -> SqlRecordStore:
    """Return a store with a school, three facts and a person."""
    records.put_school(School("zx-001", "示例小学", SchoolKind.GENERAL), ACT)
    for value in ("100", "200", "300"):
        fact = Fact("zx-001", "contracted_mbps", value, date(2026, 9, 1), "王老师", NOW)
        records.add_fact(fact, ACT)
    records.add_person(Person("ad", "admin", "管理员", Role.ADMIN, NOW), None, ACT)
    return records


def verify(store: RecordStore, expected: AuditHead | None = None) -> AuditReport:
    """Verify without a progress bar."""
    return store.verify_audit(expected, lambda *_: None)


def tamper(store: SqlRecordStore, statement: str) -> None:
    """Change the database as somebody with the right to write to it would."""
    with store._database.writing() as connection:  # noqa: SLF001  # behind the program's back
        connection.execute(text(statement))


def test_an_untouched_store_is_in_order(store: SqlRecordStore) -> None:
    """Every row of every tracked table was compared, and who did what can be read."""
    report = verify(store)
    assert report.faults == ()
    assert (report.records, report.rows) == (report.head.position, 6)
    newest = store.audit_records(after=report.head.position - 2)[0]
    assert (newest.actor, newest.why, newest.address) == ("person:ad", "合同到期", "192.0.2.7")
    assert newest.at == NOW
    assert list(store.all_audit_records())[-1].hash == report.head.hash


@pytest.mark.parametrize(
    ("statement", "kind", "table", "key"),
    [
        ("UPDATE facts SET value='900' WHERE value='200'", "row_changed", "facts", "[2]"),
        ("DELETE FROM facts WHERE value='200'", "row_missing", "facts", "[2]"),
        (FORGED_FACT, "row_unaudited", "facts", "[4]"),
        ("UPDATE people SET role='viewer'", "row_changed", "people", '["ad"]'),
        ("UPDATE schools SET students=1", "row_changed", "schools", '["zx-001"]'),
    ],
)
def test_one_tampered_row_is_found_and_named(
    store: SqlRecordStore, statement: str, kind: str, table: str, key: str
) -> None:
    """The fault names table, key and the last act that was in order."""
    tamper(store, statement)
    (fault,) = verify(store).faults
    assert (fault.kind, fault.table, fault.row_key) == (kind, table, key)
    assert (fault.last is None) == (kind == "row_unaudited")


@pytest.mark.parametrize(
    ("statement", "kind", "position"),
    [
        ("UPDATE audit SET actor='person:x' WHERE position=3", "chain_broken", 3),
        ("UPDATE audit SET why='' WHERE position=3", "chain_broken", 3),
        ("DELETE FROM audit WHERE position=3", "chain_broken", 3),
        ("UPDATE audit SET row_sha256=NULL, effect='remove' WHERE position=4", "chain_broken", 4),
        ("UPDATE audit_head SET position=1", "chain_cut", None),
    ],
)
def test_a_tampered_chain_is_found(
    store: SqlRecordStore, statement: str, kind: str, position: int | None
) -> None:
    """A changed, moved or missing record breaks the chain at its place."""
    tamper(store, statement)
    faults = verify(store).faults
    assert faults[0].kind == kind
    assert position in (None, faults[0].position)


def test_a_chain_that_was_cut_is_found_by_a_head_noted_earlier(store: SqlRecordStore) -> None:
    """Cutting the newest records and their rows leaves a good chain: only the old head tells."""
    head = verify(store).head
    tamper(store, "DELETE FROM audit WHERE position=(SELECT position FROM audit_head)")
    tamper(store, "DELETE FROM people")
    tamper(store, "UPDATE audit_head SET position=position-1")
    tamper(
        store, "UPDATE audit_head SET hash=(SELECT hash FROM audit ORDER BY position DESC LIMIT 1)"
    )
    assert verify(store).faults == ()
    assert [fault.kind for fault in verify(store, head).faults] == ["head_differs"]


def test_writers_at_once_keep_one_chain(migrated_url: Any, records: SqlRecordStore) -> None:
    """Two stores with four threads each, as two collectors have: no gap, no fork, none lost."""
    other = open_records(migrated_url, lambda _: None)
    records.put_school(School("zx-001", "示例小学", SchoolKind.GENERAL), ACT)
    errors: list[Exception] = []

    def write(store: SqlRecordStore, number: int) -> None:
        try:
            for turn in range(8):
                day = date(2026, 9, 1) + timedelta(days=number * 8 + turn)
                store.add_fact(Fact("zx-001", "servers", "3", day, "x", NOW), ACT)
        except Exception as error:  # noqa: BLE001  # reported below
            errors.append(error)

    threads = [
        threading.Thread(target=write, args=(store, number))
        for number, store in enumerate([records, other] * 4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    other.close()
    assert errors == []
    report = verify(records)
    assert report.faults == ()
    assert sum(record.table == "facts" for record in records.all_audit_records()) == 64


def test_a_failed_change_leaves_no_record(store: SqlRecordStore) -> None:
    """Row and record are there together or not at all."""
    before = store.audit_head()
    with pytest.raises(Exception, match=r"school add"):
        store.add_fact(Fact("none", "servers", "3", date(2026, 9, 1), "x", NOW), ACT)
    assert store.audit_head() == before
    assert verify(store).faults == ()


def test_only_tracked_tables_are_recorded(store: SqlRecordStore) -> None:
    """A record about a table that nobody compares would promise what is not kept."""
    database = store._database  # noqa: SLF001  # the store's own way to write
    with pytest.raises(ValueError, match="TRACKED_TABLES"), database.writing() as connection:
        append_audit(connection, ACT, inbox, 1)
    assert {table.name for table in TRACKED_TABLES} < set(metadata.tables)


def test_rows_older_than_the_chain_are_adopted(tmp_path: Path) -> None:
    """A database of the first release verifies after it was brought up to date."""
    file = tmp_path / "old.sqlite3"
    migrations = Path(sys.modules["collector.storage"].__path__[0]) / "migrations"
    config = Config()
    config.set_main_option("script_location", str(migrations))
    database = Database(f"sqlite:///{file}")
    with database.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
    database.close()
    with sqlite3.connect(file) as old:
        old.execute(
            "INSERT INTO schools (id,name,kind,stages,is_example) VALUES ('a','甲','general','',0)"
        )
        old.execute(
            "INSERT INTO facts (school_id,name,value,as_of,author,recorded_at)"
            " VALUES ('a','servers','3','2026-09-01','x','2026-09-01 00:00:00.000000')"
        )
    old.close()
    store = open_records(f"sqlite:///{file}", lambda _: None)
    report = verify(store)
    assert report.faults == ()
    assert report.rows >= 2
    assert {record.action for record in store.all_audit_records()} == {"audit.begin"}
    store.close()
