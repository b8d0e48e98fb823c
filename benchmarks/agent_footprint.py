"""What the steady agent costs beside others: memory, processor time, start, installed size.

    python benchmarks/agent_footprint.py [--seconds 240] [--plain] [--glances PATH] [--json]

Starts a real agent with the light probes at their defaults; it pushes every 15 s over verified TLS
(`--plain`: http) to a collector of this script. In the first half nobody asks for its page; in the
second it is scraped every 15 s, and so is that of node_exporter, started beside it where it is
installed, and of Glances where its path is given (`glances -w`). The anchors are on loopback, so
that nothing leaves the host. The heavy probes are off: they run in children, which are no part of
the steady process.

RSS and PSS are medians as the kernel counts them. "Alone" is PSS with everything that belongs to
the interpreter or the program counted in full: other Python processes on the measuring host must
not make the agent look small. The first sample is the median of several starts with bytecode
in place, as installed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import signal
import socket
import sqlite3
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path

MIB = 1024 * 1024
ROOT = Path(__file__).resolve().parents[1]
DEPENDENCIES = ("dacite", "h11", "psutil")
BANNED = ("scapy", "pysnmp", "pydantic", "httpx", "requests", "prometheus_client")


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


@dataclass
class Costs:
    """What one program cost. Times in seconds, memory in MiB."""

    name: str
    pid: int
    page: str
    first_sample_s: float
    installed_mib: float
    rss_mib: list[float] = field(default_factory=list)
    pss_mib: list[float] = field(default_factory=list)
    alone_mib: list[float] = field(default_factory=list)
    cpu_s_per_h: float = 0.0
    unread_cpu_s_per_h: float = 0.0
    """The same while nobody asks for the page."""

    def figures(self) -> dict[str, float]:
        """Return the medians by name."""
        return {
            "rss_mib": round(statistics.median(self.rss_mib), 1),
            "pss_mib": round(statistics.median(self.pss_mib), 1),
            "pss_alone_mib": round(statistics.median(self.alone_mib), 1),
            "cpu_s_per_h": round(self.cpu_s_per_h, 2),
            "unread_cpu_s_h": round(self.unread_cpu_s_per_h, 2),
            "first_sample_s": round(self.first_sample_s, 3),
            "installed_mib": round(self.installed_mib, 1),
        }


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


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def prepare(folder: Path, server: str, plain: bool) -> list[str]:
    """Write identity and settings, and return the agent's command."""
    state = folder / "state"
    state.mkdir()
    ca_file = None if plain else str(folder / "cert.pem")
    identity = {"server": server, "agent_id": "b", "key": "k", "ca_file": ca_file}
    identity["school"] = {"id": "bench", "name": "bench"}  # type: ignore[assignment]  # JSON
    (state / "identity.json").write_text(json.dumps(identity))
    port = free_port()
    anchors = "".join(
        f'  {{ name = "a{n}", kind = "tcp", host = "127.0.0.1", port = {port} }},\n'
        for n in range(5)
    )
    (folder / "agent.toml").write_text(
        "[exposition]\nport = 0\n[probes.outlet_bandwidth]\nenabled = false\n"
        f"[probes.anchors]\nanchors = [\n{anchors}]\n"
    )
    return agent_command(folder, state)


def agent_command(folder: Path, state: Path) -> list[str]:
    """Return the command that runs the agent on a state folder."""
    config = str(folder / "agent.toml")
    return [sys.executable, "-m", "agent", "run", "--state", str(state), "--config", config]


def installed_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which bytecode is kept, as an installation keeps it."""
    environment = dict(os.environ, PYTHONPYCACHEPREFIX=str(folder / "bytecode"))
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


@contextmanager
def running(command: list[str], folder: Path, log_file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program and end it with SIGTERM."""
    with log_file.open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=ROOT, env=installed_environment(folder)
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def write_bytecode(command: list[str], folder: Path) -> None:
    """Let an agent measure, push and show its page once: what is measured then compiles nothing."""
    log_file = folder / "first.log"
    with running(command, folder, log_file):
        answer_after_s(page_of_log(log_file), time.time())
        time.sleep(4)


