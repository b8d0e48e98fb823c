"""Pages of rounds: the list, one with its cases in bulk, opening to publishing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from collector.access import needs
from collector.domain import Act, Case, CaseKey, CaseState, Right, Round, RoundState, may
from collector.errors import CollectorError
from collector.web.case_desk import bounded, case_address, desk_of
from collector.web.form_pages import FormPages, PostedForm, Refusal, text_of, whole_number
from collector.web.rendering import Pages
from collector.web.round_words import case_word, round_word
from collector.web.services import WebServices
from rubrics.model import Rubric

FORM_BYTES_MAX = 1 << 20
CASES_PER_PAGE = 100
ROUNDS_SHOWN = 200
BULK_ACTIONS = ("accept", "finish", "return")


def round_page_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of the pages of rounds."""
    handlers = RoundPages(services, pages)
    router = APIRouter(include_in_schema=False)
    read, small = [needs(Right.ROUND_READ)], bounded(FORM_BYTES_MAX)
    manage = [small, needs(Right.ROUND_MANAGE)]
    router.get("/rounds", dependencies=read)(handlers.rounds)
    one = "/rounds/{round_id}"
    router.get(one, dependencies=read)(handlers.round)
    router.post(f"{one}/open", dependencies=manage)(handlers.open)
    router.post(f"{one}/close", dependencies=manage)(handlers.close)
    router.post(f"{one}/publish", dependencies=[small, needs(Right.PUBLISH)])(handlers.publish)
    router.post(f"{one}/cases", dependencies=[small, needs(Right.CASE_ACCEPT)])(handlers.bulk)
    router.get(one + "/publications/{number}", dependencies=read)(handlers.results)
    return router


@dataclass(frozen=True)
class BulkLine:
    """What became of one case of a step for many."""

    key: CaseKey
    school: str
    refused: Refusal | None


