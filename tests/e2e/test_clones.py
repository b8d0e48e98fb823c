"""A county clones its disks: hosts from one image are told apart, none merged."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.collector_client import CollectorClient
from agent.identity import Identity, enrol, load_identity, save_identity
from agent.probes import probe_names
from agent.probes.base import CollectorAccess
from agent.reading import Outcome, Reading
from agent.settings import MIB, SpoolSettings
from agent.spool import Spool
from agent.wire import Envelope, encode_batch, encode_reading
from collector.domain import Act, School, SchoolKind
from collector.enrolment.service import new_code
from collector.storage.duckdb_series import DuckDBSeriesStore
from collector.storage.sql_records import open_records

CLI = Act("cli:test", datetime.now(UTC), "school.put")
CLONES = int(os.environ.get("CAMPUSGAUGE_CLONES", "200"))
"""Each pushes, enrols anew and pushes again; `make kills` takes a thousand."""
AT_ONCE = 8


@pytest.fixture
def county(site: Any) -> Any:
    """Return a running collector with one school and one enrolled agent."""
    site.data.mkdir(mode=0o700)
    records = open_records(f"sqlite:///{site.data / 'records.sqlite3'}", lambda _: None)
    records.put_school(School("zx-001", "测试小学", SchoolKind.GENERAL), CLI)
    records.close()
    site.start_collector()
    save_identity(site.state, enrol(site.address, issue_code(site, 1), ca_file=None).identity)
    return site


def issue_code(county: Any, uses: int) -> str:
    """Return an enrolment code for so many hosts."""
    records = open_records(f"sqlite:///{county.data / 'records.sqlite3'}", lambda _: None)
    text, _ = new_code(records, "zx-001", datetime.now(UTC), max_uses=uses)
    records.close()
    return text


def at_once(work: Callable[[Any], Any], things: Iterable[Any]) -> list[Any]:
    """Do the work for every thing, several at a time; results in order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, things))


def own_batch(number: int, stream: str, sequence: int = 1) -> bytes:
    """Return what host `number` measured since it was cloned: its own number, on that stream."""
    reading = Reading(
        "host_uptime", "host", datetime.now(UTC), Outcome.OK, values={"uptime_s": number}
    )
    head = Envelope(stream, f"{number:032x}", sequence, datetime.now(UTC), "1", "linux")
    return encode_batch(head, [(sequence, encode_reading(reading))])


def push(identity: Identity, body: bytes) -> str:
    """Push over a connection of its own; return the receipt's status or the refusal's code."""
    client = CollectorClient(CollectorAccess(identity.server, identity.key), timeout_s=60)
    said = client.post("/api/v1/readings", body, {}).problem()
    client.close()
    return str(said.get("code") or said.get("status"))


def shown(county: Any) -> dict[str, list[float]]:
    """Return agent -> the newest numbers that the running collector shows under it."""
    found = asked(county, "/api/v1/schools/zx-001/readings?limit=500")["readings"]
    return by_agent((one["agent_id"], one["values"]) for one in found)


def stored(county: Any) -> dict[str, list[float]]:
    """Stop the collector and return agent -> all numbers that it stored under it."""
    wait_until(lambda: not pending(county))
    county.end("collector", signal.SIGTERM)
    series = DuckDBSeriesStore(county.data / "series.duckdb")
    found = series.latest_readings("zx-001", limit=100_000)
    series.close()
    return by_agent((one.agent_id, one.reading.values) for one in found)


def by_agent(found: Iterable[tuple[str, Mapping[str, float]]]) -> dict[str, list[float]]:
    """Return agent -> its numbers."""
    numbers: dict[str, list[float]] = {}
    for agent_id, values in found:
        numbers.setdefault(agent_id, []).append(values.get("uptime_s", -1))
    return numbers


def pending(county: Any) -> int:
    """Return how many accepted batches wait for the series store."""
    records = open_records(f"sqlite:///{county.data / 'records.sqlite3'}", lambda _: None)
    count = records.pending_count()
    records.close()
    return count


def asked(county: Any, path: str) -> Any:
    """Return the collector's JSON at a path."""
    client = CollectorClient(CollectorAccess(county.address, ""), timeout_s=30)
    answer = client.get(path)
    client.close()
    return json.loads(answer.body)


