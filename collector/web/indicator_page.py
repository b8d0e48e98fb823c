"""What the page of one indicator shows: its number, its charts, the samples behind them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from collector.domain import School, SlotState, SlotTest
from collector.storage.ports import Outage, SamplePoint, SeriesQuery, TimeSpan
from collector.web.basis import ValueView, value_views
from collector.web.formatting import Formatter
from collector.web.sheet_page import FindingView
from collector.web.time_chart import ChartData, Mark, Stripe, TimeChart, time_chart
from rubrics.indicators import Across, IndicatorDefinition, Part, Statistic
from rubrics.reasons import Reason
from rubrics.units import convertible, unit

CONCLUSIVE = "line"
"""A test that the line itself limited has measured the line."""
MAX_POINTS, MAX_GROUPS, MAX_OUTAGES = 300, 6, 200


@dataclass(frozen=True)
class SeriesSamples:
    """The samples of one series of the indicator, as the store thinned them."""

    part: Part
    query: SeriesQuery
    points: Sequence[SamplePoint]


@dataclass(frozen=True)
class IndicatorRecord:
    """What the stores hold about one indicator of one school."""

    definition: IndicatorDefinition
    school: School
    datum: Mapping[str, Any] | None
    """The indicator as the newest case file carries it."""
    findings: Sequence[tuple[FindingView, Mapping[str, Any]]]
    """Criteria that look at the indicator, each with its finding as the sheet has it."""
    series: Sequence[SeriesSamples]
    school_hours: Sequence[TimeSpan]
    outages: Sequence[Outage]
    slot_tests: Sequence[SlotTest]
    hosts: Mapping[str, str]
    """Host names by agent id: groups of samples are named by agents, people know hosts."""


@dataclass(frozen=True)
class PointRow:
    """One row of the table under a chart."""

    group: str
    time: str
    values: tuple[str, ...]
    samples: int
    note: str


@dataclass(frozen=True)
class ChartView:
    """One chart with everything that is said about it in words."""

    series: str
    title: str
    description: str
    threshold: str | None
    chart: TimeChart
    single: bool
    """Points are single samples: one value in each row, not four."""
    rows: tuple[PointRow, ...]
    data: ChartData


@dataclass(frozen=True)
class IndicatorPage:
    """The whole page."""

    id: str
    title: str
    meaning: str
    source: str
    school: School
    value: ValueView | None
    unavailable: str | None
    """Why there is no number."""
    findings: tuple[FindingView, ...]
    charts: tuple[ChartView, ...]
    outages: tuple[tuple[str, str, str], ...]
    """Group, start and length."""
    missed: tuple[tuple[str, str], ...]
    """Planned tests that were not run: when, and why."""
    void_causes: tuple[str, ...]
    since: str
    until: str


@dataclass(frozen=True)
class IndicatorPageBuilder:
    """Builds pages in one language."""

    reasons: Mapping[str, Reason]
    formatter: Formatter

    def build(self, record: IndicatorRecord) -> IndicatorPage:
        """Join everything."""
        definition, text = record.definition, self.formatter
        english = text.english
        spans = record.series[0].query.spans if record.series else ()
        return IndicatorPage(
            id=definition.id,
            title=definition.title.en if english else definition.title.zh,
            meaning=definition.meaning.en if english else definition.meaning.zh,
            source=definition.source,
            school=record.school,
            value=self._value(record.datum),
            unavailable=self._unavailable(record.datum),
            findings=tuple(view for view, _ in record.findings),
            charts=tuple(self._chart(one, record) for one in record.series if one.points),
            outages=tuple(
                (one.group, text.time(one.start), text.duration(one.stop - one.start))
                for one in record.outages
            ),
            missed=tuple(
                (text.time(test.planned_at), self.cause(test.reason or ""))
                for test in _missed(record.slot_tests)
            ),
            void_causes=tuple(map(self.cause, definition.void_when)),
            since=text.date(spans[0].start) if spans else "",
            until=text.date(spans[-1].start) if spans else "",
        )

    def cause(self, code: str) -> str:
        """Return the sentence of a limit cause or reason; an unlisted one as it is."""
        known = self.reasons.get(code)
        if known is None:
            return code
        return known.en if self.formatter.english else known.zh

    def _value(self, datum: Mapping[str, Any] | None) -> ValueView | None:
        if datum is None:
            return None
        measured, _ = value_views({**datum, "kind": "measured"}, self.formatter)
        return measured[0] if measured else None

    def _unavailable(self, datum: Mapping[str, Any] | None) -> str | None:
        if datum is None:
            return self.cause("missing_indicator")
        return self.cause(str(datum["reason"])) if datum.get("reason") else None

    def _chart(self, samples: SeriesSamples, record: IndicatorRecord) -> ChartView:
        definition, part = record.definition, samples.part
        threshold = series_threshold(definition, part, record.findings)
        is_share = part.statistic is Statistic.UP_RATIO
        spans = samples.query.spans
        data = ChartData(
            since=spans[0].start,
            until=spans[-1].stop,
            points=[
                replace(point, group=host_group(point.group, record.hosts))
                for point in samples.points
            ],
            max_points=MAX_POINTS,
            threshold=threshold,
            curve_of_means=is_share,
            stripes=self._stripes(record, spans),
            marks=self._marks(record.slot_tests),
            ceiling=1.0 if definition.unit == "ratio" else None,
        )
        unit_name = "ratio" if is_share else series_unit(definition, part)
        single = all(point.since == point.until for point in samples.points)
        chart = time_chart(
            data,
            self.formatter.zone,
            lambda number: self.formatter.quantity(f"{number:.10g}", unit_name),
            lambda point: self._point_text(point, unit_name, is_share),
        )
        bound = self.formatter.quantity(f"{threshold:.10g}", unit_name) if threshold else None
        return ChartView(
            series=part.series,
            title=part.series,
            description=self._description(samples.points, bound, unit_name),
            threshold=bound,
            chart=chart,
            single=single,
            rows=tuple(self._row(point, unit_name, single) for point in data.points),
            data=data,
        )

    def _stripes(self, record: IndicatorRecord, spans: Sequence[TimeSpan]) -> list[Stripe]:
        _ = self.formatter.translator.gettext
        hours = [Stripe("hours", one.start, one.stop) for one in record.school_hours]
        first, last = spans[0].start, spans[-1].stop
        outages = [
            Stripe(
                "outage",
                one.start,
                one.stop,
                _("中断 %(time)s，持续 %(span)s")
                % {
                    "time": self.formatter.time(one.start),
                    "span": self.formatter.duration(one.stop - one.start),
                },
            )
            for one in record.outages
        ]
        return [one for one in (*hours, *outages) if one.stop > first and one.start < last]

    def _marks(self, tests: Sequence[SlotTest]) -> list[Mark]:
        _ = self.formatter.translator.gettext
        words = _("计划测速未进行 %(time)s：%(why)s")
        return [
            Mark(
                test.planned_at,
                words
                % {
                    "time": self.formatter.time(test.planned_at),
                    "why": self.cause(test.reason or ""),
                },
            )
            for test in _missed(tests)
        ]

    def _point_text(self, point: SamplePoint, unit_name: str, is_share: bool) -> str:
        value = point.mean if is_share else point.median
        number = self.formatter.quantity(f"{value:.10g}", unit_name)
        return " ".join(
            part for part in (self.formatter.time(point.since), number, self._note(point)) if part
        )

    def _note(self, point: SamplePoint) -> str:
        _ = self.formatter.translator.gettext
        causes = [cause for cause in point.limited_by_cause if cause != CONCLUSIVE]
        sentences = " ".join(map(self.cause, causes))
        if point.void:
            return _("不计入：%(why)s") % {"why": sentences}
        if causes:
            return _("受限：%(why)s") % {"why": sentences}
        return _("线路本身就是上限") if CONCLUSIVE in point.limited_by_cause else ""

    def _row(self, point: SamplePoint, unit_name: str, single: bool) -> PointRow:
        numbers = (
            (point.median,) if single else (point.smallest, point.median, point.mean, point.largest)
        )
        return PointRow(
            group=point.group,
            time=self.formatter.time(point.since),
            values=tuple(self.formatter.quantity(f"{n:.10g}", unit_name) for n in numbers),
            samples=point.samples,
            note=self._note(point),
        )

    def _description(
        self, points: Sequence[SamplePoint], threshold: str | None, unit_name: str
    ) -> str:
        _ = self.formatter.translator.gettext
        valid = [point for point in points if not point.void]
        limited = sum(p.samples for p in valid if set(p.limited_by_cause) - {CONCLUSIVE})
        words = {
            "num": sum(point.samples for point in valid),
            "limited": limited,
            "void": sum(point.samples for point in points if point.void),
        }
        parts = [
            _("有效采样 %(num)s 次，其中所在时段受限 %(limited)s 次；不计入 %(void)s 次。") % words
        ]
        if valid:
            low, high = min(p.smallest for p in valid), max(p.largest for p in valid)
            quantity = self.formatter.quantity
            span = {
                "low": quantity(f"{low:.10g}", unit_name),
                "high": quantity(f"{high:.10g}", unit_name),
            }
            parts.append(_("最小 %(low)s，最大 %(high)s。") % span)
        if threshold:
            parts.append(_("门槛 %(threshold)s。") % {"threshold": threshold})
        return "".join(parts) if not self.formatter.english else " ".join(parts)


def host_group(group: str, hosts: Mapping[str, str]) -> str:
    """Name a group by its host where it is named by an agent: `<agent>` or `<agent>/<target>`."""
    agent, slash, target = group.partition("/")
    return f"{hosts[agent]}{slash}{target}" if agent in hosts else group


def _missed(tests: Iterable[SlotTest]) -> list[SlotTest]:
    return [test for test in tests if test.state is SlotState.SKIPPED]


def series_unit(definition: IndicatorDefinition, part: Part) -> str:
    """Return the unit of the samples: the indicator's, but for shares of targets."""
    if not part.across.is_share:
        return definition.unit
    for suffix, name in (("_mbps", "Mbit/s"), ("_ratio", "ratio"), ("_ms", "ms")):
        if part.metric.endswith(suffix):
            return name
    return "count"


def series_threshold(
    definition: IndicatorDefinition,
    part: Part,
    findings: Sequence[tuple[FindingView, Mapping[str, Any]]],
) -> float | None:
    """Return the bound to draw beside the samples, in their unit; None where none compares.

    Each target's own bound where the indicator counts targets; else the bound of the first
    criterion on the indicator. Headroom is drawn as use: one minus the bound.
    """
    if part.across.is_share:
        return part.at_least
    if part.across is Across.WEIGHTED_MEAN and definition.unit != "ratio":
        return None
    for _, found in findings:
        bound, name = found.get("threshold"), found.get("unit")
        if bound is None or isinstance(bound, list) or name is None:
            continue
        own, other = unit(definition.unit), unit(str(name))
        if convertible(own, other):
            number = float(Fraction(str(bound)) * other.factor / own.factor)
            return 1 - number if definition.complement else number
    return None