def first_sample_s(folder: Path, starts: int) -> float:
    """Start agents that are not enrolled, and return the median age of their first reading."""
    ages = []
    for number in range(starts):
        state = folder / f"start{number}"
        state.mkdir()
        spawned = time.time()
        with running(agent_command(folder, state), folder, folder / "start.log"):
            time.sleep(1.5)
        with sqlite3.connect(state / "spool" / "spool.db") as database:
            (first,) = database.execute("SELECT min(time) FROM queue").fetchone()
        ages.append(first - spawned)
    return statistics.median(ages)


def page_of_log(log_file: Path) -> str:
    """Return the address of the page that the agent wrote to its log."""
    for _ in range(100):
        _, found, rest = log_file.read_text().partition("address=")
        if found and "\n" in rest:
            return rest.split()[0]
        time.sleep(0.1)
    raise SystemExit(f"the agent did not start: {log_file.read_text()}")


def answer_after_s(page: str, spawned: float) -> float:
    """Wait until the page answers and return how long after `spawned` that was."""
    for _ in range(2000):
        with suppress(OSError), urllib.request.urlopen(page, timeout=5) as answer:  # noqa: S310 - loopback
            answer.read()
            return time.time() - spawned
        time.sleep(0.005)
    raise SystemExit(f"no answer from {page}")


def memory_mib(pid: int) -> tuple[float, float, float]:
    """Return RSS, PSS and PSS alone of a process."""
    own = {str(Path(f"/proc/{pid}/exe").resolve().parents[1]), sys.base_prefix, sys.prefix}
    rss = pss = alone = 0
    is_own = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            path = words[5] if len(words) > 5 else "["
            is_own = path.startswith("[") or any(path.startswith(f"{place}/") for place in own)
            is_own = is_own and not path.startswith("/usr/lib/x86_64-linux-gnu/")
        elif words[0] == "Rss:":
            rss += int(words[1])
            alone += int(words[1]) if is_own else 0
        elif words[0] == "Pss:":
            pss += int(words[1])
            alone += 0 if is_own else int(words[1])
    return rss / 1024, pss / 1024, alone / 1024


