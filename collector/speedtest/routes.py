"""`POST /api/v1/slots`, releasing one early, and the state of all slots.

The wiring place puts a `SlotBook` into `app.state.slots`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, cast

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from collector.access import VIEWER, AgentCaller
from collector.problems import problem_responses
from collector.speedtest.slots import Purpose, SlotBook

router = APIRouter(prefix="/api/v1/slots", tags=["slots"])


class SlotIn(BaseModel):
    """What the agent wants to do."""

    purpose: Purpose = Purpose.OUTLET_BANDWIDTH


class SlotOut(BaseModel):
    """A slot. `token` opens one session at `server` before `expires_at`."""

    id: str
    server: str
    token: str
    expires_at: datetime
    max_seconds: float
    max_bytes: int


class ReleaseIn(BaseModel):
    """How much the test really moved."""

    used_bytes: Annotated[int, Field(ge=0)]


class RefusalOut(BaseModel):
    """Why a school got no slot; `reason` is a code of the reason list."""

    at: datetime
    reason: str
    retry_after_s: int


class ServerOut(BaseModel):
    """One measurement server; `school_id` is null while it is free."""

    url: str
    name: str
    school_id: str | None
    since: datetime | None


class SchoolSlotsOut(BaseModel):
    """One school's tests today."""

    school_id: str
    granted: int
    used_bytes: int
    last_granted_at: datetime | None
    last_refusal: RefusalOut | None


class SlotsOut(BaseModel):
    """Who is testing, and why others are not."""

    servers: list[ServerOut]
    schools: list[SchoolSlotsOut]


def _book(request: Request) -> SlotBook:
    return cast("SlotBook", request.app.state.slots)


@router.post(
    "", summary="Ask for a test slot", responses=problem_responses(401, 403, 409, 429, 503)
)
def ask(caller: AgentCaller, request: Request, wanted: SlotIn) -> SlotOut:
    """Grant a slot on a free measurement server, or say why not and when to ask again."""
    del wanted  # one purpose so far; the field is validated
    slot = _book(request).grant(caller.school_id)
    return SlotOut(
        id=slot.id,
        server=slot.server,
        token=slot.token,
        expires_at=slot.expires_at,
        max_seconds=slot.max_seconds,
        max_bytes=slot.max_bytes,
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


@router.get("", summary="State of all slots", dependencies=[VIEWER])
def state(request: Request) -> SlotsOut:
    """List the measurement servers and, per school, today's tests and the last refusal."""
    book = _book(request)
    return SlotsOut(
        servers=[
            ServerOut(url=s.url, name=s.name, school_id=s.school_id, since=s.since)
            for s in book.servers()
        ],
        schools=[
            SchoolSlotsOut(
                school_id=key,
                granted=school.granted,
                used_bytes=school.used_bytes,
                last_granted_at=school.last_granted_at,
                last_refusal=RefusalOut(
                    at=school.last_refusal.at,
                    reason=school.last_refusal.reason,
                    retry_after_s=school.last_refusal.retry_after_s,
                )
                if school.last_refusal
                else None,
            )
            for key, school in book.schools().items()
        ],
    )
