"""The line's capacity under other traffic, by the counters of a real SNMP agent on the gateway."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.root
BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
GATEWAY, UDP_PORT = "10.77.1.1", 1161
LINE_MBPS = 100.0


@pytest.fixture
def modules() -> Iterator[tuple[Any, Any]]:
    """Yield the benchmark's lines and the lab that builds them."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module("cause_lines"), importlib.import_module("netlab")
    finally:
        sys.path.remove(str(BENCHMARKS))


def start_snmpd(made: Any, folder: Path) -> None:
    """Start Debian's snmpd on the gateway and wait until it listens."""
    program = shutil.which("snmpd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if program is None:
        pytest.skip("snmpd is not installed: tools/system_packages.py installs it")
    config, log = folder / "snmpd.conf", folder / "snmpd.log"
    config.write_text(f"agentaddress udp:{GATEWAY}:{UDP_PORT}\nrocommunity public\n")
    with log.open("wb") as output:
        process = subprocess.Popen(
            made.gateway(program, "-f", "-Lo", "-C", "-c", str(config)),
            env={**os.environ, "SNMP_PERSISTENT_DIR": str(folder / "state")},
            stdout=output, stderr=output,
        )  # fmt: skip
    made.processes.append(process)
    deadline = time.monotonic() + 20
    while b"NET-SNMP version" not in log.read_bytes():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_outlet_s_device_tells_what_the_line_carries_in_all(
    modules: tuple[Any, Any], tmp_path: Path
) -> None:
    """The agent asks another host, and that one's counters are renewed every few seconds only."""
    lines, netlab = modules
    condition = replace(
        lines.CONDITIONS["neighbour's udp, counted"], on_gateway=False,
        asked={"snmp": (GATEWAY, UDP_PORT, "out")},
    )  # fmt: skip
    with netlab.lab(condition.link) as made:
        start_snmpd(made, tmp_path)
        lines.serve(made, condition)
        answer = lines.measure(made, condition, "download")
    part = answer["result"]["download"]
    evidence = part["evidence"]
    assert evidence["link_counters"] == "used", evidence
    assert part["capacity_line_rate_mbps"] == pytest.approx(LINE_MBPS, rel=0.02)
    assert part["limited_by"] == ["cross_traffic"]
    assert part["cross_traffic_mbps"] == pytest.approx(30.9, abs=2.0)
    assert part["line_rate_mbps"] + part["cross_traffic_mbps"] == pytest.approx(
        part["capacity_line_rate_mbps"], rel=0.001
    )
    values = answer["reading"]["values"]
    assert values["download_line_rate_mbps"] == pytest.approx(LINE_MBPS, rel=0.02)
    assert answer["reading"]["outcome"] == "ok"
