"""Case files of a round: its own days, hours and definitions in place of today's.

What opening a round pins is written here as text and read back from it, so that a later release
measures the round as it was opened.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from collector.domain import CaseInputs, Fact, Hours, Json, Round, School
from collector.scoring.calendar import SchoolCalendar
from collector.scoring.case_file import facts_of, pinned_inputs, profile_of
from collector.scoring.indicators import part_query
from collector.scoring.measure import ScoringWindow, measure_indicators
from collector.scoring.recent import RecentMeasurements
from collector.storage.ports import SeriesStore
from rubrics.indicators import IndicatorDefinition, Window, catalogue_hash, load_indicators
from rubrics.model import Rubric

_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)


class RoundCases:
    """Builds case files of rounds from the series store. Safe to share between threads."""

    def __init__(
        self,
        series: SeriesStore,
        *,
        calendar: SchoolCalendar | None = None,
        indicators: Mapping[str, IndicatorDefinition] | None = None,
    ) -> None:
        self._series = series
        self._calendar = calendar or SchoolCalendar()
        self._indicators = indicators if indicators is not None else load_indicators()
        self._measurements = RecentMeasurements(series)

    def calendar_text(self, held: Round) -> str:
        """Write down which days of the window are school days, and the hours of all schools."""
        own = held.calendar
        rules = SchoolCalendar(
            self._calendar.zone,
            own.hours or self._calendar.hours,
            self._calendar.is_workday,
            frozenset({*own.closed, *own.exams}),
            frozenset(own.open),
        )
        days = [held.since + n * _DAY for n in range((held.until - held.since).days + 1)]
        known = {day: _in_term(day, own.terms) and rules.is_school_day(day) for day in days}
        return _canonical(
            {
                "zone": rules.zone.key,
                "source": self._calendar.source(),
                "hours": _hours_text(rules.hours),
                "school_hours": {
                    name: _hours_text(hours) for name, hours in own.school_hours.items()
                },
                "school_days": [day.isoformat() for day in days if known[day]],
                "unknown_days": [day.isoformat() for day in days if known[day] is None],
            }
        )

    def catalogue_text(self) -> str:
        """Write down the definitions of all indicators; the text's hash is the catalogue's."""
        return _canonical({n: one.model_dump(mode="json") for n, one in self._indicators.items()})

    def is_working_day(self, day: date) -> bool | None:
        """Say whether people work on this day; None for a year that is not announced yet."""
        return self._calendar.is_workday(day)

    def profile(self, school: School) -> dict[str, Json]:
        """Return a profile as case files carry it."""
        return profile_of(school)

    def case_file(
        self, rubric: Rubric, inputs: CaseInputs, now: datetime, *, fresh: bool = True
    ) -> dict[str, Json]:
        """Return the case file: what is measured by `now`, and all that was declared and given.

        Unless `fresh`, what was measured may be as of some minutes ago; see `RecentMeasurements`.
        """
        held, pinned = inputs.held, held_rubric(inputs.held, rubric)
        calendar = self._pinned_calendar(inputs)
        catalogue = _catalogue(inputs.catalogue)
        window = _window(held, calendar, now)
        definitions = [catalogue[n] for n in sorted(rubric.indicators) if n in catalogue]
        rules = held.calendar_hash, held.catalogue_hash, calendar.source()
        measured = self._measurements.measure(
            inputs.school.id, definitions, window, calendar, inputs.facts, rules, fresh=fresh
        )
        unknown_days = calendar.unknown_days(window.since, window.until)
        return {
            "school": profile_of(inputs.school),
            "indicators": measured,
            "facts": facts_of(rubric, inputs.facts),
            "references": dict(pinned.references),
            "entries": {item: dict(given) for item, given in sorted(inputs.entries.items())},
            "stages": {stage: dict(given) for stage, given in sorted(inputs.stages.items())},
            "overrides": {item: dict(given) for item, given in sorted(inputs.overrides.items())},
            "readings": dict(pinned.readings),
            "pinned": {
                **pinned_inputs(
                    window,
                    calendar.zone.key,
                    calendar.source(),
                    unknown_days,
                    catalogue_hash(catalogue),
                ),
                "round": held.id,
                "round_calendar": held.calendar_hash,
                "rubric_hash": pinned.content_hash,
            },
        }

    def remeasured(
        self,
        rubric: Rubric,
        school_id: str,
        since: datetime,
        until: datetime,
        catalogue_text: str,
        facts: Mapping[str, Fact],
    ) -> dict[str, Json]:
        """Return what the indicators of the rubric show between two times, at any hour.

        What a re-test yields: few samples, which the engine alone would not judge by.
        """
        always = SchoolCalendar(self._calendar.zone, ((time(0), time(23, 59)),), lambda _: True)
        catalogue = _catalogue(catalogue_text)
        definitions = [catalogue[n] for n in sorted(rubric.indicators) if n in catalogue]
        window = ScoringWindow(since, until, until)
        return measure_indicators(self._series, school_id, definitions, window, always, facts)

    def samples_by_hours(
        self, inputs: CaseInputs, indicator: str, now: datetime
    ) -> tuple[int, int]:
        """Return how many samples of an indicator were taken in and outside school hours."""
        calendar = self._pinned_calendar(inputs)
        definition = _catalogue(inputs.catalogue).get(indicator)
        if definition is None:
            return 0, 0
        window = _window(inputs.held, calendar, now)
        counts = [
            sum(
                group.samples
                for part in definition.parts
                for source in part.by_source()
                for group in self._series.summarise(
                    part_query(
                        definition, source, inputs.school.id, window.spans(kind, calendar, None)
                    )
                )
            )
            for kind in (Window.SCHOOL_HOURS, Window.ALL)
        ]
        return counts[0], counts[1] - counts[0]

    def _pinned_calendar(self, inputs: CaseInputs) -> SchoolCalendar:
        """Return the calendar as the round was opened with.

        What was known then stays. A day that was not announced yet is looked up now, or a round
        over the turn of the year would never learn of its last weeks.
        """
        pinned = _parsed(inputs.calendar)
        school_days: frozenset[str] = pinned["school_days_set"]
        unknown: frozenset[str] = pinned["unknown_days_set"]

        def is_school_day(day: date) -> bool | None:
            name = day.isoformat()
            return self._calendar.is_workday(day) if name in unknown else name in school_days

        def source() -> str:
            then, now = str(pinned["source"]), self._calendar.source()
            return f"{then}; {now}" if unknown and now != then else then

        hours = pinned["school_hours"].get(inputs.school.id) or pinned["hours"]
        return SchoolCalendar(ZoneInfo(pinned["zone"]), _hours(hours), is_school_day, source=source)


def held_rubric(held: Round, rubric: Rubric) -> Any:
    """Return how the round uses the rubric. Raises KeyError if it does not."""
    pinned = held.rubric(rubric.id)
    if pinned is None:
        raise KeyError(rubric.id)
    return pinned


def _in_term(day: date, terms: tuple[tuple[date, date], ...]) -> bool:
    return not terms or any(since <= day <= until for since, until in terms)


def _window(held: Round, calendar: SchoolCalendar, now: datetime) -> ScoringWindow:
    since, until = calendar.day_start(held.since), calendar.day_start(held.until + _DAY)
    minute = now.astimezone(UTC).replace(second=0, microsecond=0) + _MINUTE
    return ScoringWindow(since, until, max(since, min(minute, until)))


@lru_cache(maxsize=32)
def _parsed(text: str) -> Mapping[str, Any]:
    pinned = json.loads(text)
    return {
        **pinned,
        "school_days_set": frozenset(pinned["school_days"]),
        "unknown_days_set": frozenset(pinned["unknown_days"]),
    }


@lru_cache(maxsize=16)
def _catalogue(text: str) -> Mapping[str, IndicatorDefinition]:
    return {
        name: IndicatorDefinition.model_validate_json(json.dumps(fields))
        for name, fields in json.loads(text).items()
    }


def _hours_text(hours: Hours) -> list[list[str]]:
    return [[f"{start:%H:%M}", f"{stop:%H:%M}"] for start, stop in hours]


def _hours(raw: Any) -> Hours:
    return tuple((time.fromisoformat(start), time.fromisoformat(stop)) for start, stop in raw)


def _canonical(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
