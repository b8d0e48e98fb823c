"""What the steady agent costs: memory, processor time, and the time to its first sample.

    python benchmarks/agent_footprint.py [--seconds 120] [--plain]

Starts a real agent with the light probes at their defaults, pushes every 15 s over verified TLS
(`--plain`: http) to a collector of this script, scrapes the page every 15 s, and prints medians.
The anchors are tried on loopback, so that nothing leaves the host. The heavy probe is off: it runs
in a child, which is not part of the steady process.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MIB = 1024 * 1024


class Receiver(BaseHTTPRequestHandler):
    """Stores nothing, confirms everything; keeps idle connections as long as the collector does."""

    protocol_version = "HTTP/1.1"
    timeout = 75
    bodies: list[bytes] = []  # noqa: RUF012 - one receiver per run of the script

    def do_POST(self) -> None:
        """Confirm a batch."""
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        receipt = json.dumps({"status": "stored"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(receipt)))
        self.end_headers()
        self.wfile.write(receipt)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for localhost; it is its own authority."""
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1"
    command += " -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


def start_receiver(folder: Path, plain: bool) -> str:
    """Serve on a free port and return the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    if not plain:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate(folder))
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"{'http' if plain else 'https'}://localhost:{server.server_port}"


def prepare(folder: Path, server: str, plain: bool) -> list[str]:
    """Write identity and settings, and return the agent's command."""
    state = folder / "state"
    state.mkdir()
    ca_file = None if plain else str(folder / "cert.pem")
    school = {"id": "bench", "name": "bench"}
    (state / "identity.json").write_text(
        json.dumps(
            {"server": server, "agent_id": "b", "key": "k", "school": school, "ca_file": ca_file}
        )
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    anchors = "".join(
        f'  {{ name = "a{n}", kind = "tcp", host = "127.0.0.1", port = {port} }},\n'
        for n in range(5)
    )
    (folder / "agent.toml").write_text(
        "[exposition]\nport = 0\n[probes.outlet_bandwidth]\nenabled = false\n"
        f"[probes.anchors]\nanchors = [\n{anchors}]\n"
    )
    return [
        *(sys.executable, "-m", "agent", "run"),
        *("--state", str(state), "--config", str(folder / "agent.toml")),
    ]


def memory_mib(pid: int) -> tuple[float, float]:
    """Return RSS and PSS of a process."""
    fields = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, value = line.partition(":")
        fields[name] = int(value.split()[0]) / 1024
    return fields["Rss"], fields["Pss"]


def cpu_seconds(pid: int) -> float:
    """Return user and system time used so far."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--plain", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = prepare(folder, start_receiver(folder, arguments.plain), arguments.plain)
        log_file = folder / "log"
        spawned = time.time()
        with log_file.open("w") as log:
            process = subprocess.Popen(command, stderr=log)
        time.sleep(3)
        address = log_file.read_text().split("address=")[1].split()[0]
        started_cpu, started = cpu_seconds(process.pid), time.monotonic()
        rss, pss = [], []
        while time.monotonic() - started < arguments.seconds:
            time.sleep(min(15.0, arguments.seconds / 4))
            with urllib.request.urlopen(address, timeout=5) as page:  # noqa: S310 - loopback
                page.read()
            now_rss, now_pss = memory_mib(process.pid)
            rss.append(now_rss)
            pss.append(now_pss)
        hours = (time.monotonic() - started) / 3600
        used = cpu_seconds(process.pid) - started_cpu
        process.send_signal(signal.SIGTERM)
        stopping = time.monotonic()
        process.wait()
        batches = [json.loads(gzip.decompress(body)) for body in Receiver.bodies]
        rows = [row for batch in batches for row in batch["readings"]]
        first = min(datetime.fromisoformat(row["time"]).timestamp() for row in rows)
        print(f"RSS median {statistics.median(rss):.1f} MiB, worst {max(rss):.1f} MiB")
        print(f"PSS median {statistics.median(pss):.1f} MiB")
        print(f"CPU {used / hours:.2f} s per hour over {hours * 60:.1f} min")
        print(f"start {started_cpu:.2f} CPU-s; first sample {first - spawned:.3f} s after spawn")
        print(f"readings received {len(rows)} in {len(batches)} batches")
        print(f"stopped in {time.monotonic() - stopping:.2f} s, exit code {process.returncode}")


if __name__ == "__main__":
    main()
