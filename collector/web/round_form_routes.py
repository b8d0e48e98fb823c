"""The form of a round: a new draft, and changes of one that is not published yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from collector.access import needs
from collector.domain import Right, Round, RoundState
from collector.errors import CollectorError
from collector.web.case_desk import FORM_BYTES_MAX, bounded, desk_of
from collector.web.form_pages import FormPages, PostedForm, Refusal, text_of, whole_number
from collector.web.rendering import Pages
from collector.web.round_forms import RoundForm, filter_of, typed_of
from collector.web.services import WebServices

Typed = Mapping[str, list[Any]]


def round_form_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of the round's form; mounted before `/rounds/{round_id}`."""
    handlers = RoundFormPages(services, pages)
    router = APIRouter(include_in_schema=False)
    manage = needs(Right.ROUND_MANAGE)
    posts = [bounded(FORM_BYTES_MAX), manage]
    router.get("/rounds/new", dependencies=[manage])(handlers.new)
    router.post("/rounds", dependencies=posts)(handlers.create)
    router.get("/rounds/{round_id}/edit", dependencies=[manage])(handlers.edit)
    router.post("/rounds/{round_id}/edit", dependencies=posts)(handlers.change)
    return router


class RoundFormPages(FormPages):
    """One method per address. Synchronous: FastAPI runs them in its thread pool."""

    def new(self, request: Request) -> Response:
        """Show the form of a new round."""
        return self._form(request, {}, None)

    def create(self, request: Request, form: PostedForm) -> Response:
        """Keep a draft; with `preview` only say how many schools it would be for."""
        typed = {name: form.getlist(name) for name in form}
        schools = self._services.records.schools()
        if text_of(form, "preview"):
            return self._form(request, typed, None, chosen=len(filter_of(form).choose(schools)))
        try:
            draft = RoundForm(form, self._services.zone).draft(self._services.rubrics, schools)
            service = request.app.state.assessment.rounds
            held = service.create(draft, self._act(request, "round.create"))
        except CollectorError as error:
            return self._form(request, typed, None, refused=self._refusal(request, error))
        return self._go(request, f"/rounds/{held.id}")

    def edit(self, request: Request, round_id: str) -> Response:
        """Show the form with what the round holds: all of a draft, title and deadlines later."""
        held = desk_of(request).reader.round(round_id)
        schools = self._services.records.schools()
        return self._form(request, typed_of(held, schools, self._services.zone), held)

    def change(self, request: Request, round_id: str, form: PostedForm) -> Response:
        """Change the round by the rules of the JSON route; errors show the form again."""
        held = desk_of(request).reader.round(round_id)
        typed = {name: form.getlist(name) for name in form}
        schools = self._services.records.schools()
        if text_of(form, "preview"):
            return self._form(request, typed, held, chosen=len(filter_of(form).choose(schools)))
        act = self._act(request, "round.change", text_of(form, "why")[:2000])
        given, rubrics = RoundForm(form, self._services.zone), self._services.rubrics

        def changed(before: Round) -> Round:
            if before.state is RoundState.DRAFT:
                return given.changed_draft(before, rubrics, schools)
            return given.changed_deadlines(before)

        try:
            service = request.app.state.assessment.rounds
            service.change(round_id, whole_number(form, "revision"), changed, act)
        except CollectorError as error:
            return self._form(request, typed, held, refused=self._refusal(request, error))
        return self._go(request, f"/rounds/{round_id}")

    def _form(
        self,
        request: Request,
        typed: Typed,
        held: Round | None,
        *,
        refused: Refusal | None = None,
        chosen: int | None = None,
    ) -> Response:
        def text(name: str, default: str = "") -> str:
            return str(typed[name][0]) if typed.get(name) else default

        return self._show(
            request,
            "round_form.html",
            section="rounds",
            status=refused.status if refused else 200,
            held=held,
            pinned=held is not None and held.state is not RoundState.DRAFT,
            rubrics=tuple(self._services.rubrics.values()),
            ticked=set(map(str, typed.get("rubric", []))),
            text=text,
            refused=refused,
            chosen=chosen,
            schools=len(self._services.records.schools()),
            townships=self._services.records.townships(),
        )
