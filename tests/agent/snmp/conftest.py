"""Recordings of real devices, answered by a real SNMP agent on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.snmp.client import Oid, oid

V3_USER, V3_AUTH_KEY, V3_PRIVACY_KEY = "gauge", "authkey-of-the-test", "privkey-of-the-test"
_START_S = 150.0

Row = tuple[str, str, str]
"""Identifier, tag and value of one row of a recording."""


def free_udp_port() -> int:
    """Return a port that nobody has at this moment."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass(frozen=True)
class Recording:
    """A recording as the file has it: the test's own view, without any of our code's reading."""

    rows: Mapping[Oid, tuple[str, str]]

    @classmethod
    def read(cls, path: Path) -> Recording:
        """Read a .snmprec file."""
        lines = (line.split("|", 2) for line in path.read_text(encoding="utf-8").splitlines())
        return cls({oid(name): (tag, value) for name, tag, value in lines})

    def column(self, start: str) -> dict[Oid, str]:
        """Return index -> value as written, for one column."""
        head = oid(start)
        return {n[len(head) :]: v for n, (_, v) in self.rows.items() if n[: len(head)] == head}

    def number(self, name: str) -> int:
        """Return one number."""
        return int(self.rows[oid(name)][1])

    def write(
        self,
        path: Path,
        without: Iterable[str] = (),
        added: Iterable[Row] = (),
    ) -> None:
        """Write a copy that lacks some sub-trees and has some rows more."""
        gone = [oid(start) for start in without]
        kept = {
            name: row
            for name, row in self.rows.items()
            if not any(name[: len(start)] == start for start in gone)
        }
        kept |= {oid(name): (tag, value) for name, tag, value in added}
        lines = [
            f"{'.'.join(map(str, name))}|{tag}|{value}\n"
            for name, (tag, value) in sorted(kept.items())
        ]
        path.write_text("".join(lines), encoding="utf-8")


@pytest.fixture(scope="session")
def recordings(shared: Path) -> Path:
    """Return the folder of recordings; skip where it is absent."""
    return shared / "fixtures" / "snmp"


@pytest.fixture(scope="session")
def recording(recordings: Path) -> Callable[[str], Recording]:
    """Return a reader of recordings by name, each read once."""
    known: dict[str, Recording] = {}

    def read(name: str) -> Recording:
        if name not in known:
            known[name] = Recording.read(recordings / f"{name}.snmprec")
        return known[name]

    return read


Serve = Callable[..., int]


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Return a starter of snmpsim over a folder; it returns the port. All end with the session."""
    started: list[subprocess.Popen[bytes]] = []

    def start(folder: Path) -> int:
        port = free_udp_port()
        work = tmp_path_factory.mktemp("snmpsim")
        command = [str(Path(sys.executable).with_name("snmpsim-command-responder"))]
        command += [f"--data-dir={folder}", f"--cache-dir={work / 'cache'}", "--log-level=error"]
        command += [f"--agent-udpv4-endpoint=127.0.0.1:{port}"]
        command += [
            f"--v3-user={V3_USER}",
            f"--v3-auth-key={V3_AUTH_KEY}",
            "--v3-auth-proto=SHA256",
        ]
        command += [f"--v3-priv-key={V3_PRIVACY_KEY}", "--v3-priv-proto=AES"]
        if os.geteuid() == 0:
            command += ["--process-user=root", "--process-group=root"]
        log = work / "log"
        with log.open("wb") as stream:
            process = subprocess.Popen(command, stdout=stream, stderr=stream)
        started.append(process)
        deadline = time.monotonic() + _START_S
        while b"Listening at UDP" not in log.read_bytes():
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"snmpsim did not start: {log.read_text()[-1000:]}")
            time.sleep(0.05)
        return port

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def devices_port(serve: Serve, recordings: Path) -> int:
    """Return the port on which every recording answers, to the community of its file's name."""
    return serve(recordings)
