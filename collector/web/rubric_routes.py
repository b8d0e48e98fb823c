"""Pages of rubrics: the official table with what is computed, lint findings, and the readings."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from collector.access import needs
from collector.domain import Right
from collector.errors import NotFoundError
from collector.web.form_pages import FormPages
from collector.web.rendering import Pages
from collector.web.services import WebServices
from rubrics.describe import Language, Words
from rubrics.exact import decimal_text
from rubrics.lint import lint_rubric


def rubric_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of rubrics."""
    handlers = RubricPages(services, pages)
    router = APIRouter(include_in_schema=False)
    read = [needs(Right.ROUND_READ)]
    router.get("/rubrics", dependencies=read)(handlers.rubrics)
    router.get("/rubrics/{rubric_id}", dependencies=read)(handlers.rubric)
    return router


class RubricPages(FormPages):
    """One method per address. Synchronous: FastAPI runs them in its thread pool."""

    def rubrics(self, request: Request) -> Response:
        """List the rubrics of this release."""
        found = tuple(self._services.rubrics.values())
        return self._show(request, "rubrics.html", section="rounds", rubrics=found)

    def rubric(self, request: Request, rubric_id: str) -> Response:
        """Show one rubric as its official table, with lint findings and open readings."""
        rubric = self._services.rubrics.get(rubric_id)
        if rubric is None:
            raise NotFoundError(
                "rubric_unknown", "没有这份评分细则。", detail_en="There is no such rubric."
            )
        language: Language = "en" if self._formatter(request).english else "zh"
        rows = [
            (section, [(one, Words(rubric, one, language).rule()) for one in section.all_items()])
            for section in rubric.sections
        ]
        return self._show(
            request,
            "rubric.html",
            section="rounds",
            rubric=rubric,
            decimal_text=decimal_text,
            rows=rows,
            warnings=[one.to_json() for one in lint_rubric(rubric, self._services.rubrics)],
        )
