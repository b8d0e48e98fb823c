"""`GET /api/v1/schools/{school_id}/quarantine`: what two hosts sent under one identity."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from collector.access import needs
from collector.domain import Right
from collector.problems import problem_responses
from collector.storage.ports import IdentityRecords

router = APIRouter(tags=["ingest"])


class QuarantinedAgent(BaseModel):
    """An agent whose identity two hosts use."""

    agent_id: str
    host_name: str
    since: datetime
    reason: str | None


class HeldBatch(BaseModel):
    """One batch that is kept apart. `body` is what the host sent, decompressed."""

    agent_id: str
    batch_id: str
    sequence: int
    received_at: datetime
    address: str
    readings: int
    body: str


class Quarantine(BaseModel):
    """Nothing in here counts; the hosts keep what was not acknowledged."""

    agents: list[QuarantinedAgent]
    batches: list[HeldBatch]


@router.get(
    "/api/v1/schools/{school_id}/quarantine",
    dependencies=[needs(Right.SCHOOL_READ)],
    summary="List agents in quarantine and what is kept apart of them",
    responses=problem_responses(401, 403, 422),
)
def quarantine(
    request: Request, school_id: str, limit: Annotated[int, Query(ge=1, le=200)] = 20
) -> Quarantine:
    """Answer with the agents, and their newest batches first."""
    records: IdentityRecords = request.app.state.records
    return Quarantine(
        agents=[
            QuarantinedAgent(
                agent_id=agent.id,
                host_name=agent.host_name,
                since=agent.quarantined_at,
                reason=agent.quarantine_reason,
            )
            for agent in records.agents(school_id)
            if agent.quarantined_at is not None
        ],
        batches=[
            HeldBatch(
                agent_id=batch.agent_id,
                batch_id=batch.batch_id,
                sequence=batch.sequence,
                received_at=batch.received_at,
                address=batch.address,
                readings=batch.readings,
                body=batch.body.decode(errors="replace"),
            )
            for batch in records.quarantined(school_id, limit)
        ],
    )
