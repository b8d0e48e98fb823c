"""SIGKILL anywhere on the way from spool to store: the short form of `benchmarks/soak.py`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def soak(*arguments: str, script: str = "soak.py") -> tuple[int, dict[str, Any]]:
    """Run the soak, or another benchmark, and return its exit code and its figures."""
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert not done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.timeout(300)
def test_killed_agents_and_collector_lose_and_double_nothing(tmp_path: Path) -> None:
    """Two agents push over TLS while they and the collector are killed: all arrives, once."""
    data = tmp_path / "soak"
    # Four events are each kill once and a clean restart; the minutes only end a run that hangs.
    pace = ("--minutes", "3", "--events", "4", "--every", "0.3", "1.0", "--interval", "0.2")
    code, figures = soak("--data", str(data), "--cut-ratio", "0.1", "--agents", "2", *pace)
    assert (code, figures["clean"]) == (0, True), figures
    assert figures["lost"] == figures["doubled"] == figures["out_of_order"] == 0
    assert figures["readings_stored"] > 20
    assert figures["agent_killed"]
    assert figures["collector_killed"]
    assert figures["both_killed"]
    assert figures["agents_ended_while_pushing"] > 0, "the kills did not hit the pushing"

    side_log = data / "agent0" / "puts.jsonl"
    puts = side_log.read_text().splitlines()
    side_log.write_text("\n".join([*puts, *(_moved(line) for line in puts[:2])]))
    code, figures = soak("--count", str(data))
    assert (code, figures["clean"]) == (1, False), "a reading that nobody stored was not missed"
    assert figures["lost"] > 0

    side_log.write_text("\n".join(puts[2:]))
    assert soak("--count", str(data))[1]["doubled"] > 0, "one stored too often was not seen"
    side_log.write_text("\n".join(reversed(puts)))
    assert soak("--count", str(data))[1]["out_of_order"] > 0, "disorder was not seen"


@pytest.mark.timeout(300)
def test_a_month_offline_arrives_once_and_in_order() -> None:
    """Thirty days of readings replayed past a 503, lost answers and a killed collector."""
    code, figures = soak(
        "--every", "3600", "--pause", "0.02", "--cut-ratio", "0.1", script="offline_replay.py"
    )
    assert (code, figures["clean"]) == (0, True), figures
    assert figures["lost"] == figures["doubled"] == figures["out_of_order"] == 0
    assert figures["readings_stored"] >= 30 * 24 * 4
    assert figures["refused_503"] == 1


def _moved(line: str) -> str:
    """Return the line of a side log with its readings a century later."""
    return line.replace('"time": "20', '"time": "21')
