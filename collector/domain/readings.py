"""Readings as agents took them, and the batches they came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from collector.domain.values import Json


class Outcome(StrEnum):
    """How an observation ended, as the wire says it."""

    OK = "ok"
    LIMITED = "limited"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StoredReading:
    """One accepted reading of one agent. `sequence` never repeats within its stream."""

    sequence: int
    probe: str
    target: str
    time: datetime
    outcome: Outcome
    reason: str | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    limited_by: tuple[str, ...] = ()
    details: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AgentReading:
    """A stored reading together with whose it is: what queries give back."""

    school_id: str
    agent_id: str
    reading: StoredReading


@dataclass(frozen=True, slots=True)
class Batch:
    """An accepted batch: what the series store applies exactly once.

    `key` identifies it among all batches of all agents; the `batch_id` on the wire only has to
    be unique within its agent.
    """

    batch_id: str
    school_id: str
    agent_id: str
    stream: str
    sequence: int
    received_at: datetime
    readings: tuple[StoredReading, ...]

    @property
    def key(self) -> str:
        """The identity under which a store records that this batch has been applied."""
        return f"{self.agent_id}/{self.batch_id}"
