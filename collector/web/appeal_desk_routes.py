"""Pages on which the bureau handles appeals: the queue, and one appeal to its decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from collector.access import needs
from collector.assessment.appeal_changes import AppealChanges, item_of
from collector.assessment.form import form_of
from collector.domain import Appeal, AppealOutcome, AppealState, CaseKey, Right, may
from collector.errors import CollectorError, RowError, UnprocessableError
from collector.web.case_desk import Key, bounded, case_address, desk_of
from collector.web.form_pages import FormPages, PostedForm, Refusal, text_of, whole_number
from collector.web.rendering import Pages
from collector.web.round_words import appeal_word, outcome_word
from collector.web.services import WebServices
from collector.web.typed_values import typed_value
from collector.web.verdicts import Result

APPEAL = "/rounds/{round_id}/schools/{school_id}/rubrics/{rubric_id}/review/appeals/{appeal_id}"
APPEALS_SHOWN = 200
FORM_BYTES_MAX = 1 << 20
VERDICTS = (Result.MET, Result.NOT_MET, Result.NOT_APPLICABLE)


def appeal_desk_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of handling appeals."""
    handlers = AppealDesk(services, pages)
    router = APIRouter(include_in_schema=False)
    small = bounded(FORM_BYTES_MAX)
    handle, decide = [small, needs(Right.APPEAL_HANDLE)], [small, needs(Right.APPEAL_DECIDE)]
    router.get("/appeals", dependencies=[needs(Right.ROUND_READ)])(handlers.queue)
    router.get(APPEAL, dependencies=[needs(Right.CASE_READ)])(handlers.appeal)
    router.post(f"{APPEAL}/accept", dependencies=handle)(handlers.accept)
    router.post(f"{APPEAL}/retest", dependencies=handle)(handlers.retest)
    router.post(f"{APPEAL}/decide", dependencies=decide)(handlers.decide)
    return router


