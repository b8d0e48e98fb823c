"""Moving test data: LibreSpeed's endpoints, which others' clients use as well."""

from __future__ import annotations

import contextlib
import http
import ipaddress
import os
import socket
import time
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from collector.speedtest.answers import SESSION_HEADER, Answers
from collector.speedtest.sessions import Flow, Session, SessionError

BLOCK_BYTES = 256 * 1024
POOL_BYTES = 16 * 1024 * 1024
MEBIBYTE = 1024 * 1024
MAX_CHUNKS = 1024
CONGESTION_HEADER = "CampusGauge-Congestion"
CONGESTION_CONTROLS = frozenset({"reno", "cubic", "bbr"})


class Transfers(Answers):
    """Source, sink, ping and address."""

    def send_garbage(self) -> None:
        """Send `ckSize` MiB of random bytes."""
        query = parse_qs(urlsplit(self.path).query)
        try:
            chunks = min(max(int(query.get("ckSize", ["4"])[0]) or 4, 1), MAX_CHUNKS)
        except ValueError:
            chunks = 4
        self.send_random(chunks * MEBIBYTE)

    def send_random(self, left: int) -> None:
        """Send so many random bytes."""
        session, flow = self._transfer()
        use_congestion_control(self.connection, self.headers.get(CONGESTION_HEADER, ""))
        self.head(200, {
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

    def swallow(self) -> None:
        """Swallow an upload and count it."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            self.close_connection = True
            raise SessionError(411, "length_required", "send the upload with a Content-Length")
        left = self.content_length()
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
            self.answer(http.HTTPStatus.OK, {"Content-Length": "0"})

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
        self.stay(session)
        return session, flow

    def stay(self, session: Session) -> None:
        """Let this connection live as long as its session."""
        self.server.set_deadline(self.connection, session.ends_at - time.monotonic())

    def ping(self) -> None:
        """Answer as shortly as HTTP allows."""
        if self.headers.get(SESSION_HEADER):
            # Small on purpose: pings share the line with the test they accompany.
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        else:
            self.answer(http.HTTPStatus.OK, {"Content-Length": "0"})

    def tell_address(self) -> None:
        """Answer with the address of the caller."""
        address = plain_address(self.client_address[0])
        kind = " - private access" if ipaddress.ip_address(address).is_private else ""
        self.json(200, {"processedString": address + kind, "rawIspInfo": ""})


def use_congestion_control(sock: socket.socket, name: str) -> None:
    """Send with the congestion control a test asks for, where this kernel and its rights allow."""
    if hasattr(socket, "TCP_CONGESTION") and name in CONGESTION_CONTROLS:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())


def plain_address(address: str) -> str:
    """Return an IPv4-mapped IPv6 address as plain IPv4, others unchanged."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)
