"""kill -9 at any moment: nothing put is lost, and no batch changes under its id."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from agent.settings import MIB, SpoolSettings
from agent.spool import Spool
from agent.wire import batch_rows

KILLS = 20

# What the child has been told is durable it writes to a log, one line after the call returned.
CHILD = """
import hashlib, json, os, sys
from datetime import UTC, datetime
from pathlib import Path
from agent.reading import Outcome, Reading
from agent.settings import SpoolSettings
from agent.spool import Spool
from agent.wire import batch_rows
log = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def say(*words):
    os.write(log, (" ".join(map(str, words)) + "\\n").encode())
spool = Spool(Path(sys.argv[1]), SpoolSettings(), system="linux")
number = int(sys.argv[3])
for turn in range(100_000):
    spool.put([Reading("p", "t", datetime.now(UTC), Outcome.OK, values={"n": number + k})
               for k in range(3)])
    say("put", number, number + 1, number + 2)
    number += 3
    if turn % 3 == 2:
        batch = spool.next_batch(5, 10**6)
        say("claimed", batch.batch_id, hashlib.sha256(batch.body).hexdigest())
        if turn % 5 == 0:
            spool.split(batch)
        else:
            sent = [int(json.loads(row)["values"]["n"]) for _, row in batch_rows(batch.body)]
            say("settling", *sent)
            spool.settle(batch)
            say("settled", *sent)
"""


def numbers_in(body: bytes) -> list[int]:
    """Return the numbers that the child put into the readings of a batch."""
    return [int(json.loads(encoded)["values"]["n"]) for _, encoded in batch_rows(body)]


def test_kill_at_any_moment_loses_and_changes_nothing(tmp_path: Path) -> None:
    """Twenty kills of a writing child: every number put is delivered, each batch id one content."""
    folder, log = tmp_path / "spool", tmp_path / "log"
    log.touch()
    contents: dict[str, str] = {}
    delivered: set[int] = set()
    next_number = 0
    chance = random.Random(20261120)
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder), str(log), str(next_number)]
        )
        seen = log.stat().st_size
        deadline = time.monotonic() + 20
        while log.stat().st_size == seen and time.monotonic() < deadline:
            time.sleep(0.005)  # until the child is at work
        time.sleep(chance.uniform(0, 0.05))
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        next_number = max(next_number, _highest(log)) + 3  # one put may have been unannounced
    numbers: dict[str, set[int]] = {"put": set(), "settling": set(), "settled": set()}
    for line in log.read_text().splitlines():
        kind, *words = line.split()
        if kind == "claimed":
            assert contents.setdefault(words[0], words[1]) == words[1]
        else:
            numbers[kind] |= set(map(int, words))
    spool = Spool(folder, SpoolSettings(), system="linux")
    sequences: list[int] = []
    while (batch := spool.next_batch(10_000, 100 * MIB)) is not None:
        digest = hashlib.sha256(batch.body).hexdigest()
        assert contents.get(batch.batch_id, digest) == digest
        sequences += [row[0] for row in batch_rows(batch.body)]
        delivered |= set(numbers_in(batch.body))
        spool.settle(batch)
    assert spool.quarantined == []
    spool.close()
    assert len(set(sequences)) == len(sequences)
    assert numbers["put"] - delivered <= numbers["settling"]
    assert not numbers["settled"] & delivered
    assert len(numbers["put"]) > 3 * KILLS
    assert len(numbers["settled"]) > KILLS


def _highest(log: Path) -> int:
    lines = [line for line in log.read_text().splitlines() if line.startswith("put ")]
    return max((int(line.split()[-1]) for line in lines), default=0)
