"""One case over HTTP: the form, what is written into it, and its steps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from collector.access import act_of, needs
from collector.assessment.answers import (
    CaseAnswer,
    EntryHistoryAnswer,
    MarkAnswer,
    OverrideAnswer,
    ProposalAnswer,
    SavedAnswer,
    VersionAnswer,
)
from collector.assessment.case_reader import AssessmentRecords, CaseReader
from collector.assessment.case_steps import CaseSteps
from collector.assessment.case_writer import CaseWriter
from collector.assessment.form import differences, form_of
from collector.assessment.form_answers import FormAnswer
from collector.assessment.requests import (
    AcceptProposalsIn,
    EntryIn,
    MarkIn,
    OverrideIn,
    ReturnIn,
    StepIn,
)
from collector.domain import Act, Case, CaseKey, Right, Side
from collector.problems import problem_responses

CASE = "/api/v1/rounds/{round_id}/schools/{school_id}/rubrics/{rubric_id}"


def case_key(round_id: str, school_id: str, rubric_id: str) -> CaseKey:
    """Return which case an address names."""
    return CaseKey(round_id, school_id, rubric_id)


Key = Annotated[CaseKey, Depends(case_key)]


def case_router(
    reader: CaseReader,
    writer: CaseWriter,
    steps: CaseSteps,
    records: AssessmentRecords,
    clock: Callable[[], datetime],
) -> APIRouter:
    """Build the routes of a case."""
    api = CaseApi(reader, writer, steps, records, clock)
    wrong = problem_responses(401, 403, 404, 409, 422)
    router = APIRouter(prefix=CASE, tags=["cases"], responses=wrong)

    def route(
        method: str, path: str, right: Right, handler: Callable[..., Any], summary: str
    ) -> None:
        router.add_api_route(
            path, handler, methods=[method], dependencies=[needs(right)], summary=summary
        )

    item, name = "/items/{item_id}", "/{item_id}/{name}"
    route("GET", "", Right.CASE_READ, api.form, "The case as a form")
    route("GET", "/sheet", Right.CASE_READ, api.sheet, "Its score sheet")
    route("GET", "/versions", Right.CASE_READ, api.versions, "Its frozen versions")
    route("GET", "/differences", Right.CASE_READ, api.differences, "School beside officials")
    route("PUT", f"/entries{name}", Right.ENTRY_SAVE, api.save_entry, "Save a field")
    route("GET", f"/entries{name}/history", Right.CASE_READ, api.history, "History of a field")
    route("PUT", "/facts/{name}", Right.ENTRY_SAVE, api.save_fact, "Declare a figure")
    route("PUT", f"/stages/{{stage_id}}{item}", Right.ENTRY_SAVE, api.save_mark, "Own points")
    route("PUT", f"/review/entries{name}", Right.REVIEW_SCORE, api.review_entry, "Official value")
    route(
        "PUT", f"/review/stages/{{stage_id}}{item}", Right.REVIEW_SCORE, api.review_mark,
        "Official points and remark",
    )  # fmt: skip
    route(
        "PUT", "/overrides/{item_id}/{finding_id}", Right.OVERRIDE, api.override,
        "Verdict beside a finding",
    )  # fmt: skip
    route("GET", "/proposals", Right.CASE_READ, api.proposals, "Values of an earlier round")
    route("POST", "/proposals/accept", Right.ENTRY_SAVE, api.accept_proposals, "Take them over")
    route("POST", "/sign", Right.CASE_SIGN, api.sign, "Sign (校长)")
    route("POST", "/unsign", Right.CASE_SIGN, api.unsign, "Take the signature back")
    route("POST", "/submit", Right.CASE_SUBMIT, api.submit, "Submit (提交)")
    route("POST", "/return", Right.CASE_RETURN, api.send_back, "Return (退回)")
    route("POST", "/accept", Right.CASE_ACCEPT, api.accept, "Accept (接收)")
    route("POST", "/finish", Right.CASE_ACCEPT, api.finish, "End the stage (公示、定稿)")
    route("POST", "/correct", Right.CASE_ACCEPT, api.correct, "Review a final case again")
    return router


class CaseApi:
    """One method per address. Synchronous: FastAPI runs them in its thread pool."""

    def __init__(
        self,
        reader: CaseReader,
        writer: CaseWriter,
        steps: CaseSteps,
        records: AssessmentRecords,
        clock: Callable[[], datetime],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._steps = steps
        self._records = records
        self._clock = clock

    def form(self, key: Key) -> FormAnswer:
        """Return the form with the sheet: computed now, or frozen once it is announced."""
        found, now = self._reader.read(key), self._clock()
        profiles = self._records.profiles(key.school_id)
        return form_of(found, self._reader.score(found, now), profiles, now)

    def sheet(self, key: Key, version: Annotated[int | None, Query(ge=1)] = None) -> dict[str, Any]:
        """Return the sheet as the engine wrote it: that of the form, or a frozen version."""
        if version is not None:
            return dict(self._reader.frozen(key, version).sheet)
        found = self._reader.read(key)
        return dict(self._reader.score(found, self._clock()).sheet)

    def versions(self, key: Key) -> tuple[VersionAnswer, ...]:
        """Return the frozen versions, oldest first."""
        self._reader.pinned(key)
        return tuple(map(VersionAnswer.of, self._records.case_versions(key)))

    def differences(self, key: Key) -> list[dict[str, Any]]:
        """Return the items on which school and officials differ, with reasons and workings."""
        found = self._reader.read(key)
        return differences(found, self._reader.score(found, self._clock()))

    def save_entry(
        self, request: Request, key: Key, item_id: str, name: str, body: EntryIn
    ) -> SavedAnswer:
        """Save the school's value of a field; 409 with both values if somebody else saved."""
        act = self._act(request, "entry.save")
        return SavedAnswer.of(
            self._writer.save_entry(key, Side.SCHOOL, item_id, name, body.value, body.revision, act)
        )

    def review_entry(
        self, request: Request, key: Key, item_id: str, name: str, body: EntryIn
    ) -> SavedAnswer:
        """Save the official value of a field, beside the school's."""
        act = self._act(request, "entry.review")
        return SavedAnswer.of(
            self._writer.save_entry(
                key, Side.OFFICIAL, item_id, name, body.value, body.revision, act
            )
        )

    def history(self, key: Key, item_id: str, name: str) -> tuple[EntryHistoryAnswer, ...]:
        """Return every value of a field on either side, oldest first."""
        self._reader.pinned(key)
        history = self._records.case_entry_history(key, item_id, name)
        return tuple(EntryHistoryAnswer.model_validate(entry) for entry in history)

    def save_fact(self, request: Request, key: Key, name: str, body: EntryIn) -> SavedAnswer:
        """Declare a figure of the rubric's facts; it serves every form that asks for it."""
        act = self._act(request, "fact.declare")
        return SavedAnswer.of(self._writer.save_fact(key, name, body.value, body.revision, act))

    def save_mark(
        self, request: Request, key: Key, stage_id: str, item_id: str, body: MarkIn
    ) -> MarkAnswer:
        """Save the school's points and remark of its own stage."""
        return self._mark(request, key, Side.SCHOOL, stage_id, item_id, body)

    def review_mark(
        self, request: Request, key: Key, stage_id: str, item_id: str, body: MarkIn
    ) -> MarkAnswer:
        """Save points and remark of the official stage under way."""
        return self._mark(request, key, Side.OFFICIAL, stage_id, item_id, body)

    def override(
        self, request: Request, key: Key, item_id: str, finding_id: str, body: OverrideIn
    ) -> OverrideAnswer:
        """Put a verdict with its reason beside a finding."""
        act = self._act(request, "override", body.why)
        return OverrideAnswer.of(
            self._writer.save_override(key, item_id, finding_id, body.result, body.revision, act)
        )

    def proposals(self, key: Key) -> tuple[ProposalAnswer, ...]:
        """Return what an earlier round held where the school has no value yet."""
        return tuple(map(ProposalAnswer.of, self._writer.proposals(key)))

    def accept_proposals(
        self, request: Request, key: Key, body: AcceptProposalsIn
    ) -> tuple[SavedAnswer, ...]:
        """Take over proposed values as the school's own, all or none."""
        act = self._act(request, "entry.carry_over")
        wanted = [(field.item_id, field.name) for field in body.fields]
        return tuple(map(SavedAnswer.of, self._writer.accept_proposals(key, wanted, act)))

    def sign(self, request: Request, key: Key, body: StepIn) -> CaseAnswer:
        """Sign: freeze what the school says."""
        return self._step(request, key, body, "case.sign", self._steps.sign)

    def unsign(self, request: Request, key: Key, body: StepIn) -> CaseAnswer:
        """Take the signature back before the case is submitted."""
        return self._step(request, key, body, "case.unsign", self._steps.unsign)

    def submit(self, request: Request, key: Key, body: StepIn) -> CaseAnswer:
        """Hand in what was signed."""
        return self._step(request, key, body, "case.submit", self._steps.submit)

    def send_back(self, request: Request, key: Key, body: ReturnIn) -> CaseAnswer:
        """Return it to the school with a reason and, if wanted, a deadline of its own."""
        act = self._act(request, "case.return", body.why)
        return CaseAnswer.of(self._steps.send_back(key, body.revision, body.due_at, act))

    def accept(self, request: Request, key: Key, body: StepIn) -> CaseAnswer:
        """Accept it for review."""
        return self._step(request, key, body, "case.accept", self._steps.accept)

    def finish(self, request: Request, key: Key, body: StepIn) -> CaseAnswer:
        """End the official stage under way, or the announcement."""
        return self._step(request, key, body, "case.finish", self._steps.finish)

    def correct(self, request: Request, key: Key, body: StepIn) -> CaseAnswer:
        """Review a final case again because of a fault, towards a new version."""
        return self._step(request, key, body, "case.correct", self._steps.correct)

    def _mark(
        self, request: Request, key: CaseKey, side: Side, stage_id: str, item_id: str, body: MarkIn
    ) -> MarkAnswer:
        act = self._act(request, "mark.save" if side is Side.SCHOOL else "mark.review")
        return MarkAnswer.of(
            self._writer.save_mark(
                key, side, stage_id, item_id, body.points, body.remark, body.revision, act
            )
        )

    def _step(
        self,
        request: Request,
        key: CaseKey,
        body: StepIn,
        action: str,
        step: Callable[[CaseKey, int, Act], Case],
    ) -> CaseAnswer:
        return CaseAnswer.of(step(key, body.revision, self._act(request, action, body.why)))

    def _act(self, request: Request, action: str, why: str = "") -> Act:
        return act_of(request, action, self._clock(), why)
