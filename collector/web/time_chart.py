"""A chart of samples over time as shapes that a template draws as SVG. Pure.

Own renderer, because what it has to do is little and particular: it prints, it works without
scripts and under a policy without inline styles, its text keeps its size on a phone, and it marks
what a verdict may not stand on. Times lie between 0 and 100 % of the width and heights are pixels
from the top, so that a chart stretches with the page while symbols and letters do not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from collector.storage.ports import SamplePoint

PLOT_TOP, PLOT_HEIGHT = 14, 250
CANVAS_WIDTH = 1000
"""Units across the curves' own canvas, which is stretched to the page."""
TIME_LABELS = 5
HEADROOM = 1.08
GAP_FACTOR = 3
"""A curve breaks where points are farther apart than so many stretches."""


@dataclass(frozen=True)
class Stripe:
    """A stretch of time behind the curves: school hours, or an outage."""

    kind: str
    start: datetime
    stop: datetime
    title: str = ""


@dataclass(frozen=True)
class Mark:
    """Something at one time without a value: a planned test that was not run."""

    time: datetime
    title: str


@dataclass(frozen=True)
class ChartData:
    """What a chart shows. `points` are in order of group and time, in the chart's own unit."""

    since: datetime
    until: datetime
    points: Sequence[SamplePoint]
    max_points: int
    threshold: float | None = None
    curve_of_means: bool = False
    """For samples that are 0 or 1: the share per stretch, not the median."""
    stripes: Sequence[Stripe] = ()
    marks: Sequence[Mark] = ()
    ceiling: float | None = None
    """The largest value that can be, such as 1 for a share; the axis ends there at most."""

    @property
    def gap(self) -> timedelta:
        """Points farther apart are not joined: nobody measured between them."""
        return (self.until - self.since) / self.max_points * GAP_FACTOR


@dataclass(frozen=True)
class Box:
    """A placed stripe."""

    kind: str
    x: str
    width: str
    title: str


@dataclass(frozen=True)
class Dot:
    """A placed single sample, or a placed mark. `kind`: free, limited, void or missed."""

    kind: str
    x: str
    y: str
    title: str
    group: int = 0


@dataclass(frozen=True)
class Curve:
    """The curve of one group: its line, and the band between smallest and largest."""

    group: int
    line: str
    band: str


@dataclass(frozen=True)
class Label:
    """A number or a day at an edge. `place` is percent of the width, or pixels from the top."""

    place: str
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class TimeChart:
    """All shapes of a chart."""

    boxes: tuple[Box, ...]
    curves: tuple[Curve, ...]
    dots: tuple[Dot, ...]
    marks: tuple[Dot, ...]
    heights: tuple[Label, ...]
    times: tuple[Label, ...]
    threshold_y: str | None
    top: float
    """The value at the upper end of the axis, which begins at zero."""
    groups: tuple[str, ...]
    kinds: frozenset[str]
    """Which symbols occur, for the legend."""


@dataclass(frozen=True)
class _Scale:
    since: datetime
    span_s: float
    top: float

    def percent(self, moment: datetime) -> float:
        share = (moment - self.since).total_seconds() / self.span_s
        return 100 * min(1.0, max(0.0, share))

    def x(self, moment: datetime) -> str:
        return f"{self.percent(moment):.3f}%"

    def y(self, value: float) -> float:
        return PLOT_TOP + PLOT_HEIGHT * (1 - min(1.0, max(0.0, value / self.top)))


def time_chart(
    data: ChartData,
    zone: ZoneInfo,
    write: Callable[[float], str],
    describe: Callable[[SamplePoint], str],
) -> TimeChart:
    """Place everything; `write` writes a number with its unit, `describe` says what a point is."""
    largest = max((point.largest for point in data.points), default=0.0)
    top, step = nice_scale(max(largest, data.threshold or 0.0) * HEADROOM)
    if data.ceiling is not None and largest <= data.ceiling < top:
        top = data.ceiling
    scale = _Scale(data.since, max((data.until - data.since).total_seconds(), 1.0), top)
    groups = tuple(dict.fromkeys(point.group for point in data.points))
    dots = tuple(_dots(data, scale, groups, describe))
    boxes = tuple(_box(stripe, scale) for stripe in data.stripes)
    marks = tuple(Dot("missed", scale.x(mark.time), "0", mark.title) for mark in data.marks)
    curves = tuple(
        _curve(number, [p for p in data.points if p.group == group and not p.void], data, scale)
        for number, group in enumerate(groups)
    )
    kinds = {dot.kind for dot in (*dots, *marks)} | {box.kind for box in boxes}
    kinds |= {"curve" for curve in curves if curve.line} | {"band" for c in curves if c.band}
    return TimeChart(
        boxes=boxes,
        curves=tuple(curve for curve in curves if curve.line),
        dots=dots,
        marks=marks,
        heights=tuple(
            Label(f"{scale.y(step * number):.1f}", write(step * number))
            for number in range(int(top / step + 1e-9) + 1)
        ),
        times=tuple(_times(scale, data, zone)),
        threshold_y=None if data.threshold is None else f"{scale.y(data.threshold):.1f}",
        top=top,
        groups=groups,
        kinds=frozenset(kinds),
    )


