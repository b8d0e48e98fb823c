"""Following what the server sees while a transfer runs: `GET /session/progress`."""

from __future__ import annotations

import socket

from agent.bandwidth.connection import (
    HEAD_END,
    Answer,
    exchange,
    parse_head,
    request_head,
)
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.pinger import FRAME_HEADERS_BYTES
from agent.bandwidth.session import Session, refusal
from agent.bandwidth.slices import Slice
from agent.bandwidth.tcp_sums import TcpSums

LEAST_FIELDS = 6
"""Of a progress line; the seventh, how busy the server's host is, came later."""


class ServerView:
    """The server's counts, on its clock, over `sock`. Raises MeasurementError when it refuses.

    `received` is what arrived of an upload. `delivered` is what of a download has reached the
    client according to its acknowledgements, selective ones included: unlike the client's own
    count it does not wait for a lost packet's repair.
    """

    def __init__(self, session: Session, sock: socket.socket) -> None:
        if session.id is None:
            raise MeasurementError(
                "upload_not_counted", "this server does not say how much of an upload arrived"
            )
        self._session = session
        self.received: list[Slice] = []
        self.received_before: int | None = None
        """Bytes of the session's earlier uploads; None until the server has told."""
        self.delivered: list[Slice] = []
        self.sums = TcpSums()
        self.frame_bytes = 0
        self.busy_ratio: float | None = None
        """Load of the server's host since the first line, over all its cores; None if untold."""
        self._busy: tuple[int, int] | None = None
        self._rest = b""
        self._head_read = False
        self._sock = sock
        sock.send(request_head(session.where, "GET", "/session/progress", session.headers))

    def turn(self, side_bytes: int) -> None:
        """Take in what the server has said; `side_bytes` of payload went beside the transfer."""
        try:
            data = self._sock.recv(64 * 1024)
        except OSError:
            return
        self.frame_bytes += len(data) + FRAME_HEADERS_BYTES
        self._rest += data
        if not self._head_read:
            head, end, rest = self._rest.partition(HEAD_END)
            if not end:
                return
            status, headers = parse_head(head)
            if status != 200:
                raise refusal(Answer(status, headers, rest))
            self._head_read, self._rest = True, rest
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            self._take(line, side_bytes)

    def _take(self, line: bytes, side_bytes: int) -> None:
        try:
            # New fields are only ever added at the end: an older server lacks some, a newer one
            # has more than are known here.
            told = [int(field) for field in line.split()]
            micros, received, delivered, again, out, rtt_us = told[:LEAST_FIELDS]
            busy_us = told[LEAST_FIELDS] if len(told) > LEAST_FIELDS else 0
        except ValueError as error:
            raise MeasurementError("middlebox_changed_data", f"progress {line[:80]!r}") from error
        if self.received_before is None:
            self.received_before = received
        for trace, total in ((self.received, received), (self.delivered, delivered)):
            if total and (not trace or total + side_bytes >= trace[-1].total_bytes):
                trace.append(Slice(micros * 1e-6, total + side_bytes))
        self._busy = self._busy or (micros, busy_us)
        if busy_us and micros > self._busy[0]:
            self.busy_ratio = (busy_us - self._busy[1]) / (micros - self._busy[0])
        self.sums = TcpSums(delivered, again, out, rtt_us * 1e-6 if rtt_us else None)

    def use_congestion_control(self, name: str) -> None:
        """Ask the server to send with `name` from now on; a refusal changes nothing."""
        try:
            exchange(
                self._session.where,
                "POST",
                "/session/congestion",
                {**self._session.headers, "CampusGauge-Congestion": name},
                timeout_s=3.0,
            )
        except MeasurementError:
            return
