"""The spool: order, bounds, batches that never change, damage, and the lock."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.reading import Outcome, Reading
from agent.settings import MIB, SpoolSettings
from agent.spool import Spool, SpoolBusyError, StoredBatch
from agent.spool_file import MAX_QUARANTINED
from agent.spool_rejected import MAX_REJECTED
from agent.wire import batch_rows, reading_from_fields

MakeReading = Callable[..., Reading]
OpenSpool = Callable[..., Spool]


def numbers(batch: StoredBatch | None) -> list[float]:
    """Return the values of a batch's readings."""
    assert batch is not None
    rows = [reading_from_fields(json.loads(encoded)) for _, encoded in batch_rows(batch.body)]
    return [reading.values["cpu_used_ratio"] for reading in rows]


def test_readings_come_out_in_order_and_once(
    open_spool: OpenSpool, make_reading: MakeReading
) -> None:
    """Batches hold the oldest first; a settled batch is gone and sequences go on."""
    spool = open_spool()
    spool.put(make_reading(n) for n in range(5))
    first = spool.next_batch(3, MIB)
    assert numbers(first) == [0, 1, 2]
    assert first is not None
    spool.settle(first)
    second = spool.next_batch(3, MIB)
    assert numbers(second) == [3, 4]
    assert second is not None
    assert (first.sequence, second.sequence) == (1, 2)
    assert [row[0] for row in batch_rows(second.body)] == [4, 5]
    spool.settle(second)
    assert spool.next_batch(3, MIB) is None


def test_claimed_batch_is_the_same_bytes_after_reopening(
    open_spool: OpenSpool, make_reading: MakeReading
) -> None:
    """Until it is settled a batch keeps id and content, also over a restart."""
    spool = open_spool()
    spool.put([make_reading()])
    before = spool.next_batch(10, MIB)
    spool.put([make_reading()])
    spool.close()
    assert open_spool().next_batch(10, MIB) == before


def test_batch_respects_its_byte_limit_but_never_starves(
    open_spool: OpenSpool, make_reading: MakeReading
) -> None:
    """A batch stops before the limit, and one large reading still goes."""
    spool = open_spool()
    spool.put([make_reading(1, padding=5000), make_reading(2, padding=5000)])
    batch = spool.next_batch(10, 1000)
    assert numbers(batch) == [1]


def test_oldest_are_dropped_beyond_the_bytes_and_counted(
    open_spool: OpenSpool, make_reading: MakeReading
) -> None:
    """The file stays within its bound, the newest stay, and every drop is counted."""
    spool = open_spool(SpoolSettings(max_bytes=MIB))
    total = 0
    for _ in range(40):
        spool.put(make_reading(total + n, padding=1000) for n in range(50))
        total += 50
    counts = spool.counts()
    assert counts.used_bytes <= MIB
    assert counts.dropped_total == total - counts.queued > 0
    batch = spool.next_batch(10_000, 100 * MIB)
    assert numbers(batch) == list(range(total - counts.queued, total))


def test_old_readings_are_dropped_and_counted(
    open_spool: OpenSpool, make_reading: MakeReading
) -> None:
    """What is past its age goes when something new comes."""
    spool = open_spool(SpoolSettings(max_age_days=1))
    spool.put([make_reading(1, age=timedelta(hours=25)), make_reading(2, age=timedelta(hours=23))])
    assert spool.counts().dropped_total == 1
    assert numbers(spool.next_batch(10, MIB)) == [2]
    spool.put([make_reading(3, age=timedelta(days=9))])
    assert spool.counts().dropped_total == 2


def test_claimed_batch_is_never_dropped(open_spool: OpenSpool, make_reading: MakeReading) -> None:
    """A batch that the collector may hold survives any pressure."""
    spool = open_spool(SpoolSettings(max_bytes=MIB))
    spool.put([make_reading(42)])
    batch = spool.next_batch(1, MIB)
    for _ in range(30):
        spool.put(make_reading(padding=1000) for _ in range(50))
    assert spool.counts().dropped_total > 0
    assert spool.next_batch(1, MIB) == batch


