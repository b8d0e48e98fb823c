"""Measurement sessions: who may transfer, how much, how long, and what was counted.

A session is opened with a token (or freely in open mode), is shared by the parallel connections of
one test, and ends by itself. Nothing here does I/O except reading counters of sockets it is given.
"""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from collector.speedtest.tcp_info import TcpInfo, tcp_info

SLOTS_KEPT = 256
"""Sessions of slots whose bytes can still be asked for: more than a day of one server has."""


class SessionError(Exception):
    """A session that cannot be opened or used. `status` is the HTTP status to answer."""

    def __init__(self, status: int, reason: str, detail: str, retry_after_s: int | None = None):
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.retry_after_s = retry_after_s


@dataclass(slots=True, eq=False)
class Flow:
    """One connection's share of a session. The counters are bytes of request or response body."""

    sock: socket.socket
    sent_bytes: int = 0
    received_bytes: int = 0
    kernel_base_bytes: int | None = None
    """What the kernel had received on this connection when its upload began."""
    closed: bool = False

    def begin_upload(self, buffered_bytes: int) -> None:
        """Start counting; `buffered_bytes` of the body have been read along with the head."""
        count = kernel_received_bytes(self.sock)
        self.kernel_base_bytes = None if count is None else count - buffered_bytes

    def uploaded_bytes(self) -> int:
        """Bytes that have arrived, read by this process or still waiting in the kernel.

        The kernel's count is preferred: it does not depend on when a busy process got to read.
        """
        if not self.closed and self.kernel_base_bytes is not None:
            count = kernel_received_bytes(self.sock)
            if count is not None:
                return max(count - self.kernel_base_bytes, self.received_bytes)
        return self.received_bytes


def kernel_received_bytes(sock: socket.socket) -> int | None:
    """Return the payload bytes the kernel has received in order on `sock`, or None."""
    info = tcp_info(sock)
    return None if info is None else info.received_bytes


@dataclass(slots=True, eq=False)
class Session:
    """One test of one client. Times are monotonic seconds."""

    id: str
    owner: str
    opened_at: float
    ends_at: float
    max_bytes: int
    flows: list[Flow] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def sent_bytes(self) -> int:
        """Response-body bytes handed to the kernel so far."""
        return sum(flow.sent_bytes for flow in list(self.flows))

    @property
    def uploaded_bytes(self) -> int:
        """Request-body bytes that have arrived so far."""
        return sum(flow.uploaded_bytes() for flow in list(self.flows))

    def tcp_infos(self) -> list[TcpInfo]:
        """Return the kernel's counters of the connections that are still moving data."""
        infos = [tcp_info(flow.sock) for flow in list(self.flows) if not flow.closed]
        return [info for info in infos if info is not None]

    @property
    def spent(self) -> bool:
        """Whether the byte bound is reached."""
        total = sum(flow.sent_bytes + flow.received_bytes for flow in list(self.flows))
        return total >= self.max_bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the measurement server; `Counters` says how often each one bit."""

    sessions: int = 1
    flows_per_session: int = 40
    """At the same time."""
    requests_per_session: int = 400
    """One after the other; speedtest-cli makes a new connection for each of its 91 files."""
    connections: int = 256
    connections_per_address: int = 96
    session_seconds: float = 45.0
    session_bytes: int = 8_000_000_000
    head_seconds: float = 10.0
    """To receive a request's head; an idle kept-alive connection has as long."""


class Sessions:
    """Opens, finds and ends sessions. Thread-safe; `monotonic` is the clock (seconds)."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._by_id: dict[str, Session] = {}
        self._by_slot: dict[str, Session] = {}
        self._lock = threading.Lock()

    def open(
        self, owner: str, max_seconds: float, max_bytes: int, slot_id: str | None = None
    ) -> Session:
        """Return a new session; raises SessionError 429 while the server is in use.

        `slot_id` is what `moved` knows it by afterwards.
        """
        with self._lock:
            self._drop_ended()
            if len(self._by_id) >= self._limits.sessions:
                left_s = min(s.ends_at for s in self._by_id.values()) - self._monotonic()
                raise SessionError(
                    429,
                    "server_busy",
                    "another test is running on this server; try again when it has ended",
                    max(1, int(left_s) + 1),
                )
            now = self._monotonic()
            session = Session(
                id=secrets.token_urlsafe(24),
                owner=owner,
                opened_at=now,
                ends_at=now + min(max_seconds, self._limits.session_seconds),
                max_bytes=min(max_bytes, self._limits.session_bytes),
            )
            self._by_id[session.id] = session
            if slot_id is not None:
                self._by_slot[slot_id] = session
                while len(self._by_slot) > SLOTS_KEPT:
                    del self._by_slot[next(iter(self._by_slot))]
            return session

    def moved(self, slot_id: str) -> tuple[int, bool]:
        """Return the bytes of a slot's session, and whether it is over; nothing if none came."""
        with self._lock:
            self._drop_ended()
            session = self._by_slot.get(slot_id)
            if session is None:
                return 0, True
            return session.sent_bytes + session.uploaded_bytes, session.id not in self._by_id

    def join(self, session_id: str, sock: socket.socket) -> tuple[Session, Flow]:
        """Return the running session and a new flow in it; raises SessionError 401 or 429."""
        with self._lock:
            session = self._running(session_id)
            moving = sum(not flow.closed for flow in session.flows)
            if (
                moving >= self._limits.flows_per_session
                or len(session.flows) >= self._limits.requests_per_session
            ):
                raise SessionError(429, "too_many_connections", "this test has enough connections")
            if session.spent:
                raise SessionError(429, "byte_limit", "this test has used up its bytes")
            flow = Flow(sock)
            session.flows.append(flow)
            return session, flow

    def find(self, session_id: str) -> Session:
        """Return the running session; raises SessionError 401."""
        with self._lock:
            return self._running(session_id)

    def close(self, session: Session) -> None:
        """End `session` now; its flows stop at their next block."""
        with self._lock:
            session.ended.set()
            self._by_id.pop(session.id, None)

    def overdue(self) -> list[Session]:
        """End and return the sessions whose time or bytes are used up."""
        with self._lock:
            now = self._monotonic()
            late = [s for s in self._by_id.values() if now >= s.ends_at or s.spent]
            for session in late:
                session.ended.set()
            self._drop_ended()
            return late

    @property
    def running(self) -> int:
        """How many sessions are open."""
        with self._lock:
            self._drop_ended()
            return len(self._by_id)

    def _running(self, session_id: str) -> Session:
        session = self._by_id.get(session_id)
        if session is None or session.ended.is_set() or self._monotonic() >= session.ends_at:
            raise SessionError(401, "no_session", "open a session first: POST /session")
        return session

    def _drop_ended(self) -> None:
        now = self._monotonic()
        for session in list(self._by_id.values()):
            if session.ended.is_set() or now >= session.ends_at:
                session.ended.set()
                del self._by_id[session.id]
