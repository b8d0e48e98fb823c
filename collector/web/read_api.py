"""The read API: everything the pages show, as JSON for other programs."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from collector.access import needs
from collector.domain import Right
from collector.errors import NotFoundError
from collector.web.reporting import NO_AGENTS, reporting_of, school_reporting
from collector.web.schema import (
    AgentAnswer,
    FactAnswer,
    ReadingAnswer,
    ReadingsAnswer,
    RubricAnswer,
    RubricsAnswer,
    SchoolAnswer,
    SchoolDetailAnswer,
    SchoolsAnswer,
    ScoreSheetAnswer,
)
from collector.web.services import WebServices
from rubrics.indicators import load_indicators

READINGS_MAX = 1000
SCHOOLS_MAX = 1000


def read_api_router(services: WebServices) -> APIRouter:
    """Build the routes of the read API."""
    api = ReadApi(services)
    router = APIRouter(prefix="/api/v1", tags=["read"])
    router.get(
        "/schools",
        summary="Schools with their reporting state",
        dependencies=[needs(Right.COUNTY_READ)],
    )(api.schools)
    router.get(
        "/schools/{school_id}", summary="One school", dependencies=[needs(Right.SCHOOL_READ)]
    )(api.school)
    router.get(
        "/schools/{school_id}/sheets/{rubric_id}",
        summary="The score sheet of a school, computed now",
        response_model=ScoreSheetAnswer,
        dependencies=[needs(Right.SHEET_READ)],
    )(api.sheet)
    router.get(
        "/schools/{school_id}/readings",
        summary="Newest readings of a school",
        dependencies=[needs(Right.SCHOOL_READ)],
    )(api.readings)
    catalogue = [needs(Right.ROUND_READ)]
    router.get("/rubrics", summary="Rubrics", dependencies=catalogue)(api.rubrics)
    router.get("/rubrics/{rubric_id}", summary="One rubric in full", dependencies=catalogue)(
        api.rubric
    )
    router.get("/indicators", summary="The indicator catalogue", dependencies=catalogue)(
        api.indicators
    )
    return router


class ReadApi:
    """One method per address. Synchronous: FastAPI runs them in its thread pool."""

    def __init__(self, services: WebServices) -> None:
        self._services = services

    def schools(
        self,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=SCHOOLS_MAX)] = SCHOOLS_MAX,
    ) -> SchoolsAnswer:
        """Return schools ordered by id, with the state of their reporting."""
        records, now = self._services.records, self._services.clock()
        contacts = records.contacts()
        newest = self._services.series.last_reading_times()
        schools = records.schools()
        return SchoolsAnswer(
            total=len(schools),
            offset=offset,
            schools=tuple(
                SchoolAnswer.of(
                    school,
                    reporting_of(contacts.get(school.id, NO_AGENTS), newest.get(school.id), now),
                )
                for school in schools[offset : offset + limit]
            ),
        )

    def school(self, school_id: str) -> SchoolDetailAnswer:
        """Return one school with agents, declared facts and applicable rubrics."""
        records, now = self._services.records, self._services.clock()
        school = records.school(school_id)
        if school is None:
            raise _no_school(school_id)
        agents = records.agents(school_id)
        newest = self._services.series.latest_readings(school_id, limit=1)
        reporting = school_reporting(agents, newest[0].reading.time if newest else None, now)
        return SchoolDetailAnswer(
            **SchoolAnswer.of(school, reporting).model_dump(),
            agents=tuple(AgentAnswer.of(agent, now) for agent in agents),
            facts={name: FactAnswer.of(fact) for name, fact in records.facts(school_id).items()},
            rubrics=tuple(
                name
                for name, rubric in self._services.rubrics.items()
                if school.kind in rubric.applies_to.kinds
            ),
        )

    def sheet(self, school_id: str, rubric_id: str) -> Response:
        """Return the score sheet computed from what is stored now; ETag is its content hash."""
        stored = self._services.sheets.score(school_id, rubric_id, self._services.clock())
        return Response(
            stored.sheet_json,
            media_type="application/json",
            headers={"ETag": f'"{stored.content_hash}"', "Cache-Control": "no-cache"},
        )

    def readings(
        self,
        school_id: str,
        probe: Annotated[str | None, Query(max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=READINGS_MAX)] = 100,
    ) -> ReadingsAnswer:
        """Return the newest readings, newest first, optionally of one probe."""
        if self._services.records.school(school_id) is None:
            raise _no_school(school_id)
        found = self._services.series.latest_readings(school_id, probe, limit)
        return ReadingsAnswer(readings=tuple(map(ReadingAnswer.of, found)))

    def rubrics(self) -> RubricsAnswer:
        """Return the rubrics of this server."""
        return RubricsAnswer(rubrics=tuple(map(RubricAnswer.of, self._services.rubrics.values())))

    def rubric(self, rubric_id: str) -> dict[str, Any]:
        """Return a rubric in full, as its file says it, with the indicators it pins."""
        rubric = self._services.rubrics.get(rubric_id)
        if rubric is None:
            raise NotFoundError(
                "rubric_unknown", f"No rubric has the id {rubric_id!r}; see /api/v1/rubrics."
            )
        return rubric.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    def indicators(self) -> dict[str, Any]:
        """Return every indicator: unit, series, statistic, sufficiency, meaning."""
        return {
            name: definition.model_dump(mode="json", exclude_defaults=True)
            for name, definition in load_indicators().items()
        }


def _no_school(school_id: str) -> NotFoundError:
    return NotFoundError(
        "school_unknown", f"No school has the id {school_id!r}; see /api/v1/schools."
    )
