"""Slots over HTTP: asking, releasing, what comes next, what the bureau and the school see.

The wiring place puts a `SlotBook` into `app.state.slots`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, cast

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from collector.access import AgentCaller, caller_of, needs
from collector.domain import Occasion, Right, SlotSettings
from collector.problems import problem_responses
from collector.speedtest.slots.book import SlotBook
from collector.speedtest.slots.bureau import (
    ask_retest,
    declare_exam,
    end_exam,
    parse_quiet_hours,
    set_school,
)
from collector.speedtest.slots.overview import (
    PauseOut,
    SchoolTestsOut,
    SlotsOut,
    TestOut,
    overview,
    school_tests,
)
from collector.speedtest.slots.rules import Purpose
from collector.storage.ports import SlotRecords

router = APIRouter(prefix="/api/v1/slots", tags=["slots"])


class SlotIn(BaseModel):
    """What the agent wants to do."""

    purpose: Purpose = Purpose.OUTLET_BANDWIDTH
    occasion: Occasion = Field(
        default=Occasion.PLANNED,
        description="`planned` asks for a test that is due, `retest` for one at once.",
    )
    line_used_ratio: Annotated[float, Field(ge=0, le=10)] | None = Field(
        default=None, description="Share of the line in use right now, as far as the agent sees."
    )


class SlotOut(BaseModel):
    """A slot. `token` opens one session at `server` before `expires_at`."""

    id: str
    server: str
    token: str
    expires_at: datetime
    max_seconds: float
    max_bytes: int
    occasion: Occasion


class ReleaseIn(BaseModel):
    """How much the test really moved."""

    used_bytes: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="null after a failed test: the measurement server is asked."
    )


class NextOut(BaseModel):
    """What to do: ask for the slot now (`due`), or come back after `wait_s` seconds.

    `reason` says why a test whose time has come may not start. `skipped` are tests that were given
    up since `skipped_after`; give `as_of` as the next one.
    """

    due: bool
    occasion: Occasion
    wait_s: float
    planned_at: datetime | None
    reason: str | None
    skipped: list[TestOut]
    as_of: datetime


class ExamIn(BaseModel):
    """A time without tests; `school_id` left out means the whole county."""

    since: AwareDatetime
    until: AwareDatetime
    note: Annotated[str, Field(max_length=1000, examples=["高考"])]
    school_id: Annotated[str, Field(max_length=64)] | None = None


class SchoolRulesIn(BaseModel):
    """A school's own rules; what is left out follows the county's."""

    quiet_hours: Annotated[list[str], Field(max_length=50, examples=[["09:00-09:45"]])] = []
    needed_mbps: float | None = None
    daily_bytes: int | None = None


class RetestIn(BaseModel):
    """Which school is to test again."""

    school_id: Annotated[str, Field(max_length=64)]


def _records(request: Request) -> SlotRecords:
    return cast("SlotRecords", request.app.state.records)


def _book(request: Request) -> SlotBook:
    return cast("SlotBook", request.app.state.slots)


@router.post(
    "", summary="Ask for a test slot", responses=problem_responses(401, 403, 409, 429, 503)
)
def ask(caller: AgentCaller, request: Request, wanted: SlotIn) -> SlotOut:
    """Grant a slot on a free measurement server, or say why not and when to ask again."""
    slot = _book(request).grant(caller.school_id, wanted.occasion, wanted.line_used_ratio)
    return SlotOut(
        id=slot.id,
        server=slot.server,
        token=slot.token,
        expires_at=slot.expires_at,
        max_seconds=slot.max_seconds,
        max_bytes=slot.max_bytes,
        occasion=slot.occasion,
    )


@router.get("/next", summary="When the next test is due", responses=problem_responses(401, 403))
def next_test(
    caller: AgentCaller,
    request: Request,
    skipped_after: Annotated[AwareDatetime | None, Query()] = None,
) -> NextOut:
    """Tell the agent when to come, and which planned tests were skipped and why."""
    found = _book(request).next_test(caller.school_id, skipped_after)
    return NextOut(
        due=found.wait_s is None,
        occasion=found.occasion,
        wait_s=found.wait_s or 0.0,
        planned_at=found.planned_at,
        reason=found.reason,
        skipped=[TestOut.of(test) for test in found.skipped],
        as_of=found.as_of,
    )


@router.post(
    "/{slot_id}/release",
    status_code=204,
    summary="Free a slot early",
    responses=problem_responses(401, 403, 404),
)
def release(caller: AgentCaller, request: Request, slot_id: str, used: ReleaseIn) -> Response:
    """Let the next school test now, and count what was really moved against the day's data."""
    _book(request).release(slot_id, caller.school_id, used.used_bytes)
    return Response(status_code=204)


@router.get("", summary="Today's slots of the county", dependencies=[needs(Right.COUNTY_READ)])
def state(request: Request) -> SlotsOut:
    """List servers, pauses and, per school, what ran, what is to come and what was skipped."""
    return overview(_book(request).view())


@router.get(
    "/schools/{school_id}",
    summary="Today's slots of one school",
    dependencies=[needs(Right.SLOT_READ)],
)
def of_school(request: Request, school_id: str) -> SchoolTestsOut:
    """List each test of the school with its time, its state and its reason."""
    return school_tests(_book(request).view(), school_id)


@router.post(
    "/exams",
    status_code=201,
    dependencies=[needs(Right.SLOT_MANAGE)],
    summary="Stop tests during an examination",
    responses=problem_responses(401, 403, 404, 422),
)
def add_exam(request: Request, exam: ExamIn) -> PauseOut:
    """Stop planned tests and re-tests; each that falls into it is skipped with the reason."""
    book = _book(request)
    pause = declare_exam(
        _records(request),
        exam.since,
        exam.until,
        exam.note,
        caller_of(request).name,
        book.now(),
        exam.school_id,
    )
    return PauseOut.of(pause)


@router.delete(
    "/exams/{exam_id}",
    status_code=204,
    dependencies=[needs(Right.SLOT_MANAGE)],
    summary="End an examination now",
    responses=problem_responses(401, 403, 404),
)
def remove_exam(request: Request, exam_id: int) -> Response:
    """Let tests run again; what was skipped stays skipped."""
    end_exam(_records(request), exam_id, _book(request).now())
    return Response(status_code=204)


@router.post(
    "/retests",
    status_code=202,
    dependencies=[needs(Right.SLOT_MANAGE)],
    summary="Ask a school's agent for a re-test",
    responses=problem_responses(401, 403, 404, 409),
)
def add_retest(request: Request, wanted: RetestIn) -> TestOut:
    """Let the agent test at its next question, at most five minutes later, before planned tests."""
    book = _book(request)
    return TestOut.of(ask_retest(_records(request), wanted.school_id, book.now(), book.zone))


@router.put(
    "/schools/{school_id}",
    status_code=204,
    dependencies=[needs(Right.SLOT_MANAGE)],
    summary="Set a school's own rules",
    responses=problem_responses(401, 403, 404, 422),
)
def put_school(request: Request, school_id: str, rules: SchoolRulesIn) -> Response:
    """Replace the hours without planned tests, the rate its line needs and its daily data."""
    hours = parse_quiet_hours(rules.quiet_hours)
    set_school(
        _records(request), SlotSettings(school_id, hours, rules.needed_mbps, rules.daily_bytes)
    )
    return Response(status_code=204)
