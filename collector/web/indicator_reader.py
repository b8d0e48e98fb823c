"""Reads what the page of an indicator shows from the stores."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any

from collector.domain import School
from collector.errors import NotFoundError, UnprocessableError
from collector.storage.ports import SeriesQuery
from collector.web.formatting import Formatter
from collector.web.indicator_page import (
    MAX_GROUPS,
    MAX_OUTAGES,
    MAX_POINTS,
    IndicatorPage,
    IndicatorPageBuilder,
    IndicatorRecord,
    SeriesSamples,
)
from collector.web.profile import profile_numbers
from collector.web.school_reader import SchoolReader
from collector.web.services import WebServices
from collector.web.sheet_page import FindingView, SheetReader
from rubrics.indicators import IndicatorDefinition, Statistic, Window, load_indicators
from rubrics.model import Rubric
from rubrics.reasons import load_reasons

TEST_PROBE = "outlet_bandwidth"
"""The probe whose readings come from test slots."""


class IndicatorReader:
    """Answers for one indicator of one school."""

    def __init__(self, services: WebServices, schools: SchoolReader) -> None:
        self._services = services
        self._schools = schools

    def page(
        self,
        school_id: str,
        indicator: str,
        rubric_id: str,
        formatter: Formatter,
        now: datetime,
    ) -> IndicatorPage:
        """Return the page. Raises NotFoundError for an unknown school or indicator.

        `rubric_id` chooses whose threshold is drawn; one that does not fit gives way to the first
        rubric that applies to the school and uses the indicator.
        """
        school = self._schools.school(school_id)
        definition = load_indicators().get(indicator)
        if definition is None:
            raise NotFoundError("indicator_unknown", f"No indicator has the id {indicator!r}.")
        datum, findings = self._judged(school, indicator, rubric_id, formatter, now)
        series = self._samples(school_id, definition, now)
        record = IndicatorRecord(
            definition=definition,
            school=school,
            datum=datum,
            findings=findings,
            series=series,
            school_hours=self._hours(school_id, indicator, now),
            outages=tuple(
                outage
                for one in series
                if one.part.statistic is Statistic.UP_RATIO
                for outage in self._services.series.outages(one.query, MAX_OUTAGES)
            ),
            slot_tests=self._slot_tests(school_id, definition, series),
            hosts={a.id: a.host_name for a in self._services.records.agents(school_id)},
        )
        return IndicatorPageBuilder(load_reasons(), formatter).build(record)

    def _samples(
        self, school_id: str, definition: IndicatorDefinition, now: datetime
    ) -> list[SeriesSamples]:
        """Read the samples of the whole window: those outside school hours are shown as well."""
        queries = self._services.queries.sample_queries(school_id, definition.id, now, Window.ALL)
        parts = chain.from_iterable(part.by_source() for part in definition.parts)
        return [
            SeriesSamples(part, query, self._points(query))
            for part, query in zip(parts, queries, strict=True)
        ]

    def _points(self, query: SeriesQuery) -> Any:
        return self._services.series.samples(query, MAX_POINTS, MAX_GROUPS)

    def _hours(self, school_id: str, indicator: str, now: datetime) -> Any:
        hours = Window.SCHOOL_HOURS
        queries = self._services.queries.sample_queries(school_id, indicator, now, hours)
        return queries[0].spans

    def _slot_tests(
        self, school_id: str, definition: IndicatorDefinition, series: list[SeriesSamples]
    ) -> Any:
        if not series or all(part.probe != TEST_PROBE for part in definition.parts):
            return ()
        return self._services.records.slot_tests(series[0].query.spans[0].day, school_id)

    def _judged(
        self, school: School, indicator: str, rubric_id: str, formatter: Formatter, now: datetime
    ) -> tuple[Mapping[str, Any] | None, list[tuple[FindingView, Mapping[str, Any]]]]:
        """Return the indicator in the case file, and the findings on it."""
        rubric = self._rubric(school, indicator, rubric_id)
        if rubric is None:
            return None, []
        try:
            stored = self._services.sheets.score(school.id, rubric.id, now, fresh=False)
        except UnprocessableError:
            return None, []
        sheet = json.loads(stored.sheet_json)
        outline = self._schools.outlines[rubric.id]
        numbers = profile_numbers(school)
        view = SheetReader(outline, load_reasons(), formatter, numbers).read(sheet)
        found = [
            (shown, written)
            for shown, written in zip(view.findings, _written(outline, sheet), strict=True)
            if indicator in _names(written)
        ]
        return json.loads(stored.case_json)["indicators"].get(indicator), found

    def _rubric(self, school: School, indicator: str, wanted: str) -> Rubric | None:
        fitting = [
            self._services.rubrics[outline.id]
            for outline in self._schools.outlines.values()
            if school.kind in outline.kinds
            and indicator in self._services.rubrics[outline.id].indicators
        ]
        return next((one for one in fitting if one.id == wanted), fitting[0] if fitting else None)


def _written(outline: Any, sheet: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the findings as the sheet has them, in the order of `SheetView.findings`."""
    for section in outline.sections:
        for item in section.items:
            scored = (sheet.get("items") or {}).get(item.id) or {}
            yield from scored.get("findings") or [{"id": item.id}]


def _names(finding: Mapping[str, Any]) -> set[str]:
    """Name the indicators that a finding looks at, decided by or shown beside."""
    values = (finding, *(finding.get("values") or ()))
    return {
        str((value.get("origin") or {}).get("name"))
        for value in values
        if value.get("source") == "indicator"
    }
