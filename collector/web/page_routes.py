"""The pages' addresses: translate between HTTP and the page builders, nothing else."""

from fastapi import APIRouter, Request, Response

from collector.access import PUBLIC, needs
from collector.domain import Right
from collector.web.interface_page import operation_groups
from collector.web.rendering import Pages
from collector.web.school_reader import SchoolReader
from collector.web.services import WebServices
from collector.web.verdicts import Result


def page_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of the pages."""
    handlers = PageHandlers(services, pages)
    router = APIRouter(include_in_schema=False)
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