def nice_scale(largest: float) -> tuple[float, float]:
    """Return (top, step) of an axis from zero: steps of 1, 2 or 5 times a power of ten."""
    if largest <= 0:
        return 1.0, 0.5
    rough = largest / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough)
    return step * math.ceil(largest / step - 1e-9), step


def _dots(
    data: ChartData,
    scale: _Scale,
    groups: Sequence[str],
    describe: Callable[[SamplePoint], str],
) -> Iterable[Dot]:
    """Yield single samples, and every stretch that holds limited or void ones."""
    singles = _single_groups(data.points)
    for point in data.points:
        causes = set(point.limited_by_cause) - {"line"}
        if point.group not in singles and not causes and not point.void:
            continue
        kind = "void" if point.void else "limited" if causes else "free"
        height = scale.y(_height(point, data))
        number = groups.index(point.group)
        yield Dot(kind, scale.x(point.since), f"{height:.1f}", describe(point), number)


def _single_groups(points: Sequence[SamplePoint]) -> frozenset[str]:
    """Return the groups that came back sample by sample."""
    thinned = {point.group for point in points if point.since != point.until}
    return frozenset(point.group for point in points) - thinned


def _height(point: SamplePoint, data: ChartData) -> float:
    return point.mean if data.curve_of_means else point.median


def _curve(number: int, points: Sequence[SamplePoint], data: ChartData, scale: _Scale) -> Curve:
    if not points or _single_groups(points):
        return Curve(number, "", "")
    runs: list[list[SamplePoint]] = [[points[0]]]
    for point in points[1:]:
        if point.since - runs[-1][-1].until > data.gap:
            runs.append([])
        runs[-1].append(point)
    line = " ".join(_path([(p, _height(p, data)) for p in run], scale) for run in runs)
    if data.curve_of_means:
        return Curve(number, line, "")
    bands = (
        _path([(p, p.largest) for p in run], scale)
        + _path([(p, p.smallest) for p in reversed(run)], scale).replace("M", "L", 1)
        + "Z"
        for run in runs
    )
    return Curve(number, line, " ".join(bands))


def _path(points: Iterable[tuple[SamplePoint, float]], scale: _Scale) -> str:
    places = []
    for point, value in points:
        middle = point.since + (point.until - point.since) / 2
        x = scale.percent(middle) * CANVAS_WIDTH / 100
        places.append(f"{x:.1f},{scale.y(value) - PLOT_TOP:.1f}")
    # A run of one stretch still shows as a dot of the line's width.
    return "M" + "L".join(places if len(places) > 1 else places * 2)


def _box(stripe: Stripe, scale: _Scale) -> Box:
    start, stop = scale.percent(stripe.start), scale.percent(stripe.stop)
    # An outage of a quarter of an hour in six weeks would be thinner than a hair.
    width = max(stop - start, 0.25) if stripe.kind == "outage" else stop - start
    return Box(stripe.kind, f"{start:.3f}%", f"{width:.3f}%", stripe.title)


def _times(scale: _Scale, data: ChartData, zone: ZoneInfo) -> Iterable[Label]:
    first = data.since.astimezone(zone).date()
    last = (data.until - timedelta(microseconds=1)).astimezone(zone).date()
    days = (last - first).days
    step = max(1, math.ceil(days / (TIME_LABELS - 1)))
    shown: list[date] = [first + timedelta(days=n) for n in range(0, days + 1, step)]
    for day in shown:
        percent = scale.percent(datetime.combine(day, time(), zone))
        anchor = "start" if percent < 4 else "end" if percent > 96 else "middle"
        yield Label(f"{percent:.3f}%", f"{day:%m-%d}", anchor)
