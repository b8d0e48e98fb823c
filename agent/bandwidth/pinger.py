"""Round-trip times under load, on a connection of their own."""

from __future__ import annotations

import select
import socket
import time

from agent.bandwidth.connection import HEAD_END
from agent.bandwidth.flows import must_wait
from agent.bandwidth.session import SESSION_HEADER, Session

INTERVAL_S = 0.04
FRAME_HEADERS_BYTES = 66
"""Ethernet, IPv4 and TCP with timestamps."""


class Pinger:
    """Times small requests on the non-blocking `sock` while the line is loaded.

    `sent_frame_bytes` and `received_frame_bytes` count what the pings themselves put on the line,
    which on a slow line is tenths of a percent.
    """

    def __init__(self, session: Session, sock: socket.socket) -> None:
        self.sock = sock
        where = session.where
        address = f"http://{where.authority}" if where.proxy and not where.tls else ""
        own = f"{SESSION_HEADER}: {session.id}\r\n" if session.id else ""
        self._request = (
            f"GET {address}{where.path}/empty{session.suffix} HTTP/1.1\r\n"
            f"Host: {where.authority}\r\n{own}\r\n"
        ).encode("ascii")
        self._sent_at: float | None = None
        self._next_at = 0.0
        self._answer = b""
        self.is_closed = False
        """Whether the server has hung up: there are no more pings then."""
        self.times_s: list[float] = []
        self.sent_frame_bytes = 0
        self.received_frame_bytes = 0

    def wait(self, seconds: float) -> None:
        """Sleep that long, or until an answer is there."""
        if self.is_closed:
            time.sleep(seconds)  # a closed socket is always readable
        else:
            select.select([self.sock], [], [], seconds)

    def turn(self) -> None:
        """Note an answer if there is one; send the next request when it is due."""
        now = time.monotonic()
        if self.is_closed:
            return
        if self._sent_at is not None:
            try:
                data = self.sock.recv(4096)
            except OSError as error:
                self.is_closed = not must_wait(error)
                return
            if not data:
                self.is_closed = True
                return
            self._answer += data
            if HEAD_END not in self._answer:
                return
            self.times_s.append(now - self._sent_at)
            self.received_frame_bytes += len(self._answer) + FRAME_HEADERS_BYTES
            self._sent_at, self._answer = None, b""
        if now < self._next_at:
            return
        try:
            self.sock.send(self._request)
        except OSError as error:
            self.is_closed = not must_wait(error)
            return
        self.sent_frame_bytes += len(self._request) + FRAME_HEADERS_BYTES
        self._sent_at, self._next_at = now, now + INTERVAL_S