def cpu_seconds(pid: int) -> float:
    """Return the processor time of all threads so far, to the nanosecond."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def installed_mib(names: tuple[str, ...]) -> float:
    """Return the size of the agent's and rubrics' sources and of installed distributions."""
    own = [p for part in ("agent", "rubrics") for p in (ROOT / part).rglob("*.*")]
    files = [Path(str(f.locate())) for name in names for f in distribution(name).files or ()]
    sizes = (p.stat().st_size for p in own + files if p.is_file() and p.suffix != ".pyc")
    return sum(sizes) / MIB


def observe(programs: list[Costs], seconds: float) -> None:
    """Weigh the programs side by side for a time: half of it unread, half of it scraped."""
    unread = observe_once(programs, seconds / 2, scrape=False)
    scraped = observe_once(programs, seconds / 2, scrape=True)
    for program, alone, read in zip(programs, unread, scraped, strict=True):
        program.unread_cpu_s_per_h = alone
        program.cpu_s_per_h = read


def observe_once(programs: list[Costs], seconds: float, *, scrape: bool) -> list[float]:
    """Weigh the programs for a time and return the processor seconds per hour of each."""
    started_cpu = [cpu_seconds(program.pid) for program in programs]
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        time.sleep(min(15.0, seconds / 2))
        for program in programs:
            if scrape:
                answer_after_s(program.page, time.time())
            rss, pss, alone = memory_mib(program.pid)
            program.rss_mib.append(rss)
            program.pss_mib.append(pss)
            program.alone_mib.append(alone)
    hours = (time.monotonic() - started) / 3600
    return [
        (cpu_seconds(program.pid) - before) / hours
        for program, before in zip(programs, started_cpu, strict=True)
    ]


def resident_libraries(pid: int) -> list[str]:
    """Return which of the banned libraries have a file mapped in the process."""
    text = Path(f"/proc/{pid}/maps").read_text()
    return [name for name in BANNED if f"/{name}" in text]


def peers(arguments: argparse.Namespace) -> dict[str, tuple[list[str], str, float]]:
    """Return name -> (command, page, installed MiB) of what is there to compare with."""
    found = {}
    exporter = shutil.which("node_exporter") or shutil.which("prometheus-node-exporter")
    if exporter and not arguments.alone:
        port = free_port()
        command = [exporter, f"--web.listen-address=127.0.0.1:{port}"]
        size = Path(exporter).resolve().stat().st_size / MIB
        found["node_exporter"] = (command, f"http://127.0.0.1:{port}/metrics", size)
    if arguments.glances:
        port = free_port()
        command = [str(arguments.glances), "-w", "-B", "127.0.0.1", "-p", str(port), "--quiet"]
        page = f"http://127.0.0.1:{port}/api/{arguments.glances_api}/all"
        folder = arguments.glances.resolve().parents[1]
        size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / MIB
        found["glances -w"] = (command, page, size)
    return found


def measure(arguments: argparse.Namespace, folder: Path) -> list[Costs]:
    """Run everything once and return the costs, the agent's first."""
    command = prepare(folder, start_receiver(folder, arguments.plain), arguments.plain)
    write_bytecode(command, folder)
    first_s = first_sample_s(folder, arguments.starts)
    with ExitStack() as stack:
        log_file = folder / "agent.log"
        process = stack.enter_context(running(command, folder, log_file))
        size = installed_mib(DEPENDENCIES)
        programs = [Costs("campusgauge", process.pid, page_of_log(log_file), first_s, size)]
        for name, (peer, page, size) in peers(arguments).items():
            spawned = time.time()
            process = stack.enter_context(running(peer, folder, folder / "peer.log"))
            first_s = answer_after_s(page, spawned)
            programs.append(Costs(name, process.pid, page, first_s, size))
        time.sleep(2)
        observe(programs, arguments.seconds)
        if found := resident_libraries(programs[0].pid):
            raise SystemExit(f"resident in the agent: {', '.join(found)}")
    return programs


def show(programs: list[Costs]) -> None:
    """Print a table, and each peer's figures over the agent's."""
    titles = list(programs[0].figures())
    print(f"{'':24}" + "".join(f"{title:>16}" for title in titles))
    for program in programs:
        print(f"{program.name:24}" + "".join(f"{v:>16}" for v in program.figures().values()))
    for peer in programs[1:]:
        pairs = zip(programs[0].figures().values(), peer.figures().values(), strict=True)
        ratios = "".join(f"{ours / theirs if theirs else 0:>16.2f}" for ours, theirs in pairs)
        print(f"{'ours / ' + peer.name:24}{ratios}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--starts", type=int, default=5, help="for the time to the first sample")
    parser.add_argument("--alone", action="store_true", help="without node_exporter")
    parser.add_argument("--plain", action="store_true", help="http instead of TLS")
    parser.add_argument("--glances", type=Path, help="its executable, in an environment of its own")
    parser.add_argument("--glances-api", type=int, default=4, help="version in its API's path")
    parser.add_argument("--json", action="store_true", help="figures by program, for tests")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        programs = measure(arguments, Path(name))
    batches = [json.loads(gzip.decompress(body)) for body in Receiver.bodies]
    readings = sum(len(batch["readings"]) for batch in batches)
    if arguments.json:
        figures = {program.name: program.figures() for program in programs}
        figures["campusgauge"]["readings"] = readings
        print(json.dumps(figures))
        return
    show(programs)
    print(f"{readings} readings received in {len(batches)} batches")


if __name__ == "__main__":
    main()
