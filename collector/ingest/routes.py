"""`POST /api/v1/readings`: batches of an agent, wire version 1; and what was refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, cast

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from collector.access import PushCaller, needs
from collector.domain import Right
from collector.errors import CollectorError
from collector.ingest.body import receive
from collector.ingest.service import IngestService
from collector.problems import problem_responses
from collector.storage.ports import RecordStore

router = APIRouter(tags=["ingest"])


class ReceiptAnswer(BaseModel):
    """The batch is durable: it survives a crash of the collector from here on."""

    status: Literal["stored", "duplicate"]
    readings: int
    server_time: datetime


_REQUEST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A batch of wire version 1, gzip (Content-Encoding) or plain.",
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/WireBatch"},
                "example": {
                    "wire": 1,
                    "stream": "5f2c1f0a9f3b4f0d8f4f0c8a3f1d2e4b",
                    "batch_id": "0b6f4a3e2d1c4b5a96877869504132aa",
                    "sequence": 7,
                    "sent_at": "2026-11-20T01:00:15.250Z",
                    "agent": {"version": "0.1.0", "system": "linux"},
                    "readings": [
                        {
                            "sequence": 1201,
                            "probe": "server_headroom",
                            "target": "host",
                            "time": "2026-11-20T01:00:00.120Z",
                            "outcome": "ok",
                            "reason": None,
                            "values": {"cpu_used_ratio": 0.125},
                            "labels": {},
                            "limited_by": [],
                            "details": {},
                        }
                    ],
                },
            }
        },
    }
}


class RefusedBatch(BaseModel):
    """One refused body. `body` is its head, decompressed where possible, as far as it is text."""

    agent_id: str
    received_at: datetime
    status: int
    reason: str
    body: str


class RefusedBatches(BaseModel):
    """`total` counts every refusal ever; only the newest `kept` bodies are still there."""

    total: int
    kept: int
    refused: list[RefusedBatch]


@router.get(
    "/api/v1/schools/{school_id}/refusals",
    dependencies=[needs(Right.SCHOOL_READ)],
    summary="List what a school pushed and was not taken",
    responses=problem_responses(401, 403, 422),
)
def refusals(
    request: Request, school_id: str, limit: Annotated[int, Query(ge=1, le=200)] = 20
) -> RefusedBatches:
    """Answer with refused bodies and their reasons, newest first."""
    records: RecordStore = request.app.state.records
    count = records.refusal_count(school_id)
    return RefusedBatches(
        total=count.total,
        kept=count.kept,
        refused=[
            RefusedBatch(
                agent_id=refusal.agent_id,
                received_at=refusal.received_at,
                status=refusal.status,
                reason=refusal.reason,
                body=refusal.body.decode(errors="replace"),
            )
            for refusal in records.refusals(school_id, limit)
        ],
    )


@router.post(
    "/api/v1/readings",
    summary="Push a batch of readings",
    responses=problem_responses(400, 401, 403, 408, 409, 413, 415, 422, 503),
    openapi_extra=_REQUEST_BODY,
)
async def push_readings(request: Request, agent: PushCaller) -> ReceiptAnswer:
    """Answer 200 only once the batch is durable; the same batch again changes nothing.

    School and agent come from the key. Of a refused batch nothing is stored as data; its body is
    kept with the reason, visible to the school.
    """
    service: IngestService = request.app.state.ingest
    limiter: anyio.CapacityLimiter = request.app.state.ingest_limiter
    try:
        body = await receive(request, service.limits)
    except CollectorError as error:
        await run_sync(service.note_refusal, agent, b"", error, limiter=limiter)
        raise
    encoding = request.headers.get("content-encoding")
    address = request.client.host if request.client else ""
    receipt = await run_sync(service.take, agent, body, encoding, address, limiter=limiter)
    return ReceiptAnswer(
        status=cast("Literal['stored', 'duplicate']", receipt.status.value),
        readings=receipt.readings,
        server_time=receipt.server_time,
    )
