"""The parallel connections of a transfer: opening, filling, emptying."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass, field

from agent.bandwidth.connection import HEAD_END, MAX_HEAD_BYTES, connect, parse_head
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.session import Session, check_payload_head

TLS_RECORD_BYTES = 16 * 1024
TURN_BYTES = 512 * 1024
"""What one connection may move in one turn, whatever the size of the buffer: all get theirs."""
WAITS = frozenset({"SSLWantReadError", "SSLWantWriteError"})
"""Names, because importing ssl costs a plain-HTTP test 4 MiB."""


@dataclass(slots=True)
class Flow:
    """One connection. `head` collects the response's head and is None once that is accepted."""

    sock: socket.socket
    head: bytearray | None = field(default_factory=bytearray)

    @property
    def takes_many(self) -> bool:
        """Whether one call can use several buffers: not TLS, not Windows."""
        return type(self.sock) is socket.socket and hasattr(socket.socket, "recvmsg_into")


def open_flows(session: Session, count: int, timeout_s: float = 8.0) -> list[Flow]:
    """Open `count` connections at the same time; those that succeed within the time count.

    Raises the first MeasurementError when none succeeds.
    """
    flows: list[Flow] = []
    errors: list[MeasurementError] = []

    def one() -> None:
        try:
            sock = connect(session.where, timeout_s)
        except MeasurementError as error:
            errors.append(error)
        else:
            sock.settimeout(0)
            flows.append(Flow(sock))

    threads = [threading.Thread(target=one, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    ends_at = time.monotonic() + timeout_s + 2
    for thread in threads:
        thread.join(max(0.0, ends_at - time.monotonic()))
    if not flows:
        raise (
            errors[0]
            if errors
            else MeasurementError("server_unreachable", "no connection in time", transient=True)
        )
    return list(flows)


def use_congestion_control(flow: Flow, name: str) -> None:
    """Send with `name` from now on, where this kernel and its rights allow; else leave it."""
    if hasattr(socket, "TCP_CONGESTION"):
        try:
            flow.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())
        except OSError:
            return


def receive(session: Session, flow: Flow, buffer: memoryview) -> int:
    """Empty one socket, up to `TURN_BYTES`, through `buffer`; returns payload bytes.

    Raises MeasurementError when the answer is not untouched test data or ends early.
    """
    received = 0
    while received < TURN_BYTES:
        try:
            count = _take_in(flow, buffer)
        except OSError as error:
            if must_wait(error):
                break
            raise MeasurementError("server_gone", str(error), transient=True) from error
        if count == 0:
            raise MeasurementError(
                "server_gone", "the server ended the test data early", transient=True
            )
        if flow.head is None:
            received += count
        else:
            received += _take_head(session, flow, flow.head, bytes(buffer[:count]))
        if count < TLS_RECORD_BYTES:
            break
    return received


def _take_in(flow: Flow, buffer: memoryview) -> int:
    """Receive once. Test data is only counted: one small buffer takes it many times over."""
    if flow.head is None and flow.takes_many:
        return flow.sock.recvmsg_into([buffer] * (TURN_BYTES // len(buffer)))[0]
    return flow.sock.recv_into(buffer)


def _give_out(flow: Flow, payload: memoryview) -> int:
    if flow.takes_many:
        return flow.sock.sendmsg([payload] * (TURN_BYTES // len(payload)))
    return flow.sock.send(payload)


def _take_head(session: Session, flow: Flow, head: bytearray, data: bytes) -> int:
    """Collect the response's head; returns how many payload bytes followed it in `data`."""
    head += data
    text, end, body = bytes(head).partition(HEAD_END)
    if not end:
        if len(text) > MAX_HEAD_BYTES:
            raise MeasurementError("not_http", "the response's head has no end")
        return 0
    check_payload_head(session, *parse_head(text))
    flow.head = None
    return len(body)


def send(session: Session, flow: Flow, payload: memoryview) -> int:
    """Fill one socket, up to `TURN_BYTES`, with `payload`; returns bytes taken by the kernel."""
    sent = 0
    while sent < TURN_BYTES:
        try:
            count = _give_out(flow, payload)
        except OSError as error:
            if must_wait(error):
                break
            raise _refused(session, flow, error) from error
        sent += count
    return sent


def _refused(session: Session, flow: Flow, error: OSError) -> MeasurementError:
    """Prefer what the server said over the broken pipe that followed."""
    try:
        data = flow.sock.recv(MAX_HEAD_BYTES)
        if data:
            check_payload_head(session, *parse_head(data.partition(HEAD_END)[0]))
    except MeasurementError as said:
        return said
    except OSError:
        pass
    return MeasurementError("server_gone", str(error), transient=True)


def must_wait(error: OSError) -> bool:
    """Whether a non-blocking socket only asks for patience."""
    return isinstance(error, BlockingIOError) or type(error).__name__ in WAITS
