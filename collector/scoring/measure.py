"""Indicators of one school from the series store: the catalogue's questions, asked and answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from collector.domain import Fact, Json, StoredReading
from collector.scoring.calendar import SchoolCalendar
from collector.scoring.indicators import (
    PartEvidence,
    census_query,
    indicator_value,
    no_value,
    part_query,
    weight_query,
)
from collector.storage.ports import SeriesStore, TimeSpan
from rubrics.engine import ASSUMED_DAYS
from rubrics.indicators import IndicatorDefinition, Part, Window

_MINUTE = timedelta(minutes=1)
NO_FACTS: Mapping[str, Fact] = {}
_OUTSIDE = {
    Window.SCHOOL_HOURS: "outside_school_hours",
    Window.TEACHING_WEEKS: "outside_teaching_weeks",
}
READINGS_ASKED_FOR_A_REASON = 50
"""The newest readings of a probe that may say why there are no samples."""


@dataclass(frozen=True, slots=True)
class ScoringWindow:
    """The days that count: whole local days, the last of them perhaps not over yet.

    `since` and `until` are pinned in the case file. Nothing is expected after `stop`, the end of
    the minute in which the sheet is computed, so that a day under way is no gap.
    """

    since: datetime
    until: datetime
    stop: datetime

    @classmethod
    def last_days(cls, days: int, now: datetime, calendar: SchoolCalendar) -> ScoringWindow:
        """Return the window of that many local days, today included."""
        today = calendar.local_day(now)
        minute = now.astimezone(UTC).replace(second=0, microsecond=0) + _MINUTE
        until = calendar.day_start(today + timedelta(days=1))
        since = calendar.day_start(today - timedelta(days=days - 1))
        return cls(since, until, min(minute, until))

    def spans(
        self, window: Window, calendar: SchoolCalendar, last_days: int | None
    ) -> list[TimeSpan]:
        """Return what counts of it, optionally of its last days alone."""
        since = self.since
        if last_days is not None:
            first = calendar.local_day(self.until - _MINUTE) - timedelta(days=last_days - 1)
            since = max(since, calendar.day_start(first))
        return calendar.spans(window, since, self.stop)


def measure_indicators(
    series: SeriesStore,
    school_id: str,
    definitions: Iterable[IndicatorDefinition],
    window: ScoringWindow,
    calendar: SchoolCalendar,
    facts: Mapping[str, Fact] = NO_FACTS,
) -> dict[str, Json]:
    """Return what is known of the indicators, as the case file carries it.

    `facts` are the school's declared values in force; a census takes its number from them.

    An indicator whose samples all lie outside what counts has no value, says why, and shows what
    was observed. One that was tried in vain has the reason of the newest try. One that nobody
    tried is absent.
    """
    measured: dict[str, Json] = {}
    # One question instead of several for each indicator that the school never tried.
    tried = series.probes_of(school_id)
    for definition in definitions:
        if definition.probe == "present" and tried & _probes(definition):
            declared = _declared_number(definition, facts)
            value = _measure(series, school_id, definition, window, calendar, declared)
            if value is not None:
                measured[definition.id] = value
    return measured


def _probes(definition: IndicatorDefinition) -> frozenset[str]:
    return frozenset(source.probe for part in definition.parts for source in part.by_source())


def _measure(
    series: SeriesStore,
    school_id: str,
    definition: IndicatorDefinition,
    window: ScoringWindow,
    calendar: SchoolCalendar,
    declared: int | None,
) -> dict[str, Json] | None:
    spans = window.spans(definition.window, calendar, definition.last_days)
    value = _reduce(series, school_id, definition, spans, declared)
    if definition.window is not Window.ALL:
        unknown = calendar.unknown_days(window.since, window.stop) > 0
        if unknown and not _enough(value, definition):
            value = _assumed(series, school_id, definition, window, calendar, declared) or value
        if value is None:
            all_day = window.spans(Window.ALL, calendar, definition.last_days)
            elsewhere = _reduce(series, school_id, definition, all_day, declared)
            if elsewhere is not None:
                reason = "calendar_unknown" if unknown else _OUTSIDE[definition.window]
                return no_value(definition, reason, elsewhere["value"])
    if value is not None:
        return value
    why_not = _why_not_measured(series, school_id, definition, window)
    return no_value(definition, why_not) if why_not else None


def _enough(value: Mapping[str, Json] | None, definition: IndicatorDefinition) -> bool:
    """Whether the days that are known suffice, so that nothing has to be assumed."""
    if value is None or value["value"] is None:
        return False
    asked = definition.sufficiency.model_dump(exclude_none=True)
    return all(float(str(value.get(name, 0))) >= least for name, least in asked.items())


def _assumed(
    series: SeriesStore,
    school_id: str,
    definition: IndicatorDefinition,
    window: ScoringWindow,
    calendar: SchoolCalendar,
    declared: int | None,
) -> dict[str, Json] | None:
    """Measure with Monday to Friday as school days where the decree is not known.

    People see a value; the cause `calendar_assumed` keeps the engine from deciding by it.
    """
    weekdays = calendar.assuming_weekdays()
    spans = window.spans(definition.window, weekdays, definition.last_days)
    value = _reduce(series, school_id, definition, spans, declared)
    days = {span.day for span in spans if calendar.is_school_day(span.day) is None}
    if value is None or not days:
        return None
    causes = value["limited_by"]
    assert isinstance(causes, list)  # noqa: S101 - a list by `indicator_value`'s guarantee
    return {**value, "limited_by": [ASSUMED_DAYS, *causes], "assumed_days": len(days)}


def _declared_number(definition: IndicatorDefinition, facts: Mapping[str, Fact]) -> int | None:
    """Return how many targets the school declares; None for a text that is no whole number."""
    fact = None if definition.census is None else facts.get(definition.census.fact)
    return int(fact.value) if fact is not None and fact.value.isdecimal() else None


def _why_not_measured(
    series: SeriesStore, school_id: str, definition: IndicatorDefinition, window: ScoringWindow
) -> str | None:
    """Return the reason that the newest fitting reading gave, if it was tried and nothing came."""
    for part in [source for one in definition.parts for source in one.by_source()]:
        for found in series.latest_readings(school_id, part.probe, READINGS_ASKED_FOR_A_REASON):
            reading = found.reading
            if reading.time >= window.since and reading.reason and _fits(part, reading):
                return reading.reason
    return None


def _fits(part: Part, reading: StoredReading) -> bool:
    if part.target is not None and reading.target != part.target:
        return False
    wanted = all(reading.labels.get(name) == text for name, text in part.labels.items())
    return wanted and not any(
        reading.labels.get(name) in texts for name, texts in part.labels_not.items()
    )


def _reduce(
    series: SeriesStore,
    school_id: str,
    definition: IndicatorDefinition,
    spans: Sequence[TimeSpan],
    declared: int | None,
) -> dict[str, Json] | None:
    parts = []
    for part in definition.parts:
        groups = [
            group
            for source in part.by_source()
            for group in series.summarise(part_query(definition, source, school_id, spans))
        ]
        weigh = weight_query(part, school_id, spans)
        capacities = series.summarise(weigh) if weigh and groups else ()
        weights = {group.group: group.value for group in capacities if group.value is not None}
        parts.append(PartEvidence(part, groups, weights))
    counted = census_query(definition, school_id, spans)
    reporting = len(series.summarise(counted)) if counted else None
    return indicator_value(definition, parts, spans, declared, reporting)