def test_split_gives_new_ids_and_loses_nothing(
    open_spool: OpenSpool, make_reading: MakeReading
) -> None:
    """The halves of a batch hold its readings, in order, under their old sequences."""
    spool = open_spool()
    spool.put(make_reading(n) for n in range(5))
    whole = spool.next_batch(10, MIB)
    assert whole is not None
    spool.split(whole)
    seen: list[tuple[int, str]] = []
    ids = {whole.batch_id}
    while (part := spool.next_batch(10, MIB)) is not None:
        seen += batch_rows(part.body)
        ids.add(part.batch_id)
        spool.settle(part)
    assert seen == batch_rows(whole.body)
    assert len(ids) == 3


def test_rejected_rows_are_kept_with_their_reason(
    open_spool: OpenSpool, make_reading: MakeReading, tmp_path: Path
) -> None:
    """Named rows go to the rejected table, the rest to a new batch."""
    spool = open_spool()
    spool.put(make_reading(n) for n in range(3))
    batch = spool.next_batch(10, MIB)
    assert batch is not None
    spool.reject(batch, {1: "values.x: too large"})
    rest = spool.next_batch(10, MIB)
    assert numbers(rest) == [0, 2]
    assert rest is not None
    assert rest.batch_id != batch.batch_id
    assert spool.counts().rejected == spool.counts().rejected_total == 1
    with sqlite3.connect(tmp_path / "spool" / "spool.db") as database:
        rows = database.execute("SELECT sequence, reason FROM rejected").fetchall()
    database.close()
    assert rows == [(2, "values.x: too large")]


def test_rejected_table_is_bounded(open_spool: OpenSpool, make_reading: MakeReading) -> None:
    """A collector that refuses everything does not fill the disk; the count goes on."""
    spool = open_spool()
    spool.put(make_reading(n) for n in range(MAX_REJECTED + 50))
    batch = spool.next_batch(MAX_REJECTED + 50, 100 * MIB)
    assert batch is not None
    spool.reject(batch, "no")
    counts = spool.counts()
    assert (counts.rejected, counts.rejected_total) == (MAX_REJECTED, MAX_REJECTED + 50)


def test_second_agent_is_refused(open_spool: OpenSpool, tmp_path: Path) -> None:
    """Another process cannot open a spool in use, and can after its holder is gone."""
    spool = open_spool()
    script = (
        "import sys; from pathlib import Path; from agent.spool import Spool, SpoolBusyError;"
        "from agent.settings import SpoolSettings\n"
        "try: Spool(Path(sys.argv[1]), SpoolSettings(), system='x').close()\n"
        "except SpoolBusyError: sys.exit(7)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "spool")]
    assert subprocess.run(command, check=False).returncode == 7
    with pytest.raises(SpoolBusyError):
        open_spool()
    spool.close()
    assert subprocess.run(command, check=False).returncode == 0


def _overwrite(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)


def _tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 100])


def _flip_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for page in range(4096, len(content) - 4096, 4096):
        content[page : page + 512] = b"\xff" * 512
    path.write_bytes(content)


