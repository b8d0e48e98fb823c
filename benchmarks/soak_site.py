"""The programs of a soak: one real collector behind TLS, real agents, and what they leave on disk.

The TLS relay stands for the bureau's gateway. It cuts connections at random, also after a request
went through and before its answer came back: then the agent must send the batch again and the
collector must know it.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from agent_footprint import certificate, free_port

from agent.probes import probe_names

AGENT = Path(__file__).with_name("soak_agent.py")
START_S = 180.0
STOP_S = 180.0
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 4\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


class Relay:
    """TLS in front of the collector's port; `cut_ratio` of the answers never arrive."""

    def __init__(self, folder: Path, to_port: int, cut_ratio: float, chance: random.Random) -> None:
        self.cut = 0
        """Answers withheld so far."""
        self.to_refuse = 0
        """Connections still to be answered 503, as an overrun collector does."""
        self.cut_ratio = cut_ratio
        self._to_port = to_port
        self._chance = chance
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*certificate(folder))
        self.port = free_port()
        self._listening = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        if not self._listening.wait(START_S):
            raise RuntimeError("the relay did not start")

    async def _serve(self) -> None:
        server = await asyncio.start_server(
            self._relay, "127.0.0.1", self.port, ssl=self._context, ssl_shutdown_timeout=1
        )
        self._listening.set()
        async with server:
            await server.serve_forever()

    async def _relay(self, agent: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        if self.to_refuse > 0:
            self.to_refuse -= 1
            await agent.read(65536)
            back.write(BUSY)
            await back.drain()
            back.close()
            return
        try:
            collector, out = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:
            back.transport.abort()
            return
        up = asyncio.create_task(self._copy(agent, out, 0.0))
        down = asyncio.create_task(self._copy(collector, back, self.cut_ratio))
        _, open_still = await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        for task in open_still:
            task.cancel()
        out.transport.abort()
        back.transport.abort()

    async def _copy(
        self, source: asyncio.StreamReader, to: asyncio.StreamWriter, cut_ratio: float
    ) -> None:
        try:
            while content := await source.read(65536):
                if self._chance.random() < cut_ratio:
                    self.cut += 1
                    return
                to.write(content)
                await to.drain()
        except OSError:
            return


@dataclass
class Agent:
    """One agent's folder and, while it runs, its process."""

    name: str
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def state(self) -> Path:
        """Its state folder."""
        return self.folder / "state"

    @property
    def side_log(self) -> Path:
        """What its spool was asked to keep, see `soak_agent.py`."""
        return self.folder / "puts.jsonl"

    @property
    def agent_id(self) -> str:
        """Its id at the collector."""
        return str(json.loads((self.state / "identity.json").read_text())["agent_id"])

    def held(self) -> tuple[int, int] | None:
        """Return how many readings wait in the queue and how many in claimed batches.

        None while there is no spool yet: an agent may be ended before it has made one.
        """
        address = f"file:{self.state / 'spool' / 'spool.db'}?mode=ro"
        try:
            with closing(sqlite3.connect(address, uri=True, timeout=10)) as database:
                queued, claimed = database.execute(
                    "SELECT (SELECT count(*) FROM queue),"
                    " (SELECT coalesce(sum(readings), 0) FROM batches)"
                ).fetchone()
        except sqlite3.OperationalError:
            return None
        return int(queued), int(claimed)


@dataclass
class Site:
    """One county: one school, a collector, a relay and agents, below one folder."""

    folder: Path
    interval_s: float
    relay: Relay
    port: int
    agents: list[Agent]
    collector: subprocess.Popen[bytes] | None = None
    _logs: list[Path] = field(default_factory=list)

    @classmethod
    def make(
        cls, folder: Path, agents: int, interval_s: float, cut_ratio: float, chance: random.Random
    ) -> Site:
        """Start the collector and the relay, and enrol the agents through the relay."""
        port = free_port()
        site = cls(folder, interval_s, Relay(folder, port, 0.0, chance), port, [])
        for number in range(agents):
            agent = Agent(f"soak-{number}", folder / f"agent{number}")
            agent.folder.mkdir()
            site.agents.append(agent)
        site.start_collector()
        code = site._enrolment_code()
        for agent in site.agents:
            server = f"https://localhost:{site.relay.port}"
            where = ("--server", server, "--ca-file", str(folder / "cert.pem"))
            _run("-m", "agent", "enrol", *where, "--state", str(agent.state), "--code", code)
        site.relay.cut_ratio = cut_ratio
        return site

    @property
    def data(self) -> Path:
        """The collector's data directory."""
        return self.folder / "collector"

    def _enrolment_code(self) -> str:
        school = ("--id", "soak", "--name", "测试小学", "--kind", "general")
        size = ("--stages", "primary", "--students", "1200", "--staff", "90", "--classes", "24")
        data = ("--data", str(self.data))
        _run("-m", "collector", "school", "add", *data, *school, *size)
        uses = ("--uses", str(len(self.agents)), "--format", "json")
        issued = _run("-m", "collector", "enrol-code", *data, "--school", "soak", *uses)
        return str(json.loads(issued)["code"])

    def start_collector(self) -> None:
        """Start the collector and wait until it listens."""
        command = ["-m", "collector", "serve", "--data", str(self.data), "--port", str(self.port)]
        self.collector = _start(command, self.folder / "collector.log")
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s and self.collector.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"the collector did not start: {self.folder / 'collector.log'}")

    def start_agent(
        self, agent: Agent, *, measuring: bool = True, backlog_pause_s: float = 0.01
    ) -> None:
        """Start an agent; without `measuring` it only sends what it holds."""
        config = agent.folder / ("measuring.toml" if measuring else "draining.toml")
        config.write_text(self._config(measuring, backlog_pause_s))
        command = [str(AGENT), str(agent.side_log), "run", "--state", str(agent.state)]
        agent.process = _start([*command, "--config", str(config)], agent.folder / "agent.log")

    def _config(self, measuring: bool, backlog_pause_s: float) -> str:
        push_s = self.interval_s if measuring else 0.1
        text = f"[push]\ninterval_s = {push_s}\nbacklog_pause_s = {backlog_pause_s}\n"
        text += "batch_readings = 40\n" if measuring else ""
        text += "timeout_s = 5.0\n[exposition]\nport = 0\n"
        measured = {"server_headroom", "host_uptime", "link_speed"} if measuring else set()
        for name in probe_names():
            text += f"[probes.{name}]\n"
            text += f"interval_s = {self.interval_s}\n" if name in measured else "enabled = false\n"
        return text

    def end(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        """Send a signal and wait. Raises RuntimeError where a program broke instead of ending.

        SIGTERM may also end a program that has only just started by the signal itself.
        """
        process.send_signal(number)
        status = process.wait(timeout=STOP_S)
        if status not in (0, -number):
            raise RuntimeError(f"not a clean end: {process.args!r} ended with {status}")

    def end_all(self) -> None:
        """End what runs, by process id."""
        for process in (self.collector, *(agent.process for agent in self.agents)):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


def _run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-P", *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr + done.stdout)
    return done.stdout


def _start(arguments: list[str], log_file: Path) -> subprocess.Popen[bytes]:
    with log_file.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
