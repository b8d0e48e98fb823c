"""Reads what a school's page shows from the stores and the scoring service."""

import json
from collections.abc import Mapping
from datetime import datetime

from collector.domain import Fact, School, StoredSheet
from collector.errors import NotFoundError, UnprocessableError
from collector.web.formatting import Formatter
from collector.web.outlet import CONTRACT_FACT, INDICATOR, OutletRecord, read_outlet
from collector.web.outline import RubricOutline, outline_of
from collector.web.school_page import (
    READINGS_SHOWN,
    SchoolPage,
    SchoolPageBuilder,
    SchoolRecord,
)
from collector.web.services import WebServices
from collector.web.verdicts import Result
from rubrics.indicators import Window
from rubrics.reasons import load_reasons


class SchoolReader:
    """Answers for one school; rubric outlines are made once."""

    def __init__(self, services: WebServices) -> None:
        self._services = services
        # The rubrics that measurements say most about come first: they are what a school opens.
        ordered = sorted(services.rubrics.values(), key=lambda rubric: -len(rubric.indicators))
        self.outlines = {rubric.id: outline_of(rubric) for rubric in ordered}
        self._fact_names = {
            name: (spec.zh, spec.en, spec.unit)
            for rubric in services.rubrics.values()
            for name, spec in rubric.facts.items()
        }

    def school(self, school_id: str) -> School:
        """Return the school. Raises NotFoundError."""
        school = self._services.records.school(school_id)
        if school is None:
            raise NotFoundError("school_unknown", f"No school has the id {school_id!r}.")
        return school

    def page(
        self,
        school_id: str,
        rubric_id: str | None,
        show: Result | None,
        formatter: Formatter,
        now: datetime,
    ) -> SchoolPage:
        """Return the page of a school by one rubric, or by the first that applies to it.

        Raises NotFoundError for an unknown school or rubric.
        """
        school = self.school(school_id)
        applicable = [rubric for rubric in self.outlines.values() if school.kind in rubric.kinds]
        rubric = self._chosen(rubric_id, applicable)
        stored, why = self._stored(school, rubric, formatter, now)
        records, series = self._services.records, self._services.series
        facts = records.facts(school_id)
        record = SchoolRecord(
            school=school,
            agents=records.agents(school_id),
            facts=facts,
            readings=series.latest_readings(school_id, limit=READINGS_SHOWN),
            stored=stored,
            unscored_because=why,
            outlet=self._outlet(school_id, facts, stored, now),
        )
        names = {
            name: ((english if formatter.english else None) or chinese, unit_name)
            for name, (chinese, english, unit_name) in self._fact_names.items()
        }
        builder = SchoolPageBuilder(load_reasons(), formatter)
        return builder.build(record, rubric, applicable, names, show, now)

    def _outlet(
        self,
        school_id: str,
        facts: Mapping[str, Fact],
        stored: StoredSheet | None,
        now: datetime,
    ) -> OutletRecord:
        case = json.loads(stored.case_json) if stored else {}
        measured = (case.get("indicators") or {}).get(INDICATOR)
        query = self._services.queries.sample_queries(school_id, INDICATOR, now, Window.ALL)[0]
        return read_outlet(self._services.series, query, facts.get(CONTRACT_FACT), measured)

    def _chosen(
        self, rubric_id: str | None, applicable: list[RubricOutline]
    ) -> RubricOutline | None:
        if rubric_id is None:
            return applicable[0] if applicable else None
        rubric = self.outlines.get(rubric_id)
        if rubric is None:
            raise NotFoundError("rubric_unknown", f"No rubric has the id {rubric_id!r}.")
        return rubric

    def _stored(
        self, school: School, rubric: RubricOutline | None, formatter: Formatter, now: datetime
    ) -> tuple[StoredSheet | None, str | None]:
        _ = formatter.translator.gettext
        if rubric is None:
            return None, _("没有适用于这类学校的评分细则。")
        if school.kind not in rubric.kinds:
            return None, _("这份评分细则不适用于这类学校。")
        try:
            return self._services.sheets.score(school.id, rubric.id, now, fresh=False), None
        except UnprocessableError as error:
            return None, _("现有数据无法评分：%(detail)s") % {"detail": error.detail}
