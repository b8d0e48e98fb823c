"""How much a collector takes in, durably: real process, real HTTP, gzip, fsync before each 200.

    python benchmarks/ingest.py [--connections 1 4 16] [--readings 20] [--seconds 5]

Prints acknowledged batches and samples per second, the latency of an acknowledgement, and how far
behind the series store is at the end. Clients run on the same machine and share its cores.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

VALUES = {f"value_{n}": n / 7 for n in range(3)}


def command(*arguments: str) -> str:
    """Run one command of `campusgauge` and return its output."""
    done = subprocess.run(
        [sys.executable, "-m", "collector", *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def batch(stream: str, number: int, readings: int) -> bytes:
    """Return one gzip batch; every probe target is a series of its own."""
    now = datetime.now(UTC).isoformat()
    rows = [
        {
            "sequence": number * readings + n,
            "probe": "server_headroom",
            "target": f"host-{n}",
            "time": now,
            "outcome": "ok",
            "values": VALUES,
        }
        for n in range(readings)
    ]
    document = {
        "wire": 1,
        "stream": stream,
        "batch_id": f"{stream}-{number}",
        "sequence": number,
        "sent_at": now,
        "readings": rows,
    }
    return gzip.compress(json.dumps(document).encode(), compresslevel=1)


def push(
    address: str, key: str, stream: str, readings: int, until_s: float, out: list[float]
) -> None:
    """Push until the time is up; note the seconds that each acknowledgement took."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
    }
    number = 0
    while time.monotonic() < until_s:
        body = batch(stream, number, readings)
        began_s = time.perf_counter()
        connection.request("POST", "/api/v1/readings", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != http.client.OK:
            raise SystemExit(f"{answer.status}: {text.decode()}")
        out.append(time.perf_counter() - began_s)
        number += 1


def pending(address: str) -> int:
    """Return how many batches wait for the series store."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    connection.request("GET", "/metrics")
    for line in connection.getresponse().read().decode().splitlines():
        if line.startswith("campusgauge_collector_batches_pending "):
            return int(float(line.split()[1]))
    return -1


def cpu_s(pid: int) -> float:
    """Return the processor seconds a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(
    address: str, key: str, pid: int, connections: int, readings: int, seconds: float
) -> None:
    """Run one setting and print its line."""
    latencies_s: list[float] = []
    used_s = cpu_s(pid)
    until_s = time.monotonic() + seconds
    threads = [
        threading.Thread(
            target=push,
            args=(
                address,
                key,
                f"s{connections}-{time.time_ns()}-{n}",
                readings,
                until_s,
                latencies_s,
            ),
        )
        for n in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    waiting = pending(address)
    cpu_ms = (cpu_s(pid) - used_s) / len(latencies_s) * 1000
    quantiles = statistics.quantiles(latencies_s, n=100)
    per_s = len(latencies_s) / seconds
    samples_per_s = per_s * readings * len(VALUES)
    print(
        f"{connections:4d} connections: {per_s:7.0f} batches/s {samples_per_s:9.0f} samples/s  "
        f"p50 {quantiles[49] * 1000:6.1f} ms  p99 {quantiles[98] * 1000:6.1f} ms  "
        f"pending {waiting}  server CPU {cpu_ms:.1f} ms/batch"
    )


def main() -> None:
    """Start a collector in a temporary directory and measure every setting."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--readings", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command("school", "add", "--data", folder, "--id", "bench", "--name", "bench")
        key = command("key", "create", "--data", folder, "--school", "bench", "--scope", "write")
        serve = [sys.executable, "-m", "collector", "serve", "--data", folder, "--port", "0"]
        server = subprocess.Popen(serve, stderr=subprocess.DEVNULL)
        local = Path(folder) / "collector.json"
        try:
            while not local.exists() and server.poll() is None:
                time.sleep(0.05)
            address = json.loads(local.read_text())["address"]
            for connections in options.connections:
                measure(address, key, server.pid, connections, options.readings, options.seconds)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
