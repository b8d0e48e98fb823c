"""Receiving over parallel connections: what arrives here counts, and what the server saw go."""

from __future__ import annotations

import socket
import time

from agent.bandwidth.connection import request_head
from agent.bandwidth.flows import Flow, receive
from agent.bandwidth.pinger import Pinger
from agent.bandwidth.server_view import ServerView
from agent.bandwidth.session import Session
from agent.bandwidth.slices import Slice
from agent.bandwidth.tcp_sums import TcpSums
from agent.bandwidth.transfer import CHUNKS, NORMAL_CONGESTION, SLICE_S, Mover


class Download(Mover):
    """Receives over the flows."""

    def __init__(
        self, session: Session, flows: list[Flow], pinger: Pinger, side: socket.socket
    ) -> None:
        super().__init__(session, flows, pinger)
        self._view = ServerView(session, side) if session.id else None
        self._total = 0
        self._received: list[Slice] = []
        headers = {**session.headers, "CampusGauge-Congestion": NORMAL_CONGESTION}
        path = f"/garbage?ckSize={CHUNKS}&r={session.nonce}"
        request = request_head(session.where, "GET", path, headers)
        for flow in flows:
            flow.sock.send(request)

    def turn(self) -> int:
        """Empty all sockets."""
        if self._view:
            self._view.turn(self._side_bytes)
        moved = sum(receive(self._session, flow, self._buffer) for flow in self._flows)
        self._total += moved
        return moved

    def note(self) -> None:
        """Note the own count, side traffic included: it uses the same line."""
        now = time.monotonic()
        if self._total and (not self._received or now - self._received[-1].t_s >= SLICE_S):
            self._received.append(Slice(now, self._total + self._side_bytes))

    @property
    def side_frame_bytes(self) -> int:
        """Answers to pings, and the server's view."""
        return self._pinger.received_frame_bytes + (self._view.frame_bytes if self._view else 0)

    @property
    def received(self) -> list[Slice]:
        """The own count."""
        return self._received

    @property
    def delivered(self) -> list[Slice]:
        """The server's."""
        return self._view.delivered if self._view else []

    @property
    def sums(self) -> TcpSums:
        """The server's sockets."""
        return self._view.sums if self._view else TcpSums()

    def switch_congestion(self, name: str) -> None:
        """Ask the server."""
        if self._view:
            self._view.use_congestion_control(name)
