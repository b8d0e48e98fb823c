"""The measurement server: LibreSpeed's endpoints, plus sessions that count what arrived.

Why not uvicorn: the server must never be the bottleneck. Here a thread per connection hands large
blocks straight to the kernel (`sendall`, `recv_into`; the interpreter lock is free meanwhile) and
the sockets stay reachable, which the kernel's own counters (TCP_INFO) need. The HTTP itself is the
standard library's. `docs/measuring.md` has the comparison.

| request | answer |
|---|---|
| `POST /session` | opens a session (slot token as bearer, none in open mode) |
| `GET /session/progress` | lines of numbers until the end, see `Handler._progress` |
| `POST /session/congestion` | from now on sends as `CampusGauge-Congestion` says |
| `DELETE /session` | ends it; what the server saw, as JSON |
| `GET /garbage?ckSize=N` | N MiB of random bytes (LibreSpeed) |
| `POST /empty`, `GET /empty` | sink; ping (LibreSpeed) |
| `GET /getIP` | the caller's address (LibreSpeed) |
| `speedtest/random….jpg`, `upload`, `latency.txt` | the same for speedtest-cli |
| `GET /status` | bounds that bit, load |

`.php` names and any folder in front are accepted. Transfers name their session in the header
`CampusGauge-Session`; in open mode they may do without.
"""

from __future__ import annotations

import contextlib
import http
import ipaddress
import json
import logging
import os
import socket
import ssl
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

from collector.speedtest.host import HostFacts, busy_s, cpu_used_ratio, host_facts
from collector.speedtest.mini_server import RECOGNITION, UPLOAD_CHECK, picture_bytes
from collector.speedtest.sessions import Flow, Limits, Session, SessionError, Sessions
from collector.speedtest.tcp_info import sums
from collector.speedtest.tokens import TokenError, TokenSpender

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

BLOCK_BYTES = 256 * 1024
POOL_BYTES = 16 * 1024 * 1024
MEBIBYTE = 1024 * 1024
MAX_CHUNKS = 1024
PROGRESS_S = 0.01
LINES_PER_WRITE = 5
"""While downloading, progress shares the line with the test: fewer, larger packets."""
SESSION_HEADER = "CampusGauge-Session"
NONCE_HEADER = "CampusGauge-Nonce"
CONGESTION_HEADER = "CampusGauge-Congestion"
CONGESTION_CONTROLS = frozenset({"reno", "cubic", "bbr"})
NO_CACHE = {
    "Cache-Control": "no-store, no-cache, must-revalidate, no-transform, max-age=0, s-maxage=0",
    "Pragma": "no-cache",
}


