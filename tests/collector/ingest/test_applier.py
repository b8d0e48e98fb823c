"""The applier: it survives a failing store, and one bad row blocks no other."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from collector.domain import Batch, School, SchoolKind
from collector.errors import UnavailableError
from collector.ingest import applier as applier_module
from collector.ingest.applier import Applier
from collector.ingest.metrics import IngestMetrics
from collector.storage.duckdb_series import DuckDBSeriesStore
from collector.storage.ports import Delivery
from collector.storage.sql_records import SqlRecordStore

NOW = datetime(2026, 11, 20, tzinfo=UTC)


class FailingSeries:
    """The real series store, refusing what a test tells it to."""

    def __init__(self, store: DuckDBSeriesStore) -> None:
        self._store = store
        self.down = False
        self.poison = ""

    def apply_batches(self, batches: Sequence[Batch]) -> int:
        """Apply, unless down or poisoned."""
        self.check()
        if any(batch.batch_id == self.poison for batch in batches):
            raise ValueError("cannot be stored")
        return self._store.apply_batches(batches)

    def check(self) -> None:
        """Answer, unless down."""
        if self.down:
            raise UnavailableError("series_down", "the disk is full")

    def sequences(self) -> set[int]:
        """Return the sequence numbers that have arrived."""
        return {r.reading.sequence for r in self._store.latest_readings("zx-001", limit=10_000)}


@pytest.fixture
def series(tmp_path: Path) -> Iterator[FailingSeries]:
    """Yield a series store that can be made to fail."""
    store = DuckDBSeriesStore(tmp_path / "series.duckdb")
    yield FailingSeries(store)
    store.close()


@pytest.fixture
def make_applier(
    records: SqlRecordStore, series: FailingSeries, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Applier]]:
    """Yield a factory of running appliers with a short back-off; all are stopped at the end."""
    monkeypatch.setattr(applier_module, "BACK_OFF_FIRST_S", 0.01)
    monkeypatch.setattr(applier_module, "BACK_OFF_MAX_S", 0.02)
    records.put_school(School("zx-001", "示例", SchoolKind.GENERAL))
    running: list[Applier] = []

    def make() -> Applier:
        metrics = IngestMetrics(CollectorRegistry())
        made = Applier(records, series, metrics, lambda: NOW)  # type: ignore[arg-type]  # used part
        made.start()
        running.append(made)
        return made

    yield make
    for made in running:
        made.stop()


def accept(records: SqlRecordStore, numbers: Sequence[int], golden: dict[str, Any]) -> None:
    """Put one batch for each number into the inbox."""
    for number in numbers:
        golden["readings"] = [{**golden["readings"][0], "sequence": number}]
        body = json.dumps({**golden, "batch_id": f"batch-{number:04}"}).encode()
        records.accept(
            [Delivery(f"batch-{number:04}", "zx-001", "a1", "s", number, NOW, 1, bytes(32), body)]
        )


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "did not happen within 10 s"
        time.sleep(0.005)


def test_a_store_that_was_down_gets_everything_later(
    records: SqlRecordStore, series: FailingSeries, make_applier: Any, golden: Any
) -> None:
    """While it is down nothing is lost or set aside; once it answers all arrives."""
    series.down = True
    accept(records, range(5), golden)
    running = make_applier()
    time.sleep(0.2)
    assert (running.pending, records.set_aside_count()) == (5, 0)
    series.down = False
    wait_for(lambda: records.pending_count() == 0)
    assert series.sequences() == set(range(5))
    assert running.pending == 0


def test_a_row_that_cannot_be_stored_is_set_aside(
    records: SqlRecordStore, series: FailingSeries, make_applier: Any, golden: Any
) -> None:
    """The rows behind it arrive, its body is kept, and the next start tries it again."""
    series.poison = "batch-0002"
    accept(records, range(6), golden)
    first = make_applier()
    wait_for(lambda: records.set_aside_count() == 1)
    wait_for(lambda: series.sequences() == {0, 1, 3, 4, 5})
    assert (first.pending, first.running) == (0, True)
    first.stop()
    series.poison = ""
    make_applier()
    wait_for(lambda: series.sequences() == set(range(6)))
    assert records.set_aside_count() == 0


def test_a_batch_applied_before_the_mark_was_made_is_not_doubled(
    records: SqlRecordStore, series: FailingSeries, make_applier: Any, golden: Any
) -> None:
    """A kill between the series store's commit and the inbox's mark replays harmlessly."""
    accept(records, [7], golden)
    row = records.pending(1)[0]
    series.apply_batches([applier_module.read_row(row)])
    make_applier()
    wait_for(lambda: records.pending_count() == 0)
    assert series.sequences() == {7}
    assert len(series._store.latest_readings("zx-001")) == 1  # noqa: SLF001  # the real store inside
