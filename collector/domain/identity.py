"""Agents, keys and enrolment codes: who sends and who may look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Scope(StrEnum):
    """What the holder of a key may do."""

    AGENT = "agent"
    """An enrolled agent: push readings, ask for slots, read its own settings."""
    WRITE = "write"
    """A foreign client of one school: push, nothing else."""
    READ = "read"
    """View the pages and the read API."""
    BUREAU = "bureau"
    """Decide about testing: examinations, re-tests, schools' hours."""


@dataclass(frozen=True, slots=True)
class Agent:
    """One enrolled installation of the agent.

    `clock_skew_s` is the host's clock minus the collector's at the newest batch (positive: the
    host is ahead, network delay makes it a little smaller). `last_seen_at` is None until the
    first accepted batch. While `quarantined_at` is set, two hosts were seen under this identity
    and nothing that it sends counts; `trusted_after` is the inbox position at which a person said
    that there is one host again. `key_wanted_at` says since when the bureau wants another key.
    """

    id: str
    school_id: str
    host_name: str
    system: str
    enrolled_at: datetime
    version: str | None = None
    last_seen_at: datetime | None = None
    clock_skew_s: float | None = None
    revoked_at: datetime | None = None
    quarantined_at: datetime | None = None
    quarantine_reason: str | None = None
    trusted_after: int | None = None
    key_wanted_at: datetime | None = None


class Contact(NamedTuple):
    """What one school's agents in service tell of themselves: how many, and the newest sign."""

    agents: int
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class AgentIdentity:
    """Whose key a request carried. The only source of school and agent; payloads are not asked."""

    agent_id: str
    school_id: str
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """A bearer key as stored: the SHA-256 of its secret, never the secret.

    A key that `replaces` another one of its agent waits for its first use; that supersedes all
    others of the agent.
    """

    id: str
    scope: Scope
    secret_sha256: bytes
    created_at: datetime
    school_id: str | None = None
    agent_id: str | None = None
    label: str = ""
    revoked_at: datetime | None = None
    replaces: str | None = None
    superseded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EnrolmentCode:
    """A code that turns into an agent's key at most `max_uses` times before `expires_at`.

    With `agent_id` it makes the host the successor of that agent instead of a new one.
    """

    code_sha256: bytes
    school_id: str
    created_at: datetime
    expires_at: datetime
    max_uses: int
    uses: int = 0
    agent_id: str | None = None


@dataclass(frozen=True, slots=True)
class QuarantineSource:
    """One address from which an agent in quarantine sent: which hosts share the identity."""

    agent_id: str
    address: str
    batches: int
    readings: int
    newest_at: datetime


@dataclass(frozen=True, slots=True)
class QuarantinedBatch:
    """A batch of an agent in quarantine: kept for people to look at, not data.

    `address` is where it came from, which helps to find the other host.
    """

    agent_id: str
    batch_id: str
    stream: str
    sequence: int
    received_at: datetime
    address: str
    readings: int
    body: bytes
