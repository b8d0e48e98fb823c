"""Conversations with a server that knows nothing of sessions: request after request.

h11 reads the answers, because such servers use every framing that HTTP/1.1 has: fixed sizes,
chunks, or the end of the connection.
"""

from __future__ import annotations

import socket
from abc import abstractmethod
from dataclasses import dataclass

import h11

from agent.bandwidth import tcp_info
from agent.bandwidth.connection import connect
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.flows import Flow, must_wait
from agent.bandwidth.pinger import Pinger
from agent.bandwidth.session import Session, check_payload_head
from agent.bandwidth.slices import Slice
from agent.bandwidth.tcp_sums import TcpSums
from agent.bandwidth.transfer import Mover

CONNECT_S = 5.0
RECONNECTS = 400


class _Sized:
    """Stands for that many bytes of a body which is sent past h11."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length


@dataclass(slots=True)
class Line:
    """One connection and where its conversation is."""

    flow: Flow
    http: h11.Connection
    left: int = 0
    """Of the request's body, still to send."""
    size: int = 0
    """Of the request's body; 0 while none is under way."""
    sent_at: float | None = None
    """When the body's last byte was known to be delivered."""
    acked_before: int = 0
    """Delivered on this connection when the request began."""


class ForeignMover(Mover):
    """What both directions share: conversations that go on with the next request by themselves."""

    def __init__(
        self, session: Session, flows: list[Flow], pinger: Pinger, side: socket.socket
    ) -> None:
        del side  # such a server has nothing to say beside the transfer
        super().__init__(session, flows, pinger)
        self._reconnects = 0
        self._received: list[Slice] = []
        self._sums = TcpSums()
        self._lines = [Line(flow, h11.Connection(h11.CLIENT)) for flow in flows]
        for line in self._lines:
            self._begin(line)

    @abstractmethod
    def _begin(self, line: Line) -> None:
        """Send the next request's head."""

    @abstractmethod
    def _answered(self, line: Line) -> None:
        """Take note of a complete answer."""

    @property
    def received(self) -> list[Slice]:
        """The count that is judged."""
        return self._received

    @property
    def delivered(self) -> list[Slice]:
        """Empty: there is no second count."""
        return []

    @property
    def sums(self) -> TcpSums:
        """Of the own sockets while sending; nothing is known of the server's."""
        return self._sums

    def switch_congestion(self, name: str) -> None:
        """Only the sending end can."""
        del name

    def _request(self, line: Line, method: str, name: str, body_bytes: int) -> None:
        where = self._session.where
        absolute = f"http://{where.authority}" if where.proxy and not where.tls else ""
        fields = [
            ("Host", where.authority),
            ("User-Agent", "CampusGauge"),
            ("Accept-Encoding", "identity"),
            ("Cache-Control", "no-store"),
        ]
        if method == "POST":
            fields.append(("Content-Type", "application/octet-stream"))
            fields.append(("Content-Length", str(body_bytes)))
        request = h11.Request(method=method, target=f"{absolute}{where.path}{name}", headers=fields)
        head = line.http.send(request)
        if body_bytes:
            # The body goes past h11, which only has to know that it is there.
            line.http.send_with_data_passthrough(h11.Data(data=_Sized(body_bytes)))  # type: ignore[arg-type]  # as h11 documents for sendfile
        line.http.send(h11.EndOfMessage())
        _send_all(line.flow.sock, head or b"")

    def _receive(self, line: Line) -> int:
        """Read what there is; returns bytes. Goes on with the next request at an answer's end.

        Heads and chunk sizes count: they are TCP payload like the rest.
        """
        try:
            count = line.flow.sock.recv_into(self._buffer)
        except OSError as error:
            if must_wait(error):
                return 0
            raise MeasurementError("server_gone", str(error), transient=True) from error
        if not count and line.http.their_state is h11.SEND_RESPONSE:
            # Closed before it answered, as a server may do to any kept connection: ask again.
            self._reconnect(line)
            self._begin(line)
            return 0
        try:
            line.http.receive_data(bytes(self._buffer[:count]))
            while True:
                event = line.http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    break
                if isinstance(event, h11.Response):
                    fields = {k.decode("latin-1"): v.decode("latin-1") for k, v in event.headers}
                    check_payload_head(self._session, event.status_code, self._checked(fields))
                elif isinstance(event, h11.EndOfMessage):
                    self._answered(line)
                    self._go_on(line)
                    break
                elif isinstance(event, h11.ConnectionClosed):
                    self._reconnect(line)
                    self._begin(line)
                    break
        except h11.RemoteProtocolError as error:
            raise MeasurementError("server_gone", f"the answer broke off: {error}") from error
        return count

    def _checked(self, headers: dict[str, str]) -> dict[str, str]:
        """Return the answer's headers as far as they must be those of test data."""
        return headers

    def _go_on(self, line: Line) -> None:
        if line.http.our_state is h11.DONE and line.http.their_state is h11.DONE:
            line.http.start_next_cycle()
        else:
            self._reconnect(line)
        self._begin(line)

    def _reconnect(self, line: Line) -> None:
        self._reconnects += 1
        if self._reconnects > RECONNECTS:
            raise MeasurementError(
                "too_few_data", "the server closes every connection after a few bytes"
            )
        line.flow.sock.close()
        line.flow.sock = connect(self._session.where, CONNECT_S)
        line.flow.sock.settimeout(0)
        line.http = h11.Connection(h11.CLIENT)
        line.acked_before = 0


def acked_bytes(sock: socket.socket) -> int:
    """Return what the other end's kernel has acknowledged, 0 where this one does not tell."""
    info = tcp_info.of(sock)
    return (info.bytes_acked or 0) if info else 0


def _send_all(sock: socket.socket, data: bytes) -> None:
    """Send a head on a socket that may be full of nothing else; bounded by CONNECT_S."""
    sock.settimeout(CONNECT_S)
    try:
        sock.sendall(data)
    except OSError as error:
        raise MeasurementError("server_gone", str(error), transient=True) from error
    finally:
        sock.settimeout(0)
