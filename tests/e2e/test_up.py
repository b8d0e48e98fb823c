"""`campusgauge up`: from nothing to a scored sheet on this host, for real."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.e2e.conftest import Site

RUBRIC = "zhongxian-smart-campus-general"
LIMIT_S = 120.0


def start_up(data: Path, port: int, *more: str) -> subprocess.Popen[str]:
    """Start `campusgauge up` with its output in a pipe."""
    command = [sys.executable, "-P", "-m", "collector", "up", "--data", str(data)]
    return subprocess.Popen(
        [*command, "--port", str(port), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "COLUMNS": "160"},
    )


def ask(address: str) -> Any:
    """Return the JSON document at this address."""
    with urllib.request.urlopen(address, timeout=30) as answer:
        return json.load(answer)


def alive(text: str) -> list[int]:
    """Return the pids of processes whose command line holds this text."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if text in words and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


def test_up_reaches_a_sheet_keeps_data_and_stops_cleanly(tmp_path: Path, site: Site) -> None:
    """First run: a sheet whose outlet is not proven. Second run: same agent, more data."""
    first = start_up(tmp_path, site.port, "--once")
    text, _ = first.communicate(timeout=LIMIT_S)
    assert first.returncode == 0, text
    assert "1e 出口总带宽" in text
    assert f"http://127.0.0.1:{site.port}/schools/example" in text
    assert alive(str(tmp_path)) == []

    # The port is taken now: the second run finds the next free one and says which.
    with (
        socket.create_server(("127.0.0.1", site.port)),
        start_up(tmp_path, site.port) as second,
    ):
        try:
            address = wait_for_address(second)
            assert address != f"http://127.0.0.1:{site.port}"
            check_sheet(address)
        finally:
            second.send_signal(signal.SIGINT)
            text, _ = second.communicate(timeout=30)
    assert second.returncode == 0, text
    assert alive(str(tmp_path)) == []


def wait_for_address(process: subprocess.Popen[str]) -> str:
    """Read the output until the page's address is printed."""
    assert process.stdout is not None
    deadline_s = time.monotonic() + LIMIT_S
    seen = []
    for line in process.stdout:
        seen.append(line)
        if "page:" in line:
            return line.split("page: ")[1].split("/schools/")[0].strip()
        assert time.monotonic() < deadline_s, "".join(seen)
    raise AssertionError("".join(seen))


def check_sheet(address: str) -> None:
    """Hold the sheet of the second run against what one host on its own can prove."""
    sheet = ask(f"{address}/api/v1/schools/example/sheets/{RUBRIC}")
    findings = {
        finding["id"]: finding for item in sheet["items"].values() for finding in item["findings"]
    }
    outlet = findings["1e"]
    assert (outlet["result"], outlet["reason"]) == ("insufficient", "same_host")
    assert outlet["threshold"] == "660.48"
    contract = next(v for v in outlet["values"] if v["origin"]["name"] == "contracted_mbps")
    assert (contract["value"], contract["origin"]["as_of"]) == ("1000", "2026-09-01")
    assert findings["3c"]["result"] != "not_met", "one host's disk cannot fail a whole school"
    # Both runs measured: the storage indicator holds samples of each.
    assert findings["3c"]["origin"]["samples"] >= 2
    measured = ask(f"{address}/api/v1/schools/example/readings?limit=500")["readings"]
    assert {"server_headroom", "host_uptime", "link_speed", "outlet_bandwidth"} <= {
        reading["probe"] for reading in measured
    }
