"""Appeals of a case over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request

from collector.access import act_of, needs
from collector.assessment.answers import AppealAnswer, AppealsAnswer
from collector.assessment.appeal_changes import AppealChanges
from collector.assessment.appeals import AppealService
from collector.assessment.case_routes import CASE, Key
from collector.assessment.requests import AppealIn, DecisionIn, StepIn
from collector.domain import Act, Right
from collector.problems import problem_responses


def appeal_router(service: AppealService, clock: Callable[[], datetime]) -> APIRouter:
    """Build the routes of a case's appeals."""
    api = AppealApi(service, clock)
    wrong = problem_responses(401, 403, 404, 409, 422)
    router = APIRouter(prefix=f"{CASE}/appeals", tags=["appeals"], responses=wrong)

    def route(
        method: str, path: str, right: Right, handler: Callable[..., Any], summary: str
    ) -> None:
        router.add_api_route(
            path, handler, methods=[method], dependencies=[needs(right)], summary=summary
        )

    one = "/{appeal_id}"
    route("GET", "", Right.CASE_READ, api.appeals, "Appeals of the case")
    route("POST", "", Right.APPEAL_FILE, api.file, "File an appeal (提交)")
    route("GET", one, Right.CASE_READ, api.appeal, "One appeal")
    route("POST", f"{one}/accept", Right.APPEAL_HANDLE, api.accept, "Take it up (受理)")
    route("POST", f"{one}/retest", Right.APPEAL_HANDLE, api.retest, "Ask to re-measure (复测)")
    route("POST", f"{one}/decide", Right.APPEAL_DECIDE, api.decide, "Settle it (结论)")
    route("POST", f"{one}/withdraw", Right.APPEAL_FILE, api.withdraw, "Take it back")
    return router


class AppealApi:
    """One method per address. Synchronous: FastAPI runs them in its thread pool."""

    def __init__(self, service: AppealService, clock: Callable[[], datetime]) -> None:
        self._service = service
        self._clock = clock

    def appeals(self, key: Key) -> AppealsAnswer:
        """Return all appeals of the case, newest first."""
        found = self._service.of_case(key)
        return AppealsAnswer(appeals=tuple(map(AppealAnswer.of, found)), next=None)

    def appeal(self, key: Key, appeal_id: str) -> AppealAnswer:
        """Return one appeal, with what a re-test has shown so far."""
        return AppealAnswer.of(self._service.find(key, appeal_id))

    def file(self, request: Request, key: Key, body: AppealIn) -> AppealAnswer:
        """File an appeal against one item of the announced result."""
        act = self._act(request, "appeal.file")
        return AppealAnswer.of(self._service.file(key, body.item_id, body.grounds, act))

    def accept(self, request: Request, key: Key, appeal_id: str, body: StepIn) -> AppealAnswer:
        """Take it up."""
        act = self._act(request, "appeal.accept", body.why)
        return AppealAnswer.of(self._service.accept(key, appeal_id, body.revision, act))

    def retest(self, request: Request, key: Key, appeal_id: str, body: StepIn) -> AppealAnswer:
        """Ask the school's agent for a re-measurement in a test slot."""
        act = self._act(request, "appeal.retest", body.why)
        return AppealAnswer.of(self._service.retest(key, appeal_id, body.revision, act))

    def decide(self, request: Request, key: Key, appeal_id: str, body: DecisionIn) -> AppealAnswer:
        """Settle it; a decision for the school makes a new version of the case."""
        changes = AppealChanges(body.changes.points, body.changes.entries, body.changes.verdicts)
        act = self._act(request, "appeal.decide", body.decision)
        return AppealAnswer.of(
            self._service.decide(
                key, appeal_id, body.revision, body.outcome, body.decision, changes, act
            )
        )

    def withdraw(self, request: Request, key: Key, appeal_id: str, body: StepIn) -> AppealAnswer:
        """Take it back."""
        act = self._act(request, "appeal.withdraw", body.why)
        return AppealAnswer.of(self._service.withdraw(key, appeal_id, body.revision, act))

    def _act(self, request: Request, action: str, why: str = "") -> Act:
        return act_of(request, action, self._clock(), why)
