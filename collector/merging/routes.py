"""Values side by side and flags, as JSON."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from collector.access import act_of, needs
from collector.domain import CaseKey, Right
from collector.merging.service import MergingService, NotedFlag
from collector.merging.values import CriterionValues
from collector.problems import problem_responses
from rubrics.reasons import load_reasons


class ValueAnswer(BaseModel):
    """One value: where it comes from, and whether it may be used as evidence."""

    kind: str
    name: str
    value: str | bool | None
    unit: str | None
    usable: bool
    origin: dict[str, Any]


class CriterionAnswer(BaseModel):
    """All values of one finding; the first is the one that decides."""

    item_id: str
    finding_id: str
    title: str
    title_en: str
    result: str
    reason: str | None
    threshold: str | None
    op: str | None
    values: tuple[ValueAnswer, ...]

    @classmethod
    def of(cls, one: CriterionValues) -> CriterionAnswer:
        """Describe a criterion."""
        return cls(
            item_id=one.item_id,
            finding_id=one.finding_id,
            title=one.title,
            title_en=one.title_en,
            result=one.result,
            reason=one.reason,
            threshold=one.threshold,
            op=one.op,
            values=tuple(
                ValueAnswer(
                    kind=value.kind,
                    name=value.name,
                    value=value.value,
                    unit=value.unit,
                    usable=value.usable,
                    origin=dict(value.origin),
                )
                for value in one.values
            ),
        )


class ValuesAnswer(BaseModel):
    """The values of a case, in the order of the document."""

    criteria: tuple[CriterionAnswer, ...]


class NoteAnswer(BaseModel):
    """What somebody said about a flag."""

    text: str
    author: str
    recorded_at: datetime


class FlagAnswer(BaseModel):
    """A conflict that a person should look at. It changed no value, no verdict, no point."""

    id: str
    code: str
    says: str
    says_en: str
    who: str | None
    item_id: str | None
    finding_id: str | None
    facts: dict[str, str]
    notes: tuple[NoteAnswer, ...]

    @classmethod
    def of(cls, noted: NotedFlag) -> FlagAnswer:
        """Describe a flag in both languages."""
        flag, reason = noted.flag, load_reasons()[noted.flag.code.value]
        return cls(
            id=flag.id,
            code=flag.code.value,
            says=reason.zh,
            says_en=reason.en,
            who=reason.who.value if reason.who else None,
            item_id=flag.item_id,
            finding_id=flag.finding_id,
            facts=dict(flag.facts),
            notes=tuple(
                NoteAnswer(text=note.text, author=note.author, recorded_at=note.recorded_at)
                for note in noted.notes
            ),
        )


class FlagsAnswer(BaseModel):
    """The flags of a case."""

    flags: tuple[FlagAnswer, ...]


class NoteRequest(BaseModel):
    """What to say about a flag."""

    text: Annotated[str, Field(min_length=1, max_length=2000)]


class MergingApi:
    """One method per address."""

    def __init__(self, service: MergingService[Any], clock: Callable[[], datetime]) -> None:
        self._service = service
        self._clock = clock

    def values(self, round_id: str, school_id: str, rubric_id: str) -> ValuesAnswer:
        """Show measured, declared, contracted and imported values side by side."""
        found = self._service.values(CaseKey(round_id, school_id, rubric_id))
        return ValuesAnswer(criteria=tuple(map(CriterionAnswer.of, found)))

    def flags(self, round_id: str, school_id: str, rubric_id: str) -> FlagsAnswer:
        """Show where values disagree, and what was said about it."""
        found = self._service.flags(CaseKey(round_id, school_id, rubric_id))
        return FlagsAnswer(flags=tuple(map(FlagAnswer.of, found)))

    def note(
        self,
        request: Request,
        round_id: str,
        school_id: str,
        rubric_id: str,
        flag_id: str,
        note: NoteRequest,
    ) -> FlagsAnswer:
        """Say something about a flag; it stays, and so does the flag."""
        key = CaseKey(round_id, school_id, rubric_id)
        act = act_of(request, "flag.note", self._clock(), note.text)
        self._service.note(key, flag_id, note.text, act)
        return self.flags(round_id, school_id, rubric_id)


def merging_router(api: MergingApi) -> APIRouter:
    """Build the routes."""
    router = APIRouter(
        prefix="/api/v1/rounds/{round_id}/schools/{school_id}/rubrics/{rubric_id}",
        tags=["values and flags"],
    )
    read, refused = [needs(Right.CASE_READ)], problem_responses(401, 403, 404, 422)
    router.get("/values", dependencies=read, summary="Values side by side", responses=refused)(
        api.values
    )
    router.get("/flags", dependencies=read, summary="Flags with notes", responses=refused)(
        api.flags
    )
    router.post(
        "/flags/{flag_id}/note",
        dependencies=[needs(Right.FLAG_NOTE)],
        summary="Note on a flag",
        responses=refused,
    )(api.note)
    return router
