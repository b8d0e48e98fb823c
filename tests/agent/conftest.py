"""Fixtures of the agent's runtime: readings, spools, and a scripted collector over real HTTP."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent.reading import Outcome, Reading
from agent.settings import SpoolSettings
from agent.spool import Spool


@pytest.fixture
def make_reading() -> Callable[..., Reading]:
    """Return a maker of readings, numbered by their value."""

    def make(number: float = 1.0, age: timedelta = timedelta(), padding: int = 0) -> Reading:
        return Reading(
            probe="server_headroom",
            target="host",
            time=datetime.now(UTC) - age,
            outcome=Outcome.OK,
            values={"cpu_used_ratio": number},
            details={"padding": "x" * padding} if padding else {},
        )

    return make


@pytest.fixture
def open_spool(tmp_path: Path) -> Iterator[Callable[..., Spool]]:
    """Return an opener of spools in one folder; all are closed at the end."""
    opened: list[Spool] = []

    def open_it(settings: SpoolSettings | None = None, folder: Path | None = None) -> Spool:
        spool = Spool(folder or tmp_path / "spool", settings or SpoolSettings(), system="linux")
        opened.append(spool)
        return spool

    yield open_it
    for spool in opened:
        spool.close()


@dataclass
class Scripted:
    """A collector of the outside world that answers what the test wrote down.

    `script` holds (status, headers, body) to be used up in order; then every batch is stored.
    """

    url: str = ""
    script: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def say(self, status: int, body: object = None, **headers: str) -> None:
        """Answer the next request with this; a dict becomes JSON, bytes are sent as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.script.append((status, named, content))

    def batches(self) -> list[dict[str, Any]]:
        """Return the decoded bodies received so far."""
        readings = [r for r in self.requests if r["path"].endswith("/readings")]
        return [request["body"] for request in readings]


def _handler(scripted: Scripted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Content-Encoding") == "gzip":
                raw = gzip.decompress(raw)
            scripted.requests.append(
                {
                    "path": self.path,
                    "headers": dict(self.headers),
                    "body": json.loads(raw or b"null"),
                }
            )
            receipt = json.dumps({"status": "stored"}).encode()
            status, headers, body = (
                scripted.script.pop(0) if scripted.script else (200, {}, receipt)
            )
            if status == 0:  # the collector dies before it answers
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
            del format, args

    return Handler


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    """Serve a scripted collector on a free loopback port."""
    state = Scripted()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()
