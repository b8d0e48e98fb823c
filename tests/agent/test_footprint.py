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
        [sys.executable, str(BENCHMARK), "--seconds", "20", "--starts", "1", "--alone", "--json"],
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
