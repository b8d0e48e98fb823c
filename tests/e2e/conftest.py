"""The real programs as processes: a collector, an agent, and what they leave on disk."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

START_S = 120.0
"""Only ends a wait for what will never come: a loaded machine takes a minute to start a process."""


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Site:
    """One county with one school and one agent, all in a temporary folder."""

    folder: Path
    port: int = field(default_factory=free_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """The collector's data directory."""
        return self.folder / "collector"

    @property
    def state(self) -> Path:
        """The agent's state directory."""
        return self.folder / "agent"

    @property
    def address(self) -> str:
        """Where the collector listens."""
        return f"http://127.0.0.1:{self.port}"

    def command(self, module: str, *arguments: str, code: int = 0) -> str:
        """Run a command to its end, check its exit code and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", module, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr + done.stdout
        return done.stdout

    def start(self, name: str, module: str, *arguments: str) -> None:
        """Start a part; its output is kept beside the data."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def start_collector(self) -> None:
        """Start the collector and wait until it listens."""
        arguments = ("serve", "--data", str(self.data), "--port", str(self.port))
        self.start("collector", "collector", *arguments)
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s:
            assert self.running["collector"].poll() is None, self.log("collector")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError(f"the collector did not listen: {self.log('collector')}")

    def start_agent(self, config: Path) -> None:
        """Start the steady agent."""
        self.start("agent", "agent", "run", "--state", str(self.state), "--config", str(config))

    def end(self, name: str, number: signal.Signals) -> int:
        """Send a signal to a part, wait for its end and return its exit status."""
        process = self.running.pop(name)
        process.send_signal(number)
        return process.wait(timeout=START_S)

    def log(self, name: str) -> str:
        """Return what a part wrote."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def enrol(self) -> None:
        """Register the school and enrol the agent, through the commands people use."""
        school = ("--id", "zx-001", "--name", "测试小学", "--kind", "general")
        size = ("--stages", "primary", "--students", "1200", "--staff", "90", "--classes", "24")
        data = ("--data", str(self.data))
        self.command("collector", "school", "add", *data, *school, *size)
        issued = self.command(
            "collector", "enrol-code", *data, "--school", "zx-001", "--format", "json"
        )
        code = json.loads(issued)["code"]
        where = ("--server", self.address, "--state", str(self.state))
        self.command("agent", "enrol", *where, "--code", code)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return a site whose processes end with the test, by pid."""
    with _ended(Site(tmp_path)) as site:
        yield site


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return one site for all tests of a file; each brings its own hosts."""
    with _ended(Site(tmp_path_factory.mktemp("site"))) as site:
        yield site


@contextmanager
def _ended(site: Site) -> Iterator[Site]:
    yield site
    for process in site.running.values():
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
