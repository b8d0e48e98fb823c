"""Moving bytes over parallel connections and noting what had arrived when.

One thread, non-blocking sockets, one reused buffer: all sockets are emptied (or filled) at a tick,
so that a slice is a true statement about one instant. The tick is short enough that the sockets'
buffers never run full, and long enough that a slow line costs no CPU.

Both ends count. The receiver's count is what reached it in order; the sender's is what it knows to
be delivered, out of order too. On a lossy path the second is far smoother; where a proxy or an
accelerator answers for the receiver only the first means anything.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.flows import (
    TURN_BYTES,
    Flow,
)
from agent.bandwidth.pinger import Pinger
from agent.bandwidth.server_view import ServerView
from agent.bandwidth.session import Session
from agent.bandwidth.slices import Slice
from agent.bandwidth.stopping import Plan, PressureWatch, Verdict, hold_if_not_pressed, judge
from agent.bandwidth.tcp_sums import TcpSums

BUFFER_BYTES = 64 * 1024
SLICE_S = 0.005
JUDGE_S = 0.03
TICK_BYTES = 256 * 1024
MIN_TICK_S, MAX_TICK_S = 0.0003, 0.004
STALL_S = 6.0
"""No byte for this long: the server or the line is gone."""
CHUNKS = 1024
"""MiB asked for per connection; LibreSpeed servers allow no more."""
PAYLOAD_SHARE = 1448 / 1514
NORMAL_CONGESTION, PUSHING_CONGESTION = "cubic", "bbr"
"""Cubic fills a shallow queue without losing much; BBR goes on where cubic waits after losses."""

OnSlice = Callable[[list[Slice]], None]


class Transfer(NamedTuple):
    """What came of moving bytes in one direction.

    `trace` is the count that was judged, `received` always the receiver's.
    """

    trace: list[Slice]
    received: list[Slice]
    verdict: Verdict
    seconds: float
    bytes: int
    pings_s: list[float]
    sums: TcpSums
    """Of the sending side."""
    side_bytes: int
    """Frames of pings and progress that shared the line."""
    congestion: str
    is_pressed: bool | None
    """Whether at the end a queue stood or packets were lost; None when never looked at."""
    last_pressed_s: float | None
    """When, since its beginning, that was last so."""
    ended_s: float
    """When it ended (monotonic)."""
    server_busy_ratio: float | None = None
    """Load of the server's host; None where it does not tell."""


class Mover(ABC):
    """One direction's way of moving bytes; `run` is common to both."""

    def __init__(self, session: Session, flows: list[Flow], pinger: Pinger) -> None:
        self._pressure = PressureWatch()
        self._session = session
        self._flows = flows
        self._pinger = pinger
        self._view: ServerView | None = None
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self.congestion = NORMAL_CONGESTION

    @abstractmethod
    def turn(self) -> int:
        """Move what can be moved now; returns bytes."""

    @abstractmethod
    def note(self) -> None:
        """Append a slice to the traces."""

    @property
    @abstractmethod
    def received(self) -> list[Slice]:
        """The receiver's count."""

    @property
    def received_before(self) -> int:
        """What the receiver had counted before this transfer."""
        return 0

    @property
    @abstractmethod
    def delivered(self) -> list[Slice]:
        """The sender's count; empty where it tells nothing."""

    @property
    @abstractmethod
    def side_frame_bytes(self) -> int:
        """What this measurement itself put on the line beside the transfer, this direction."""

    @property
    @abstractmethod
    def sums(self) -> TcpSums:
        """The sending side's counters."""

    @abstractmethod
    def switch_congestion(self, name: str) -> None:
        """Let the sending side use another congestion control."""

    def run(self, plan: Plan, rtt_s: float, on_slice: OnSlice | None = None) -> Transfer:
        """Turn, note, judge, wait; until the plan says stop.

        Raises MeasurementError when nothing moves any more.
        """
        began = moved_at = judged_at = time.monotonic()
        tick_s = MAX_TICK_S
        verdict = Verdict(stop=False, steady=None, converged=False)
        trace: list[Slice] = []
        while not verdict.stop:
            moved = self.turn()
            self._pinger.turn()
            now = time.monotonic()
            if moved:
                moved_at = now
            _check_alive(now, moved_at, began, plan)
            self.note()
            if self.received and now - judged_at >= max(JUDGE_S, (now - began) / 30):
                judged_at = now
                trace, verdict = self._judge(plan, rtt_s)
                if on_slice:
                    on_slice(self.received)
            rate = moved / tick_s
            tick_s = min(max(TICK_BYTES / rate if rate else MAX_TICK_S, MIN_TICK_S), MAX_TICK_S)
            if moved < len(self._flows) * TURN_BYTES:
                self._pinger.wait(tick_s)
        return Transfer(
            trace,
            self.received,
            verdict,
            time.monotonic() - began,
            self.received[-1].total_bytes - self.received_before,
            list(self._pinger.times_s),
            self.sums,
            self.side_frame_bytes,
            self.congestion,
            self._pressure.is_pressed,
            self._pressure.last_pressed_s,
            time.monotonic(),
            self._view.busy_ratio if self._view else None,
        )

    @property
    def _side_bytes(self) -> int:
        """The same in payload, as if full frames had carried it."""
        return round(self.side_frame_bytes * PAYLOAD_SHARE)

    def _judge(self, plan: Plan, rtt_s: float) -> tuple[list[Slice], Verdict]:
        """Judge both counts; the one that is surer wins."""
        # A line that others kept full looked longer at first than it is.
        rtt_s = min([rtt_s, *self._pinger.times_s])
        by_receiver = judge(self.received, rtt_s, plan)
        elapsed_s = self.received[-1].t_s - self.received[0].t_s
        held_back = self._pressure.look(elapsed_s, self.sums, rtt_s)
        if held_back and self.congestion == NORMAL_CONGESTION:
            self.congestion = PUSHING_CONGESTION
            self.switch_congestion(PUSHING_CONGESTION)
        trace, verdict = self.received, by_receiver
        if not self._session.where.proxy and len(self.delivered) >= 2:
            by_sender = judge(self.delivered, rtt_s, plan)
            if by_sender.margin < by_receiver.margin:
                trace, verdict = self.delivered, by_sender
        return trace, hold_if_not_pressed(verdict, self._pressure, elapsed_s, plan)


def _check_alive(now: float, moved_at: float, began: float, plan: Plan) -> None:
    if now - moved_at > STALL_S:
        raise MeasurementError("server_gone", f"nothing moved for {STALL_S:.0f} s", transient=True)
    if now - began > plan.max_seconds + STALL_S:
        raise MeasurementError("server_gone", "the server counted nothing", transient=True)
