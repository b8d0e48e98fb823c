"""Moving bytes over parallel connections and noting what had arrived when.

One thread, non-blocking sockets, one reused buffer: all sockets are emptied (or filled) at a tick,
so that a slice is a true statement about one instant. The tick is short enough that the sockets'
buffers never run full, and long enough that a slow line costs no CPU.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.bandwidth.connection import (
    HEAD_END,
    MAX_HEAD_BYTES,
    abort,
    connect,
    parse_head,
    request_head,
)
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.session import Session, check_payload_head
from agent.bandwidth.slices import Slice
from agent.bandwidth.stopping import Plan, Verdict, judge

BUFFER_BYTES = 512 * 1024
SLICE_S = 0.005
JUDGE_S = 0.04
TICK_BYTES = 256 * 1024
MIN_TICK_S, MAX_TICK_S = 0.0003, 0.004
STALL_S = 6.0
"""No byte for this long: the server or the line is gone."""
CHUNKS = 1024
"""MiB asked for per connection; LibreSpeed servers allow no more."""

OnSlice = Callable[[list[Slice]], None]


@dataclass(slots=True)
class Flow:
    """One connection of a transfer."""

    sock: socket.socket
    head: bytearray | None = field(default_factory=bytearray)
    """Response head so far; None once it has been read and accepted."""


@dataclass(slots=True)
class Transfer:
    """What came of moving bytes in one direction."""

    slices: list[Slice]
    verdict: Verdict
    flows: list[Flow]
    seconds: float
    bytes: int
    pings_s: list[float]


def open_flows(session: Session, count: int, timeout_s: float = 8.0) -> list[socket.socket]:
    """Open `count` connections at the same time; those that succeed within the time count.

    Raises the first MeasurementError when none succeeds.
    """
    sockets: list[socket.socket] = []
    errors: list[MeasurementError] = []

    def one() -> None:
        try:
            sock = connect(session.where, timeout_s)
        except MeasurementError as error:
            errors.append(error)
        else:
            sock.settimeout(0)
            sockets.append(sock)

    threads = [threading.Thread(target=one, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    ends_at = time.monotonic() + timeout_s + 2
    for thread in threads:
        thread.join(max(0.0, ends_at - time.monotonic()))
    if not sockets:
        raise (
            errors[0]
            if errors
            else MeasurementError("server_unreachable", "no connection in time", transient=True)
        )
    return list(sockets)


class Pinger:
    """Times small requests on a connection of its own while the line is loaded."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._sock = connect(session.where, 5.0)
        self._sock.settimeout(0)
        self._sent_at: float | None = None
        self._seen = b""
        self.times_s: list[float] = []

    @property
    def sock(self) -> socket.socket:
        """To wait on."""
        return self._sock

    def turn(self) -> None:
        """Note an answer if there is one; send the next request if none is under way."""
        now = time.monotonic()
        if self._sent_at is not None:
            try:
                self._seen += self._sock.recv(4096)
            except (BlockingIOError, OSError):
                return
            if HEAD_END not in self._seen:
                return
            self.times_s.append(now - self._sent_at)
            self._sent_at, self._seen = None, b""
        request = request_head(self._session.where, "GET", "/empty", self._session.headers)
        try:
            self._sock.send(request)
            self._sent_at = now
        except OSError:
            self._sent_at = None

    def close(self) -> None:
        """Drop the connection."""
        abort(self._sock)


def download(
    session: Session,
    sockets: list[socket.socket],
    plan: Plan,
    rtt_s: float,
    pinger: Pinger | None = None,
    on_slice: OnSlice | None = None,
) -> Transfer:
    """Receive over `sockets` until the plan says stop. Raises MeasurementError; closes nothing."""
    path = f"/garbage?ckSize={CHUNKS}&r={session.nonce}"
    request = request_head(session.where, "GET", path, session.headers)
    flows = [Flow(sock) for sock in sockets]
    for flow in flows:
        flow.sock.send(request)
    buffer = memoryview(bytearray(BUFFER_BYTES))
    total = 0

    def turn() -> int:
        nonlocal total
        moved = 0
        for flow in flows:
            moved += _receive(session, flow, buffer)
        total += moved
        return moved

    def read_slice() -> Slice:
        return Slice(time.monotonic(), total)

    return _run(flows, plan, rtt_s, turn, read_slice, pinger, on_slice)


def upload(
    session: Session,
    sockets: list[socket.socket],
    plan: Plan,
    rtt_s: float,
    pinger: Pinger | None = None,
    on_slice: OnSlice | None = None,
) -> Transfer:
    """Send over `sockets` until the plan says stop; the slices are the server's count and clock.

    What was written here proves nothing: buffers, proxies and accelerators take it early.
    """
    counter = _Progress(session)
    request = request_head(
        session.where, "POST", "/empty", {**session.headers, "Content-Length": str(CHUNKS << 20)}
    )
    payload = memoryview(os.urandom(BUFFER_BYTES))
    flows = [Flow(sock) for sock in sockets]
    for flow in flows:
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            # Keep little queued in the kernel: an ended test then stops using the line.
            flow.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, BUFFER_BYTES)
        flow.sock.send(request)

    def turn() -> int:
        counter.turn()
        return sum(_send(session, flow, payload) for flow in flows)

    def read_slice() -> Slice:
        return counter.last

    try:
        return _run(flows, plan, rtt_s, turn, read_slice, pinger, on_slice)
    finally:
        counter.close()


