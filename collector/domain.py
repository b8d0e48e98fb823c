"""The collector's vocabulary: schools, agents, keys, batches, facts, entries, sheets.

Frozen values without I/O, clock or database. Times are aware and in UTC. `None` means unknown; it
never stands for zero. Who may do what is in `collector.access`, what a store promises in
`collector.storage.ports`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from typing import TypeAlias

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

EntryValue: TypeAlias = "str | int | bool | list[str | int | bool | None] | None"
"""What a person gave. A number with a fraction is kept as its exact text, never as a float."""


class SchoolKind(StrEnum):
    """Which form of the official rubrics applies."""

    GENERAL = "general"
    VOCATIONAL = "vocational"


class Stage(StrEnum):
    """A stage of schooling (学段)."""

    PRIMARY = "primary"
    JUNIOR = "junior"
    SENIOR = "senior"


class Outcome(StrEnum):
    """How an observation ended, as the wire says it."""

    OK = "ok"
    LIMITED = "limited"
    SKIPPED = "skipped"
    FAILED = "failed"


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
class School:
    """A school's profile. `as_of` is the day on which the declared head counts held."""

    id: str
    name: str
    kind: SchoolKind
    stages: tuple[Stage, ...] = ()
    students: int | None = None
    staff: int | None = None
    classes: int | None = None
    as_of: date | None = None
    award_level: str | None = None
    is_example: bool = False

    @property
    def heads(self) -> int | None:
        """People in school (在校): students plus staff, or None while either is unknown."""
        if self.students is None or self.staff is None:
            return None
        return self.students + self.staff


@dataclass(frozen=True, slots=True)
class Agent:
    """One enrolled installation of the agent.

    `clock_skew_s` is the host's clock minus the collector's at the newest batch (positive: the
    host is ahead, network delay makes it a little smaller). `last_seen_at` is None until the
    first accepted batch.
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


@dataclass(frozen=True, slots=True)
class AgentIdentity:
    """Whose key a request carried. The only source of school and agent; payloads are not asked."""

    agent_id: str
    school_id: str


@dataclass(frozen=True, slots=True)
class Key:
    """A bearer key as stored: the SHA-256 of its secret, never the secret."""

    id: str
    scope: Scope
    secret_sha256: bytes
    created_at: datetime
    school_id: str | None = None
    agent_id: str | None = None
    label: str = ""
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EnrolmentCode:
    """A code that turns into an agent's key at most `max_uses` times before `expires_at`."""

    code_sha256: bytes
    school_id: str
    created_at: datetime
    expires_at: datetime
    max_uses: int
    uses: int = 0


@dataclass(frozen=True, slots=True)
class Fact:
    """A declared value of a school (申报数据). `value` is the text that was given, exactly."""

    school_id: str
    name: str
    value: str
    as_of: date
    author: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """A value that a person gave for one item of one rubric (填报)."""

    school_id: str
    rubric_id: str
    item_id: str
    name: str
    value: EntryValue
    author: str
    recorded_at: datetime


class Occasion(StrEnum):
    """Why a bandwidth test is run. Readings carry it as the label `occasion`."""

    PLANNED = "planned"
    RETEST = "retest"
    """Asked for by a person, at the school or at the bureau."""


class SlotState(StrEnum):
    """What became of a test slot."""

    OPEN = "open"
    """Not run yet; it still can be."""
    RUNNING = "running"
    DONE = "done"
    """The school had the server. What came out is in its readings."""
    SKIPPED = "skipped"
    """Not run; `reason` says why."""


@dataclass(frozen=True, slots=True)
class SlotTest:
    """One bandwidth test of one school on one measurement server, planned or asked for.

    It may start from `planned_at` until `latest_at`. `id` grows in the order of storing and is 0
    before. `reason` is the newest cause of its not having run. `used_bytes` is None while nobody
    has said; then the `reserved_bytes` count.
    """

    day: date
    school_id: str
    occasion: Occasion
    server: str
    planned_at: datetime
    latest_at: datetime
    state: SlotState = SlotState.OPEN
    reason: str | None = None
    slot_id: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    reserved_bytes: int = 0
    used_bytes: int | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class SlotDay:
    """How a day was planned. `reason` says why fewer tests than wanted."""

    day: date
    wanted_per_school: int
    planned_per_school: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SlotPause:
    """A time without tests, such as an examination; `school_id` None means the whole county."""

    since: datetime
    until: datetime
    note: str
    author: str
    recorded_at: datetime
    school_id: str | None = None
    ended_at: datetime | None = None
    """When somebody ended or withdrew it early."""
    id: int = 0


@dataclass(frozen=True, slots=True)
class SlotSettings:
    """What one school wants of its tests. None means the county's rule."""

    school_id: str
    quiet_hours: tuple[tuple[time, time], ...] = ()
    """Local times of day without planned tests, because lessons need the line."""
    needed_mbps: float | None = None
    daily_bytes: int | None = None


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


@dataclass(frozen=True, slots=True)
class StoredSheet:
    """A score sheet together with the very case file it was computed from (both JSON texts)."""

    school_id: str
    rubric_id: str
    rubric_version: str
    content_hash: str
    computed_at: datetime
    case_json: str
    sheet_json: str
