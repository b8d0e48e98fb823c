"""Makers of batches and spans, and the stores that the series suite runs against."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from collector.domain import Batch, Outcome, StoredReading
from collector.storage.duckdb_series import DuckDBSeriesStore
from collector.storage.ports import SeriesStore, TimeSpan

MONDAY = datetime(2026, 9, 7, tzinfo=UTC)


@pytest.fixture(params=["duckdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SeriesStore]:
    """Yield a fresh, empty store of each kind; another engine joins by its name in `params`."""
    makers: Mapping[str, Callable[[], SeriesStore]] = {
        "duckdb": lambda: DuckDBSeriesStore(tmp_path / "series.duckdb"),
    }
    opened = makers[request.param]()
    yield opened
    opened.close()


@pytest.fixture
def make_batch() -> Callable[..., Batch]:
    """Return a maker of batches whose ids count up."""
    made = 0

    def make(
        readings: Sequence[StoredReading], *, agent: str = "a1", school: str = "zx-001"
    ) -> Batch:
        nonlocal made
        made += 1
        return Batch(f"b{made}", school, agent, "s1", made, MONDAY, tuple(readings))

    return make


@pytest.fixture
def make_reading() -> Callable[..., StoredReading]:
    """Return a maker of readings, `minute` after Monday midnight UTC."""
    made = 0

    def make(
        minute: float,
        values: Mapping[str, float] | None = None,
        *,
        probe: str = "outlet_bandwidth",
        target: str = "default",
        outcome: Outcome = Outcome.OK,
        limited_by: tuple[str, ...] = (),
        **fields: object,
    ) -> StoredReading:
        nonlocal made
        made += 1
        return StoredReading(
            sequence=made,
            probe=probe,
            target=target,
            time=MONDAY + timedelta(minutes=minute),
            outcome=Outcome.LIMITED if limited_by else outcome,
            values=values or {},
            limited_by=limited_by,
            **fields,  # type: ignore[arg-type]
        )

    return make


@pytest.fixture
def whole_days() -> Callable[[int], list[TimeSpan]]:
    """Return a maker of spans: that many whole UTC days from Monday on."""

    def make(count: int) -> list[TimeSpan]:
        starts = [MONDAY + timedelta(days=day) for day in range(count)]
        return [
            TimeSpan(date.fromordinal(start.toordinal()), start, start + timedelta(days=1))
            for start in starts
        ]

    return make
