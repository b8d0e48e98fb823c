"""Indicators of one school from the series store: the catalogue's questions, asked and answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from collector.domain import Json
from collector.scoring.calendar import SchoolCalendar
from collector.scoring.indicators import (
    PartEvidence,
    indicator_value,
    part_query,
    unusable_value,
    weight_query,
)
from collector.storage.ports import SeriesStore, TimeSpan
from rubrics.indicators import IndicatorDefinition, Window

_MINUTE = timedelta(minutes=1)


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
) -> dict[str, Json]:
    """Return the indicators that have samples, as the case file carries them.

    An indicator whose samples all lie outside what counts has no value, says why, and shows what
    was observed. One without any sample is absent.
    """
    measured: dict[str, Json] = {}
    for definition in definitions:
        if definition.probe == "present":
            value = _measure(series, school_id, definition, window, calendar)
            if value is not None:
                measured[definition.id] = value
    return measured


def _measure(
    series: SeriesStore,
    school_id: str,
    definition: IndicatorDefinition,
    window: ScoringWindow,
    calendar: SchoolCalendar,
) -> dict[str, Json] | None:
    spans = window.spans(definition.window, calendar, definition.last_days)
    value = _reduce(series, school_id, definition, spans)
    if value is not None or definition.window is Window.ALL:
        return value
    all_day = window.spans(Window.ALL, calendar, definition.last_days)
    elsewhere = _reduce(series, school_id, definition, all_day)
    if elsewhere is None:
        return None
    unknown = calendar.unknown_days(window.since, window.stop) > 0
    reason = "calendar_unknown" if unknown else "outside_school_hours"
    return unusable_value(definition, elsewhere, reason)


def _reduce(
    series: SeriesStore,
    school_id: str,
    definition: IndicatorDefinition,
    spans: Sequence[TimeSpan],
) -> dict[str, Json] | None:
    parts = []
    for part in definition.parts:
        groups = series.summarise(part_query(definition, part, school_id, spans))
        weigh = weight_query(part, school_id, spans)
        capacities = series.summarise(weigh) if weigh and groups else ()
        weights = {group.group: group.value for group in capacities if group.value is not None}
        parts.append(PartEvidence(part, groups, weights))
    return indicator_value(definition, parts, spans)