class RoundPages(FormPages):
    """One method per address. Synchronous: FastAPI runs them in its thread pool."""

    def rounds(self, request: Request) -> Response:
        """List the rounds, newest first, with how many cases are where."""
        records = self._services.records
        found = records.rounds(limit=ROUNDS_SHOWN)
        return self._show(
            request,
            "rounds.html",
            section="rounds",
            rows=[
                (held, self._word(request, held), records.case_counts(held.id)) for held in found
            ],
            words={state: self._case_word(request, state) for state in CaseState},
        )

    def round(
        self,
        request: Request,
        round_id: str,
        state: CaseState | None = None,
        after: Annotated[str, Query(max_length=200)] = "",
    ) -> Response:
        """Show one round: what it is judged by, and its cases by state."""
        return self._round(request, round_id, state=state, after=after)

    def open(self, request: Request, round_id: str, form: PostedForm) -> Response:
        """Pin what the round is judged by, and make its cases."""
        service = request.app.state.assessment.rounds
        act = self._act(request, "round.open")
        return self._attempt(
            request, round_id, lambda: service.open(round_id, whole_number(form, "revision"), act)
        )

    def close(self, request: Request, round_id: str, form: PostedForm) -> Response:
        """End the time of filling in."""
        service = request.app.state.assessment.rounds
        act = self._act(request, "round.close")
        return self._attempt(
            request, round_id, lambda: service.close(round_id, whole_number(form, "revision"), act)
        )

    def publish(self, request: Request, round_id: str, form: PostedForm) -> Response:
        """Publish every final case, if the box that says so is ticked."""
        if not text_of(form, "confirmed"):
            _ = self._formatter(request).translator.gettext
            refusal = Refusal(_("请先勾选确认，再发布。"), 422, {})
            return self._round(request, round_id, refused=refusal)
        service = request.app.state.publishing
        act = self._act(request, "round.publish", text_of(form, "why"))
        return self._attempt(
            request,
            round_id,
            lambda: service.publish(round_id, whole_number(form, "revision"), act),
        )

    def bulk(self, request: Request, round_id: str, form: PostedForm) -> Response:
        """Take one step for many cases, one by one; each says what became of it."""
        action, why = text_of(form, "action"), text_of(form, "why")
        names = {school.id: school.name for school in self._services.records.schools()}
        lines = []
        for chosen in form.getlist("case")[:CASES_PER_PAGE]:
            school_id, _, rest = str(chosen).partition("/")
            rubric_id, _, revision = rest.partition("/")
            key = CaseKey(round_id, school_id, rubric_id)
            seen = int(revision) if revision.isdecimal() and len(revision) < 10 else 0
            refused: Refusal | None = None
            try:
                self._move(request, key, seen, action, why)
            except CollectorError as error:
                refused = self._refusal(request, error)
            lines.append(BulkLine(key, names.get(school_id, school_id), refused))
        return self._round(request, round_id, lines=lines)

    def results(self, request: Request, round_id: str, number: int) -> Response:
        """Show what was published, as it was frozen."""
        found = request.app.state.publishing.bundle(round_id, number)
        held = desk_of(request).reader.round(round_id)
        return self._show(
            request,
            "round_results.html",
            section="rounds",
            held=held,
            publication=found.publication,
            manifest=found.manifest,
            manifest_sha256=found.manifest_sha256,
            by=self._people([found.publication.published_by]),
            titles=self._titles(request),
        )

    def _move(self, request: Request, key: CaseKey, seen: int, action: str, why: str) -> Case:
        steps = desk_of(request).steps
        act: Act = self._act(request, f"case.{action}" if action in BULK_ACTIONS else "", why)
        if action == "accept":
            return steps.accept(key, seen, act)
        if action == "return":
            return steps.send_back(key, seen, None, act)
        return steps.finish(key, seen, act)

    def _attempt(self, request: Request, round_id: str, step: Callable[[], Any]) -> Response:
        try:
            step()
        except CollectorError as error:
            return self._round(request, round_id, refused=self._refusal(request, error))
        return self._go(request, f"/rounds/{round_id}")

    def _round(
        self,
        request: Request,
        round_id: str,
        *,
        state: CaseState | None = None,
        after: str = "",
        refused: Refusal | None = None,
        lines: list[BulkLine] | None = None,
    ) -> Response:
        held = desk_of(request).reader.round(round_id)
        caller, records = self._caller(request), self._services.records
        cases: list[Case] = []
        if may(caller, Right.CASE_READ) and held.state is not RoundState.DRAFT:
            school_id, _, rubric_id = after.partition("/")
            place = CaseKey(round_id, school_id, rubric_id) if after else None
            cases = list(
                records.cases(round_id, state=state, after=place, limit=CASES_PER_PAGE + 1)
            )
        more = cases[CASES_PER_PAGE - 1] if len(cases) > CASES_PER_PAGE else None
        published = held.state is RoundState.PUBLISHED
        publications = request.app.state.publishing.publications(round_id) if published else ()
        return self._show(
            request,
            "round.html",
            section="rounds",
            status=refused.status if refused else 200,
            held=held,
            word=self._word(request, held),
            counts=records.case_counts(round_id),
            words={one: self._case_word(request, one) for one in CaseState},
            state=state,
            cases=[(one, case_address(one.key, "/review")) for one in cases[:CASES_PER_PAGE]],
            next=f"{more.key.school_id}/{more.key.rubric_id}" if more else None,
            names={school.id: school.name for school in records.schools()},
            titles=self._titles(request),
            rubrics=self._services.rubrics,
            refused=refused,
            lines=lines or [],
            publications=publications,
            manages=may(caller, Right.ROUND_MANAGE),
            publishes=may(caller, Right.PUBLISH),
            moves=may(caller, Right.CASE_ACCEPT),
        )

    def _titles(self, request: Request) -> dict[str, str]:
        english = self._formatter(request).english

        def title(rubric: Rubric) -> str:
            return (rubric.title.en if english else None) or rubric.title.zh

        return {rubric.id: title(rubric) for rubric in self._services.rubrics.values()}

    def _word(self, request: Request, held: Round) -> str:
        return round_word(held.state, self._formatter(request).translator)

    def _case_word(self, request: Request, state: CaseState) -> str:
        return case_word(state, self._formatter(request).translator)
