"""The address of trials: points lost, the nearest gains, and a form that scores assumptions.

The form is a GET: it changes nothing, and a trial can be kept as a bookmark or sent to a colleague.
"""

import json
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from collector.access import needs
from collector.domain import Right
from collector.errors import NotFoundError
from collector.web.formatting import Formatter
from collector.web.profile import profile_numbers
from collector.web.prospects import prospects, work_word
from collector.web.rendering import Pages
from collector.web.school_reader import SchoolReader
from collector.web.services import WebServices
from collector.web.sheet_page import SheetReader
from collector.web.what_if import MAX_TEXT, WhatIf
from collector.web.what_if_page import Outcome, WhatIfPage, compare
from rubrics.reasons import load_reasons


def what_if_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the route."""
    router = APIRouter(include_in_schema=False)
    handler = WhatIfHandler(services, pages)
    sheet = [needs(Right.SHEET_READ)]
    router.get("/schools/{school_id}/{rubric_id}/what-if", dependencies=sheet)(handler.page)
    return router


class WhatIfHandler:
    """Answers the one address."""

    def __init__(self, services: WebServices, pages: Pages) -> None:
        self._services = services
        self._pages = pages
        self._schools = SchoolReader(services)

    def page(self, request: Request, school_id: str, rubric_id: str) -> Response:
        """Show what is lost and why; with assumptions in the address, what they would change."""
        formatter = self._pages.formatter(self._pages.language(request))
        given = {
            name: text.strip()[: MAX_TEXT + 1]
            for name, text in request.query_params.items()
            if "." in name and text.strip()
        }
        page = self._read(school_id, rubric_id, given, formatter)
        context = {
            "page": page,
            "work_word": lambda work: work_word(work, formatter.translator),
        }
        now = self._services.clock()
        status = 422 if page.wrong or page.refused else 200
        return self._pages.render(request, "what_if.html", context, now=now, status=status)

    def _read(
        self, school_id: str, rubric_id: str, given: dict[str, str], formatter: Formatter
    ) -> WhatIfPage:
        school = self._schools.school(school_id)
        outline = self._schools.outlines.get(rubric_id)
        if outline is None:
            raise NotFoundError("rubric_unknown", f"No rubric has the id {rubric_id!r}.")
        now = self._services.clock()
        stored = self._services.sheets.score(school.id, rubric_id, now, fresh=False)
        case = json.loads(stored.case_json)
        reasons, numbers = load_reasons(), profile_numbers(school)
        before = SheetReader(outline, reasons, formatter, numbers).read(
            json.loads(stored.sheet_json)
        )
        what_if = WhatIf(self._services.rubrics[rubric_id], formatter)
        outcome: Outcome | None = None
        refused: tuple[str, ...] = ()
        wrong: Mapping[str, str] = {}
        if given:
            trial = what_if.trial(case, given)
            refused, wrong = trial.refused, trial.wrong
            if trial.sheet is not None:
                assumed = trial.case["school"]
                people = assumed.get("students"), assumed.get("staff")
                changed = {
                    **numbers,
                    **{name: assumed.get(name) for name in ("students", "staff", "classes")},
                    "heads": None if None in people else sum(people),
                }
                reader = SheetReader(outline, reasons, formatter, changed)
                outcome = compare(before, reader.read(trial.sheet))
        return WhatIfPage(
            school=school,
            rubric=outline,
            rubric_title=outline.title.shown(formatter.english),
            sheet=before,
            prospects=prospects(before, reasons, formatter.translator),
            groups=what_if.groups(case, given, wrong),
            assumed=given,
            outcome=outcome,
            refused=refused,
            wrong=bool(wrong),
        )
