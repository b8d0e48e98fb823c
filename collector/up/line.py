"""Starts the whole line on one host and waits for the first score sheet."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from collector.errors import UnavailableError
from collector.up.children import Child, Children
from collector.up.local_api import LocalApi
from collector.up.samples import AGENT, write_sample

HOST = "127.0.0.1"
RUBRIC_BY_KIND = {
    "general": "zhongxian-smart-campus-general",
    "vocational": "zhongxian-smart-campus-vocational",
}
START_S = 30.0
ENROL_S = 30.0
FIRST_READINGS_S = 90.0
_POLL_S = 0.25

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports of the two servers."""

    collector: int
    measurement: int


class Line:
    """Collector, measurement server and agent on this host, with their data in one folder."""

    def __init__(self, data: Path, ports: Ports, children: Children) -> None:
        self._data = data
        self._children = children
        self._ports = ports
        self._agent_state = data / "agent"
        self._token_file = data / "measurement.secret"
        self.address = f"http://{HOST}:{ports.collector}"
        self.api = LocalApi(self.address)

    def start_servers(self) -> None:
        """Start measurement server and collector. Raises UnavailableError with their last words."""
        measuring = self._children.start("measurement-server", "collector", self._measurement())
        serving = self._children.start("collector", "collector", self._collector())
        healthy = self.api.wait_until_healthy(
            START_S, still_running=lambda: serving.process.poll() is None
        )
        if not healthy or measuring.process.poll() is not None:
            raise _not_running(measuring if measuring.process.poll() is not None else serving)

    def _measurement(self) -> list[str]:
        listen = ["--host", HOST, "--port", str(self._ports.measurement)]
        return ["speedtest-server", *listen, "--token-file", str(self._token_file)]

    def _collector(self) -> list[str]:
        listen = ["--host", HOST, "--port", str(self._ports.collector)]
        measure = ["--measurement-server", f"http://{HOST}:{self._ports.measurement}"]
        secret = ["--measurement-token-file", str(self._token_file)]
        return ["serve", "--data", str(self._data), *listen, *measure, *secret]

    def enrol_agent(self, code: str) -> None:
        """Enrol this host's agent. Raises UnavailableError with what the agent said."""
        command = [sys.executable, "-P", "-m", "agent", "enrol", "--server", self.address]
        done = subprocess.run(  # noqa: S603 - our own module, no shell
            [*command, "--code", code, "--state", str(self._agent_state), "--force"],
            capture_output=True,
            text=True,
            timeout=ENROL_S,
            check=False,
        )
        if done.returncode:
            raise UnavailableError("enrolment_failed", done.stderr.strip() or done.stdout.strip())

    def agent_is_enrolled(self, school_id: str) -> bool:
        """Whether an earlier start enrolled the agent at this very address for this school."""
        try:
            identity = json.loads((self._agent_state / "identity.json").read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return False
        return (identity["server"], identity["school"]["id"]) == (self.address, school_id)

    def start_agent(self) -> Child:
        """Start the steady agent; every probe, heavy ones too, runs once right away."""
        config = self._data / "agent.toml"
        write_sample(AGENT, config)
        files = ["--state", str(self._agent_state), "--config", str(config)]
        return self._children.start("agent", "agent", ["run", *files, "--now"])

    def wait_for_readings(self, school_id: str, since: datetime, progress: Progress) -> Set[str]:
        """Wait until every probe has reported since `since`; return those that have not.

        Raises UnavailableError if a part ended meanwhile.
        """
        expected = self._expected_probes()
        seen: Set[str] = set()
        start = since.astimezone(UTC).isoformat()
        deadline_s = time.monotonic() + FIRST_READINGS_S
        while time.monotonic() < deadline_s and expected - seen:
            self.raise_if_ended()
            time.sleep(_POLL_S)
            seen = self.api.probes_reported(school_id, start) & expected
            progress(len(seen), len(expected), "、".join(sorted(expected - seen)))
        return expected - seen

    def _expected_probes(self) -> frozenset[str]:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "agent", "list", "--format", "json"],
            capture_output=True,
            text=True,
            timeout=ENROL_S,
            check=True,
        )
        return frozenset(
            probe["probe"]
            for probe in json.loads(done.stdout)
            if probe["enabled"] and probe["idle_reason"] is None
        )

    def sheet(self, school_id: str, kind: str) -> Mapping[str, Any]:
        """Return the score sheet of the smart-campus form for this kind of school."""
        return self.api.sheet(school_id, RUBRIC_BY_KIND[kind])

    def raise_if_ended(self) -> None:
        """Raise UnavailableError with the last words of a part that ended by itself, if any."""
        ended = self._children.ended()
        if ended is not None:
            raise _not_running(ended)


def _not_running(child: Child) -> UnavailableError:
    return UnavailableError(
        "part_ended",
        f"{child.name} 已停止运行 is not running; {child.log_file}:\n{child.tail()}",
    )