class MeasurementServer(ThreadingHTTPServer):
    """Serves until `shutdown()`. `spender` None means open mode: no token, no session needed."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        spender: TokenSpender | None,
        identity: str,
        *,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
        facts: HostFacts | None = None,
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.spender = spender
        self.identity = identity
        self.limits = limits or Limits(sessions=1 if spender else 8)
        self.facts = facts or host_facts()
        self.sessions = Sessions(self.limits, time.monotonic)
        self.pool = memoryview(os.urandom(POOL_BYTES))
        self.refused: Counter[str] = Counter()
        self._tls = tls
        self._deadlines: dict[socket.socket, float] = {}
        self._per_address: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        super().__init__(address, Handler)
        self._reaper = threading.Thread(target=self._reap, name="reaper", daemon=True)
        self._reaper.start()

    def server_bind(self) -> None:
        """Bind; an IPv6 wildcard address serves IPv4 as well."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # HTTPServer.server_bind would look the host's name up, which can hang offline.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a thread, or close it when the bounds are reached."""
        host = client_address[0]
        with self._lock:
            reason = None
            if len(self._deadlines) >= self.limits.connections:
                reason = "connections"
            elif self._per_address[host] >= self.limits.connections_per_address:
                reason = "connections_per_address"
            if reason is None:
                self._per_address[host] += 1
                self._deadlines[request] = time.monotonic() + self.limits.head_seconds
        if reason is not None:
            self.refused[reason] += 1
            with contextlib.suppress(OSError):
                request.close()
            return
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection in its own thread; TLS shakes hands here, not while accepting."""
        connection = request
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(
                    request, server_side=True, do_handshake_on_connect=False
                )
                self.set_deadline(connection, self.limits.head_seconds)
                connection.do_handshake()
            cast("Any", self.RequestHandlerClass)(connection, client_address, self)
        except (OSError, ValueError):
            # The client went away, was cut off by a deadline, or does not speak TLS.
            self.refused["broken_connections"] += 1
        finally:
            with self._lock:
                self._deadlines.pop(request, None)
                self._deadlines.pop(connection, None)
                self._per_address[client_address[0]] -= 1
                if self._per_address[client_address[0]] <= 0:
                    del self._per_address[client_address[0]]
            with contextlib.suppress(OSError):
                connection.close()

    def set_deadline(self, connection: socket.socket, seconds: float) -> None:
        """Cut `connection` off when it has not moved its deadline within `seconds`."""
        with self._lock:
            self._deadlines[connection] = time.monotonic() + seconds

    def server_close(self) -> None:
        """Stop accepting and end the watch over deadlines."""
        self._stop.set()
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - base class
        """Log instead of printing a traceback to standard error."""
        log.exception("connection from %s failed", client_address[0])  # noqa: LOG004 - called in one

    def _reap(self) -> None:
        while not self._stop.wait(0.25):
            for session in self.sessions.overdue():
                self.refused["session_bounds"] += 1
                for flow in list(session.flows):
                    shut(flow.sock)
            now = time.monotonic()
            with self._lock:
                late = [sock for sock, end in self._deadlines.items() if now >= end]
                for sock in late:
                    del self._deadlines[sock]
            for sock in late:
                self.refused["deadlines"] += 1
                shut(sock)


def use_congestion_control(sock: socket.socket, name: str) -> None:
    """Send with the congestion control a test asks for, where this kernel and its rights allow."""
    if hasattr(socket, "TCP_CONGESTION") and name in CONGESTION_CONTROLS:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())


def shut(sock: socket.socket) -> None:
    """Wake whoever is blocked on `sock` and refuse further traffic."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """One connection. Every wait in here ends at the deadline the server keeps for it."""

    protocol_version = "HTTP/1.1"
    server_version = "CampusGauge"
    sys_version = ""
    disable_nagle_algorithm = True
    server: MeasurementServer

    def do_OPTIONS(self) -> None:
        """Answer a browser's pre-flight."""
        self._answer(http.HTTPStatus.NO_CONTENT, {})

    def do_GET(self) -> None:
        """Serve garbage, ping, address, progress and status."""
        self._route({
            "garbage": self._garbage,
            "empty": self._ping,
            "getip": self._address,
            "progress": self._progress,
            "status": self._status,
            "latency.txt": lambda: self._text(RECOGNITION),
            "upload": lambda: self._text(UPLOAD_CHECK),
        })  # fmt: skip

    def do_HEAD(self) -> None:
        """Answer checks of proxies and load balancers: something serves here."""
        self._answer(http.HTTPStatus.OK, {"Content-Length": "0"})

    def do_POST(self) -> None:
        """Open a session or swallow an upload."""
        self._route({
            "empty": self._sink,
            "upload": self._sink,
            "session": self._open,
            "congestion": self._use_congestion_control,
        })  # fmt: skip

    def do_DELETE(self) -> None:
        """End a session."""
        self._route({"session": self._end})

    def handle_one_request(self) -> None:
        """Serve one request; the next head has its own deadline."""
        self.server.set_deadline(self.connection, self.server.limits.head_seconds)
        super().handle_one_request()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep requests out of the log: a test makes hundreds."""

    def _route(self, routes: Mapping[str, Any]) -> None:
        name = urlsplit(self.path).path.rstrip("/").rpartition("/")[2].lower().removesuffix(".php")
        action = routes.get(name)
        picture = picture_bytes(name) if action is None and self.command == "GET" else None
        try:
            if picture is not None:
                self._send_random(picture)
            else:
                (action or self._nothing_here)()
        except SessionError as error:
            self._problem(error)

    def _nothing_here(self) -> None:
        raise SessionError(404, "not_found", "no such address on a measurement server")

    def _open(self) -> None:
        self._discard_body()
        spender = self.server.spender
        if spender is None:
            limits = self.server.limits
            bounds = (self.client_address[0], limits.session_seconds, limits.session_bytes)
        else:
            scheme, _, token = self.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not token:
                raise SessionError(
                    401, "slot_token_missing", "ask the collector for a slot and send its token"
                )
            if self.server.sessions.running >= self.server.limits.sessions:
                # Refuse before spending, so that the same token may be tried again.
                raise SessionError(429, "server_busy", "another test is running", 5)
            try:
                grant = spender.spend(token.strip())
            except TokenError as error:
                raise SessionError(401, error.reason, error.detail) from error
            bounds = (grant.school_id, grant.max_seconds, grant.max_bytes)
        session = self.server.sessions.open(*bounds)
        facts = self.server.facts
        self._json(201, {
            "session": session.id,
            "server": self.server.identity,
            "host": facts.host_id,
            "port_mbps": facts.port_mbps,
            "cpu_used_ratio": cpu_used_ratio(),
            "max_seconds": session.ends_at - session.opened_at,
            "max_bytes": session.max_bytes,
            "address": plain_address(self.client_address[0]),
        })  # fmt: skip

    def _end(self) -> None:
        session = self.server.sessions.find(self._session_id())
        delivered, again, out, rtt_us = sums(session.tcp_infos())
        # Before the answer: whoever has it may open the next session.
        self.server.sessions.close(session)
        self._json(200, {
            "sent_bytes": session.sent_bytes,
            "uploaded_bytes": session.uploaded_bytes,
            "cpu_used_ratio": cpu_used_ratio(),
            "delivered_bytes": delivered,
            "retransmitted_segments": again,
            "data_segments_out": out,
            "rtt_us": rtt_us,
        })  # fmt: skip

    def _progress(self) -> None:
        """Report every 10 ms what the server sees.

        A line: µs, bytes arrived, bytes delivered, retransmitted and sent segments,
        median RTT in µs, busy µs of this host (mean of its cores). The time is this session's and
        this server's clock.
        """
        session = self.server.sessions.find(self._session_id())
        self.close_connection = True
        self._head(200, {"Content-Type": "text/plain", "Connection": "close"})
        self._stay(session)
        lines: list[bytes] = []
        while not session.ended.wait(PROGRESS_S):
            uploaded, now = session.uploaded_bytes, time.monotonic()
            lines.append(
                b"%d %d %d %d %d %d %d\n"
                % (
                    (now - session.opened_at) * 1e6,
                    uploaded,
                    *sums(session.tcp_infos()),
                    busy_s() * 1e6,
                )
            )
            if uploaded or len(lines) >= LINES_PER_WRITE:
                self.wfile.write(b"".join(lines))
                lines.clear()
            if now >= session.ends_at:
                return

    def _use_congestion_control(self) -> None:
        self._discard_body()
        session = self.server.sessions.find(self._session_id())
        for flow in list(session.flows):
            use_congestion_control(flow.sock, self.headers.get(CONGESTION_HEADER, ""))
        self._answer(http.HTTPStatus.NO_CONTENT, {})

    def _garbage(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        try:
            chunks = min(max(int(query.get("ckSize", ["4"])[0]) or 4, 1), MAX_CHUNKS)
        except ValueError:
            chunks = 4
        self._send_random(chunks * MEBIBYTE)

    def _send_random(self, left: int) -> None:
        session, flow = self._transfer()
        use_congestion_control(self.connection, self.headers.get(CONGESTION_HEADER, ""))
        self._head(200, {
            "Content-Description": "File Transfer",
            "Content-Type": "application/octet-stream",
            "Content-Disposition": "attachment; filename=random.dat",
            "Content-Transfer-Encoding": "binary",
            "Content-Length": str(left),
        })  # fmt: skip
        pool = self.server.pool
        # Each connection starts elsewhere in the pool, so that nothing on the path sees repeats.
        at = int.from_bytes(os.urandom(4), "big") % (POOL_BYTES - BLOCK_BYTES)
        try:
            while left and not session.ended.is_set():
                size = min(BLOCK_BYTES, left, POOL_BYTES - at)
                self.connection.sendall(pool[at : at + size])
                flow.sent_bytes += size
                left -= size
                at = (at + size) % POOL_BYTES
        finally:
            flow.closed = True
            self.close_connection = self.close_connection or left > 0

    def _sink(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            self.close_connection = True
            raise SessionError(411, "length_required", "send the upload with a Content-Length")
        left = self._content_length()
        session, flow = self._transfer()
        reader = cast("Any", self.rfile)
        flow.begin_upload(min(len(reader.peek(0)) if left else 0, left))
        buffer = memoryview(bytearray(BLOCK_BYTES))
        try:
            while left and not session.ended.is_set():
                count = reader.readinto1(buffer[: min(left, BLOCK_BYTES)])
                if not count:
                    break
                flow.received_bytes += count
                left -= count
        finally:
            flow.closed = True
            self.close_connection = self.close_connection or left > 0
        if not left:
            self._answer(http.HTTPStatus.OK, {"Content-Length": "0"})

    def _transfer(self) -> tuple[Session, Flow]:
        session_id = self.headers.get(SESSION_HEADER)
        if session_id or self.server.spender is not None:
            session, flow = self.server.sessions.join(session_id or "", self.connection)
        else:
            limits, now = self.server.limits, time.monotonic()
            flow = Flow(self.connection)
            session = Session(
                id="",
                owner=self.client_address[0],
                opened_at=now,
                ends_at=now + limits.session_seconds,
                max_bytes=limits.session_bytes,
                flows=[flow],
            )
        self._stay(session)
        return session, flow

    def _stay(self, session: Session) -> None:
        """Let this connection live as long as its session."""
        self.server.set_deadline(self.connection, session.ends_at - time.monotonic())

    def _ping(self) -> None:
        if self.headers.get(SESSION_HEADER):
            # Small on purpose: pings share the line with the test they accompany.
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        else:
            self._answer(http.HTTPStatus.OK, {"Content-Length": "0"})

    def _address(self) -> None:
        address = plain_address(self.client_address[0])
        kind = " - private access" if ipaddress.ip_address(address).is_private else ""
        self._json(200, {"processedString": address + kind, "rawIspInfo": ""})

    def _text(self, body: bytes) -> None:
        self._head(200, {"Content-Type": "text/plain", "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _status(self) -> None:
        self._json(200, {
            "server": self.server.identity,
            "sessions": self.server.sessions.running,
            "port_mbps": self.server.facts.port_mbps,
            "cpu_used_ratio": cpu_used_ratio(),
            "refused": dict(self.server.refused),
        })  # fmt: skip

    def _session_id(self) -> str:
        return self.headers.get(SESSION_HEADER, "")

    def _content_length(self) -> int:
        try:
            length = int(self.headers.get("Content-Length", "0"))
        except ValueError:
            length = -1
        if length < 0:
            self.close_connection = True
            raise SessionError(400, "bad_length", "Content-Length is not a number")
        return length

    def _discard_body(self) -> None:
        length = self._content_length()
        if length > 65536:
            self.close_connection = True
            raise SessionError(413, "too_large", "this request needs no body")
        self.rfile.read(length)

    def _json(self, status: int, body: dict[str, Any], **headers: str) -> None:
        data = json.dumps(body).encode()
        self._head(
            status,
            {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers},
        )
        self.wfile.write(data)

    def _problem(self, error: SessionError) -> None:
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
        self._json(error.status, body, **headers)

    def _answer(self, status: http.HTTPStatus, headers: dict[str, str]) -> None:
        self._head(status, headers)

    def _head(self, status: int, headers: dict[str, str]) -> None:
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


def plain_address(address: str) -> str:
    """Return an IPv4-mapped IPv6 address as plain IPv4, others unchanged."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)
