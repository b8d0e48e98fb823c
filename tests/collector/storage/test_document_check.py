"""Pinned documents: one that was altered or taken out is found by the audit and named."""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import delete, update

from collector.domain import (
    Act,
    Document,
    PinnedRubric,
    Publication,
    Round,
    RoundState,
    School,
    SchoolKind,
)
from collector.storage.sql_records import SqlRecordStore
from collector.storage.sql_records.schema import documents

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
ACT = Act("person:ad", NOW, "round.publish")
MANIFEST = Document.of("manifest", '{"sheets": []}')


@pytest.fixture
def published(records: SqlRecordStore) -> SqlRecordStore:
    """Return a store with one publication."""
    records.put_school(School("zx-001", "示例小学", SchoolKind.GENERAL), ACT)
    held = Round(
        id="r1",
        title="轮次",
        as_of=date(2026, 9, 1),
        since=date(2026, 9, 1),
        until=date(2026, 10, 1),
        rubrics=(PinnedRubric("zhongxian-inspection"),),
        school_ids=("zx-001",),
        state=RoundState.PUBLISHED,
        created_at=NOW,
        revision=1,
    )
    records.add_round(held, ACT)
    publication = Publication("r1", 1, MANIFEST.sha256, 0, "person:ad", NOW)
    following = Round(**{name: getattr(held, name) for name in held.__slots__} | {"revision": 2})
    assert records.add_publication(publication, MANIFEST, following, ACT)
    return records


def faults(store: SqlRecordStore) -> list[tuple[str, str | None, str | None]]:
    """Return kind, table and key of each fault."""
    report = store.verify_audit(None, lambda *_: None)
    return [(fault.kind, fault.table, fault.row_key) for fault in report.faults]


def test_a_whole_document_is_no_fault(published: SqlRecordStore) -> None:
    """What fits its hash is counted as compared."""
    assert faults(published) == []


def test_an_altered_document_is_named(published: SqlRecordStore) -> None:
    """Another text under the same hash, even well compressed."""
    with published._database.writing() as connection:  # noqa: SLF001  # behind the program's back
        forged = zlib.compress(b'{"sheets": ["mine"]}')
        connection.execute(update(documents).values(body=forged))
    assert faults(published) == [("row_changed", "documents", f'["{MANIFEST.sha256}"]')]


def test_a_document_taken_out_is_named(published: SqlRecordStore) -> None:
    """Somebody who switched foreign keys off removed the manifest of a publication."""
    with published._database.engine.connect() as connection:  # noqa: SLF001  # as above
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")
        else:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.execute(delete(documents))
        connection.commit()
    assert faults(published) == [("row_missing", "documents", f'["{MANIFEST.sha256}"]')]


def test_a_round_that_changed_meanwhile_is_not_published(published: SqlRecordStore) -> None:
    """The publication and the round's state are written together, or neither is."""
    held = published.round("r1")
    assert held is not None
    second = Publication("r1", 2, MANIFEST.sha256, 0, "person:ad", NOW, "更正")
    assert not published.add_publication(second, MANIFEST, held, ACT)
    assert [one.number for one in published.publications("r1")] == [1]
