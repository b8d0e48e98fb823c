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
| `GET /session/moved` | for the collector: the bytes of a slot's session, also after its end |
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
import logging
import os
import socket
import ssl
import threading
import time
from collections import Counter
from http.server import ThreadingHTTPServer
from typing import Any, cast

from collector.speedtest.handler import Handler
from collector.speedtest.host import CpuMeter, HostFacts, host_facts
from collector.speedtest.sessions import Limits, Sessions
from collector.speedtest.tokens import TokenSpender
from collector.speedtest.transfers import POOL_BYTES

log = logging.getLogger(__name__)


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
        self.cpu = CpuMeter()
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


def shut(sock: socket.socket) -> None:
    """Wake whoever is blocked on `sock` and refuse further traffic."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
