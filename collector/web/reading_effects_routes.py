"""The page that weighs readings: what each alternative does to the cases of a round."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Query, Request, Response

from collector.access import needs
from collector.domain import STANDING, Right, Round, may
from collector.errors import CollectorError
from collector.summaries.reading_worker import ReadingWorker
from collector.web.case_desk import FORM_BYTES_MAX, bounded
from collector.web.form_pages import PostedForm, Refusal, text_of
from collector.web.reading_effects_page import effects_view
from collector.web.rendering import Pages
from collector.web.rubric_routes import ROUNDS_LOOKED_AT, RubricPages
from collector.web.services import WebServices

RoundId = Annotated[str, Query(alias="round", max_length=64)]


def reading_effects_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of the page."""
    handlers = ReadingEffectsPages(services, pages)
    router = APIRouter(include_in_schema=False)
    place = "/rubrics/{rubric_id}/effects"
    router.get(place, dependencies=[needs(Right.COUNTY_READ)])(handlers.effects)
    manage = [bounded(FORM_BYTES_MAX), needs(Right.ROUND_MANAGE)]
    router.post(place, dependencies=manage)(handlers.ask)
    return router


class ReadingEffectsPages(RubricPages):
    """One method per address. Synchronous: FastAPI runs them in its thread pool."""

    def effects(self, request: Request, rubric_id: str, round_id: RoundId = STANDING) -> Response:
        """Show the newest answer, or how far it is."""
        return self._effects(request, rubric_id, round_id)

    def ask(self, request: Request, rubric_id: str, form: PostedForm) -> Response:
        """Ask for a computation in the background; one that is under way serves."""
        self._rubric(rubric_id)
        round_id = text_of(form, "round")
        act = self._act(request, "readings.weigh")
        worker = cast("ReadingWorker", request.app.state.reading_effects)
        if round_id != STANDING and self._chosen(rubric_id, round_id) is None:
            round_id = STANDING
        try:
            worker.ask(round_id, rubric_id, act.actor)
        except CollectorError as error:
            refused = self._refusal(request, error)
            return self._effects(request, rubric_id, round_id, refused=refused)
        query = f"?round={round_id}" if round_id else ""
        return self._go(request, f"/rubrics/{rubric_id}/effects{query}")

    def _effects(
        self, request: Request, rubric_id: str, round_id: str, *, refused: Refusal | None = None
    ) -> Response:
        rubric, records = self._rubric(rubric_id), self._services.records
        held = self._chosen(rubric_id, round_id)
        one = records.reading_effects(held.id if held else STANDING, rubric_id)
        formatter = self._formatter(request)
        names = {school.id: school.name for school in records.schools()}
        return self._show(
            request,
            "reading_effects.html",
            section="rounds",
            status=refused.status if refused else 200,
            rubric=rubric,
            rounds=self._rounds(rubric_id),
            held=held,
            one=one,
            view=effects_view(one, rubric, names, english=formatter.english),
            refused=refused,
            asks=may(self._caller(request), Right.ROUND_MANAGE),
            by=self._people([one.asked_by] if one else []),
        )

    def _rounds(self, rubric_id: str) -> list[Round]:
        found = self._services.records.rounds(limit=ROUNDS_LOOKED_AT)
        return [held for held in found if held.rubric(rubric_id)]

    def _chosen(self, rubric_id: str, round_id: str) -> Round | None:
        return next((held for held in self._rounds(rubric_id) if held.id == round_id), None)
