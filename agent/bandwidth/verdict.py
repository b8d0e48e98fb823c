"""What limited a result: a pure function from evidence to causes.

A cause other than `line` makes the result a lower bound; `same_host` voids it. Every rule needs
evidence: without it a cause is not named, and without a full queue or losses the line is not
blamed either (the list then is empty: nothing is known to have limited).
"""

from __future__ import annotations

from typing import NamedTuple

from agent.system.interfaces import Kind

NEAR = 0.93
"""This share of a port's speed counts as the port being full (TCP cannot fill it to the brim)."""
BUSY_CORE = 0.92
OWN_CORE = 0.85
SUPPLIED = 0.8
"""Connections over a real line always have something to send (measured: 0.99-1.00 at 100 Mbit/s,
0.29-0.31 where this host could not go on)."""
LATE = 0.3
"""A process that waits this part of its time for a core answers late and sends little itself."""
WAITING = 0.5
"""A rate that comes and goes while this process waits that much for a core is the host's doing."""
STARVED_CORE, STARVED = 0.4, 0.9
"""A process that needs much of a core, and with its waiting for one nearly a whole."""
SERVER_CORE = 0.9
OTHER_SHARE = 0.03
UNSTABLE_MARGIN = 0.02
UNSTABLE_VARIATION = 0.25
QUEUE_S = 0.002
SHORTER, JITTER_S = 0.8, 0.002
"""A busy host or radio makes round trips vary by some milliseconds; a queue by much more."""


class Evidence(NamedTuple):
    """What was seen during the steady stretch; None where it could not be seen."""

    line_rate_mbps: float
    margin_ratio: float
    converged: bool
    same_host: bool = False
    interface_kind: Kind | None = None
    interface_mbps: float | None = None
    server_port_mbps: float | None = None
    busiest_core_ratio: float | None = None
    own_core_ratio: float | None = None
    own_wait_ratio: float | None = None
    """For which part of the time this process was ready to run and had no core."""
    sender_busy_ratio: float | None = None
    """For which part of an upload its connections had something to send."""
    server_core_ratio: float | None = None
    other_traffic_share: float | None = None
    """Bytes of others on this host's interface ÷ all bytes, same direction."""
    link_other_share: float | None = None
    """The same on the whole line, by its own counters."""
    idle_rtt_s: float | None = None
    loaded_rtt_s: float | None = None
    lowest_loaded_rtt_s: float | None = None
    retransmit_share: float | None = None
    is_pressed: bool | None = None
    """Whether at the end a queue stood or packets were dropped, by the sender's kernel."""
    variation_ratio: float | None = None
    wavering_ratio: float | None = None
    """Variation over most of a test that did not end by itself; None for one that did."""
    in_burst: bool = False
    """The transfer ended while burst credit may still have lasted."""


def limits(seen: Evidence) -> tuple[str, ...]:
    """Return the causes, most telling first; `("line",)` when the line itself was the limit."""
    if seen.same_host:
        return ("same_host",)
    causes = [cause for cause, holds in _rules(seen) if holds]
    if not causes and seen.converged and is_full(seen):
        return ("line",)
    return tuple(causes)


def _rules(seen: Evidence) -> list[tuple[str, bool]]:
    rate = seen.line_rate_mbps
    unstable = not seen.converged and (
        seen.margin_ratio > UNSTABLE_MARGIN or (seen.variation_ratio or 0.0) > UNSTABLE_VARIATION
    )
    # A rate that comes and goes has straight pieces too, and the last one proves nothing.
    unstable = unstable or (seen.wavering_ratio or 0.0) > UNSTABLE_VARIATION
    waited = seen.own_wait_ratio or 0.0
    host_busy = (seen.busiest_core_ratio or 0.0) > BUSY_CORE and (seen.own_core_ratio or 0.0) > 0.25
    # A busy server only limits while nothing on the path is full.
    server_busy = (seen.server_core_ratio or 0.0) > SERVER_CORE and seen.is_pressed is False
    server_full = seen.server_port_mbps is not None and rate >= NEAR * seen.server_port_mbps
    # Counters of the whole line know better: what others do on this host may stay in the house.
    others = seen.other_traffic_share if seen.link_other_share is None else seen.link_other_share
    return [
        ("wifi", seen.interface_kind is Kind.WIRELESS),
        ("nic", seen.interface_mbps is not None and rate >= NEAR * seen.interface_mbps),
        ("server", server_full or server_busy),
        ("host_cpu", host_busy or _is_starved(seen) or (unstable and waited > WAITING)),
        ("cross_traffic", (others or 0.0) > OTHER_SHARE or _was_busy_before(seen)),
        ("burst", seen.in_burst),
        ("unstable", unstable),
    ]


def _is_starved(seen: Evidence) -> bool:
    """Whether this process, or the core it ran on, could not keep up."""
    if seen.sender_busy_ratio is not None and seen.sender_busy_ratio < SUPPLIED:
        return True
    own = seen.own_core_ratio or 0.0
    return own > OWN_CORE or (own > STARVED_CORE and own + (seen.own_wait_ratio or 0.0) > STARVED)


def _was_busy_before(seen: Evidence) -> bool:
    if seen.idle_rtt_s is None or seen.lowest_loaded_rtt_s is None:
        return False
    return was_busy_before(seen.idle_rtt_s, seen.lowest_loaded_rtt_s)


def was_busy_before(idle_rtt_s: float, lowest_loaded_rtt_s: float) -> bool:
    """Whether a queue of others stood before the test: even under load it was shorter at times."""
    return lowest_loaded_rtt_s < SHORTER * idle_rtt_s - JITTER_S


def is_full(seen: Evidence) -> bool:
    """Whether something on the path was full: a queue grew or packets were dropped."""
    if seen.is_pressed is not None:
        return seen.is_pressed
    if seen.idle_rtt_s is None or seen.loaded_rtt_s is None:
        return False
    return seen.loaded_rtt_s > seen.idle_rtt_s * 1.2 + QUEUE_S
