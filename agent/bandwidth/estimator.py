"""From slices to a rate: pure functions without clock or network.

The model: once a line is full, what has arrived grows along a straight line whose slope is the
line's rate. Before that there is a ramp (slow start) or a burst above it (a token bucket with
credit); after that there may be a step (the line's rate changed). So the estimate is the least-
squares slope over the longest *steady* stretch that reaches to the end, and its error follows from
how far the points lie off that line. A stretch is steady when it is not bent: its two halves agree
within what their own scatter explains.

Least squares use every point. End points alone would be off by one packet train: 64 KiB, 5 % of
what a 20 Mbit/s line carries in half a second.
"""

from __future__ import annotations

import math
from operator import mul
from typing import NamedTuple

from agent.bandwidth.slices import Slice, Trace

MIN_POINTS = 12
MAX_POINTS = 96
"""More add work, not precision: neighbours err alike."""
EDGE_SHARE = 0.3
"""At least this share of a stretch's points must lie on its upper edge."""
FRAME_BYTES = 1514
BURST_RATIO = 1.1
"""A burst is at least this much faster than what follows."""
STEADY_BEND = 0.012
"""Halves of a stretch may differ by this share of the rate without being called bent."""
LEVEL = 0.95
"""Confidence level of `margin_ratio`."""
_Z = 1.96


class Fit(NamedTuple):
    """A straight line through part of a trace. `margin_ratio` is half the 95 % interval ÷ rate."""

    start_s: float
    end_s: float
    rate_bytes_s: float
    intercept_bytes: float
    """Of the fitted line at `start_s`."""
    margin_ratio: float
    bend_ratio: float
    """Slope of the second half minus that of the first, ÷ rate."""

    @property
    def length_s(self) -> float:
        """How long the stretch is."""
        return self.end_s - self.start_s


def fit(points: Trace) -> Fit | None:
    """Fit the upper edge of `points`; None where too few lie on one, or nothing arrives."""
    if len(points) < MIN_POINTS or points[-1].t_s <= points[0].t_s:
        return None
    if len(points) > MAX_POINTS:
        step = len(points) / MAX_POINTS
        points = [points[int(i * step)] for i in range(MAX_POINTS)]
    line = _least_squares(points)
    kept: Trace = points
    for _ in range(3):
        line = _least_squares(_peaks(points, line))
        kept = _on_edge(points, line)
        line = _least_squares(kept)
    start_s, end_s = points[0].t_s, points[-1].t_s
    length_s = end_s - start_s
    third_s = length_s / 3
    first = [p for p in kept if p.t_s <= start_s + third_s]
    last = [p for p in kept if p.t_s >= end_s - third_s]
    if line.slope <= 0 or min(len(first), len(last)) < 3:
        return None
    # Neighbouring points err alike (a packet train is late for all of them): count fewer points.
    scatter, correlation = _scatter(kept, line)
    effective = max(4.0, len(kept) * (1 - correlation) / (1 + correlation))
    margin = _Z * scatter * math.sqrt(12 / effective) / length_s / line.slope
    middle_s = start_s + length_s / 2
    before = [p for p in kept if p.t_s <= middle_s]
    after = [p for p in kept if p.t_s >= middle_s]
    bend = 0.0
    if min(len(before), len(after)) >= 3:
        bend = (_least_squares(after).slope - _least_squares(before).slope) / line.slope
    return Fit(start_s, end_s, line.slope, line.y0 + line.slope * (start_s - line.t0), margin, bend)


def steady_stretch(trace: Trace, min_length_s: float) -> Fit | None:
    """Return the longest straight stretch that ends with the trace, or None.

    `min_length_s` is a few round-trip times: below that even a starting transfer looks straight.
    """
    if len(trace) < MIN_POINTS:
        return None
    end_s = trace[-1].t_s
    length_s = end_s - trace[0].t_s
    best: Fit | None = None
    while length_s >= min_length_s:
        found = fit(trace[_index_at(trace, end_s - length_s) :])
        # Halves have twice the noise of a slope over the whole, on half the length: 4x the margin.
        if (
            found
            and abs(found.bend_ratio) <= max(STEADY_BEND, min(4 * found.margin_ratio, 0.05))
            and (best is None or found.margin_ratio < best.margin_ratio)
        ):
            best = found
        length_s *= 0.8
    return best


