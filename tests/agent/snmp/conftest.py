"""Recordings of real devices, answered by a real SNMP agent on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto.api import v2c

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


ARUBA = "1.3.6.1.4.1.14823"
OddRow = tuple[Oid, Any]
AFTER_THE_TREE: OddRow = (oid("1.3.6.1.6.9.9.0"), v2c.Integer(0))


class OddAgent:
    """Answers version 2c from a list of rows in the list's own order.

    `circle` begins again after the last row; more than `most_values` in one answer are too big for
    it; after `answers` answers it falls silent.
    """

    def __init__(
        self,
        rows: Sequence[OddRow],
        *,
        circle: bool = False,
        most_values: int = 10_000,
        answers: int = 1_000_000,
    ) -> None:
        self._rows = list(rows)
        self._place = {name: at for at, (name, _) in enumerate(rows)}
        self._circle = circle
        self._most_values = most_values
        self._answers = answers
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self.port: int = self._sock.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._sock.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._sock.close()

    def _serve(self) -> None:
        while True:
            raw, sender = self._sock.recvfrom(65535)
            if not raw:
                return
            self._answers -= 1
            if self._answers < 0:
                continue
            message, _ = decoder.decode(raw, asn1Spec=v2c.Message())
            asked = v2c.apiMessage.get_pdu(message)
            answer = v2c.apiMessage.get_response(message)
            pdu = v2c.apiMessage.get_pdu(answer)
            names = [tuple(name) for name, _ in v2c.apiPDU.get_varbinds(asked)]
            if asked.isSameTypeWith(v2c.GetRequestPDU()):
                found = [(name, self._at(self._place.get(name))[1]) for name in names]
            else:
                times = 1
                if asked.isSameTypeWith(v2c.GetBulkRequestPDU()):
                    times = int(v2c.apiBulkPDU.get_max_repetitions(asked))
                found = self._walk(names, times)
            if len(found) > self._most_values:
                v2c.apiPDU.set_error_status(pdu, 1)  # tooBig, RFC 3416
                found = []
            v2c.apiPDU.set_varbinds(pdu, [(v2c.ObjectIdentifier(n), v) for n, v in found])
            self._sock.sendto(encoder.encode(answer), sender)

    def _at(self, place: int | None) -> OddRow:
        return ((), v2c.NoSuchObject("")) if place is None else self._rows[place]

    def _walk(self, names: list[Oid], times: int) -> list[OddRow]:
        found = []
        for _ in range(times):
            names = [self._after(name)[0] for name in names]
            found += [self._at(self._place.get(name)) for name in names]
        return found

    def _after(self, name: Oid) -> OddRow:
        place = self._place.get(name)
        if place is not None:
            if place + 1 < len(self._rows):
                return self._rows[place + 1]
            return self._rows[0] if self._circle else self._rows[place]
        # A column: the first row that the list has under it, else the first one after it.
        under = (row for row in self._rows if row[0][: len(name)] == name)
        after = (row for row in self._rows if row[0] > name)
        return next(under, None) or next(after, self._rows[-1])


StartOdd = Callable[..., int]


@pytest.fixture
def odd_agent() -> Iterator[StartOdd]:
    """Return a starter of odd agents; all end with the test."""
    started: list[OddAgent] = []

    def start(rows: Sequence[OddRow], *, circle: bool = False, **oddity: int) -> int:
        system = [
            (oid("1.3.6.1.2.1.1.1.0"), v2c.OctetString("lab")),
            (oid("1.3.6.1.2.1.1.2.0"), v2c.ObjectIdentifier(oid(f"{ARUBA}.1.1.9"))),
        ]
        after = [] if circle else [AFTER_THE_TREE]
        started.append(OddAgent([*system, *rows, *after], circle=circle, **oddity))
        return started[-1].port

    yield start
    for agent in started:
        agent.close()
