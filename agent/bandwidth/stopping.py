"""When a transfer has told enough: pure rules over what has arrived so far."""

from __future__ import annotations

from dataclasses import dataclass

from agent.bandwidth.estimator import Fit, steady_stretch
from agent.bandwidth.slices import Trace


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier tests found out about this line in this direction (payload rates)."""

    sustained_bytes_s: float
    credit_bytes: float = 0.0
    peak_bytes_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How long a transfer may and should go on.

    `known` None means a first test, which goes on until burst credit up to `credit_bytes` would
    have shown itself. `margin_ratio` is the precision asked for.
    """

    max_seconds: float
    max_bytes: int
    known: Known | None = None
    margin_ratio: float = 0.004
    agreement_ratio: float = 0.02
    """A short test that agrees this well with what is known ends there."""
    credit_bytes: int = 60_000_000
    """A 25 MB bucket that lets twice the rate through is empty after 50 MB."""
    first_min_seconds: float = 3.0
    first_max_seconds: float = 14.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to stop, and with which stretch."""

    stop: bool
    steady: Fit | None
    converged: bool


def judge(trace: Trace, rtt_s: float, plan: Plan) -> Verdict:
    """Decide after each slice. `rtt_s` is the idle round-trip time."""
    elapsed_s = trace[-1].t_s - trace[0].t_s
    moved = trace[-1].total_bytes - trace[0].total_bytes
    capped = elapsed_s >= plan.max_seconds or moved >= plan.max_bytes
    steady = steady_stretch(trace, min_stretch_s(rtt_s))
    converged = steady is not None and steady.margin_ratio <= plan.margin_ratio
    if capped:
        return Verdict(stop=True, steady=steady, converged=converged)
    if not converged or steady is None:
        return Verdict(stop=False, steady=steady, converged=False)
    return Verdict(_enough(steady, elapsed_s, moved, plan), steady, converged=True)


def min_stretch_s(rtt_s: float) -> float:
    """Return the shortest stretch worth judging: several round trips, so that a ramp is seen."""
    return max(0.25, 3.5 * rtt_s)


def _enough(steady: Fit, elapsed_s: float, moved: int, plan: Plan) -> bool:
    if plan.known is not None:
        off = abs(steady.rate_bytes_s / plan.known.sustained_bytes_s - 1)
        if off <= plan.agreement_ratio:
            return True
    if elapsed_s >= plan.first_max_seconds:
        return True
    return elapsed_s >= plan.first_min_seconds and moved >= plan.credit_bytes
