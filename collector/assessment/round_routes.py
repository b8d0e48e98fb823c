"""Rounds, and the lists of their cases and appeals, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Request

from collector.access import act_of, caller_of, needs
from collector.assessment.answers import (
    AppealAnswer,
    AppealsAnswer,
    CaseAnswer,
    CasesAnswer,
    OpenedAnswer,
    RoundAnswer,
    RoundBrief,
    RoundsAnswer,
)
from collector.assessment.case_reader import AssessmentRecords, CaseReader
from collector.assessment.requests import RoundChangeIn, RoundIn, StepIn
from collector.assessment.rounds import RoundService
from collector.domain import AppealState, Case, CaseKey, CaseState, Right, Round, may
from collector.problems import problem_responses

LIST_MAX = 500
T = TypeVar("T")
Limit = Annotated[int, Query(ge=1, le=LIST_MAX)]
After = Annotated[str | None, Query(max_length=200)]


def round_router(
    service: RoundService,
    reader: CaseReader,
    records: AssessmentRecords,
    clock: Callable[[], datetime],
) -> APIRouter:
    """Build the routes of rounds."""
    api = RoundApi(service, reader, records, clock)
    router = APIRouter(prefix="/api/v1", tags=["rounds"])
    read, manage = [needs(Right.ROUND_READ)], [needs(Right.ROUND_MANAGE)]
    wrong = problem_responses(401, 403, 404, 409, 422)
    get, post = router.get, router.post
    get("/rounds", dependencies=read, summary="Rounds, newest first")(api.rounds)
    post("/rounds", dependencies=manage, status_code=201, responses=wrong, summary="Draft a round")(
        api.create
    )
    get("/rounds/{round_id}", dependencies=read, responses=wrong, summary="One round")(api.round)
    router.patch(
        "/rounds/{round_id}", dependencies=manage, responses=wrong, summary="Change a round"
    )(api.change)
    post("/rounds/{round_id}/open", dependencies=manage, responses=wrong, summary="Open a round")(
        api.open
    )
    post("/rounds/{round_id}/close", dependencies=manage, responses=wrong, summary="Close it")(
        api.close
    )
    get("/rounds/{round_id}/cases", dependencies=read, responses=wrong, summary="Its cases")(
        api.cases
    )
    get(
        "/appeals",
        dependencies=[needs(Right.ROUND_READ)],
        responses=wrong,
        summary="Appeals, newest first",
    )(api.appeals)
    return router


class RoundApi:
    """One method per address. Synchronous: FastAPI runs them in its thread pool."""

    def __init__(
        self,
        service: RoundService,
        reader: CaseReader,
        records: AssessmentRecords,
        clock: Callable[[], datetime],
    ) -> None:
        self._service = service
        self._reader = reader
        self._records = records
        self._clock = clock

    def rounds(self, limit: Limit = 100, after: After = None) -> RoundsAnswer:
        """Return rounds, newest first."""
        found, following = _page(self._records.rounds(limit + 1, after), limit)
        return RoundsAnswer(
            rounds=tuple(RoundBrief.model_validate(held) for held in found),
            next=None if following is None else following.id,
        )

    def create(self, request: Request, body: RoundIn) -> RoundAnswer:
        """Keep a draft."""
        act = act_of(request, "round.create", self._clock())
        return self._answer(self._service.create(body.to_domain(), act))

    def round(self, round_id: str) -> RoundAnswer:
        """Return one round with its cases counted by state."""
        return self._answer(self._reader.round(round_id))

    def change(self, request: Request, round_id: str, body: RoundChangeIn) -> RoundAnswer:
        """Change the named fields: of a draft any, of an open round title and deadlines."""
        act = act_of(request, "round.change", self._clock(), body.why)
        changes = body.changes()
        held = self._service.change(
            round_id, body.revision, lambda before: replace(before, **changes), act
        )
        return self._answer(held)

    def open(self, request: Request, round_id: str, body: StepIn) -> OpenedAnswer:
        """Pin what the round is judged by, and make its cases."""
        act = act_of(request, "round.open", self._clock(), body.why)
        opened = self._service.open(round_id, body.revision, act)
        return OpenedAnswer(
            round=self._answer(opened.held),
            cases=opened.cases,
            without_rubric=opened.without_rubric,
        )

    def close(self, request: Request, round_id: str, body: StepIn) -> RoundAnswer:
        """End the time of filling in; reviews and appeals go on."""
        act = act_of(request, "round.close", self._clock(), body.why)
        return self._answer(self._service.close(round_id, body.revision, act))

    def cases(
        self,
        request: Request,
        round_id: str,
        school_id: Annotated[str | None, Query(max_length=64)] = None,
        rubric_id: Annotated[str | None, Query(max_length=100)] = None,
        state: CaseState | None = None,
        limit: Limit = 100,
        after: After = None,
    ) -> CasesAnswer:
        """Return the cases that the caller may read, by school and rubric."""
        self._reader.round(round_id)
        caller = caller_of(request)
        place = _place(round_id, after)
        if may(caller, Right.CASE_READ):
            schools: list[str | None] = [school_id]
        else:
            own = sorted(
                one
                for one in caller.school_ids
                if school_id in (None, one) and may(caller, Right.CASE_READ, one, round_id)
            )
            schools = [one for one in own if place is None or one >= place.school_id]
        found: list[Case] = []
        for one in schools:
            found += self._records.cases(
                round_id,
                school_id=one,
                rubric_id=rubric_id,
                state=state,
                after=place,
                limit=limit + 1 - len(found),
            )
            if len(found) > limit:
                break
        shown, following = _page(found, limit)
        return CasesAnswer(
            cases=tuple(map(CaseAnswer.of, shown)),
            next=None if following is None else _place_text(following),
        )

    def appeals(
        self,
        request: Request,
        round_id: Annotated[str | None, Query(max_length=64)] = None,
        state: AppealState | None = None,
        limit: Limit = 100,
        after: After = None,
    ) -> AppealsAnswer:
        """Return the appeals that the caller may read, newest first."""
        caller = caller_of(request)
        found = self._records.appeals(round_id=round_id, state=state, after=after, limit=limit + 1)
        shown, following = _page(found, limit)
        return AppealsAnswer(
            appeals=tuple(
                AppealAnswer.of(appeal)
                for appeal in shown
                if may(caller, Right.CASE_READ, appeal.key.school_id, appeal.key.round_id)
            ),
            next=None if following is None else following.id,
        )

    def _answer(self, held: Round) -> RoundAnswer:
        return RoundAnswer.of(held, self._service.counts(held.id))


def _page(found: Sequence[T], limit: int) -> tuple[Sequence[T], T | None]:
    """Return one page of what was found, and its last row if there are more."""
    shown = found[:limit]
    return shown, shown[-1] if len(found) > limit else None


def _place_text(case: Case) -> str:
    return f"{case.key.school_id}/{case.key.rubric_id}"


def _place(round_id: str, after: str | None) -> CaseKey | None:
    if after is None:
        return None
    school_id, _, rubric_id = after.partition("/")
    return CaseKey(round_id, school_id, rubric_id)
