"""The promise behind every 200: kill -9 at any moment loses nothing and doubles nothing."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from collector.enrolment.guessing import GuessGuard
from collector.enrolment.service import EnrolmentService, new_code
from collector.settings import SERIES_FILE
from collector.storage.duckdb_series import DuckDBSeriesStore
from collector.storage.sql_records import open_records

ROUNDS = int(os.environ.get("CAMPUSGAUGE_KILL_ROUNDS", "4"))
"""Kills; each costs the start of a collector. `make kills` does more."""
CLIENTS = 4
READINGS_PER_BATCH = 5
DRAIN_S = 30.0


@dataclass
class PushingAgent:
    """One agent that pushes in order, and sends an unanswered batch again unchanged."""

    agent_id: str
    key: str
    number: int = 0
    acknowledged: set[int] = field(default_factory=set)
    duplicates: int = 0
    wrong: list[str] = field(default_factory=list)

    def push_until_cut_off(self, address: str) -> None:
        """Push batch after batch until the collector is gone."""
        parts = urlsplit(address)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        try:
            while True:
                connection.request(
                    "POST",
                    "/api/v1/readings",
                    gzip.compress(self.batch()),
                    {
                        "Authorization": f"Bearer {self.key}",
                        "Content-Type": "application/json",
                        "Content-Encoding": "gzip",
                    },
                )
                answer = connection.getresponse()
                document = json.loads(answer.read())
                if answer.status != 200:
                    self.wrong.append(f"{answer.status}: {document}")
                    return
                self.duplicates += document["status"] == "duplicate"
                self.acknowledged.add(self.number)
                self.number += 1
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()

    def batch(self) -> bytes:
        """Return the batch at hand; every reading of all batches has its own sequence number."""
        now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.number)
        first = self.number * READINGS_PER_BATCH
        return json.dumps(
            {
                "wire": 1,
                "stream": f"stream-{self.agent_id}",
                "batch_id": f"batch-{self.number:08}",
                "sequence": self.number,
                "sent_at": datetime.now(UTC).isoformat(),
                "readings": [
                    {
                        "sequence": first + n,
                        "probe": "host_uptime",
                        "target": "host",
                        "time": now.isoformat(),
                        "outcome": "ok",
                        "values": {"uptime_s": first + n},
                    }
                    for n in range(READINGS_PER_BATCH)
                ],
            }
        ).encode()


def enrolled_agents(data: Path) -> list[PushingAgent]:
    """Enrol as many agents as there are clients."""
    store = open_records(f"sqlite:///{data / 'records.sqlite3'}", lambda _: None)
    service = EnrolmentService(store, GuessGuard(time.monotonic), lambda: datetime.now(UTC))
    code, _ = new_code(store, "zx-001", datetime.now(UTC), max_uses=CLIENTS)
    made = [service.enrol(code, f"host-{n}", "linux", "127.0.0.1") for n in range(CLIENTS)]
    store.close()
    return [PushingAgent(enrolment.agent_id, enrolment.key_text) for enrolment in made]


def wait_for_acknowledgements(agents: list[PushingAgent]) -> None:
    """Wait until the collector answered each agent: a kill of an idle one would prove nothing."""
    before = [len(agent.acknowledged) for agent in agents]
    deadline = time.monotonic() + DRAIN_S
    while any(len(a.acknowledged) == n for a, n in zip(agents, before, strict=True)):
        assert not any(agent.wrong for agent in agents), agents
        assert time.monotonic() < deadline, "no batch was acknowledged"
        time.sleep(0.005)


def wait_until_drained(data: Path) -> None:
    """Wait until the collector has moved everything into the series store."""
    store = open_records(f"sqlite:///{data / 'records.sqlite3'}", lambda _: None)
    deadline = time.monotonic() + DRAIN_S
    while store.pending_count():
        assert time.monotonic() < deadline, "the inbox was not drained"
        time.sleep(0.02)
    assert store.set_aside_count() == 0
    store.close()


def test_kill_under_load_loses_and_doubles_nothing(collector_process: Any) -> None:
    """Kills while four agents push: each acknowledged batch is found exactly once."""
    agents = enrolled_agents(collector_process.data)
    moment = random.Random(20261120)  # when to kill, not a secret
    for _ in range(ROUNDS):
        collector_process.start()
        threads = [
            threading.Thread(target=agent.push_until_cut_off, args=(collector_process.address,))
            for agent in agents
        ]
        for thread in threads:
            thread.start()
        wait_for_acknowledgements(agents)
        time.sleep(moment.uniform(0.0, 0.5))
        collector_process.kill()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
    assert [agent.wrong for agent in agents] == [[]] * CLIENTS
    assert sum(len(agent.acknowledged) for agent in agents) >= ROUNDS * CLIENTS

    collector_process.start()
    wait_until_drained(collector_process.data)
    assert collector_process.stop() == 0

    series = DuckDBSeriesStore(collector_process.data / SERIES_FILE)
    stored = series.latest_readings("zx-001", limit=10_000_000)
    series.close()
    found = Counter((row.agent_id, row.reading.sequence) for row in stored)
    assert max(found.values()) == 1, "a reading was stored twice"
    for agent in agents:
        mine = {sequence for agent_id, sequence in found if agent_id == agent.agent_id}
        acknowledged = {
            number * READINGS_PER_BATCH + n
            for number in agent.acknowledged
            for n in range(READINGS_PER_BATCH)
        }
        # The batch in flight at the last kill may be there without its acknowledgement.
        in_flight = {agent.number * READINGS_PER_BATCH + n for n in range(READINGS_PER_BATCH)}
        assert acknowledged <= mine <= acknowledged | in_flight


def test_accepted_batches_are_replayed_at_start(
    county: Any, start_county: Any, golden: Any
) -> None:
    """What an earlier process accepted and did not apply reaches the series store."""
    county.series.close()
    assert county.push(golden).json()["status"] == "stored"
    assert county.records.pending_count() == 1
    county.client.__exit__(None, None, None)
    again = start_county()
    again.wait_applied()
    assert len(again.series.latest_readings("zx-001")) == 3