class AppealDesk(FormPages):
    """One method per address. Synchronous: FastAPI runs them in its thread pool."""

    def queue(self, request: Request, state: AppealState | None = None) -> Response:
        """List the appeals of the caller's schools, newest first."""
        caller, records = self._caller(request), self._services.records
        found = [
            one
            for one in records.appeals(state=state, limit=APPEALS_SHOWN)
            if may(caller, Right.CASE_READ, one.key.school_id, one.key.round_id)
        ]
        return self._show(
            request,
            "appeal_queue.html",
            section="rounds",
            appeals=[(one, _address(one)) for one in found],
            names={school.id: school.name for school in records.schools()},
            words=self._words(request),
            state=state,
        )

    def appeal(self, request: Request, key: Key, appeal_id: str) -> Response:
        """Show an appeal with the item as announced, and what may be done."""
        return self._appeal(request, key, appeal_id)

    def accept(self, request: Request, key: Key, appeal_id: str, form: PostedForm) -> Response:
        """Take it up."""
        act, service = self._act(request, "appeal.accept"), desk_of(request).appeals
        seen = whole_number(form, "revision")
        return self._step(
            request, key, appeal_id, form, lambda: service.accept(key, appeal_id, seen, act)
        )

    def retest(self, request: Request, key: Key, appeal_id: str, form: PostedForm) -> Response:
        """Ask the school's agent for a re-measurement."""
        act, service = self._act(request, "appeal.retest"), desk_of(request).appeals
        seen = whole_number(form, "revision")
        return self._step(
            request, key, appeal_id, form, lambda: service.retest(key, appeal_id, seen, act)
        )

    def decide(self, request: Request, key: Key, appeal_id: str, form: PostedForm) -> Response:
        """Settle it; a decision for the school names what it changes."""
        words, service = text_of(form, "decision"), desk_of(request).appeals
        act, seen = self._act(request, "appeal.decide", words), whole_number(form, "revision")

        def step() -> Appeal:
            changes = self._changes(request, key, appeal_id, form)
            outcome = _outcome(text_of(form, "outcome"))
            return service.decide(key, appeal_id, seen, outcome, words, changes, act)

        return self._step(request, key, appeal_id, form, step)

    def _changes(
        self, request: Request, key: CaseKey, appeal_id: str, form: PostedForm
    ) -> AppealChanges:
        desk = desk_of(request)
        item = item_of(desk.reader.read(key), desk.appeals.find(key, appeal_id).item_id)
        entries = {
            name: typed_value(spec.type, text_of(form, f"v.{name}"))
            for name, spec in item.entries.items()
            if text_of(form, f"v.{name}")
        }
        verdicts = {
            one.id: text_of(form, f"result.{one.id}")
            for one in item.criteria
            if text_of(form, f"result.{one.id}")
        }
        return AppealChanges(text_of(form, "points") or None, entries, verdicts)

    def _step(
        self,
        request: Request,
        key: CaseKey,
        appeal_id: str,
        form: PostedForm,
        step: Callable[[], Appeal],
    ) -> Response:
        try:
            step()
        except CollectorError as error:
            typed = {name: str(value) for name, value in form.items()}
            return self._appeal(request, key, appeal_id, typed, self._refusal(request, error))
        return self._go(request, f"{case_address(key, '/review/appeals')}/{appeal_id}")

    def _appeal(
        self,
        request: Request,
        key: CaseKey,
        appeal_id: str,
        typed: dict[str, str] | None = None,
        refused: Refusal | None = None,
    ) -> Response:
        desk, now = desk_of(request), self._services.clock()
        appeal, found = desk.appeals.find(key, appeal_id), desk.reader.read(key)
        form = form_of(found, desk.reader.score(found, now, fresh=False), (), now)
        item = next(
            one for section in form.sections for one in section.items if one.id == appeal.item_id
        )
        caller, english = self._caller(request), self._formatter(request).english
        actors = [a for a in (appeal.filed_by, appeal.handled_by, appeal.decided_by) if a]
        return self._show(
            request,
            "appeal_desk.html",
            section="rounds",
            status=refused.status if refused else 200,
            appeal=appeal,
            address=_address(appeal),
            case_href=case_address(key, "/review"),
            item=item,
            criteria=item_of(found, appeal.item_id).criteria,
            school=found.school.name,
            title=(found.rubric.title.en if english else None) or found.rubric.title.zh,
            by=self._people(actors),
            words=self._words(request),
            outcomes=self._outcomes(request),
            verdicts=VERDICTS,
            retest=_compared(appeal),
            typed=typed or {},
            refused=refused,
            handles=may(caller, Right.APPEAL_HANDLE, key.school_id, key.round_id),
            decides=may(caller, Right.APPEAL_DECIDE, key.school_id, key.round_id),
        )

    def _words(self, request: Request) -> dict[AppealState, str]:
        translator = self._formatter(request).translator
        return {state: appeal_word(state, translator) for state in AppealState}

    def _outcomes(self, request: Request) -> dict[AppealOutcome, str]:
        translator = self._formatter(request).translator
        return {outcome: outcome_word(outcome, translator) for outcome in AppealOutcome}


def _address(appeal: Appeal) -> str:
    return f"{case_address(appeal.key, '/review/appeals')}/{appeal.id}"


def _compared(appeal: Appeal) -> list[tuple[str, Any, Any]]:
    """Return per indicator what counted and what the re-test shows."""
    if not isinstance(appeal.retest, dict):
        return []
    measured, counted = appeal.retest.get("measured"), appeal.retest.get("counted")
    if not isinstance(measured, dict) or not isinstance(counted, dict):
        return []
    return [(name, counted.get(name) or {}, value or {}) for name, value in measured.items()]


def _outcome(text: str) -> AppealOutcome:
    try:
        return AppealOutcome(text)
    except ValueError as error:
        row = RowError(None, "outcome", "请选择结论 / choose an outcome")
        raise UnprocessableError(
            "fields_wrong", "请更正所列各栏。", errors=(row,), detail_en="Correct the named fields."
        ) from error
