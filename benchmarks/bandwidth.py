"""How exact, quick and frugal the bandwidth engine is, beside others, on lines of known capacity.

Needs root (network namespaces). Run for example:

    python benchmarks/bandwidth.py --evidence runs.jsonl                # everything: 50 minutes
    python benchmarks/bandwidth.py --evidence runs.jsonl --minutes 9    # in parts
    python benchmarks/bandwidth.py --evidence runs.jsonl --table        # what there is
    python benchmarks/bandwidth.py --evidence x.jsonl --only "100/20; 2/20" --runs 3 --no-peers

Every run is kept; a second call goes on where the first ended, and runs of another engine do
not count. A run in which the lab itself was late (`netlab.Conduct`) measured the lab: it is kept,
called void, and repeated. The process that measures does what the child of the probe does; CPU
seconds and peak memory are of that whole process, its start included.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from bandwidth_lines import CROSS_PORT, LINES, Line
from bandwidth_peers import IPERF_PORT, PEERS, PORT
from bandwidth_table import print_tables
from netlab import CLIENT_ADDRESS, SERVER_ADDRESS, Lab, await_listening, lab

ENGINE = (
    "estimator", "stopping", "transfer", "download", "upload", "flows", "server_view", "pinger",
    "tcp_sums", "tally",
)  # fmt: skip
MOST_VOID = 2
"""Voided runs for each that counts, at most; a busier machine proves nothing."""
SERVE = (
    "from collector.speedtest.command import serve;"
    f"serve('0.0.0.0', {PORT}, None, True, host_id='lab')"
)
CHILD = f"""
import json, sys, time
from pathlib import Path
import agent.probes.outlet_bandwidth
from agent.bandwidth.backends import measure_with
from agent.bandwidth.backends.base import Request
from agent.bandwidth.bounds import Direction
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.line_memory import LineMemory
memory = LineMemory(Path(sys.argv[2], "lines.json"), time.time())
request = Request("http://{SERVER_ADDRESS}:{PORT}", (Direction(sys.argv[1]),), memory=memory)
try:
    found = measure_with("builtin", request).as_json()[sys.argv[1]]
except MeasurementError as error:
    found = {{"error": error.reason}}
status = Path("/proc/self/status").read_text().split()
peak_mib = int(status[status.index("VmHWM:") + 1]) / 1024
print(json.dumps(found | {{"cpu_s": time.process_time(), "peak_mib": peak_mib}}))
"""


def main() -> int:
    """Run what is asked for and not there yet, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evidence", type=Path, required=True, help="keep every run here")
    parser.add_argument("--only", default="", help="lines, separated by semicolons")
    parser.add_argument("--runs", type=int, default=10, help="of the engine, in each direction")
    parser.add_argument("--peer-runs", type=int, default=1)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--minutes", type=float, default=600.0, help="end after that long")
    parser.add_argument("--table", action="store_true", help="only print the tables")
    options = parser.parse_args()
    chosen = [name.strip() for name in options.only.split(";")] if options.only else list(LINES)
    book = Book(options.evidence)
    if not options.table:
        if os.geteuid() != 0:
            sys.exit("network namespaces need root")
        ends_at = time.monotonic() + 60 * options.minutes
        for name in chosen:
            wanted = {"engine": options.runs}
            if LINES[name].peers and not options.no_peers:
                wanted |= dict.fromkeys(PEERS, options.peer_runs)
            run_line(name, wanted, book, ends_at)
    print_tables({name: book.of(name) for name in chosen})
    return 0


class Book:
    """All runs, one JSON object a line."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._version = engine_version()

    def of(self, name: str) -> list[dict[str, Any]]:
        """Return this engine's runs on a line, and others' programs', void ones included."""
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        runs = [json.loads(line) for line in lines]
        return [run for run in runs if run["line"] == name and run["version"] == self._version]

    def add(self, run: dict[str, Any]) -> None:
        """Keep one."""
        with self._file.open("a") as file:
            file.write(json.dumps({**run, "version": self._version}) + "\n")


def engine_version() -> str:
    """Return what tells this engine from others: a hash of the files that make the rate."""
    folder = Path(__file__).parents[1] / "agent" / "bandwidth"
    return hashlib.sha256(
        b"".join((folder / f"{name}.py").read_bytes() for name in ENGINE)
    ).hexdigest()[:12]


def run_line(name: str, wanted: dict[str, int], book: Book, ends_at: float) -> None:
    """Measure a line until every tool has its runs in both directions, or time is up."""
    line = LINES[name]
    had = book.of(name)
    missing = [
        (direction, tool)
        for direction in line.directions
        for tool, runs in wanted.items()
        for _ in range(runs - sum(counts(run, direction, tool) for run in had))
    ]
    if not missing or time.monotonic() > ends_at:
        return
    with lab(line.link) as made, tempfile.TemporaryDirectory() as state:
        servers = {
            PORT: (sys.executable, "-c", SERVE),
            IPERF_PORT: ("iperf3", "-s", "-p", str(IPERF_PORT)),
            CROSS_PORT: ("iperf3", "-s", "-p", str(CROSS_PORT)),
        }
        for port, command in servers.items():
            await_listening(made.start(made.server(*command)), port)
        for direction, tool in missing:
            for _ in range(1 + MOST_VOID):
                if time.monotonic() > ends_at:
                    return
                run = run_once(made, line, direction, tool, Path(state))
                book.add({"line": name, "direction": direction, "tool": tool, **run})
                if not run["void"]:
                    break


def counts(run: dict[str, Any], direction: str, tool: str) -> bool:
    """Whether a run is one of those asked for."""
    return run["direction"] == direction and run["tool"] == tool and not run["void"]


def run_once(made: Lab, line: Line, direction: str, tool: str, state: Path) -> dict[str, Any]:
    """Measure once; says too how busy the machine was and whether the lab was fair."""
    made.conduct()
    load = os.getloadavg()[0]
    if tool == "engine":
        know(state, direction, line.known_bytes_s(direction))
        with line.disturbed(made, direction):
            found = measure(made, direction, state)
    else:
        found = PEERS[tool](made, direction)
    conduct = made.conduct()
    return {
        "true_mbps": line.true_mbps(direction),
        "void": not conduct.is_fair, "late_s": round(conduct.late_s, 4), "load": load, **found,
    }  # fmt: skip


def know(state: Path, direction: str, payload_bytes_s: float | None) -> None:
    """Let the line be known, or unknown."""
    line = {"at_s": time.time() - 60, "known": {"sustained_bytes_s": payload_bytes_s}}
    key = f"{SERVER_ADDRESS}:{PORT} {CLIENT_ADDRESS} {direction}"
    lines = {key: line} if payload_bytes_s else {}
    (state / "lines.json").write_text(json.dumps({"version": 1, "lines": lines}))


def measure(made: Lab, direction: str, state: Path) -> dict[str, Any]:
    """Measure once, as the probe's child does."""
    done = subprocess.run(
        made.client(sys.executable, "-c", CHILD, direction, str(state)),
        capture_output=True, check=False, timeout=90,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr.decode()[-1000:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
