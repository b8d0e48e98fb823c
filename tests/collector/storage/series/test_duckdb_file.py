"""The DuckDB file itself: kill -9, reopening, archiving, locks and releases."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from collector.domain import Batch, StoredReading
from collector.errors import UnavailableError
from collector.storage.duckdb_series import DuckDBSeriesStore
from collector.storage.ports import SeriesQuery, TimeSpan
from rubrics.indicators import Grouping, Statistic

MONDAY = datetime(2026, 9, 7, tzinfo=UTC)

WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from collector.domain import Batch, Outcome, StoredReading
from collector.storage.duckdb_series import DuckDBSeriesStore

START = datetime(2026, 9, 7, tzinfo=UTC)
store = DuckDBSeriesStore(Path(sys.argv[1]), archive_at_rows=200)
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 2000):
    readings = tuple(
        StoredReading(number * 10 + k, "p", "t", START + timedelta(seconds=number * 10 + k),
                      Outcome.OK, values={"v": float(number)})
        for k in range(10)
    )
    store.apply_batches([Batch(f"b{number}", "s", "a", "st", number, START, readings)])
    print(number, flush=True)
"""


def stored(path: Path) -> tuple[int, int]:
    """Return how many samples and how many distinct times the file holds."""
    with duckdb.connect(str(path)) as connection:
        rows = connection.execute("SELECT count(*), count(DISTINCT time) FROM samples").fetchall()
        readings = connection.execute("SELECT count(*) FROM readings").fetchall()[0][0]
    assert readings == rows[0][0]
    return rows[0][0], rows[0][1]


def test_kill_9_during_apply_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Twelve kills at random moments, archiving included; each next writer replays from earlier."""
    path = tmp_path / "series.duckdb"
    chance = random.Random(20260907)
    acknowledged = -1
    for _ in range(12):
        start = max(0, acknowledged - 20)
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(start)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        goal = acknowledged + chance.randint(3, 60)
        for line in writer.stdout:
            acknowledged = max(acknowledged, int(line))
            if acknowledged >= goal:
                break
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().split()
        writer.wait(10)
        writer.stdout.close()
        acknowledged = max([acknowledged, *map(int, rest)])
        samples, times = stored(path)
        assert samples == times, "a batch was stored twice"
        assert samples % 10 == 0, "half a batch was stored"
        # The batch in flight at the kill may have been committed without a word.
        assert samples // 10 - (acknowledged + 1) in (0, 1)
    assert acknowledged > 36


def one_batch(minute: int, make_reading: Callable[..., StoredReading]) -> Batch:
    """Return a batch of one reading with one sample, labelled by minute."""
    reading = make_reading(minute, {"v": minute}, probe="p", labels={"n": str(minute % 3)})
    return Batch(f"b{minute}", "s", "a", "st", minute, MONDAY, (reading,))


def test_a_reopened_store_knows_its_series_batches_and_times(
    tmp_path: Path, make_reading: Callable[..., StoredReading]
) -> None:
    """Nothing lives in memory alone: ids go on where they were, replays are still recognised."""
    path = tmp_path / "series.duckdb"
    batches = [one_batch(minute, make_reading) for minute in range(6)]
    for part in (batches[:3], batches):
        store = DuckDBSeriesStore(path)
        assert store.apply_batches(part) == 3
        store.close()
        store.close()
    store = DuckDBSeriesStore(path)
    assert store.last_reading_times() == {"s": MONDAY + timedelta(minutes=5)}
    span = TimeSpan(MONDAY.date(), MONDAY, MONDAY + timedelta(days=1))
    for number in range(3):
        (summary,) = store.summarise(
            SeriesQuery(
                "s", "p.v", Grouping.TARGET, Statistic.MAX, [span], labels={"n": str(number)}
            )
        )
        assert (summary.samples, summary.value) == (2, number + 3)
    store.close()


def test_archiving_changes_no_answer(
    tmp_path: Path, make_reading: Callable[..., StoredReading]
) -> None:
    """Sorting rows away is invisible to readers and empties the recent tables."""
    path = tmp_path / "series.duckdb"
    store = DuckDBSeriesStore(path, archive_at_rows=5)
    store.apply_batches([one_batch(minute, make_reading) for minute in range(4)])
    before = store.latest_readings("s")
    store.archive()
    assert store.latest_readings("s") == before
    store.apply_batches([one_batch(minute, make_reading) for minute in range(4, 9)])
    assert len(store.latest_readings("s")) == 9
    store.close()
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("SELECT count(*) FROM recent_samples").fetchall() == [(0,)]
        assert connection.execute("SELECT count(*) FROM archive_samples").fetchall() == [(9,)]


def test_a_failed_apply_stores_nothing(
    tmp_path: Path, make_reading: Callable[..., StoredReading]
) -> None:
    """One value the store cannot keep rolls back its whole call, and the next call works."""
    store = DuckDBSeriesStore(tmp_path / "series.duckdb")
    good = one_batch(0, make_reading)
    bad = Batch("bad", "s", "a", "st", 1, MONDAY, (make_reading(1, {"v": "text"}, probe="p"),))
    with pytest.raises(duckdb.Error):
        store.apply_batches([good, bad])
    assert store.latest_readings("s") == []
    assert store.apply_batches([good]) == 1
    assert len(store.latest_readings("s")) == 1
    store.close()


def test_a_second_process_is_told_who_holds_the_file(tmp_path: Path) -> None:
    """DuckDB takes one process at a time; the other gets the next step, not a stack trace."""
    path = tmp_path / "series.duckdb"
    store = DuckDBSeriesStore(path)
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from collector.errors import UnavailableError\n"
        "from collector.storage.duckdb_series import DuckDBSeriesStore\n"
        "try:\n    DuckDBSeriesStore(Path(sys.argv[1]))\n"
        "except UnavailableError as error:\n    print(error.code)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    store.close()
    assert told.stdout.strip() == "series_store_locked"


def test_a_damaged_file_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    """Somebody must restore it from a backup, so it is neither overwritten nor renamed."""
    path = tmp_path / "series.duckdb"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(UnavailableError, match="backup") as refused:
        DuckDBSeriesStore(path)
    assert refused.value.code == "series_store_unreadable"
    assert path.read_bytes() == b"not a database" * 1000


def test_a_file_of_a_later_release_is_left_alone(tmp_path: Path) -> None:
    """A downgrade must not write into a layout it does not know."""
    path = tmp_path / "series.duckdb"
    DuckDBSeriesStore(path).close()
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (99)")
    with pytest.raises(UnavailableError, match="schema 99"):
        DuckDBSeriesStore(path)


def test_check_says_when_the_store_is_gone(tmp_path: Path) -> None:
    """/healthz asks through this: fine while open, UnavailableError once closed."""
    store = DuckDBSeriesStore(tmp_path / "series.duckdb")
    store.check()
    store.close()
    with pytest.raises(UnavailableError):
        store.check()


def test_a_closed_store_lets_its_connection_go(tmp_path: Path) -> None:
    """Nothing of the library outlives it, however long the store itself is held; twice is once."""
    store = DuckDBSeriesStore(tmp_path / "series.duckdb")
    connection = weakref.ref(store._connection)  # noqa: SLF001 - what must be gone is inside
    store.close()
    store.close()
    assert connection() is None
    with pytest.raises(UnavailableError, match="is closed"):
        store.check()
