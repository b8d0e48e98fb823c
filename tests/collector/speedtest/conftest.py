"""A real measurement server on loopback, in this process."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from collector.speedtest.host import HostFacts
from collector.speedtest.server import MeasurementServer
from collector.speedtest.sessions import Limits
from collector.speedtest.tokens import TokenSpender, read_secret, server_id


@dataclass
class Running:
    """A serving measurement server; `secret` is None in open mode."""

    server: MeasurementServer
    secret: str | None

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server.server_port

    def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> tuple[int, dict[str, str], bytes]:
        """Do one request; header names come back in lower case."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return response.status, names, response.read()
        finally:
            connection.close()

    def open_session(self, token: str | None = None) -> dict[str, Any]:
        """Open a session and return what the server says."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        status, _, body = self.request("POST", "/session", headers)
        assert status == 201, body
        opened: dict[str, Any] = json.loads(body)
        return opened


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts servers: `start(open=True, limits=…, now=…)`."""
    running: list[MeasurementServer] = []

    def begin(
        *,
        open: bool = False,  # noqa: A002 - the option is called --open
        limits: Limits | None = None,
        now: Callable[[], float] | None = None,
    ) -> Running:
        secret = None if open else read_secret(tmp_path / "token")
        spender = TokenSpender(secret, now or (lambda: 1000.0)) if secret else None
        server = MeasurementServer(
            ("127.0.0.1", 0),
            spender,
            server_id(secret) if secret else "open",
            limits=limits,
            facts=HostFacts("host-of-the-test", 1000.0),
        )
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        running.append(server)
        return Running(server, secret)

    yield begin
    for server in running:
        server.shutdown()
        server.server_close()
