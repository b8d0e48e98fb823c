"""Real stores with a school in them, and a maker of a school's readings."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from collector.domain import Batch, Outcome, School, SchoolKind, Stage, StoredReading
from collector.storage.duckdb_series import DuckDBSeriesStore
from collector.storage.sql_records import SqlRecordStore, open_records

SCHOOL = School(
    id="zx-001",
    name="忠县示例小学",
    kind=SchoolKind.GENERAL,
    stages=(Stage.PRIMARY,),
    students=1200,
    staff=90,
    classes=24,
    as_of=date(2026, 9, 1),
)
# Friday 25 September 2026 is a holiday, Sunday 20 September a working day.
NOW = datetime(2026, 9, 18, 9, 30, 20, tzinfo=UTC)


@pytest.fixture
def series(tmp_path: Path) -> Iterator[DuckDBSeriesStore]:
    """Yield an empty series store."""
    store = DuckDBSeriesStore(tmp_path / "series.duckdb")
    yield store
    store.close()


@pytest.fixture
def records(tmp_path: Path, migrated: Path) -> Iterator[SqlRecordStore]:
    """Yield a record store that holds one school."""
    shutil.copyfile(migrated, tmp_path / "records.sqlite3")
    store = open_records(f"sqlite:///{tmp_path / 'records.sqlite3'}", lambda _: None)
    store.put_school(SCHOOL)
    yield store
    store.close()


@pytest.fixture
def measure(series: DuckDBSeriesStore) -> Callable[..., None]:
    """Return a function that stores one reading of a probe at each of the given times."""
    numbers = count(1)

    def store(
        probe: str,
        times: Iterable[datetime],
        values: Mapping[str, float],
        *,
        target: str = "default",
        agent: str = "a1",
        limited_by: tuple[str, ...] = (),
        labels: Mapping[str, str] | None = None,
        failed: str | None = None,
    ) -> None:
        outcome = Outcome.LIMITED if limited_by else Outcome.OK
        readings = tuple(
            StoredReading(
                sequence=next(numbers),
                probe=probe,
                target=target,
                time=time,
                outcome=Outcome.FAILED if failed else outcome,
                reason=failed or (limited_by[0] if limited_by else None),
                values=values,
                labels=labels or {},
                limited_by=limited_by,
            )
            for time in times
        )
        batch = Batch(f"b{next(numbers)}", SCHOOL.id, agent, "st", 1, NOW, readings)
        assert series.apply_batches([batch]) == 1

    return store


@pytest.fixture
def school_day_times() -> Callable[..., list[datetime]]:
    """Return a maker of times: at 09:00 local, on the given number of weekdays before NOW."""

    def make(
        days: int, per_day: int = 1, every: timedelta = timedelta(minutes=1)
    ) -> list[datetime]:
        nine = NOW.replace(hour=1, minute=0, second=0)
        weekdays: list[datetime] = []
        back = 0
        while len(weekdays) < days:
            day = nine - timedelta(days=back)
            if day.weekday() < 5:
                weekdays.append(day)
            back += 1
        return [day + every * step for day in reversed(weekdays) for step in range(per_day)]

    return make
