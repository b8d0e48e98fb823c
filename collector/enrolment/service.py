"""Codes, agents and keys: issue, spend, revoke."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from collector.access import make_key
from collector.access.codes import code_hash, new_code_text
from collector.domain import Act, Agent, AgentIdentity, EnrolmentCode, Key, School, Scope
from collector.enrolment.guessing import GuessGuard
from collector.errors import CollectorError, ConflictError, GoneError, NotFoundError
from collector.storage.ports import IdentityRecords, SchoolRecords

CODE_VALID = timedelta(days=7)
CODE_MAX_USES = 3


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a new agent is told, once."""

    agent_id: str
    key_text: str
    school: School


class EnrolmentRecords(SchoolRecords, IdentityRecords, Protocol):
    """The parts of the record store that enrolment needs."""


def new_code(
    records: IdentityRecords,
    school_id: str,
    now: datetime,
    valid: timedelta = CODE_VALID,
    max_uses: int = CODE_MAX_USES,
    agent_id: str | None = None,
) -> tuple[str, EnrolmentCode]:
    """Issue a code (80 random bits) and keep its hash; the text cannot be shown again.

    With `agent_id` the host that enrols takes that agent's place. Raises NotFoundError if the
    school does not exist.
    """
    text = new_code_text()
    code = EnrolmentCode(code_hash(text), school_id, now, now + valid, max_uses, agent_id=agent_id)
    records.add_code(code)
    return text, code


def new_key(
    records: IdentityRecords, scope: Scope, school_id: str | None, label: str, now: datetime
) -> tuple[str, Key]:
    """Issue a key for a person or a foreign client; the text cannot be shown again.

    Raises NotFoundError if the school does not exist.
    """
    made = make_key()
    key = Key(made.id, scope, made.secret_sha256, now, school_id=school_id, label=label)
    records.add_key(key)
    return made.text, key


class EnrolmentService:
    """Turns a code into an agent with a key of its own."""

    def __init__(
        self, records: EnrolmentRecords, guard: GuessGuard, clock: Callable[[], datetime]
    ) -> None:
        self._records = records
        self._guard = guard
        self._clock = clock

    def enrol(self, code_text: str, host_name: str, system: str, address: str) -> Enrolment:
        """Spend one use of the code.

        Raises TooManyError (guessing), NotFoundError (no such code), GoneError (expired, used up).
        """
        self._guard.check(address)
        try:
            enrolment = self._enrol(code_hash(code_text), host_name, system, address)
        except CollectorError:
            self._guard.failed(address)
            raise
        self._guard.succeeded(address)
        return enrolment

    def _enrol(self, code_sha256: bytes, host_name: str, system: str, address: str) -> Enrolment:
        now = self._clock()
        code = self._records.code(code_sha256)
        school = self._records.school(code.school_id) if code else None
        if code is None or school is None:
            raise NotFoundError(
                "code_unknown",
                "这里没有这个注册码，请逐字核对注册码和服务器地址。",
                detail_en="This code is not known here. Check every letter, and the address.",
            )
        if code.expires_at <= now:
            raise GoneError(
                "code_expired",
                "注册码已过期，请向教育局索取新的。",
                detail_en="This code has expired. Ask the bureau for a new one.",
            )
        made = make_key()
        agent = Agent(
            code.agent_id or secrets.token_hex(8), school.id, host_name, system, enrolled_at=now
        )
        key = Key(
            made.id, Scope.AGENT, made.secret_sha256, now, school_id=school.id, agent_id=agent.id
        )
        if code.agent_id is not None:
            act = Act(f"agent:{agent.id}", now, "agent.replace", host_name, address)
            spent = self._records.take_over(code_sha256, agent, key, act)
        else:
            spent = self._records.enrol(code_sha256, agent, key, now)
        if not spent:
            raise GoneError(
                "code_used_up",
                f"注册码可用于 {code.max_uses} 台主机，已全部用完，请索取新的。",
                detail_en=f"This code was good for {code.max_uses} hosts, all used. Ask for a new "
                "one.",
            )
        return Enrolment(agent.id, made.text, school)


def propose_key(
    records: IdentityRecords, agent: AgentIdentity, key_id: str, secret_sha256: bytes, now: datetime
) -> None:
    """Take note of the key that an agent made for itself; its first use ends the present one.

    Raises ConflictError if the id belongs to another key.
    """
    key = Key(
        key_id,
        Scope.AGENT,
        secret_sha256,
        now,
        school_id=agent.school_id,
        agent_id=agent.agent_id,
        replaces=agent.key_id,
    )
    if key_id == agent.key_id or not records.propose_key(key):
        raise ConflictError(
            "key_id_taken",
            "这个密钥编号已被使用，请另生成一个密钥。",
            detail_en="This key id is in use. Make another key and propose that.",
        )
