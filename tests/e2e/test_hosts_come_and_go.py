"""A school's PC is replaced, and another is revoked: real agents, and a real collector."""

from __future__ import annotations

import json
import re
import signal
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from agent.__main__ import main
from agent.collector_client import CollectorClient
from agent.identity import load_identity
from agent.pusher import Pusher
from agent.reading import Outcome, Reading
from agent.settings import PushSettings, SpoolSettings
from agent.spool import Spool
from collector.cli.main import app

if TYPE_CHECKING:
    from tests.e2e.conftest import Site

NOW = datetime.now(UTC)
RUBRIC = "zhongxian-smart-campus-general"
SCHOOL = "zx-001"
WAIT_S = 60.0
FAILURES = "campusgauge_agent_push_failures_total"
KEPT = "campusgauge_agent_spool_readings"
PUSHED = "campusgauge_agent_push_success_timestamp_seconds"


def bureau(site: Site, *arguments: str) -> str:
    """Run a command of the bureau in this process, and return what it printed."""
    done = CliRunner().invoke(app, [*arguments, "--data", str(site.data)])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def county(shared_site: Site) -> Site:
    """Run one collector with one school for both tests."""
    size = ("--stages", "primary", "--students", "1200", "--staff", "90", "--classes", "24")
    named = ("--id", SCHOOL, "--name", "小学", "--kind", "general")
    bureau(shared_site, "school", "add", *named, *size)
    shared_site.start_collector()
    return shared_site


def enrol(site: Site, name: str, issue: tuple[str, ...]) -> Path:
    """Enrol a host with the code that a command of the bureau issues; return its state folder."""
    code = json.loads(bureau(site, *issue, "--format", "json"))["code"]
    state = site.folder / name
    given = ["--server", site.address, "--code", code, "--state", str(state)]
    assert main(["enrol", *given]) == 0
    return state


def push_all(state: Path, speed_mbps: float = 0.0, days_back: range = range(0)) -> str | None:
    """Measure a backbone link three times a day, push what there is; return what went wrong."""
    identity = load_identity(state)
    assert identity is not None
    spool = Spool(state / "spool", SpoolSettings(), system="linux")
    spool.belong_to(identity.agent_id, 500, 10**6)
    spool.put(
        Reading(
            "link_speed",
            "eno1",
            NOW - timedelta(days=day, minutes=minute),
            Outcome.OK,
            values={"speed_mbps": speed_mbps, "up": 1.0},
            labels={"role": "backbone"},
        )
        for day in days_back
        for minute in range(3)
    )
    client = CollectorClient(identity.access(), timeout_s=30)
    pusher = Pusher(spool, lambda: client, PushSettings())
    pusher.push_once()
    client.close()
    spool.close()
    return pusher.state.reason


def backbone_of(site: Site) -> Any:
    """Score the school and return the finding that rests on its backbone's speed."""
    sheet = json.loads(bureau(site, "score", RUBRIC, "--school", SCHOOL, "--format", "json"))
    findings = [finding for item in sheet["items"].values() for finding in item["findings"]]
    (found,) = [f for f in findings if f.get("origin", {}).get("name") == "backbone_link_speed"]
    return found


def test_a_replaced_pc_goes_on_with_the_indicator(county: Site) -> None:
    """Three days of the old PC and three of the new are six days of one link: enough to score."""
    old = enrol(county, "old-pc", ("enrol-code", "--school", SCHOOL))
    assert push_all(old, 1_000.0, range(4, 7)) is None
    early = backbone_of(county)
    assert (early["result"], early["origin"]["days"]) == ("insufficient", 3)
    identity = load_identity(old)
    assert identity is not None
    new = enrol(county, "new-pc", ("agent", "replace", identity.agent_id))
    assert push_all(new, 10_000.0, range(1, 4)) is None
    assert push_all(old, 100.0, range(1)) == "push_key_superseded"
    later = backbone_of(county)
    assert (later["result"], later["value"]) == ("not_met", "1000")
    assert (later["origin"]["days"], later["origin"]["targets"]) == (6, 1)


def counters(site: Site) -> dict[str, float]:
    """Return the running agent's own counters from its page, by name."""
    address = re.findall(r"address=(\S+)", site.log("agent"))[-1]
    with urllib.request.urlopen(address, timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    found = (line.rpartition(" ") for line in lines if line.startswith("campusgauge_agent_"))
    return {name: float(value) for name, _, value in found}


def wait_until(holds: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline_s = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline_s, "did not come to be"
        time.sleep(0.1)


def test_a_revoked_agent_stops_within_one_push(
    county: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """One refused push, then none for minutes: it measures on, keeps what it has and says why."""
    state = enrol(county, "agent", ("enrol-code", "--school", SCHOOL))
    config = county.folder / "agent.toml"
    config.write_text(
        "[push]\ninterval_s = 0.2\n[exposition]\nport = 0\n"
        "[probes.server_headroom]\ninterval_s = 0.5\n[probes.outlet_bandwidth]\nenabled = false\n"
    )
    county.start_agent(config)
    wait_until(lambda: "event=page " in county.log("agent"))
    wait_until(lambda: counters(county).get(PUSHED))
    identity = load_identity(state)
    assert identity is not None
    bureau(county, "agent", "revoke", identity.agent_id, "--why", "报废")

    wait_until(lambda: counters(county)[FAILURES])
    kept = counters(county)[KEPT]
    wait_until(lambda: counters(county)[KEPT] >= kept + 5)  # time for a dozen pushes
    assert counters(county)[FAILURES] == 1
    assert county.log("agent").count("reason=push_key_revoked detail=这个密钥已停用") == 1
    capsys.readouterr()
    assert main(["doctor", "--state", str(state), "--config", str(config)]) == 1
    assert "教委已吊销本机的密钥。读数保存在本机" in capsys.readouterr().out

    assert county.end("agent", signal.SIGTERM) == 0
    spool = Spool(state / "spool", SpoolSettings(), system="linux")
    counts = spool.counts()
    spool.close()
    assert counts.queued + counts.claimed >= kept + 5
    assert counts.dropped_total == counts.rejected_total == 0
