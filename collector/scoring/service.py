"""Scores a school: stored samples, facts and entries in, a kept score sheet out.

The clock comes from outside and everything the result depends on is in the case file, so the same
stored data at the same `now` gives the same sheet to the digit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from collector.domain import Json, School, StoredSheet
from collector.errors import NotFoundError, RowError, UnprocessableError
from collector.scoring.calendar import SchoolCalendar
from collector.scoring.case_file import case_file, pinned_inputs
from collector.scoring.indicators import part_query
from collector.scoring.measure import ScoringWindow, measure_indicators
from collector.scoring.recent import RecentMeasurements
from collector.storage.ports import SchoolRecords, SeriesQuery, SeriesStore, SheetRecords
from rubrics.engine import CaseError, WrongSchoolError, evaluate
from rubrics.indicators import IndicatorDefinition, Window, catalogue_hash, load_indicators
from rubrics.model import Rubric

WINDOW_DAYS = 42
"""Six weeks hold the twenty school days that a judgement needs, even around a week of holidays."""


class ScoredRecords(SchoolRecords, SheetRecords, Protocol):
    """The records that scoring reads and the sheets it keeps."""


class ScoringService:
    """Case files and score sheets of the schools in the stores. Safe to share between threads."""

    def __init__(
        self,
        records: ScoredRecords,
        series: SeriesStore,
        rubrics: Mapping[str, Rubric],
        *,
        calendar: SchoolCalendar | None = None,
        window_days: int = WINDOW_DAYS,
        indicators: Mapping[str, IndicatorDefinition] | None = None,
    ) -> None:
        self._records = records
        self._series = series
        self._rubrics = rubrics
        self._calendar = calendar or SchoolCalendar()
        self._window_days = window_days
        self._indicators = indicators if indicators is not None else load_indicators()
        self._catalogue_hash = catalogue_hash(self._indicators)
        self._measurements = RecentMeasurements(series)

    def score(
        self, school_id: str, rubric_id: str, now: datetime, *, fresh: bool = True
    ) -> StoredSheet:
        """Compute the sheet from what is stored at `now`, keep it if it changed, and return it.

        Unless `fresh`, what was measured may be as of some minutes ago; see `RecentMeasurements`.
        Raises NotFoundError for an unknown school or rubric, UnprocessableError where the rubric
        does not apply to the school or the case holds a value the rubric cannot take; its
        `errors` name each.
        """
        school, rubric = self._school(school_id), self._rubric(rubric_id)
        measured = self._measured(school, rubric.indicators, now, fresh=fresh)
        case = self._case(school, rubric, now, measured)
        try:
            sheet = evaluate(rubric, case)
        except CaseError as error:
            raise _unprocessable(error, school, rubric) from error
        stored = StoredSheet(
            school_id=school.id,
            rubric_id=rubric.id,
            rubric_version=rubric.version,
            content_hash=sheet.content_hash,
            computed_at=now,
            case_json=_canonical(case),
            sheet_json=_canonical(sheet.to_json()),
        )
        self._records.add_sheet(stored)
        return stored

    def sheets(
        self, school_id: str, now: datetime
    ) -> dict[str, dict[str, Any] | UnprocessableError]:
        """Return by id of each rubric that applies the sheet at `now`, or why there is none.

        Nothing is kept; what several rubrics ask for is measured once. Raises NotFoundError.
        """
        school = self._school(school_id)
        rubrics = [one for one in self._rubrics.values() if school.kind in one.applies_to.kinds]
        used = {name for rubric in rubrics for name in rubric.indicators}
        measured = self._measured(school, used, now)
        found: dict[str, dict[str, Any] | UnprocessableError] = {}
        for rubric in rubrics:
            own = {name: value for name, value in measured.items() if name in rubric.indicators}
            try:
                found[rubric.id] = evaluate(rubric, self._case(school, rubric, now, own)).to_json()
            except CaseError as error:
                found[rubric.id] = _unprocessable(error, school, rubric)
        return found

    def case_file(self, school: School, rubric: Rubric, now: datetime) -> dict[str, Json]:
        """Return the case of a school for a rubric, from what is stored at `now`."""
        return self._case(school, rubric, now, self._measured(school, rubric.indicators, now))

    def _measured(
        self, school: School, names: Iterable[str], now: datetime, *, fresh: bool = True
    ) -> dict[str, Json]:
        return self._measurements.measure(
            school.id,
            [self._indicators[name] for name in sorted(names) if name in self._indicators],
            ScoringWindow.last_days(self._window_days, now, self._calendar),
            self._calendar,
            self._records.facts(school.id),
            self._calendar.source(),
            fresh=fresh,
        )

    def _case(
        self, school: School, rubric: Rubric, now: datetime, measured: Mapping[str, Json]
    ) -> dict[str, Json]:
        window = ScoringWindow.last_days(self._window_days, now, self._calendar)
        pinned = pinned_inputs(
            window,
            self._calendar.zone.key,
            self._calendar.source(),
            self._calendar.unknown_days(window.since, window.until),
            self._catalogue_hash,
        )
        facts = self._records.facts(school.id)
        entries = self._records.entries(school.id, rubric.id)
        return case_file(school, rubric, measured, facts, entries, pinned)

    def indicators(self, school_id: str, now: datetime) -> dict[str, Json]:
        """Return every indicator of a school that has samples, as a case would carry it.

        Raises NotFoundError for an unknown school.
        """
        school = self._school(school_id)
        window = ScoringWindow.last_days(self._window_days, now, self._calendar)
        return measure_indicators(
            self._series,
            school.id,
            self._indicators.values(),
            window,
            self._calendar,
            self._records.facts(school.id),
        )

    def sample_queries(
        self, school_id: str, indicator: str, now: datetime, window: Window | None = None
    ) -> list[SeriesQuery]:
        """Return what the indicator asks of the series store, one query for each of its series.

        Over the part of the scoring window that the indicator looks at, or over another one.
        Raises NotFoundError for an unknown school or indicator.
        """
        school = self._school(school_id)
        definition = self._indicators.get(indicator)
        if definition is None:
            known = ", ".join(self._indicators)
            raise NotFoundError(
                "indicator_unknown",
                f"没有指标 {indicator!r}，已有：{known}。",
                detail_en=f"There is no indicator {indicator!r}. Known: {known}.",
            )
        days = ScoringWindow.last_days(self._window_days, now, self._calendar)
        spans = days.spans(window or definition.window, self._calendar, definition.last_days)
        return [
            part_query(definition, source, school.id, spans)
            for part in definition.parts
            for source in part.by_source()
        ]

    def _school(self, school_id: str) -> School:
        school = self._records.school(school_id)
        if school is None:
            raise NotFoundError(
                "school_unknown",
                f"没有学校 {school_id!r}，请用 campusgauge school add 登记。",
                detail_en=f"There is no school {school_id!r}. Add it: campusgauge school add",
            )
        return school

    def _rubric(self, rubric_id: str) -> Rubric:
        rubric = self._rubrics.get(rubric_id)
        if rubric is None:
            known = ", ".join(self._rubrics) or "none"
            raise NotFoundError(
                "rubric_unknown",
                f"没有评分细则 {rubric_id!r}，请选用：{known}。",
                detail_en=f"There is no rubric {rubric_id!r}. Choose one of: {known}.",
            )
        return rubric


def _unprocessable(error: CaseError, school: School, rubric: Rubric) -> UnprocessableError:
    if isinstance(error, WrongSchoolError):
        return UnprocessableError("rubric_does_not_apply", str(error))
    return UnprocessableError(
        "case_unusable",
        f"学校 {school.id} 有评分细则 {rubric.id} 不能接受的值，请更正所列各栏。",
        detail_en=f"School {school.id} holds values that rubric {rubric.id} cannot take. "
        "Correct the fields named under `errors`.",
        errors=tuple(RowError(None, problem.path, problem.message) for problem in error.problems),
    )


def _canonical(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
