"""A spool that another version of the agent wrote: an older one goes on, a newer one is kept."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from agent.reading import Reading
from agent.settings import MIB
from agent.spool import Spool
from agent.wire import batch_rows, encode_reading

MakeReading = Callable[..., Reading]
OpenSpool = Callable[..., Spool]
AS_THE_FIRST_VERSION_WROTE = """
DELETE FROM counters WHERE name = 'damaged_total';
UPDATE queue SET body = substr(body, 9);
UPDATE counters SET value = 7 WHERE name = 'dropped_total';
"""
"""The first layout counted no damage, and its readings carried no checksum."""


def change_file(folder: Path, script: str) -> None:
    """Change the closed spool's file."""
    with closing(sqlite3.connect(folder / "spool" / "spool.db")) as database:
        database.executescript(script)


def test_an_older_spool_goes_on_where_it_was(
    open_spool: OpenSpool, make_reading: MakeReading, tmp_path: Path
) -> None:
    """After an upgrade the claimed batch is the same bytes, the queue goes out, counters go on."""
    readings = [make_reading(n) for n in range(6)]
    spool = open_spool()
    spool.put(readings[:4])
    claimed = spool.next_batch(2, MIB)
    assert claimed is not None
    stream = spool.stream
    spool.close()
    change_file(tmp_path, AS_THE_FIRST_VERSION_WROTE)

    upgraded = open_spool()
    assert (upgraded.quarantined, upgraded.stream) == ([], stream)
    upgraded.put(readings[4:])
    assert upgraded.next_batch(2, MIB) == claimed
    upgraded.settle(claimed)
    rest = upgraded.next_batch(10, MIB)
    assert rest is not None
    assert rest.sequence == claimed.sequence + 1
    numbers, texts = zip(*batch_rows(rest.body), strict=True)
    assert numbers == (3, 4, 5, 6)
    assert [json.loads(text) for text in texts] == [
        json.loads(encode_reading(reading)) for reading in readings[2:]
    ]
    counts = upgraded.counts()
    assert (counts.dropped_total, counts.damaged_total, counts.rejected) == (7, 0, 0)


def test_a_newer_spool_is_set_aside_and_not_erased(
    open_spool: OpenSpool, make_reading: MakeReading, tmp_path: Path
) -> None:
    """An agent that was set back cannot know what a later layout means: it begins a new spool."""
    spool = open_spool()
    spool.put(make_reading(n) for n in range(3))
    before, stream = spool.counts().queued, spool.stream
    spool.close()
    change_file(tmp_path, "PRAGMA user_version = 99;")
    older = open_spool()
    (kept,) = older.quarantined
    with closing(sqlite3.connect(kept)) as database:
        assert database.execute("SELECT count(*) FROM queue").fetchone() == (before,)
    assert older.stream != stream
    assert older.next_batch(10, MIB) is None