def test_clones_of_one_identity_are_quarantined_then_told_apart(county: Any) -> None:
    """The image was taken after enrolment: one host's batch counts, the others are kept apart.

    Enrolled anew, each of them is an agent of its own with its own readings alone.
    """
    image = load_identity(county.state)
    assert image is not None
    assert push(image, own_batch(10**6, "c" * 32)) == "stored"
    bodies = [own_batch(number, "c" * 32, 2) for number in range(CLONES)]
    said = Counter(at_once(lambda body: push(image, body), bodies))
    assert said == {"stored": 1, "agent_quarantined": CLONES - 1}
    wait_until(lambda: not pending(county))
    numbers = shown(county)
    assert list(numbers) == [image.agent_id]
    assert len(numbers[image.agent_id]) == 2, "readings of two hosts under one agent"
    listed = json.loads(
        county.command("collector", "agent", "list", "--data", str(county.data), "--format", "json")
    )
    assert [(one["state"], one["quarantined_from"]) for one in listed] == [
        ("quarantined", ["127.0.0.1"])
    ]
    assert listed[0]["quarantined_batches"] == CLONES - 1
    seen = asked(county, "/api/v1/schools/zx-001/quarantine")
    assert seen["agents"][0]["agent_id"] == image.agent_id
    assert json.loads(seen["batches"][0]["body"])["stream"] == "c" * 32

    code = issue_code(county, CLONES)

    def enrol_and_push(number: int) -> tuple[str, str]:
        identity = enrol(county.address, code, ca_file=None).identity
        return identity.agent_id, push(identity, bodies[number])

    results = at_once(enrol_and_push, range(CLONES))
    assert len({agent_id for agent_id, _ in results}) == CLONES
    # The one whose batch counted under the old identity is recognised; nothing is stored twice.
    assert Counter(said for _, said in results) == {"stored": CLONES - 1, "duplicate": 1}
    numbers = stored(county)
    assert sorted(n for own in numbers.values() for n in own) == [*range(CLONES), 10**6]
    assert all(
        numbers.get(agent_id, [number]) == [number] for number, (agent_id, _) in enumerate(results)
    )


def test_an_image_from_before_enrolment_shares_its_past_once(county: Any, tmp_path: Path) -> None:
    """Hosts cloned before enrolment, spool and all: the image's readings once, the rest apart."""
    hosts = 12
    image = Spool(tmp_path / "image", SpoolSettings(), system="linux")
    past = Reading("host_uptime", "host", datetime.now(UTC), Outcome.OK, values={"uptime_s": 5e5})
    image.put([past])
    image.close()
    code = issue_code(county, hosts)

    def live(number: int) -> tuple[str, list[str], str]:
        folder = tmp_path / f"host-{number}"
        shutil.copytree(tmp_path / "image", folder)
        identity = enrol(county.address, code, ca_file=None).identity
        spool = Spool(folder, SpoolSettings(), system="linux")
        spool.belong_to(identity.agent_id, 500, MIB)
        now = datetime.now(UTC)
        spool.put([Reading("host_uptime", "host", now, Outcome.OK, values={"uptime_s": number})])
        said = []
        while (batch := spool.next_batch(500, MIB)) is not None:
            said.append(push(identity, batch.body))
            spool.settle(batch)
        spool.close()
        return identity.agent_id, said, spool.stream

    results = at_once(live, range(hosts))
    assert len({stream for _, _, stream in results}) == hosts
    assert Counter(said[0] for _, said, _ in results) == {"stored": 1, "duplicate": hosts - 1}
    assert all(said[1:] == ["stored"] for _, said, _ in results)
    numbers = stored(county)
    assert sorted(n for own in numbers.values() for n in own) == [*range(hosts), 5e5]
    for number, (agent_id, _, _) in enumerate(results):
        assert set(numbers[agent_id]) <= {number, 5e5}


def test_real_agents_on_copied_disks_are_told_and_recover(county: Any, tmp_path: Path) -> None:
    """Three real agents on one copied state folder: quarantine; one enrols anew and goes on."""
    config = tmp_path / "agent.toml"
    others = "".join(
        f"[probes.{name}]\nenabled = false\n" for name in probe_names() if name != "host_uptime"
    )
    config.write_text(
        "[push]\ninterval_s = 0.2\n[exposition]\nenabled = false\n"
        "[probes.host_uptime]\ninterval_s = 0.3\n" + others
    )
    copies = [county.folder / f"copy-{number}" for number in range(3)]
    first = Spool(county.state / "spool", SpoolSettings(), system="linux")
    identity = load_identity(county.state)
    assert identity is not None
    first.belong_to(identity.agent_id, 500, MIB)
    first.close()
    for copy in copies:
        shutil.copytree(county.state, copy)
    for copy in copies:
        run = ("run", "--state", str(copy), "--config", str(config))
        county.start(copy.name, "agent", *run)
    wait_until(lambda: sum("push_quarantined" in county.log(c.name) for c in copies) >= 2)
    assert asked(county, "/api/v1/schools/zx-001/quarantine")["agents"]
    for copy in copies:
        assert county.end(copy.name, signal.SIGTERM) == 0

    code = issue_code(county, 1)
    where = ("--server", county.address, "--state", str(copies[1]))
    county.command("agent", "enrol", *where, "--code", code, "--force")
    anew = load_identity(copies[1])
    assert anew is not None
    assert anew.agent_id != identity.agent_id
    county.start("anew", "agent", "run", "--state", str(copies[1]), "--config", str(config))
    wait_until(lambda: len(shown(county).get(anew.agent_id, [])) >= 3)
    assert county.end("anew", signal.SIGTERM) == 0


def wait_until(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    """Wait for something that takes the processes a moment."""
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, "it did not come about in time"
        time.sleep(0.1)
