"""The record store: histories, exact values, bounds, migrations, concurrent processes."""

from __future__ import annotations

import dataclasses
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url

from collector.domain import (
    Act,
    Agent,
    Contact,
    EnrolmentCode,
    Entry,
    Fact,
    Key,
    QuarantineSource,
    School,
    SchoolKind,
    Scope,
    Stage,
    StoredSheet,
)
from collector.errors import NotFoundError
from collector.storage.ports import Acceptance, Delivery, RecordStore, Refusal
from collector.storage.sql_records import SqlRecordStore, open_records
from collector.storage.sql_records.inbox import REFUSALS_KEPT_PER_SCHOOL, REMEMBERED_PER_STREAM
from collector.storage.sql_records.schema import SCHEMA_VERSION, metadata
from collector.storage.sql_records.sheets import SHEETS_KEPT

NOW = datetime(2026, 11, 20, 1, 2, 3, 456789, tzinfo=UTC)
SCHOOL = School("zx-001", "示例小学", SchoolKind.GENERAL, (Stage.PRIMARY,), 1200, 90, 24)
MIGRATIONS = Path(sys.modules["collector.storage"].__path__[0]) / "migrations"


@pytest.fixture
def store(records: SqlRecordStore) -> RecordStore:
    """Return a store with one school, by its port: mypy holds the class to the protocol."""
    records.put_school(SCHOOL)
    return records


def delivery(number: int, content: bytes = bytes(32), **changes: Any) -> Delivery:
    """Return a small delivery."""
    made = Delivery(
        f"batch-{number}", "zx-001", "a1", "stream", number, NOW, 1, content, b'{"n":1}'
    )
    return dataclasses.replace(made, **changes)


def test_a_school_comes_back_as_it_was_and_can_be_updated(store: RecordStore) -> None:
    """Unknown counts stay unknown; the same id updates."""
    assert store.school("zx-001") == SCHOOL
    changed = dataclasses.replace(SCHOOL, students=None, as_of=date(2026, 9, 1))
    store.put_school(changed)
    assert store.schools() == [changed]
    assert changed.heads is None
    assert store.school("none") is None


def test_what_another_process_changes_of_a_school_is_seen(records_url: Any) -> None:
    """Lists of schools are kept in memory, and two collectors may serve one database."""
    ours, theirs = (open_records(records_url, lambda _: None) for _ in range(2))
    try:
        ours.put_school(SCHOOL)
        assert list(ours.schools()) == list(theirs.schools()) == [SCHOOL]
        renamed = dataclasses.replace(SCHOOL, name="新校名", as_of=date(2026, 9, 1))
        theirs.put_school(renamed)
        theirs.put_school(dataclasses.replace(SCHOOL, id="zx-000"))
        assert [school.name for school in ours.schools()] == [SCHOOL.name, renamed.name]
        earlier = dataclasses.replace(SCHOOL, students=1, as_of=date(2020, 9, 1))
        theirs.put_school(earlier)  # holds for an earlier day: the school's row stays
        assert ours.schools()[1] == renamed
    finally:
        ours.close()
        theirs.close()


def test_contacts_say_of_each_school_what_its_agents_in_service_say(store: RecordStore) -> None:
    """Revoked agents do not count; one that never sent is there, without a time."""
    code = EnrolmentCode(bytes(32), "zx-001", NOW, NOW + timedelta(hours=1), 3)
    store.add_code(code)
    assert store.contacts() == {}
    for name, seen in (("a1", None), ("a2", NOW), ("a3", NOW + timedelta(minutes=5))):
        agent = Agent(name, "zx-001", name, "Linux", NOW, last_seen_at=seen)
        key = Key(f"k-{name}", Scope.AGENT, bytes(32), NOW, "zx-001", name)
        assert store.enrol(code.code_sha256, agent, key, NOW)
    store.revoke_agent("a3", Act("test", NOW, "agent.revoke"))
    assert store.contacts() == {"zx-001": Contact(2, NOW)}
    store.revoke_agent("a2", Act("test", NOW, "agent.revoke"))
    assert store.contacts() == {"zx-001": Contact(1, None)}


def test_addresses_of_a_quarantine_are_told_apart(store: RecordStore) -> None:
    """Where a second writer sent from, with how much; nothing once the identity is revoked."""
    code = EnrolmentCode(bytes(32), "zx-001", NOW, NOW + timedelta(hours=1), 3)
    store.add_code(code)
    agent = Agent("a1", "zx-001", "lab-1", "Linux", NOW)
    key = Key("k1", Scope.AGENT, bytes(32), NOW, "zx-001", "a1")
    assert store.enrol(code.code_sha256, agent, key, NOW)
    later = NOW + timedelta(minutes=1)
    store.accept([delivery(1, address="10.0.0.1")])
    for number, address, at in ((2, "10.0.0.2", NOW), (3, "10.0.0.2", NOW), (4, "10.0.0.1", later)):
        kept = delivery(number, sequence=1, address=address, received_at=at, readings=5)
        store.accept([kept])
    assert store.quarantine_sources() == [
        QuarantineSource("a1", "10.0.0.1", 1, 5, later),
        QuarantineSource("a1", "10.0.0.2", 2, 10, NOW),
    ]
    store.revoke_agent("a1", Act("test", NOW, "agent.revoke"))
    assert store.quarantine_sources() == []


