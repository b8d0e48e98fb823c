"""`POST /api/v1/enrol` and `GET /api/v1/agent/settings`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Protocol

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from collector.access import PUBLIC, AgentCaller
from collector.enrolment.service import EnrolmentService
from collector.errors import NotFoundError
from collector.problems import problem_responses
from collector.storage.ports import IdentityRecords, SchoolRecords, SlotRecords

router = APIRouter(tags=["agents"])
HOLIDAYS_AHEAD = timedelta(days=120)
"""An agent that cannot reach the collector for a term still knows its holidays."""

HostText = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]{1,100}$")
]


class AgentSettingsRecords(IdentityRecords, SchoolRecords, SlotRecords, Protocol):
    """The parts of the record store that an agent's settings come from."""


class HostIn(BaseModel):
    """What the host calls itself; only shown to people."""

    name: HostText
    system: HostText


class EnrolIn(BaseModel):
    """A code as the bureau gave it; case, dashes and spaces do not matter."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"code": "7K3M-9QXA-2B4D-V8RT", "host": {"name": "lab-1", "system": "linux"}}
            ]
        }
    )

    code: Annotated[str, Field(min_length=8, max_length=64)]
    host: HostIn


class SchoolOut(BaseModel):
    """Which school the agent belongs to."""

    id: str
    name: str


class EnrolOut(BaseModel):
    """The agent's identity. The key is shown this once; keep it in a file with mode 0600."""

    agent_id: str
    key: str
    school: SchoolOut
    server_time: datetime


class MeasurementServer(BaseModel):
    """A server of the bureau against which outlets are measured."""

    model_config = ConfigDict(frozen=True)

    url: str
    name: str


class ScheduleOut(BaseModel):
    """When the bureau wants no measuring that could be noticed; it narrows the school's own times.

    `exams` are instants `from/until`, `holidays` local days `first/last` (ISO 8601 intervals).
    """

    exams: list[str]
    holidays: list[str]


class AgentSettingsOut(BaseModel):
    """What the bureau wants an agent to know. `heads` is null while a head count is unknown."""

    school: SchoolOut
    measurement_servers: list[MeasurementServer]
    heads: int | None
    schedule: ScheduleOut
    rotate_key: bool = False
    """The bureau wants the agent to change its key."""
    quarantined: bool = False
    """Two hosts were seen under this identity; nothing that it sends counts."""
    server_time: datetime


@router.post(
    "/api/v1/enrol",
    status_code=201,
    dependencies=[PUBLIC],
    summary="Turn an enrolment code into an agent's key",
    responses=problem_responses(404, 410, 422, 429),
)
def enrol(request: Request, body: EnrolIn) -> EnrolOut:
    """Spend one use of the code. Wrong codes lock the address out for a growing while."""
    service: EnrolmentService = request.app.state.enrolment
    address = request.client.host if request.client else "unknown"
    enrolment = service.enrol(body.code, body.host.name, body.host.system, address)
    return EnrolOut(
        agent_id=enrolment.agent_id,
        key=enrolment.key_text,
        school=SchoolOut(id=enrolment.school.id, name=enrolment.school.name),
        server_time=datetime.now(UTC),
    )


@router.get(
    "/api/v1/agent/settings",
    summary="Read what the bureau wants this agent to know",
    responses=problem_responses(401, 403, 404),
)
def agent_settings(request: Request, agent: AgentCaller) -> AgentSettingsOut:
    """Answer for the school of the key."""
    records: AgentSettingsRecords = request.app.state.records
    school = records.school(agent.school_id)
    if school is None:
        raise NotFoundError("unknown_school", "The school of this key was removed. Enrol again.")
    now = datetime.now(UTC)
    own = records.agent(agent.agent_id)
    return AgentSettingsOut(
        school=SchoolOut(id=school.id, name=school.name),
        measurement_servers=[
            MeasurementServer(url=server.url, name=server.name)
            for server in request.app.state.measurement_servers
        ],
        heads=school.heads,
        rotate_key=own is not None and own.key_wanted_at is not None,
        quarantined=own is not None and own.quarantined_at is not None,
        schedule=ScheduleOut(
            exams=[
                f"{pause.since.isoformat()}/{pause.until.isoformat()}"
                for pause in records.slot_pauses(now)
                if pause.ended_at is None and pause.school_id in (None, school.id)
            ],
            holidays=[
                f"{first.isoformat()}/{last.isoformat()}"
                for first, last in request.app.state.public_holidays(
                    now.date() - timedelta(days=1), now.date() + HOLIDAYS_AHEAD
                )
            ],
        ),
        server_time=now,
    )
