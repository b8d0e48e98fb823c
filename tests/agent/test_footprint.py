"""The steady agent stays small: the short form of `benchmarks/agent_footprint.py`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "agent_footprint.py"
RESIDENT_LIMIT_MIB = 30.0
"""Two above the goal: interpreters and C libraries differ by that much."""
FIRST_SAMPLE_LIMIT_S = 3.0
"""Twenty times the goal: a test machine may be very busy, and an hour would still show."""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/PID/smaps")
def test_steady_agent_is_small_and_measures_at_once() -> None:
    """One real process with TLS push, spool and page; the benchmark refuses resident libraries."""
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--seconds", "6", "--starts", "1", "--alone", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["campusgauge"]
    assert 5 < figures["rss_mib"] <= RESIDENT_LIMIT_MIB
    assert figures["first_sample_s"] <= FIRST_SAMPLE_LIMIT_S
    assert figures["readings"] > 0


MODULES = """
import os, signal, sys, threading, time
from agent.__main__ import main
from agent.pusher import Pusher
once = Pusher.push_once
def push_and_end(self):
    wait_s = once(self)
    if self.state.batches_settled or self.state.attempts_failed:
        print(" ".join(sorted(sys.modules)), flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
    return wait_s
Pusher.push_once = push_and_end
sys.exit(main(["run", "--state", sys.argv[1], "--config", sys.argv[2]]))
"""
"""The agent itself, which says what it has imported after its first push and ends."""
ABSENT = {
    "scapy", "pysnmp", "pyasn1", "cryptography", "pydantic", "httpx", "requests", "urllib3",
    "prometheus_client", "speedtest", "dacite", "tomllib", "yaml", "http.client", "email",
    "asyncio", "random", "statistics", "decimal",
}  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="settings are read in the process itself there")
def test_steady_agent_holds_no_library_of_the_heavy_probes(tmp_path: Path) -> None:
    """After sampling and pushing, no SNMP or wireless library and no parser is in the process."""
    state = tmp_path / "state"
    state.mkdir()
    identity = {"server": "http://127.0.0.1:9", "agent_id": "a", "key": "k"}
    identity |= {"school": {"id": "s", "name": "s"}}  # type: ignore[dict-item]  # JSON
    (state / "identity.json").write_text(json.dumps(identity))
    config = tmp_path / "agent.toml"
    config.write_text(
        "[push]\ninterval_s = 0.5\n[exposition]\nport = 0\n"
        '[[probes.ups_snmp.devices]]\nname = "ups"\naddress = "127.0.0.1"\n'
    )
    done = subprocess.run(
        [sys.executable, "-c", MODULES, str(state), str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    modules = set(done.stdout.split())
    assert {"agent.service", "agent.pusher", "psutil", "h11"} <= modules
    assert modules & ABSENT == set()