def _from_the_future(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()


def _foreign_tables(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 1")
        database.execute("CREATE TABLE cookies (x)")
    database.close()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "junk").write_text("junk")


DAMAGES = [_overwrite, _tear, _flip_pages, _from_the_future, _foreign_tables, _folder]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda f: f.__name__.strip("_"))
def test_damaged_spool_is_set_aside_and_the_agent_starts(
    open_spool: OpenSpool, make_reading: MakeReading, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """Whatever is in the file's place, it is kept beside and a new stream begins."""
    spool = open_spool()
    spool.put(make_reading(n, padding=500) for n in range(100))
    old_stream = spool.stream
    spool.close()
    path = tmp_path / "spool" / "spool.db"
    damage(path)
    fresh = open_spool()
    assert len(fresh.quarantined) == 1
    assert fresh.quarantined[0].exists()
    assert fresh.stream != old_stream
    fresh.put([make_reading(555)])
    assert numbers(fresh.next_batch(1000, MIB))[-1] == 555


def test_damage_while_running_is_survived(
    open_spool: OpenSpool, make_reading: MakeReading, tmp_path: Path
) -> None:
    """A file that rots under the running agent is set aside and measuring goes on."""
    spool = open_spool()
    spool.put(make_reading(n, padding=500) for n in range(100))
    checkpoint = sqlite3.connect(tmp_path / "spool" / "spool.db")
    checkpoint.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    checkpoint.close()
    _overwrite(tmp_path / "spool" / "spool.db")
    spool.put([make_reading(n, padding=500) for n in range(3)])
    assert len(spool.quarantined) == 1
    assert numbers(spool.next_batch(10, MIB)) == [0, 1, 2]


def test_quarantine_is_bounded(open_spool: OpenSpool, tmp_path: Path) -> None:
    """A disk that ruins the file again and again does not fill up with copies."""
    for _ in range(MAX_QUARANTINED + 3):
        open_spool().close()
        _overwrite(tmp_path / "spool" / "spool.db")
    open_spool()
    kept = list((tmp_path / "spool").glob("spool.db.damaged-*Z"))
    assert len(kept) == MAX_QUARANTINED


def test_full_disk_is_not_taken_for_damage(
    open_spool: OpenSpool, make_reading: MakeReading
) -> None:
    """Where the file cannot grow, the caller hears of it and what is stored stays."""
    spool = open_spool()
    spool.put([make_reading(1)])
    with spool._database.reading() as database:  # noqa: SLF001 - the disk's part
        database.execute("PRAGMA max_page_count = 12")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        spool.put(make_reading(padding=5000) for _ in range(50))
    assert spool.quarantined == []
    assert numbers(spool.next_batch(10, MIB)) == [1]


def test_use_after_close_is_not_taken_for_damage(
    open_spool: OpenSpool, make_reading: MakeReading
) -> None:
    """A probe that comes back after the stop cannot make a healthy file look damaged."""
    spool = open_spool()
    spool.put([make_reading(1)])
    spool.close()
    with pytest.raises(sqlite3.ProgrammingError):
        spool.put([make_reading(2)])
    again = open_spool()
    assert (spool.quarantined, again.quarantined) == ([], [])
    assert numbers(again.next_batch(10, MIB)) == [1]


class SpoolModel(RuleBasedStateMachine):
    """Any sequence of operations and restarts delivers every reading exactly once, in order."""

    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self.temporary.name)
        self.spool = self.open()
        self.made = 0
        self.expected: list[float] = []
        self.delivered: list[float] = []

    def open(self) -> Spool:
        """Open the spool in its folder."""
        return Spool(self.folder, SpoolSettings(), system="linux")

    @rule(count=st.integers(0, 8))
    def put(self, count: int) -> None:
        """Queue some readings."""
        fresh = [float(self.made + n) for n in range(count)]
        self.made += count
        self.expected += fresh
        self.spool.put(
            Reading("p", "t", datetime.now(UTC), Outcome.OK, values={"cpu_used_ratio": n})
            for n in fresh
        )

    @rule(most=st.integers(1, 6))
    def deliver(self, most: int) -> None:
        """Claim and settle a batch."""
        batch = self.spool.next_batch(most, MIB)
        if batch is not None:
            self.delivered += numbers(batch)
            self.spool.settle(batch)

    @rule(most=st.integers(1, 6))
    def lose_the_answer(self, most: int) -> None:
        """Claim a batch and hear nothing: it has to come again, unchanged."""
        batch = self.spool.next_batch(most, MIB)
        assert self.spool.next_batch(most + 1, MIB) == batch

    @rule(most=st.integers(2, 6))
    def split(self, most: int) -> None:
        """Find a batch too large."""
        batch = self.spool.next_batch(most, MIB)
        if batch is not None and batch.readings > 1:
            self.spool.split(batch)

    @rule()
    def restart(self) -> None:
        """Close and open again."""
        self.spool.close()
        self.spool = self.open()

    @precondition(lambda self: self.made > 0)
    @invariant()
    def nothing_is_lost(self) -> None:
        """Everything put is either delivered or still held."""
        counts = self.spool.counts()
        assert len(self.delivered) + counts.queued + counts.claimed == self.made

    def teardown(self) -> None:
        """Drain, and compare with what was put."""
        while (batch := self.spool.next_batch(100, MIB)) is not None:
            self.delivered += numbers(batch)
            self.spool.settle(batch)
        self.spool.close()
        self.temporary.cleanup()
        assert sorted(self.delivered) == self.expected


TestSpoolModel = SpoolModel.TestCase
TestSpoolModel.settings = hypothesis_settings(
    max_examples=15, stateful_step_count=15, deadline=None
)
