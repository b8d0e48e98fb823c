"""`/api/v1/audit`: the chain, for the bureau's admins."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, cast

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from collector.access import needs
from collector.domain import AuditRecord, Right
from collector.problems import problem_responses
from collector.storage.ports import AuditRecords

PAGE_MAX = 1000
router = APIRouter(prefix="/api/v1", tags=["audit"])


class AuditRecordOut(BaseModel):
    """One link: who did what to which row, when, why and from where."""

    position: int
    at: datetime
    actor: str = Field(examples=["person:4f1c2a9be0d37a55", "cli:root", "system"])
    action: str = Field(examples=["entry.save"])
    why: str
    address: str
    effect: str
    table: str | None
    row_key: str | None
    row_sha256: str | None
    hash: str

    @classmethod
    def of(cls, record: AuditRecord) -> AuditRecordOut:
        """Return the answer about a record; hashes in hexadecimal."""
        return cls(
            position=record.position,
            at=record.at,
            actor=record.actor,
            action=record.action,
            why=record.why,
            address=record.address,
            effect=record.effect.value,
            table=record.table,
            row_key=record.row_key,
            row_sha256=record.row_sha256.hex() if record.row_sha256 else None,
            hash=record.hash.hex(),
        )


class AuditOut(BaseModel):
    """One page of the chain, oldest first, and its newest link."""

    records: list[AuditRecordOut]
    head: str = Field(description="`<position>:<sha256>`; note it to detect a cut chain later.")
    next: int | None


@router.get(
    "/audit",
    dependencies=[needs(Right.AUDIT_READ)],
    summary="Read the audit chain",
    responses=problem_responses(401, 403, 422),
)
def audit(
    request: Request,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> AuditOut:
    """List records above a position; the whole chain is checked by `campusgauge audit verify`."""
    records = cast("AuditRecords", request.app.state.records)
    found = records.audit_records(after, limit)
    more = len(found) == limit
    return AuditOut(
        records=[AuditRecordOut.of(record) for record in found],
        head=str(records.audit_head()),
        next=found[-1].position if more else None,
    )