class _Progress:
    """Follows `GET /session/progress`: the server's count of what has arrived."""

    def __init__(self, session: Session) -> None:
        if session.id is None:
            raise MeasurementError(
                "upload_not_counted", "this server does not say how much of an upload arrived"
            )
        self.last = Slice(0.0, 0)
        self._rest = b""
        self._head_read = False
        self._sock = connect(session.where, 8.0)
        self._sock.send(request_head(session.where, "GET", "/session/progress", session.headers))
        self._sock.settimeout(0)

    def turn(self) -> None:
        """Take in what the server has said since the last turn."""
        try:
            data = self._sock.recv(64 * 1024)
        except (BlockingIOError, OSError):
            return
        self._rest += data
        if not self._head_read:
            head, end, rest = self._rest.partition(HEAD_END)
            if not end:
                return
            status, _ = parse_head(head)
            if status != 200:
                raise MeasurementError("server_error", f"progress was answered with {status}")
            self._head_read, self._rest = True, rest
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            try:
                micros, count = map(int, line.split())
            except ValueError as error:
                raise MeasurementError("middlebox_changed_data", f"progress {line!r}") from error
            self.last = Slice(micros * 1e-6, max(count, self.last.total_bytes))

    def close(self) -> None:
        abort(self._sock)


def _run(
    flows: list[Flow],
    plan: Plan,
    rtt_s: float,
    turn: Callable[[], int],
    read_slice: Callable[[], Slice],
    pinger: Pinger | None,
    on_slice: OnSlice | None,
) -> Transfer:
    """Turn, note, judge, wait; until the plan says stop."""
    began = moved_at = judged_at = time.monotonic()
    slices: list[Slice] = []
    tick_s = MIN_TICK_S
    verdict = Verdict(stop=False, steady=None, converged=False)
    while not verdict.stop:
        moved = turn()
        if pinger is not None:
            pinger.turn()
        now = time.monotonic()
        if moved:
            moved_at = now
        elif now - moved_at > STALL_S:
            raise MeasurementError(
                "server_gone", f"nothing moved for {STALL_S:.0f} s", transient=True
            )
        point = read_slice()
        if point.total_bytes and (not slices or point.t_s - slices[-1].t_s >= SLICE_S):
            slices.append(point)
            if now - judged_at >= JUDGE_S:
                judged_at = now
                verdict = judge(slices, rtt_s, plan)
                if on_slice:
                    on_slice(slices)
        if now - began > plan.max_seconds + STALL_S:
            raise MeasurementError("server_gone", "the server counted nothing", transient=True)
        rate = moved / tick_s
        tick_s = min(max(TICK_BYTES / rate if rate else MAX_TICK_S, MIN_TICK_S), MAX_TICK_S)
        if moved < len(flows) * BUFFER_BYTES:
            _wait(pinger, tick_s)
    return Transfer(
        slices,
        verdict,
        flows,
        time.monotonic() - began,
        slices[-1].total_bytes - slices[0].total_bytes,
        list(pinger.times_s) if pinger is not None else [],
    )


def _wait(pinger: Pinger | None, seconds: float) -> None:
    if pinger is None:
        time.sleep(seconds)
    else:
        ready, _, _ = select.select([pinger.sock], [], [], seconds)
        if ready:
            pinger.turn()


def _receive(session: Session, flow: Flow, buffer: memoryview) -> int:
    """Empty one socket as far as one buffer goes; returns payload bytes."""
    received = 0
    while received < len(buffer):
        try:
            count = flow.sock.recv_into(buffer)
        except BlockingIOError:
            break
        except OSError as error:
            if _would_block(error):
                break
            raise MeasurementError("server_gone", str(error), transient=True) from error
        if count == 0:
            raise MeasurementError(
                "server_gone", "the server ended the test data early", transient=True
            )
        if flow.head is None:
            received += count
        else:
            received += _take_head(session, flow, bytes(buffer[:count]))
        if count < 16 * 1024:
            break
    return received


def _take_head(session: Session, flow: Flow, data: bytes) -> int:
    """Collect the response's head; returns how many payload bytes followed it in `data`."""
    assert flow.head is not None  # noqa: S101 - for the type checker
    flow.head += data
    head, end, body = bytes(flow.head).partition(HEAD_END)
    if not end:
        if len(head) > MAX_HEAD_BYTES:
            raise MeasurementError("not_http", "the response's head has no end")
        return 0
    status, headers = parse_head(head)
    check_payload_head(session, status, headers)
    flow.head = None
    return len(body)


def _send(session: Session, flow: Flow, payload: memoryview) -> int:
    """Fill one socket as far as one buffer goes; returns bytes taken by the kernel."""
    sent = 0
    while sent < len(payload):
        try:
            count = flow.sock.send(payload)
        except BlockingIOError:
            break
        except OSError as error:
            if _would_block(error):
                break
            raise _upload_refused(session, flow, error) from error
        sent += count
    return sent


def _upload_refused(session: Session, flow: Flow, error: OSError) -> MeasurementError:
    """Prefer what the server said over the broken pipe that followed."""
    try:
        data = flow.sock.recv(MAX_HEAD_BYTES)
        status, headers = parse_head(data.partition(HEAD_END)[0])
        check_payload_head(session, status, headers)
    except MeasurementError as said:
        return said
    except OSError:
        pass
    return MeasurementError("server_gone", str(error), transient=True)


def _would_block(error: OSError) -> bool:
    """Whether a TLS socket merely has to wait (ssl.SSLWantReadError, ssl.SSLWantWriteError)."""
    return type(error).__name__ in ("SSLWantReadError", "SSLWantWriteError")
