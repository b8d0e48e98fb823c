"""From the outlet's counters to its rate: pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from agent.bandwidth.link_counters import LinkSample

MAX_MARGIN_RATIO = 0.02
"""Counters that leave more in doubt than this do not count."""
MIN_CHANGES = 2
MIN_LOOK_S = 1.0
"""Of counters that are always new, where the transfer lasted twice as long."""
FILLED_S = 0.8
"""By then the slow starts of a first test have filled the line, at 80 ms too."""
_Z = 1.96


@dataclass(frozen=True, slots=True)
class LinkRate:
    """What a counter grew by per second; `margin_ratio` is half the 95 % interval ÷ rate."""

    rate_bytes_s: float
    margin_ratio: float


def look_s(steady_s: float, seconds: float, watch_s: float) -> float:
    """Return over how much of the end of a transfer of `seconds` the line's counters are read.

    A full line carries the same all the time: a longer look than the own `steady_s` only makes it
    surer, and a device that counts anew every few seconds (`watch_s`) needs one.
    """
    return max(steady_s, min(MIN_LOOK_S, seconds / 2), min(watch_s, seconds - FILLED_S))


def link_rate(samples: Sequence[LinkSample], *, download: bool) -> LinkRate | None:
    """Return the rate over `samples`; None where the counters are too coarse or did not move.

    Devices renew their counters every so often: only the moments of change carry information, and
    each of them is known no better than to the time between two readings.
    """
    points = [
        (sample.at_s, sample.count.received_bytes if download else sample.count.sent_bytes)
        for sample in samples
    ]
    changes = [later for earlier, later in pairwise(points) if later[1] != earlier[1]]
    if len(changes) < MIN_CHANGES or any(b[1] < a[1] for a, b in pairwise(changes)):
        return None  # a counter that falls was reset
    mean_t = sum(t for t, _ in changes) / len(changes)
    mean_y = sum(y for _, y in changes) / len(changes)
    spread = sum((t - mean_t) ** 2 for t, _ in changes)
    slope = sum((t - mean_t) * (y - mean_y) for t, y in changes) / spread
    if slope <= 0:
        return None
    rest = [y - mean_y - slope * (t - mean_t) for t, y in changes]
    scatter = math.sqrt(sum(r * r for r in rest) / max(len(changes) - 2, 1))
    by_scatter = _Z * scatter / math.sqrt(spread) / slope
    unsure_s = max(b[0] - a[0] for a, b in pairwise(points) if b[1] != a[1])
    length_s = changes[-1][0] - changes[0][0]
    by_clock = unsure_s / length_s if len(changes) < len(points) / 2 else 0.0
    margin = max(by_scatter, by_clock)
    return LinkRate(slope, margin) if margin <= MAX_MARGIN_RATIO else None
