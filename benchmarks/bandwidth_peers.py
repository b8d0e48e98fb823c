"""Others' programs on the same line: iperf3, speedtest-cli, and LibreSpeed's algorithm.

Each returns rate (Mbit/s of payload, as the program says it), seconds, bytes and CPU seconds of its
own process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from netlab import SERVER_ADDRESS, Lab

PORT, IPERF_PORT = 8989, 5201
IPERF_S = 10
LIBRESPEED = f"""
import json, threading, time, urllib.request
total = [0]
def fetch():
    with urllib.request.urlopen("http://{SERVER_ADDRESS}:{PORT}/garbage.php?ckSize=1000") as answer:
        while data := answer.read1(65536):
            total[0] += len(data)
began = time.time()
for _ in range(6):
    threading.Thread(target=fetch, daemon=True).start()
time.sleep(1.5)
first, since = total[0], time.time()
time.sleep(8)
rate = (total[0] - first) * 8e-6 / (time.time() - since)
print(json.dumps({{"mbps": rate, "bytes": total[0], "seconds": time.time() - began}}))
"""
"""Its defaults: 6 streams, 1.5 s of grace; without its factor of 1.06 for overhead."""


def iperf3(made: Lab, direction: str) -> dict[str, Any]:
    """Run ten seconds over four streams; the receiver's rate."""
    way = ["-R"] if direction == "download" else []
    command = [
        "iperf3",
        "-c",
        SERVER_ADDRESS,
        "-p",
        str(IPERF_PORT),
        "-t",
        str(IPERF_S),
        "-P",
        "4",
        "-J",
        *way,
    ]
    output, cpu_s, wall_s = _run(made, command)
    received = json.loads(output)["end"]["sum_received"]
    return {
        "goodput_mbps": received["bits_per_second"] / 1e6,
        "bytes": received["bytes"], "seconds": wall_s, "cpu_s": cpu_s,
    }  # fmt: skip


def speedtest_cli(made: Lab, direction: str) -> dict[str, Any]:
    """Run speedtest-cli's own client against the measurement server as a mini server."""
    asked = {
        "server": f"http://{SERVER_ADDRESS}:{PORT}", "direction": direction, "source": None,
        "max_seconds": 10, "headers": {}, "ca_file": None,
    }  # fmt: skip
    command = [sys.executable, "-m", "agent.bandwidth.backends.speedtest_cli_child"]
    output, cpu_s, wall_s = _run(made, command, json.dumps(asked))
    found = json.loads(output)
    name = "received_bytes" if direction == "download" else "sent_bytes"
    return {
        "goodput_mbps": found[f"{direction}_bits_per_s"] / 1e6,
        "bytes": found[name], "seconds": wall_s, "cpu_s": cpu_s,
    }  # fmt: skip


def librespeed_style(made: Lab, direction: str) -> dict[str, Any]:
    """Download as LibreSpeed's client does; it has no such thing as a confirmed upload."""
    if direction != "download":
        return {"error": "not tried"}
    output, cpu_s, _ = _run(made, [sys.executable, "-c", LIBRESPEED])
    found = json.loads(output)
    return {
        "goodput_mbps": found["mbps"], "bytes": found["bytes"], "seconds": found["seconds"],
        "cpu_s": cpu_s,
    }  # fmt: skip


PEERS = {
    "iperf3": iperf3,
    "speedtest-cli": speedtest_cli,
    "LibreSpeed's way": librespeed_style,
}


def _run(made: Lab, command: list[str], say: str = "") -> tuple[bytes, float, float]:
    """Run on the school's side; returns output, CPU seconds and wall time."""
    before, began = os.times(), time.monotonic()
    done = subprocess.run(
        made.client(*command), input=say.encode(), capture_output=True, check=False, timeout=60
    )
    after = os.times()
    cpu_s = sum(after[2:4]) - sum(before[2:4])
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr.decode()[-300:]}")
    return done.stdout, cpu_s, time.monotonic() - began
