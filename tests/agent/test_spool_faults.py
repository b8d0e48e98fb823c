"""Broken files, disks and clocks: the short form of `benchmarks/spool_faults.py`, and its rules."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.latest import Latest
from agent.pusher import PushState
from agent.reading import Reading
from agent.self_report import SelfReport
from agent.settings import MIB
from agent.spool import Spool
from agent.spool_salvage import seal, unseal
from agent.wire import batch_rows

FAULTS = Path(__file__).parents[2] / "benchmarks" / "spool_faults.py"
OpenSpool = Callable[..., Spool]
MakeReading = Callable[..., Reading]


def run_faults(*arguments: str) -> dict[str, dict[str, object]]:
    """Run the benchmark and return its tallies."""
    done = subprocess.run(
        [sys.executable, str(FAULTS), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tallies: dict[str, dict[str, object]] = json.loads(done.stdout.splitlines()[-1])
    return tallies


def test_broken_files_and_clocks_cost_only_what_was_hit() -> None:
    """Torn, noisy and flipped files, kills and clock jumps: every rule holds each time."""
    names = ("torn_write", "corrupt_page", "flipped_bit", "killed", "clock_jumps")
    tallies = run_faults(*names, "--times", "8", "--seed", "3")
    assert set(tallies) == set(names)
    assert all(tally["times"] == 8 for tally in tallies.values())
    assert sum(int(str(tally["set_aside"])) for tally in tallies.values()) > 0


@pytest.mark.root
def test_full_and_read_only_disks_lose_nothing() -> None:
    """A small disk fills up, another turns read-only: nothing kept is lost or set aside."""
    tallies = run_faults("full_disk", "read_only_disk", "--times", "4")
    assert [tally["times"] for tally in tallies.values()] == [4, 4]


def test_changed_reading_is_told_and_costs_no_other(
    open_spool: OpenSpool, make_reading: MakeReading, tmp_path: Path
) -> None:
    """One byte changed within a stored reading: it is refused, said and counted, the rest goes."""
    spool = open_spool()
    report = SelfReport(spool, Latest(), PushState)
    spool.put(make_reading(n, padding=50) for n in range(5))
    with sqlite3.connect(tmp_path / "spool" / "spool.db") as database:
        database.execute("UPDATE queue SET body = replace(body, 'xxx', 'xyx') WHERE sequence = 3")
    database.close()
    batch = spool.next_batch(10, MIB)
    assert batch is not None
    assert [sequence for sequence, _ in batch_rows(batch.body)] == [1, 2, 4, 5]
    assert spool.counts().damaged_total == spool.counts().rejected == 1
    said = [reading for reading in report.collect() if reading.target == "spool"]
    assert [(r.reason, r.details) for r in said] == [("spool_rows_damaged", {"readings": 1})]
    assert [r for r in report.collect() if r.target == "spool"] == []


def test_sound_readings_of_a_damaged_file_are_taken_over(
    open_spool: OpenSpool, make_reading: MakeReading, tmp_path: Path
) -> None:
    """One page of many is noise: the file is set aside, and all but that page's readings go on."""
    spool = open_spool()
    spool.put(make_reading(n, padding=500) for n in range(200))
    claimed = spool.next_batch(10, MIB)
    spool.close()
    path = tmp_path / "spool" / "spool.db"
    content = bytearray(path.read_bytes())
    middle = len(content) // 8192 * 4096
    content[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    fresh = open_spool()
    assert len(fresh.quarantined) == 1
    assert fresh.next_batch(10, MIB) == claimed, "a batch that may have been sent has changed"
    assert 150 < fresh.salvaged_readings < 200
    said = [r for r in SelfReport(fresh, Latest(), PushState).collect() if r.target == "spool"]
    assert said[0].details["salvaged_readings"] == fresh.salvaged_readings


def test_seal_finds_changes_and_reads_what_older_agents_wrote() -> None:
    """A sealed text comes back; a changed one does not; one without a seal must be JSON."""
    sealed = seal('{"a":1,"b":"学校"}')
    assert unseal(sealed) == '{"a":1,"b":"学校"}'
    changed = [sealed[:n] + "~" + sealed[n + 1 :] for n in range(len(sealed))]
    assert [unseal(text) for text in changed] == [None] * len(sealed)
    assert unseal('{"a":1}') == '{"a":1}'
    assert unseal('{"a":1') is None
    assert unseal(b"\x00") is None
