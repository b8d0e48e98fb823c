"""How the measurement server answers: heads, JSON, problems, and what a request may bring."""

from __future__ import annotations

import http
import json
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from collector.speedtest.sessions import SessionError

if TYPE_CHECKING:
    from collector.speedtest.server import MeasurementServer

SESSION_HEADER = "CampusGauge-Session"
NONCE_HEADER = "CampusGauge-Nonce"
MAX_BODY_BYTES = 65536
"""Of a request that needs none."""
NO_CACHE = {
    "Cache-Control": "no-store, no-cache, must-revalidate, no-transform, max-age=0, s-maxage=0",
    "Pragma": "no-cache",
}


class Answers(BaseHTTPRequestHandler):
    """One connection. Every wait ends at the deadline the server keeps for it."""

    protocol_version = "HTTP/1.1"
    server_version = "CampusGauge"
    sys_version = ""
    disable_nagle_algorithm = True
    server: MeasurementServer

    def handle_one_request(self) -> None:
        """Serve one request; the next head has its own deadline."""
        self.server.set_deadline(self.connection, self.server.limits.head_seconds)
        super().handle_one_request()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep requests out of the log: a test makes hundreds."""

    def session_id(self) -> str:
        """Return the session that the request names; empty where none."""
        return self.headers.get(SESSION_HEADER, "")

    def content_length(self) -> int:
        """Return the length of the body. Raises SessionError 400 where it is no number."""
        try:
            length = int(self.headers.get("Content-Length", "0"))
        except ValueError:
            length = -1
        if length < 0:
            self.close_connection = True
            raise SessionError(400, "bad_length", "Content-Length is not a number")
        return length

    def discard_body(self) -> None:
        """Read and forget a small body. Raises SessionError 413."""
        length = self.content_length()
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            raise SessionError(413, "too_large", "this request needs no body")
        self.rfile.read(length)

    def text(self, body: bytes) -> None:
        """Answer with plain text."""
        self.head(200, {"Content-Type": "text/plain", "Content-Length": str(len(body))})
        self.wfile.write(body)

    def json(self, status: int, body: dict[str, Any], **headers: str) -> None:
        """Answer with JSON."""
        data = json.dumps(body).encode()
        self.head(
            status,
            {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers},
        )
        self.wfile.write(data)

    def problem(self, error: SessionError) -> None:
        """Answer as RFC 9457 problem details; `reason` is the machine-readable code."""
        self.server.refused[error.reason] += 1
        headers = {"Content-Type": "application/problem+json"}
        if error.retry_after_s is not None:
            headers["Retry-After"] = str(error.retry_after_s)
        title = http.HTTPStatus(error.status).phrase
        body = {
            "type": "about:blank",
            "title": title,
            "status": error.status,
            "detail": error.detail,
            "reason": error.reason,
            "retry": error.status == http.HTTPStatus.TOO_MANY_REQUESTS,
        }
        # A refused upload may still be arriving: without reading it all, the connection must end.
        self.close_connection = self.close_connection or self.command == "POST"
        self.json(error.status, body, **headers)

    def answer(self, status: http.HTTPStatus, headers: dict[str, str]) -> None:
        """Answer without a body."""
        self.head(status, headers)

    def head(self, status: int, headers: dict[str, str]) -> None:
        """Send status and headers, with what every answer carries."""
        self.send_response(status)
        for name, value in {**NO_CACHE, **headers}.items():
            self.send_header(name, value)
        if nonce := self.headers.get(NONCE_HEADER):
            # Proof that the answer was made for this very request (no cache on the way).
            self.send_header(NONCE_HEADER, nonce[:64])
        if self.server.spender is None:
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Access-Control-Allow-Methods", "GET, POST")
            self.send_header("Access-Control-Allow-Headers", "Content-Encoding, Content-Type")
            # Lets a page of another origin time its pings with the browser's own clock.
            self.send_header("Timing-Allow-Origin", "*")
        if self.close_connection and "Connection" not in headers:
            self.send_header("Connection", "close")
        self.end_headers()
