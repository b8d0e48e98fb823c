"""Pages of rubrics: the official table with what is computed, lint, readings, and its versions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from collector.access import needs
from collector.domain import Right, Round, RoundState, may
from collector.errors import NotFoundError
from collector.web.case_desk import desk_of
from collector.web.form_pages import FormPages
from collector.web.rendering import Pages
from collector.web.rubric_versions_page import change_groups, used_versions
from collector.web.services import WebServices
from rubrics.describe import Language, Words
from rubrics.exact import decimal_text
from rubrics.lint import lint_rubric
from rubrics.model import Rubric

ROUNDS_LOOKED_AT = 100
Hash = Annotated[str, Query(max_length=100)]


def rubric_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of rubrics."""
    handlers = RubricPages(services, pages)
    router = APIRouter(include_in_schema=False)
    read = [needs(Right.ROUND_READ)]
    router.get("/rubrics", dependencies=read)(handlers.rubrics)
    router.get("/rubrics/{rubric_id}", dependencies=read)(handlers.rubric)
    router.get("/rubrics/{rubric_id}/versions", dependencies=read)(handlers.versions)
    return router


class RubricPages(FormPages):
    """One method per address. Synchronous: FastAPI runs them in its thread pool."""

    def __init__(self, services: WebServices, pages: Pages) -> None:
        super().__init__(services, pages)
        # Rubrics stay as they are while the collector runs, and checking one takes half a second.
        self._lint = cache(lambda name: lint_rubric(services.rubrics[name], services.rubrics))

    def rubrics(self, request: Request) -> Response:
        """List the rubrics of this release."""
        found = tuple(self._services.rubrics.values())
        return self._show(request, "rubrics.html", section="rounds", rubrics=found)

    def rubric(self, request: Request, rubric_id: str) -> Response:
        """Show one rubric as its official table, with lint findings and open readings."""
        rubric = self._rubric(rubric_id)
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
            warnings=[one.to_json() for one in self._lint(rubric_id)],
            sees_county=may(self._caller(request), Right.COUNTY_READ),
        )

    def versions(
        self, request: Request, rubric_id: str, before: Hash = "", after: Hash = ""
    ) -> Response:
        """List the versions in use with their rounds, and compare two of them."""
        current = self._rubric(rubric_id)
        found = used_versions(current, self._pinned(request, rubric_id))
        by_hash = {one.hash: one for one in found}
        # Without a choice: what the newest other version became in this release.
        older = by_hash.get(before) or (found[1] if len(found) > 1 else None)
        newer = by_hash.get(after) or found[0]
        formatter = self._formatter(request)
        groups = (
            change_groups(
                older.rubric, newer.rubric, formatter.translator, english=formatter.english
            )
            if older is not None
            else ()
        )
        return self._show(
            request,
            "rubric_versions.html",
            section="rounds",
            rubric=current,
            versions=found,
            before=older,
            after=newer,
            groups=groups,
        )

    def _pinned(self, request: Request, rubric_id: str) -> Iterator[tuple[Round, Rubric, int]]:
        """Yield the rounds that pinned this rubric, with their version and number of cases."""
        reader, records = desk_of(request).reader, self._services.records
        for held in records.rounds(limit=ROUNDS_LOOKED_AT):
            if held.state is not RoundState.DRAFT:
                rubric = reader.pinned_rubric(held, rubric_id)
                if rubric is not None:
                    cases = records.case_counts(held.id, rubric_id)
                    yield held, rubric, sum(cases.values())

    def _rubric(self, rubric_id: str) -> Rubric:
        rubric = self._services.rubrics.get(rubric_id)
        if rubric is None:
            raise NotFoundError(
                "rubric_unknown", "没有这份评分细则。", detail_en="There is no such rubric."
            )
        return rubric