def test_facts_keep_their_text_and_history(store: RecordStore) -> None:
    """1000.10 stays 1000.10; the newest as-of wins even if it was recorded earlier."""
    for value, as_of, minutes in (("1000.10", 9, 0), ("200", 1, 1), ("999", 9, 2)):
        store.add_fact(
            Fact(
                "zx-001",
                "contracted_mbps",
                value,
                date(2026, as_of, 1),
                "王老师",
                NOW + timedelta(minutes=minutes),
            )
        )
    assert store.facts("zx-001")["contracted_mbps"].value == "999"
    history = store.fact_history("zx-001", "contracted_mbps")
    assert [fact.value for fact in history] == ["1000.10", "200", "999"]
    assert history[0].recorded_at == NOW


def test_entries_keep_type_and_history(store: RecordStore) -> None:
    """A number stays a number, an exact text a text, and the last entry counts."""
    values = [3, "1.10", True, None, ["a", 1], "四"]
    for value in values:
        store.add_entry(Entry("zx-001", "r", "C4", "rooms_missing", value, "王老师", NOW))
    (current,) = store.entries("zx-001", "r")
    assert current.value == "四"
    history = store.entry_history("zx-001", "r", "C4", "rooms_missing")
    assert [entry.value for entry in history] == values
    assert [type(entry.value) for entry in history] == [type(value) for value in values]
    assert store.entries("zx-001", "other") == []


def test_an_unknown_school_is_an_error_that_says_what_to_do(store: RecordStore) -> None:
    """Not a constraint's trace."""
    with pytest.raises(NotFoundError, match="campusgauge school add"):
        store.add_fact(Fact("none", "x", "1", date(2026, 1, 1), "a", NOW))


def test_a_naive_time_is_refused(store: RecordStore) -> None:
    """A zone is never guessed."""
    with pytest.raises(Exception, match="aware"):
        store.add_fact(Fact("zx-001", "x", "1", date(2026, 1, 1), "a", NOW.replace(tzinfo=None)))


def test_one_call_gives_one_answer_for_each_delivery(store: RecordStore) -> None:
    """Also for repetitions within the same call."""
    answers = store.accept([delivery(1), delivery(1), delivery(1, b"x" * 32), delivery(2)])
    assert answers == [
        Acceptance.STORED,
        Acceptance.DUPLICATE,
        Acceptance.CONFLICT,
        Acceptance.STORED,
    ]
    assert [row.batch_id for row in store.pending(10)] == ["batch-1", "batch-2"]


def test_pending_is_bounded_in_bytes(store: RecordStore) -> None:
    """Large bodies come one by one, small ones together, and at least one always comes."""
    large = bytes(17 << 20)
    store.accept([delivery(1, body=large), delivery(2, body=large), delivery(3)])
    assert len(store.pending(10)) == 1
    store.mark_applied([store.pending(10)[0].position, store.pending(10)[0].position + 1], NOW)
    assert [row.batch_id for row in store.pending(10)] == ["batch-3"]


def test_applied_rows_lose_their_body_and_stay_known(store: RecordStore) -> None:
    """A late re-send is still a duplicate, a changed one still a conflict."""
    store.accept([delivery(1)])
    store.mark_applied([row.position for row in store.pending(10)], NOW)
    assert store.pending_count() == 0
    answers = store.accept([delivery(1), delivery(1, b"x" * 32)])
    assert answers == [Acceptance.DUPLICATE, Acceptance.CONFLICT]


def test_old_batch_ids_are_forgotten_except_the_newest_of_a_stream(store: RecordStore) -> None:
    """A stream's newest ids outlive the week: a host that was off for months re-sends those."""
    for number in range(40):
        store.accept([delivery(number)])
    store.accept([delivery(5, batch_id="other", stream="dead-stream", agent_id="a2")])
    store.mark_applied([row.position for row in store.pending(100)], NOW)
    much_later = NOW + timedelta(days=200)
    store.accept([delivery(100, received_at=much_later, stream="third", batch_id="fresh")])
    store.mark_applied([row.position for row in store.pending(100)], much_later)

    again = [store.accept([delivery(number)])[0] for number in range(40)]
    remembered = [n for n, answer in enumerate(again) if answer is Acceptance.DUPLICATE]
    assert remembered == list(range(40 - REMEMBERED_PER_STREAM, 40))
    other = delivery(5, batch_id="other", stream="dead-stream", agent_id="a2")
    assert store.accept([other]) == [Acceptance.DUPLICATE]


