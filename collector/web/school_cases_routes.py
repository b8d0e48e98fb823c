"""The cases of a school in one round: where each stands, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from collector.access import caller_of, needs
from collector.assessment.form import progress_of
from collector.domain import Case, CaseState, Right, RoundState
from collector.errors import NotFoundError
from collector.web.case_desk import CaseHead, CasePages, desk_of
from collector.web.language import Translator
from collector.web.rendering import Pages
from collector.web.services import WebServices

ROUNDS_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case with its progress, and the step that it waits for."""

    head: CaseHead
    given: int
    asked: int
    next_words: str
    next_place: str
    late: bool


@dataclass(frozen=True, slots=True)
class RoundChoice:
    """A round in which the school takes part."""

    title: str
    href: str
    current: bool


def school_cases_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of a school's list of cases."""
    handlers = SchoolCasesPages(services, pages)
    router = APIRouter(include_in_schema=False)
    router.get("/my-school", dependencies=[needs(Right.OWN_ACCOUNT)])(handlers.home)
    router.get("/rounds/{round_id}/schools/{school_id}", dependencies=[needs(Right.CASE_READ)])(
        handlers.cases
    )
    return router


class SchoolCasesPages(CasePages):
    """One method per address."""

    def home(self, request: Request) -> Response:
        """Send a person of a school to the newest round; say so where there is none."""
        schools = sorted(caller_of(request).school_ids)
        for school_id in schools:
            rounds = self._rounds(school_id)
            if rounds:
                return self._go(request, _address(rounds[0][0], school_id))
        return self._page(
            request,
            "school_cases.html",
            {"school": None, "school_id": schools[0] if schools else "", "rows": (), "rounds": ()},
        )

    def cases(self, request: Request, round_id: str, school_id: str) -> Response:
        """Show the cases of one round. Raises NotFoundError."""
        desk, formatter, now = desk_of(request), self._formatter(request), self._now()
        held = desk.reader.round(round_id)
        school = self._services.records.school(school_id)
        if school is None or held.state is RoundState.DRAFT:
            raise NotFoundError(
                "case_unknown", "这一轮里没有这所学校。", detail_en="No such school in this round."
            )
        rows = []
        for case in self._services.records.cases(round_id, school_id=school_id):
            found = desk.reader.read(case.key)
            head = self._head(request, found)
            given, asked = progress_of(found)
            words, place = _next_step(case, head, given < asked, formatter.translator)
            rows.append(CaseRow(head, given, asked, words, place, _late(case, head, now)))
        root = request.scope.get("root_path", "")
        context: dict[str, object] = {
            "school": school,
            "school_id": school_id,
            "round": held,
            "rows": tuple(rows),
            "rounds": tuple(
                RoundChoice(title, root + _address(one, school_id), one == round_id)
                for one, title in self._rounds(school_id)
            ),
        }
        return self._page(request, "school_cases.html", context)

    def _rounds(self, school_id: str) -> list[tuple[str, str]]:
        """Return the opened rounds with this school: newest first, running ones before others."""
        found = [
            one
            for one in self._services.records.rounds(limit=ROUNDS_LOOKED_AT)
            if one.state is not RoundState.DRAFT and school_id in one.school_ids
        ]
        found.sort(key=lambda one: one.state is not RoundState.OPEN)
        return [(one.id, one.title) for one in found]


def _address(round_id: str, school_id: str) -> str:
    return f"/rounds/{quote(round_id, safe='')}/schools/{quote(school_id, safe='')}"


def _late(case: Case, head: CaseHead, now: datetime) -> bool:
    waiting = case.state in (CaseState.FILLING, CaseState.RETURNED)
    return waiting and head.due_at is not None and now > head.due_at


def _next_step(
    case: Case,
    head: CaseHead,
    missing: bool,
    translator: Translator,
) -> tuple[str, str]:
    """Return what the case waits for, in words, and the page where it is done."""
    _ = translator.gettext
    if case.state in (CaseState.FILLING, CaseState.RETURNED):
        if case.signature is not None:
            return _("提交给教育局"), "/signing"
        if missing:
            again = case.state is CaseState.RETURNED
            return (_("更正后重新签字") if again else _("继续填报")), ""
        return (_("校长签字") if head.may_sign else _("核对，请校长签字")), "/signing"
    words = {
        CaseState.SUBMITTED: _("等教育局接收"),
        CaseState.REVIEW: _("等考评结果"),
        CaseState.ANNOUNCED: _("查看结果；有异议可申诉"),
        CaseState.FINAL: _("查看结果"),
    }
    return words[case.state], "/result" if head.announced else "/signing"