def rough_fit(trace: Trace) -> Fit | None:
    """Return the plain mean rate of the last two thirds, for a transfer that never got steady.

    Its margin is the difference between those two thirds; None where nothing moved.
    """
    if len(trace) < 4:
        return None
    first, middle, last = (trace[len(trace) * n // 3 - (n == 3)] for n in (1, 2, 3))
    if not first.t_s < middle.t_s < last.t_s or last.total_bytes <= first.total_bytes:
        return None
    rate = (last.total_bytes - first.total_bytes) / (last.t_s - first.t_s)
    earlier = (middle.total_bytes - first.total_bytes) / (middle.t_s - first.t_s)
    later = (last.total_bytes - middle.total_bytes) / (last.t_s - middle.t_s)
    bend = (later - earlier) / rate
    return Fit(first.t_s, last.t_s, rate, first.total_bytes, abs(bend), bend)


class Burst(NamedTuple):
    """Credit that a shaper let through before it held the line to its sustained rate.

    `credit_bytes`: payload beyond what the sustained rate alone would have carried.
    `peak_bytes_s`: rate while the credit lasted. `until_s`: when it was used up.
    """

    credit_bytes: float
    peak_bytes_s: float
    until_s: float


def find_burst(trace: Trace, sustained: Fit) -> Burst | None:
    """Look for burst credit before the sustained stretch; None when there is none worth a name.

    Credit below 2 % of a second's traffic and 256 KiB is an ordinary queue or bucket.
    """
    if len(trace) < 3:
        return None
    rate = sustained.rate_bytes_s

    def above_line(point: Slice) -> float:
        line = sustained.intercept_bytes - rate * (sustained.start_s - point.t_s)
        return point.total_bytes - line

    # The sustained line, run back to before the credit, passes above what had arrived then by
    # exactly the credit; a slow start pushes the other way and can only hide, never invent it.
    lowest = min(trace, key=above_line)
    credit = -above_line(lowest)
    if credit < max(256 * 1024, 0.02 * rate):
        return None
    if any(above_line(p) > -0.5 * credit for p in trace if p.t_s <= lowest.t_s):
        return None  # the line had been reached earlier: bytes held back by a loss, not credit
    used_up = (p for p in trace if p.t_s > lowest.t_s and above_line(p) >= -0.1 * credit)
    knee = next(used_up, None)
    if knee is None:
        return None
    elapsed_s = knee.t_s - lowest.t_s
    peak = (knee.total_bytes - lowest.total_bytes) / elapsed_s
    # What a lossy start left unsent also shifts the line, but never exceeds its rate.
    return Burst(credit, peak, knee.t_s) if peak > BURST_RATIO * rate else None


def rates_bytes_s(trace: Trace, slice_s: float, start_s: float = 0.0) -> list[float]:
    """Return the rate in each stretch of at least `slice_s` from `start_s` on."""
    rates: list[float] = []
    last: Slice | None = None
    for point in trace:
        if point.t_s < start_s:
            continue
        if last is None:
            last = point
        elif point.t_s - last.t_s >= slice_s:
            rates.append((point.total_bytes - last.total_bytes) / (point.t_s - last.t_s))
            last = point
    return rates


def variation_ratio(trace: Trace, start_s: float, slice_s: float = 0.1) -> float | None:
    """Return the coefficient of variation of the rate per `slice_s` from `start_s` on, or None."""
    rates = rates_bytes_s(trace, slice_s, start_s)
    if len(rates) < 3:
        return None
    mean = sum(rates) / len(rates)
    if mean <= 0:
        return None
    return math.sqrt(sum((rate - mean) ** 2 for rate in rates) / (len(rates) - 1)) / mean


def _index_at(trace: Trace, t_s: float) -> int:
    low, high = 0, len(trace) - 1
    while low < high:
        middle = (low + high) // 2
        if trace[middle].t_s < t_s:
            low = middle + 1
        else:
            high = middle
    return low


class _Line(NamedTuple):
    slope: float
    t0: float
    y0: float

    def heights(self, points: Trace) -> list[float]:
        """Return how far each point lies above the line."""
        slope, t0, y0 = self
        return [y - y0 - slope * (t - t0) for t, y in points]


def _least_squares(points: Trace) -> _Line:
    """Return the least-squares line; level where all points share one time."""
    t0, b0 = points[0]
    n = len(points)
    times = [t - t0 for t, _ in points]
    totals = [y - b0 for _, y in points]
    mean_t, mean_y = sum(times) / n, sum(totals) / n
    from_mean = [t - mean_t for t in times]
    var_t = sum(map(mul, from_mean, from_mean))
    slope = sum(map(mul, from_mean, totals)) / var_t if var_t > 0 else 0.0
    return _Line(slope, t0, b0 + mean_y - slope * mean_t)


def _scatter(points: Trace, line: _Line) -> tuple[float, float]:
    """Return the rms of the residuals and the lag-1 correlation between neighbours."""
    rest = line.heights(points)
    power = sum(map(mul, rest, rest))
    if power <= 0:
        return 0.0, 0.0
    lagged = sum(map(mul, rest, rest[1:]))
    return math.sqrt(power / max(len(rest) - 2, 1)), min(max(lagged / power, 0.0), 0.98)


def _peaks(points: Trace, line: _Line, blocks: int = 8) -> list[Slice]:
    """Return the highest point over `line` of each of `blocks` equal stretches of time."""
    start_s = points[0].t_s
    per_s = blocks / (points[-1].t_s - start_s)
    best: dict[int, tuple[float, Slice]] = {}
    for point, height in zip(points, line.heights(points), strict=True):
        block = min(int((point[0] - start_s) * per_s), blocks - 1)
        if block not in best or height > best[block][0]:
            best[block] = (height, point)
    return [point for _, point in best.values()]


def _on_edge(points: Trace, edge: _Line) -> list[Slice]:
    """Return the points that lie on the upper edge but for ordinary scatter."""
    depths = [-height for height in edge.heights(points)]
    usual = sorted(depths)[int(EDGE_SHARE * len(depths))]
    allowed = max(2.5 * usual, 2 * FRAME_BYTES)
    return [p for p, depth in zip(points, depths, strict=True) if depth <= allowed]
