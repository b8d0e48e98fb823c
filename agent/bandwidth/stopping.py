"""When a transfer has told enough: pure rules over what has arrived so far."""

from __future__ import annotations

import math
from typing import NamedTuple

from agent.bandwidth.estimator import Fit, steady_stretch
from agent.bandwidth.slices import Trace
from agent.bandwidth.tcp_sums import TcpSums

MIN_STRETCH_S = 0.25
MIN_STRETCH_RTTS = 1.6
"""A stretch without a gap over more than one round trip cannot be a slow start."""
SURE_S = 0.6
FIRST_MIN_S = 3.0
NEARLY = 0.95
NO_QUEUE_S = 0.004


class Known(NamedTuple):
    """What earlier tests found out about this line in this direction (payload rates)."""

    sustained_bytes_s: float
    credit_bytes: float = 0.0
    peak_bytes_s: float = 0.0


class Plan(NamedTuple):
    """How long a transfer may and should go on.

    `known` None means a first test, which goes on until burst credit up to `credit_bytes` would
    have shown itself. `margin_ratio` is the precision asked for.
    """

    max_seconds: float
    max_bytes: int
    known: Known | None = None
    margin_ratio: float = 0.004
    agreement_ratio: float = 0.02
    """A longer stretch (`SURE_S`) that agrees this well with what is known ends the test."""
    near_ratio: float = 0.006
    """The same for the shortest admissible stretch."""
    credit_bytes: int = 60_000_000
    """A 25 MB bucket that lets twice the rate through is empty after 50 MB."""
    first_min_seconds: float = FIRST_MIN_S
    first_max_seconds: float = 14.0


class Verdict(NamedTuple):
    """Whether to stop, and with which stretch."""

    stop: bool
    steady: Fit | None
    converged: bool
    capped: bool = False
    """A bound of the plan is reached: nothing may hold the end back."""

    @property
    def margin(self) -> float:
        """How sure; infinite when not at all."""
        return self.steady.margin_ratio if self.steady else math.inf


def judge(trace: Trace, rtt_s: float, plan: Plan) -> Verdict:
    """Decide after each slice. `rtt_s` is the idle round-trip time."""
    elapsed_s = trace[-1].t_s - trace[0].t_s
    moved = trace[-1].total_bytes - trace[0].total_bytes
    capped = elapsed_s >= plan.max_seconds or moved >= plan.max_bytes
    steady = steady_stretch(trace, max(MIN_STRETCH_S, MIN_STRETCH_RTTS * rtt_s))
    converged = steady is not None and steady.margin_ratio <= plan.margin_ratio
    if capped:
        return Verdict(stop=True, steady=steady, converged=converged, capped=True)
    if not converged or steady is None:
        return Verdict(stop=False, steady=steady, converged=False)
    return Verdict(_enough(steady, elapsed_s, moved, plan), steady, converged=True)


class PressureWatch:
    """Notices that the connections, not the line, hold the rate back: no queue stands.

    Either packets are lost at random, or the connections send too little since they lost much in
    their slow start. A slow start's own losses take some round trips to repair; therefore it takes
    `ROUNDS` looks in a row, each some round trips after the other, that all find a round-trip time
    as if idle.
    """

    ROUNDS = 3

    def __init__(self) -> None:
        self._next_s = 0.0
        self._last: TcpSums | None = None
        self._found = 0
        self.is_pressed: bool | None = None
        """Whether a queue stood or packets were lost at the last look; None before the first."""
        self.last_pressed_s: float | None = None
        """When, since the transfer began, that was last so."""

    def look(self, elapsed_s: float, sums: TcpSums, rtt_s: float) -> bool:
        """Return whether the connections hold the rate back; call at every judgement."""
        if elapsed_s < self._next_s or sums.rtt_s is None:
            return self._found >= self.ROUNDS
        self._next_s = elapsed_s + max(0.1, 2 * rtt_s)
        before, self._last = self._last, sums
        if before is None or sums.data_segments_out <= before.data_segments_out:
            return False
        lost = sums.retransmitted_segments - before.retransmitted_segments
        idle = sums.rtt_s < rtt_s * 1.15 + NO_QUEUE_S
        self._found = self._found + 1 if idle else 0
        self.is_pressed = not idle or lost > 0
        if self.is_pressed:
            self.last_pressed_s = elapsed_s
        return self._found >= self.ROUNDS


def hold_if_not_pressed(
    verdict: Verdict, pressure: PressureWatch, elapsed_s: float, plan: Plan
) -> Verdict:
    """Let a transfer go on that nothing on the path holds back: the connections still grow.

    After losing much in its slow start a connection on a long path sends at a steady rate far
    below the line's for seconds; it looks straight, but no queue stands and nothing is lost.

    Never past the plan's bounds: on a path that nothing but the hosts limits no queue ever stands,
    and the server falls silent after what it was asked for.
    """
    if verdict.capped or not verdict.stop:
        return verdict
    if pressure.is_pressed is not False or verdict.steady is None:
        return verdict
    expected = plan.known.sustained_bytes_s if plan.known else None
    if expected and abs(verdict.steady.rate_bytes_s / expected - 1) <= plan.agreement_ratio:
        return verdict
    if elapsed_s >= min(plan.max_seconds, plan.first_max_seconds):
        return verdict
    return Verdict(stop=False, steady=verdict.steady, converged=verdict.converged)


def may_be_burst(plan: Plan, rate_bytes_s: float, moved: int, seconds: float) -> bool:
    """Whether a transfer ended, by its caps, before burst credit could be told from the line."""
    if plan.known is not None:
        above = rate_bytes_s > plan.known.sustained_bytes_s * (1 + plan.agreement_ratio)
        if not above or plan.known.credit_bytes == 0:
            return False
    # The count that ended the test may have been the sender's, a queue ahead of the receiver's.
    return moved < NEARLY * plan.credit_bytes and seconds < plan.first_max_seconds


def _enough(steady: Fit, elapsed_s: float, moved: int, plan: Plan) -> bool:
    if plan.known is not None:
        off = abs(steady.rate_bytes_s / plan.known.sustained_bytes_s - 1)
        # A near miss may be an unlucky short stretch or a real change: look longer before ending.
        if off <= plan.near_ratio or (off <= plan.agreement_ratio and steady.length_s >= SURE_S):
            return True
    if elapsed_s >= plan.first_max_seconds:
        return True
    return elapsed_s >= plan.first_min_seconds and moved >= plan.credit_bytes
