"""`POST /api/v1/bundles`: a file with the readings of a school that has no way to push."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from collector.access import needs
from collector.domain import Right
from collector.errors import MalformedError, TooLargeError
from collector.ingest.bundle_import import BundleRecords, ImportReport, import_bundle
from collector.ingest.service import IngestService
from collector.problems import problem_responses

BUNDLE_BYTES_MAX = 256 << 20

router = APIRouter(tags=["ingest"])


class ImportAnswer(BaseModel):
    """What became of the batches: stored, duplicate, outdated, quarantined, refused.

    `receipt` is for the agent: `campusgauge-agent settle-bundle`. `imported_before` is when the
    very same file was imported; then nothing was done.
    """

    bundle_id: str
    school_id: str
    agent_id: str
    batches: dict[str, int]
    readings: int
    first_refusal: str | None
    imported_before: datetime | None
    receipt: dict[str, Any]

    @classmethod
    def of(cls, report: ImportReport) -> ImportAnswer:
        """Return the report as it is sent."""
        return cls.model_validate(report, from_attributes=True)


@router.post(
    "/api/v1/bundles",
    dependencies=[needs(Right.AGENT_MANAGE)],
    summary="Import a bundle that an agent exported",
    responses=problem_responses(400, 401, 403, 413, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
)
async def import_one(request: Request) -> ImportAnswer:
    """Verify the whole file first; importing it again, or pushing its batches too, is harmless."""
    service: IngestService = request.app.state.ingest
    records: BundleRecords = request.app.state.records
    limiter: anyio.CapacityLimiter = request.app.state.ingest_limiter
    size = 0
    with tempfile.NamedTemporaryFile(suffix=".bundle") as file:
        try:
            async for chunk in request.stream():
                size += len(chunk)
                if size > BUNDLE_BYTES_MAX:
                    raise TooLargeError(
                        "bundle_too_large",
                        "数据包过大，请在教委主机上改用 campusgauge import-bundle。",
                        detail_en="Too large for HTTP; use campusgauge import-bundle.",
                    )
                await run_sync(file.write, chunk)
        except ClientDisconnect:
            raise MalformedError(
                "body_cut_off", "The connection ended before the body did."
            ) from None
        file.flush()
        report = await run_sync(
            import_bundle,
            service,
            records,
            Path(file.name),
            datetime.now(UTC),
            limiter=limiter,
        )
    return ImportAnswer.of(report)
