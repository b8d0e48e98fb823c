"""Group commit: many waiting requests, few transactions, and nobody pays for another's fault."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from collector.domain import School, SchoolKind
from collector.errors import CollectorError
from collector.ingest.commit import GroupCommit
from collector.storage.ports import Acceptance, Delivery
from collector.storage.sql_records import SqlRecordStore

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def delivery(number: int, school_id: str = "zx-001") -> Delivery:
    """Return a small delivery."""
    return Delivery(
        f"batch-{number}", school_id, "a1", "stream", number, NOW, 1, bytes(32), b'{"wire": 1}'
    )


class CountingInbox:
    """The real inbox behind a gate, counting its transactions."""

    def __init__(self, records: SqlRecordStore) -> None:
        self._records = records
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.transactions: list[int] = []

    def accept(self, deliveries: Sequence[Delivery]) -> Sequence[Acceptance]:
        """Wait for the gate, then commit."""
        self.entered.set()
        assert self.gate.wait(10)
        self.transactions.append(len(deliveries))
        return self._records.accept(deliveries)


def accept_all(commit: GroupCommit, deliveries: list[Delivery], inbox: CountingInbox) -> list[Any]:
    """Offer all at once while the first commit is held back; return answers or errors in order."""
    answers: list[Any] = [None] * len(deliveries)

    def offer(position: int) -> None:
        try:
            answers[position] = commit.accept(deliveries[position])
        except CollectorError as error:
            answers[position] = error

    threads = [threading.Thread(target=offer, args=(n,)) for n in range(len(deliveries))]
    threads[0].start()
    assert inbox.entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(commit._waiting) < len(deliveries) - 1:  # noqa: SLF001  # wait until all queue up
        threading.Event().wait(0.001)
    inbox.gate.set()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    return answers


@pytest.fixture
def inbox(records: SqlRecordStore) -> CountingInbox:
    """Return the real inbox of a record store with one school."""
    records.put_school(School("zx-001", "示例", SchoolKind.GENERAL))
    return CountingInbox(records)


def test_requests_that_wait_share_a_transaction(
    inbox: CountingInbox, records: SqlRecordStore
) -> None:
    """One that comes alone commits alone; the thirty that queued behind it commit together."""
    deliveries = [delivery(n) for n in range(31)]
    answers = accept_all(GroupCommit(inbox), deliveries, inbox)  # type: ignore[arg-type]  # one method
    assert answers == [Acceptance.STORED] * 31
    assert inbox.transactions == [1, 30]
    assert records.pending_count() == 31


def test_a_bad_delivery_fails_alone(inbox: CountingInbox, records: SqlRecordStore) -> None:
    """A delivery of a removed school gets its error; those beside it are stored."""
    deliveries = [delivery(0), delivery(1), delivery(2, school_id="gone"), delivery(3)]
    answers = accept_all(GroupCommit(inbox), deliveries, inbox)  # type: ignore[arg-type]  # one method
    assert [answers[n] for n in (0, 1, 3)] == [Acceptance.STORED] * 3
    assert isinstance(answers[2], CollectorError)
    assert records.pending_count() == 3
