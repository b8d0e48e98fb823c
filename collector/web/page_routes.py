"""The pages' addresses: translate between HTTP and the page builders, nothing else."""

from collections import defaultdict
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from collector.access import PUBLIC, needs
from collector.domain import Agent, Right
from collector.web.interface_page import operation_groups
from collector.web.overview_page import OverviewQuery, SchoolRow, overview
from collector.web.rendering import Pages
from collector.web.reporting import State, school_reporting
from collector.web.school_reader import SchoolReader
from collector.web.services import WebServices
from collector.web.sheet_counts import SheetCounts
from collector.web.verdicts import Result


def page_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of the pages."""
    handlers = PageHandlers(services, pages)
    router = APIRouter(include_in_schema=False)
    router.get("/", dependencies=[needs(Right.COUNTY_READ)])(handlers.overview)
    sheet = [needs(Right.SHEET_READ)]
    router.get("/schools/{school_id}", dependencies=sheet)(handlers.school)
    router.get("/schools/{school_id}/{rubric_id}", dependencies=sheet)(handlers.school_by_rubric)
    router.get("/docs", dependencies=[PUBLIC])(handlers.interface)
    return router


class PageHandlers:
    """One method per address. Synchronous: FastAPI runs them in its thread pool."""

    def __init__(self, services: WebServices, pages: Pages) -> None:
        self._services = services
        self._pages = pages
        self._reader = SchoolReader(services)
        self._counts = SheetCounts(services.records)

    def overview(
        self,
        request: Request,
        state: str = "",
        q: Annotated[str, Query(max_length=100)] = "",
        sort: Annotated[str, Query(max_length=30)] = "state",
        page: Annotated[int, Query(ge=1, le=100_000)] = 1,
        rubric: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        """Show all schools: who reports, who meets what. Unknown filters are ignored."""
        now = self._services.clock()
        outlines = self._reader.outlines
        chosen = outlines.get(rubric) or next(iter(outlines.values()), None)
        query = OverviewQuery(
            state=State(state) if state in set(State) else None,
            text=q,
            order=sort,
            page=page,
            rubric=rubric if rubric in outlines else "",
        )
        rubric_id = chosen.id if chosen else ""
        view = overview(
            self._rows(), query, lambda school: self._counts.newest(school.id, rubric_id)
        )
        context = {
            "view": view,
            "rubric": chosen,
            "rubrics": tuple(outlines.values()),
            "results": tuple(Result),
        }
        return self._pages.render(request, "overview.html", context, now=now, section="overview")

    def _rows(self) -> list[SchoolRow]:
        now = self._services.clock()
        agents: dict[str, list[Agent]] = defaultdict(list)
        for agent in self._services.records.agents():
            agents[agent.school_id].append(agent)
        newest = self._services.series.last_reading_times()
        return [
            SchoolRow(school, school_reporting(agents[school.id], newest.get(school.id), now))
            for school in self._services.records.schools()
        ]

    def school(self, request: Request, school_id: str, show: str = "") -> Response:
        """Show one school by the first rubric that applies to it."""
        return self._school(request, school_id, None, show)

    def school_by_rubric(
        self, request: Request, school_id: str, rubric_id: str, show: str = ""
    ) -> Response:
        """Show one school by one rubric."""
        return self._school(request, school_id, rubric_id, show)

    def _school(
        self, request: Request, school_id: str, rubric_id: str | None, show: str
    ) -> Response:
        now = self._services.clock()
        formatter = self._pages.formatter(self._pages.language(request))
        wanted = next((result for result in Result if result.slug == show), None)
        page = self._reader.page(school_id, rubric_id, wanted, formatter, now)
        return self._pages.render(request, "school.html", {"page": page}, now=now)

    def interface(self, request: Request) -> Response:
        """List the addresses of the HTTP interface."""
        groups = operation_groups(request.app.openapi())
        now = self._services.clock()
        return self._pages.render(
            request, "interface.html", {"groups": groups}, now=now, section="interface"
        )
