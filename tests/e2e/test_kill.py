"""SIGKILL anywhere on the way from spool to store: nothing acknowledged lost, nothing doubled."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from agent.probes import probe_names
from agent.reading import Outcome, Reading
from agent.settings import SpoolSettings
from agent.spool import Spool, SpoolCounts

if TYPE_CHECKING:
    from tests.e2e.conftest import Site

READINGS = 3000
KILLS = 10
DRAIN_S = 90.0
START_S = 30.0
CONFIG = """
[push]
interval_s = 0.2
batch_readings = 40
backlog_pause_s = 0.005
timeout_s = 5.0
[exposition]
enabled = false
"""


def write_config(folder: Path) -> Path:
    """Write settings that push small batches without pause; no probe of its own runs."""
    tables = "".join(f"[probes.{name}]\nenabled = false\n" for name in probe_names())
    path = folder / "agent.toml"
    path.write_text(CONFIG + tables, encoding="utf-8")
    return path


def fill_spool(state: Path) -> None:
    """Put readings where the agent keeps what it could not send yet."""
    spool = Spool(state / "spool", SpoolSettings(), system="linux")
    start = datetime.now(UTC) - timedelta(hours=3)
    spool.put(
        Reading(
            probe="server_headroom",
            target="host",
            time=start + timedelta(seconds=number),
            outcome=Outcome.OK,
            values={"cpu_used_ratio": number / READINGS},
        )
        for number in range(READINGS)
    )
    spool.close()


def counts(state: Path) -> SpoolCounts:
    """Return what a stopped agent's spool holds."""
    spool = Spool(state / "spool", SpoolSettings(), system="linux")
    held = spool.counts()
    spool.close()
    return held


def spool_address(site: Site) -> str:
    """Return where the agent's queue can be looked at while the agent has it open."""
    return f"file:{site.state / 'spool' / 'spool.db'}?mode=ro"


def wait_until_pushing(site: Site) -> None:
    """Wait until the running agent has taken a batch out of its queue, or has nothing left."""
    deadline_s = time.monotonic() + START_S
    with closing(sqlite3.connect(spool_address(site), uri=True)) as database:
        query = "SELECT count(*) FROM queue"
        (before,) = database.execute(query).fetchone()
        while time.monotonic() < deadline_s:
            (now,) = database.execute(query).fetchone()
            if now < before or now == 0:
                return
            before = now
            time.sleep(0.005)
    raise AssertionError(f"the agent does not push: {site.log('agent')}")


def test_sigkill_of_agent_and_collector_loses_and_doubles_nothing(site: Site) -> None:
    """Agent and collector are killed in turn while pushing; every reading arrives exactly once."""
    chance = random.Random(20261121)  # noqa: S311 - reproducible moments, not secrets
    site.start_collector()
    site.enrol()
    fill_spool(site.state)
    config = write_config(site.folder)
    killed_while_pushing = 0
    for round_number in range(KILLS):
        site.start_agent(config)
        wait_until_pushing(site)
        time.sleep(chance.uniform(0.0, 0.25))
        if round_number % 2:
            site.end("collector", signal.SIGKILL)
            time.sleep(chance.uniform(0.0, 0.2))
        site.end("agent", signal.SIGKILL)
        held = counts(site.state)
        killed_while_pushing += held.claimed > 0 and held.queued < READINGS
        if round_number % 2:
            site.start_collector()
    assert killed_while_pushing >= KILLS // 3, "the kills did not hit the pushing"

    drain(site, config)
    assert site.end("collector", signal.SIGTERM) == 0, site.log("collector")
    with duckdb.connect(str(site.data / "series.duckdb"), read_only=True) as series:
        rows = series.execute(
            "SELECT count(*), count(DISTINCT sequence), min(sequence), max(sequence) FROM readings"
        ).fetchone()
        mine = series.execute(
            "SELECT count(*), count(DISTINCT value) FROM samples JOIN series USING (series_id) "
            "WHERE metric = 'cpu_used_ratio'"
        ).fetchone()
    assert rows is not None
    stored, distinct, first, last = rows
    assert stored == distinct, "a reading was stored twice"
    assert (first, last) == (1, stored), "a reading is missing"
    assert mine == (READINGS, READINGS)


def drain(site: Site, config: Path) -> None:
    """Run the agent until its spool is empty; what it says about itself on the way is sent too."""
    site.start_agent(config)
    deadline_s = time.monotonic() + DRAIN_S
    left = "SELECT (SELECT count(*) FROM queue) + (SELECT count(*) FROM batches)"
    with closing(sqlite3.connect(spool_address(site), uri=True)) as database:
        while database.execute(left).fetchone() != (0,):
            assert time.monotonic() < deadline_s, site.log("agent")
            time.sleep(0.1)
    assert site.end("agent", signal.SIGTERM) == 0, site.log("agent")
    held = counts(site.state)
    assert (held.queued + held.claimed, held.dropped_total, held.rejected_total) == (0, 0, 0)