def test_refusals_are_bounded_per_school_and_counted(store: RecordStore) -> None:
    """The newest are kept, another school's are not touched, the count goes on."""
    store.put_school(dataclasses.replace(SCHOOL, id="zx-002"))
    store.refuse(Refusal("zx-002", "b1", NOW, 400, "first", b"x"))
    for number in range(REFUSALS_KEPT_PER_SCHOOL + 7):
        store.refuse(Refusal("zx-001", "a1", NOW, 422, f"reason {number}", b"x"))
    count = store.refusal_count("zx-001")
    assert (count.total, count.kept) == (REFUSALS_KEPT_PER_SCHOOL + 7, REFUSALS_KEPT_PER_SCHOOL)
    newest, *_ = store.refusals("zx-001", 5)
    assert newest.reason == f"reason {REFUSALS_KEPT_PER_SCHOOL + 6}"
    assert store.refusal_count("zx-002").kept == 1


def test_a_sheet_is_kept_once_while_it_stays_the_same(store: RecordStore) -> None:
    """The same hash again is not stored; going back to an earlier state is."""
    sheet = StoredSheet("zx-001", "r", "1", "sha256:a", NOW, "{}", '{"n":1}')
    other = dataclasses.replace(sheet, content_hash="sha256:b")
    assert [store.add_sheet(s) for s in (sheet, sheet, other, sheet)] == [True, False, True, True]
    assert store.latest_sheet("zx-001", "r") == sheet
    assert store.sheet("sha256:b") == other
    assert store.latest_sheet("zx-001", "other") is None


def test_only_the_newest_sheets_of_a_school_and_rubric_are_kept(store: RecordStore) -> None:
    """Page views cannot grow the store without bound; other rubrics lose nothing."""
    sheet = StoredSheet("zx-001", "r", "1", "sha256:0", NOW, "{}", "{}")
    other = dataclasses.replace(sheet, rubric_id="other", content_hash="sha256:other")
    store.add_sheet(other)
    for number in range(SHEETS_KEPT + 4):
        assert store.add_sheet(dataclasses.replace(sheet, content_hash=f"sha256:{number}"))
    kept = [n for n in range(SHEETS_KEPT + 4) if store.sheet(f"sha256:{n}") is not None]
    assert kept == list(range(4, SHEETS_KEPT + 4))
    assert store.latest_sheet("zx-001", "other") == other


def test_commits_are_durable(tmp_path: Path) -> None:
    """Write-ahead log with FULL synchronisation on every connection: commit means fsync."""
    from collector.storage.sql_records.database import Database

    database = Database(f"sqlite:///{tmp_path / 'records.sqlite3'}")
    with database.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    database.close()


def test_many_threads_write_at_once(store: RecordStore) -> None:
    """Eight threads, two hundred batches: none fails for a lock, none is lost."""
    errors: list[Exception] = []

    def write(start: int) -> None:
        try:
            for number in range(start, start + 25):
                store.accept([delivery(number)])
        except Exception as error:  # noqa: BLE001  # reported below
            errors.append(error)

    threads = [threading.Thread(target=write, args=(n * 25,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert store.pending_count() == 200


def test_two_processes_may_start_on_a_new_database_at_once(records_url: Any) -> None:
    """Both migrate or wait; neither fails."""
    program = (
        "import sys; from collector.storage.sql_records import open_records;"
        "open_records(sys.argv[1], print).close()"
    )
    command = [
        sys.executable,
        "-c",
        program,
        make_url(records_url).render_as_string(hide_password=False),
    ]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    for process in running:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()


def test_migrations_end_at_the_schema_of_the_code(records_url: Any) -> None:
    """A table changed without a migration fails here, and so does a forgotten SCHEMA_VERSION."""
    said: list[str] = []
    open_records(records_url, said.append).close()
    assert any(SCHEMA_VERSION in line for line in said)
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == SCHEMA_VERSION
    engine = create_engine(records_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    said.clear()
    open_records(records_url, said.append).close()
    assert said == []


def test_the_file_is_a_plain_sqlite_database(tmp_path: Path) -> None:
    """Any SQLite tool can check and back it up while it is open."""
    store = open_records(f"sqlite:///{tmp_path / 'records.sqlite3'}", lambda _: None)
    store.put_school(SCHOOL)
    with sqlite3.connect(tmp_path / "records.sqlite3") as other:
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert other.execute("SELECT count(*) FROM schools").fetchone() == (1,)
        with sqlite3.connect(tmp_path / "copy.sqlite3") as copy:
            other.backup(copy)
        copy.close()
    other.close()
    copied = open_records(f"sqlite:///{tmp_path / 'copy.sqlite3'}", lambda _: None)
    assert copied.schools() == store.schools()
    copied.close()
    store.close()
