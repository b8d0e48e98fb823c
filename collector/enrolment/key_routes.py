"""`POST /api/v1/agent/key`: an agent proposes the key that is to replace its present one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, StringConstraints

from collector.access import AgentCaller
from collector.enrolment.service import propose_key
from collector.problems import problem_responses
from collector.storage.ports import IdentityRecords

router = APIRouter(tags=["agents"])


class KeyIn(BaseModel):
    """A key that the agent made: its id and the SHA-256 of its secret, which stays at the host."""

    key_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    secret_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class KeyOut(BaseModel):
    """The key works from here on; using it once ends the present one."""

    key_id: str


@router.post(
    "/api/v1/agent/key",
    summary="Propose the key that is to replace the present one",
    responses=problem_responses(401, 403, 409, 422),
)
def propose(request: Request, agent: AgentCaller, body: KeyIn) -> KeyOut:
    """Both keys work until the new one is used; proposing the same again changes nothing."""
    records: IdentityRecords = request.app.state.records
    digest = bytes.fromhex(body.secret_sha256)
    propose_key(records, agent, body.key_id, digest, datetime.now(UTC))
    return KeyOut(key_id=body.key_id)
