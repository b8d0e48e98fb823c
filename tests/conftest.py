"""Rules for the whole suite: what CI may not skip, and where the recordings of real devices are."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
    """Turn every skip under CI into a failure, except those that need Windows.

    A suite that skips what it cannot run looks green on a machine that tested nothing.
    """
    report = yield
    reason = str(call.excinfo.value) if call.excinfo else ""
    if report.skipped and os.environ.get("CI") and "Windows" not in reason:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} skipped under CI: {reason}"
    return report


TIMED = (
    "tests/agent/bandwidth/",
    "tests/agent/snmp/",
    "tests/agent/test_footprint.py",
    "tests/collector/scoring/test_limited_lines.py",
    "tests/collector/speedtest/",
)
"""Tests that measure real time over shaped lines, simulators and processes. They run one at a time
(`-m timed`), and where others use the machine as well, a starved lab measures the machine: two more
tries, which the report counts."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark timed tests and give them more tries; skip `root` where namespaces cannot be made."""
    for item in items:
        if item.nodeid.startswith(TIMED):
            item.add_marker(pytest.mark.timed)
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=2))
    if sys.platform == "linux" and os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason="needs root on Linux for network namespaces"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of official documents and device recordings; skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the folder shared/ with official documents and recordings is not here")
    return SHARED
