"""Sending over parallel connections: what arrives at the server counts, on its clock."""

from __future__ import annotations

import os
import socket
import time

from agent.bandwidth import tcp_info
from agent.bandwidth.connection import request_head
from agent.bandwidth.flows import TURN_BYTES, Flow, send, use_congestion_control
from agent.bandwidth.pinger import FRAME_HEADERS_BYTES, Pinger
from agent.bandwidth.server_view import ServerView
from agent.bandwidth.session import Session
from agent.bandwidth.slices import Slice
from agent.bandwidth.tcp_sums import TcpSums, add_up
from agent.bandwidth.transfer import BUFFER_BYTES, CHUNKS, NORMAL_CONGESTION, SLICE_S, Mover


class Upload(Mover):
    """Sends over the flows; the received count and its clock are the server's.

    What was written here proves nothing: buffers, proxies and accelerators take it early.
    """

    def __init__(
        self, session: Session, flows: list[Flow], pinger: Pinger, side: socket.socket
    ) -> None:
        super().__init__(session, flows, pinger)
        self._view: ServerView = ServerView(session, side)
        self._buffer[:] = os.urandom(BUFFER_BYTES)
        self._delivered: list[Slice] = []
        self._sums = TcpSums()
        self._side = (pinger.sock, side)
        self._acknowledged_bytes = 0
        request = request_head(
            session.where,
            "POST",
            "/empty",
            {**session.headers, "Content-Length": str(CHUNKS << 20)},
        )
        for flow in flows:
            use_congestion_control(flow, NORMAL_CONGESTION)
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):
                # Keep little queued in the kernel: an ended test then stops using the line.
                flow.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, TURN_BYTES)
            flow.sock.send(request)

    def turn(self) -> int:
        """Fill all sockets."""
        self._view.turn(self._side_bytes)
        return sum(send(self._session, flow, self._buffer) for flow in self._flows)

    def note(self) -> None:
        """Note what the kernel knows to be delivered."""
        now = time.monotonic()
        if self._delivered and now - self._delivered[-1].t_s < SLICE_S:
            return
        infos = [info for flow in self._flows if (info := tcp_info.of(flow.sock))]
        if not infos:
            return
        self._acknowledged_bytes = sum(map(acknowledgement_bytes, self._side))
        self._sums = add_up(infos)
        self._delivered.append(Slice(now, self._sums.delivered_bytes + self._side_bytes))

    @property
    def side_frame_bytes(self) -> int:
        """Pings, and the acknowledgements of what the server says."""
        return self._pinger.sent_frame_bytes + self._acknowledged_bytes

    @property
    def received(self) -> list[Slice]:
        """The server's count."""
        return self._view.received

    @property
    def received_before(self) -> int:
        """A session's transfers add up at the server."""
        return self._view.received_before or 0

    @property
    def delivered(self) -> list[Slice]:
        """The own kernel's."""
        return self._delivered

    @property
    def sums(self) -> TcpSums:
        """The own sockets."""
        return self._sums

    def switch_congestion(self, name: str) -> None:
        """Set it on the own sockets."""
        for flow in self._flows:
            use_congestion_control(flow, name)


def acknowledgement_bytes(sock: socket.socket) -> int:
    """Return the bytes of the frames by which `sock` only acknowledged: 2 % of a line of 2 Mbit/s.

    0 where the system does not tell.
    """
    info = tcp_info.of(sock)
    if info is None or info.segments_out is None or info.data_segments_out is None:
        return 0
    return (info.segments_out - info.data_segments_out) * FRAME_HEADERS_BYTES
