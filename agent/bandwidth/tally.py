"""The two ends' counts held against each other: a rate is never more than both bear out.

The receiver's count is the truth, and the sender's only the smoother view of it: TCP acknowledges
what has arrived, so over a whole transfer the two differ by what a round trip holds. A server with
a wrong count or clock, or a box on the way that acknowledges early, makes them differ by more.
"""

from __future__ import annotations

from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.estimator import steady_stretch
from agent.bandwidth.slices import Trace
from agent.bandwidth.stopping import MIN_STRETCH_RTTS, MIN_STRETCH_S, Plan
from agent.bandwidth.transfer import Transfer

AGREEMENT_RATIO = 0.02
HELD_RTTS, HELD_S, HELD_BYTES = 2.0, 0.03, 128 * 1024
"""What is on its way or waits for a repair at the end: time at the full rate, and some packets of
each connection. Honest tests reached 0.65 of it (1000 Mbit/s, 80 ms)."""
LEAD_RTTS, LEAD_S = 3.0, 0.1
"""By how much the two ends' first and last notes may lie apart."""


def settle(done: Transfer, rtt_s: float, plan: Plan) -> Transfer:
    """Return `done`, judged by the receiver's count where the sender's goes beyond it.

    `rtt_s` is the idle round trip. The receiver's count alone may be too rough for a sure rate;
    the result then says so (`converged`, `margin_ratio`).
    """
    if done.trace is done.received or _agree(done, _loaded_rtt_s(done, rtt_s)):
        return done
    steady = steady_stretch(done.received, max(MIN_STRETCH_S, MIN_STRETCH_RTTS * rtt_s))
    converged = steady is not None and steady.margin_ratio <= plan.margin_ratio
    verdict = done.verdict._replace(steady=steady, converged=converged)
    return done._replace(trace=done.received, verdict=verdict)


def require_sent(upload: Transfer, rtt_s: float) -> None:
    """Refuse an upload of which the server says that more arrived than this host's kernel sent.

    Raises MeasurementError counts_disagree. Where the kernel does not tell, nothing is refused.
    """
    told, span_s = _moved(upload.received)
    if not upload.sums.delivered_bytes or span_s <= 0:
        return
    sent_bytes_s = upload.sums.delivered_bytes / upload.seconds
    told_bytes_s = told / span_s
    lead_s = LEAD_RTTS * _loaded_rtt_s(upload, rtt_s) + LEAD_S
    if told_bytes_s > sent_bytes_s * (1 + AGREEMENT_RATIO + lead_s / span_s):
        raise MeasurementError(
            "counts_disagree",
            f"the server counted {told_bytes_s * 8e-6:.1f} Mbit/s of an upload, "
            f"this host sent {sent_bytes_s * 8e-6:.1f}",
        )


def _agree(done: Transfer, rtt_s: float) -> bool:
    """Whether both ends noted the same bytes in the same time, as far as they can."""
    sent, sent_s = _moved(done.trace)
    received, received_s = _moved(done.received)
    if min(sent_s, received_s) <= 0:
        return False
    steady = done.verdict.steady
    rate_bytes_s = steady.rate_bytes_s if steady else sent / sent_s
    held = rate_bytes_s * (HELD_RTTS * rtt_s + HELD_S) + HELD_BYTES
    lead_s = LEAD_RTTS * rtt_s + LEAD_S
    return (
        abs(sent - received) <= AGREEMENT_RATIO * received + held
        and abs(sent_s - received_s) <= AGREEMENT_RATIO * received_s + lead_s
    )


def _moved(trace: Trace) -> tuple[int, float]:
    """Return bytes and seconds from the first to the last slice; nothing for an empty trace."""
    if not trace:
        return 0, 0.0
    return trace[-1].total_bytes - trace[0].total_bytes, trace[-1].t_s - trace[0].t_s


def _loaded_rtt_s(done: Transfer, idle_rtt_s: float) -> float:
    pings_s = sorted(done.pings_s)
    return max(idle_rtt_s, pings_s[len(pings_s) // 2]) if pings_s else idle_rtt_s
