"""What the stores promise. Features know these protocols, never an engine.

All methods are synchronous and may be called from any thread; a route calls them in the thread
pool. A method that returns has committed durably (fsynced): a kill -9 right after loses nothing.
Times passed in and given back are aware and in UTC.

Two stores, because evidence and records differ: `RecordStore` holds little, edited data and the
inbox (the promise behind every 200), `SeriesStore` holds the many numbers. The inbox feeds the
series store through one writer, and a batch that reached it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from collector.domain import (
    Agent,
    AgentReading,
    Batch,
    EnrolmentCode,
    Entry,
    Fact,
    Key,
    School,
    SlotDay,
    SlotPause,
    SlotSettings,
    SlotTest,
    StoredSheet,
)
from rubrics.indicators import Grouping, Statistic


class Acceptance(StrEnum):
    """What became of a batch offered to the inbox."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    """The same batch is already there with the same content; nothing was changed."""
    CONFLICT = "conflict"
    """The batch id is known with other content; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A validated batch on its way into the inbox.

    `body` is the decompressed wire JSON; `content_sha256` covers what the agent measured, so a
    re-send compares equal whatever its compression or send time. `new_series` are the digests of
    series that this school has not had before.
    """

    batch_id: str
    school_id: str
    agent_id: str
    stream: str
    sequence: int
    received_at: datetime
    readings: int
    content_sha256: bytes
    body: bytes
    agent_version: str | None = None
    clock_skew_s: float | None = None
    new_series: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class InboxRow:
    """An accepted batch that waits to be applied, oldest first by `position`."""

    position: int
    batch_id: str
    school_id: str
    agent_id: str
    received_at: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """A body that was not taken, kept so that the school can see what was wrong with it."""

    school_id: str
    agent_id: str
    received_at: datetime
    status: int
    reason: str
    body: bytes
    """The head of the body as received, decompressed where that was possible."""


@dataclass(frozen=True, slots=True)
class RefusalCount:
    """How many bodies of a school were refused, and how many of them are still kept."""

    total: int
    kept: int


class SchoolRecords(Protocol):
    """Schools with what people declared about them. History is kept, nothing is overwritten."""

    def put_school(self, school: School) -> None:
        """Add the school, or update the one with this id."""

    def school(self, school_id: str) -> School | None:
        """Return the school with this id."""

    def schools(self) -> Sequence[School]:
        """Return all schools, ordered by id."""

    def add_fact(self, fact: Fact) -> None:
        """Record a declared value; earlier ones stay in the history.

        Raises NotFoundError if the school does not exist.
        """

    def facts(self, school_id: str) -> Mapping[str, Fact]:
        """Return the fact in force per name: newest `as_of`, then newest recorded."""

    def fact_history(self, school_id: str, name: str) -> Sequence[Fact]:
        """Return every value ever declared under this name, oldest first."""

    def add_entry(self, entry: Entry) -> None:
        """Record an entry; earlier ones stay in the history.

        Raises NotFoundError if the school does not exist.
        """

    def entries(self, school_id: str, rubric_id: str) -> Sequence[Entry]:
        """Return the newest entry per item and name."""

    def entry_history(
        self, school_id: str, rubric_id: str, item_id: str, name: str
    ) -> Sequence[Entry]:
        """Return every value ever given here, oldest first."""


class IdentityRecords(Protocol):
    """Agents, keys and enrolment codes. Secrets are known by their SHA-256 alone."""

    def add_code(self, code: EnrolmentCode) -> None:
        """Keep an enrolment code. Raises NotFoundError if its school does not exist."""

    def code(self, code_sha256: bytes) -> EnrolmentCode | None:
        """Return the code with this hash, expired and used-up ones included."""

    def enrol(self, code_sha256: bytes, agent: Agent, key: Key, now: datetime) -> bool:
        """Spend one use of the code and add agent and key, all or nothing.

        False if the code expired or was used up meanwhile, also by a concurrent call.
        """

    def agent(self, agent_id: str) -> Agent | None:
        """Return the agent with this id, revoked ones included."""

    def agents(self, school_id: str | None = None) -> Sequence[Agent]:
        """Return agents of one school, or all; ordered by school, then by time of enrolment."""

    def revoke_agent(self, agent_id: str, now: datetime) -> bool:
        """Revoke the agent and all its keys; its data stays. False if there is no such agent."""

    def add_key(self, key: Key) -> None:
        """Keep a key. Raises NotFoundError if its school does not exist."""

    def key(self, key_id: str) -> Key | None:
        """Return the key with this id, revoked ones included."""

    def all_keys(self) -> Sequence[Key]:
        """Return all keys, oldest first."""

    def revoke_key(self, key_id: str, now: datetime) -> bool:
        """Revoke one key. False if there is no such key."""


class Inbox(Protocol):
    """Accepted batches on their way to the series store, and what was refused."""

    def accept(self, deliveries: Sequence[Delivery]) -> Sequence[Acceptance]:
        """Take deliveries in one durable transaction; one answer each, in order.

        Also notes the agent's version, clock skew and time of contact, and the new series.
        """

    def pending(self, limit: int) -> Sequence[InboxRow]:
        """Return the oldest rows that are neither applied nor set aside.

        At least one if any waits; fewer than `limit` where their bodies would take much memory.
        """

    def pending_count(self) -> int:
        """Return how many rows wait to be applied."""

    def mark_applied(self, positions: Sequence[int], now: datetime) -> None:
        """Note that the series store has these rows durably; their bodies may be dropped.

        A late re-send is still recognised: ids and hashes stay for days, and those of the newest
        batches of a stream, the only ones its agent can still hold, for good.
        """

    def set_aside(self, position: int, reason: str) -> None:
        """Take a row that cannot be applied out of the queue; its body is kept."""

    def retry_set_aside(self) -> int:
        """Put all rows that were set aside back into the queue; returns how many."""

    def set_aside_count(self) -> int:
        """Return how many rows are set aside."""

    def known_series(self, school_id: str) -> frozenset[bytes]:
        """Return digests of all series this school has ever had."""

    def refuse(self, refusal: Refusal) -> None:
        """Keep a refused body; over the school's bound the oldest is dropped, never the count."""

    def refusals(self, school_id: str, limit: int) -> Sequence[Refusal]:
        """Return refused bodies of a school, newest first."""

    def refusal_count(self, school_id: str) -> RefusalCount:
        """Return how many were refused in all, and how many are kept."""


class SheetRecords(Protocol):
    """Score sheets with the case files they came from: the newest few of a school and rubric.

    A memory of what was shown last, not the record of a published result: a sheet is a function
    of its case file.
    """

    def add_sheet(self, sheet: StoredSheet) -> bool:
        """Keep a sheet and drop all but the newest few of its school and rubric.

        False if the newest of this school and rubric has the same hash.
        """

    def latest_sheet(self, school_id: str, rubric_id: str) -> StoredSheet | None:
        """Return the newest sheet."""

    def sheet(self, content_hash: str) -> StoredSheet | None:
        """Return the sheet with this content hash."""


class SlotRecords(Protocol):
    """Test slots: the plan of each day, what became of it, and what forbids testing."""

    def add_slot_day(self, day: SlotDay, tests: Sequence[SlotTest]) -> bool:
        """Keep the plan of a day, all or nothing. False if the day is planned already."""

    def slot_day(self, day: date) -> SlotDay | None:
        """Return how this day was planned."""

    def add_slot_tests(self, tests: Sequence[SlotTest]) -> None:
        """Add tests to what is planned; their ids are given by the store.

        Raises NotFoundError if a school does not exist.
        """

    def put_slot_test(self, test: SlotTest) -> None:
        """Replace the test with this id."""

    def slot_tests(
        self, since: date, school_id: str | None = None, after: int = 0
    ) -> Sequence[SlotTest]:
        """Return the tests from this day on with ids above `after`, by id."""

    def skipped_slot_tests(
        self, school_id: str, ended_after: datetime, limit: int
    ) -> Sequence[SlotTest]:
        """Return a school's skipped tests that were given up after this time, oldest first."""

    def forget_slot_tests(self, before: date) -> int:
        """Drop days and tests before this day; returns how many tests."""

    def add_slot_pause(self, pause: SlotPause) -> int:
        """Keep a pause and return its id. Raises NotFoundError if its school does not exist."""

    def slot_pauses(self, ending_after: datetime) -> Sequence[SlotPause]:
        """Return pauses that end after this time and were not ended early before it, by id."""

    def end_slot_pause(self, pause_id: int, now: datetime) -> bool:
        """End a pause now. False if there is none with this id that could still be ended."""

    def put_slot_settings(self, settings: SlotSettings) -> None:
        """Replace the settings of a school. Raises NotFoundError if it does not exist."""

    def slot_settings(self) -> Mapping[str, SlotSettings]:
        """Return the settings of every school that has any."""


class RecordStore(SchoolRecords, IdentityRecords, Inbox, SheetRecords, SlotRecords, Protocol):
    """Everything that is not a number in a series."""

    def check(self) -> None:
        """Return if the store answers. Raises UnavailableError with what to do if it does not."""

    def close(self) -> None:
        """Release connections; safe to call twice."""


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A stretch of time that counts, `start` included and `stop` not, and its local day."""

    day: date
    start: datetime
    stop: datetime


@dataclass(frozen=True, slots=True)
class SeriesQuery:
    """Which samples of one school to reduce, and how.

    Only samples within one of `spans` count (ordered, none overlapping, each within one local
    day), and only those of readings that ended `ok` or `limited`. `slot_s` is the length of the
    slots that coverage is counted in, from the start of each span.
    """

    school_id: str
    series: str
    per: Grouping
    statistic: Statistic
    spans: Sequence[TimeSpan]
    target: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    labels_not: Mapping[str, Sequence[str]] = field(default_factory=dict)
    void_causes: tuple[str, ...] = ()
    slot_s: int = 60


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """One group of samples (a target, an agent, `agent/target` or the school), reduced.

    All but `observed` and `void_by_cause` leave out samples with a void cause. `free_samples` and
    `free_days` count those that nothing, or only the line itself, had limited.
    """

    group: str
    value: float | None
    """The statistic over the valid samples; None if there are none."""
    samples: int
    days: int
    weeks: int
    slots: int
    """Slots with at least one valid sample."""
    since: datetime | None
    until: datetime | None
    """Times of the first and the last valid sample."""
    free_samples: int
    free_days: int
    limited_by_cause: Mapping[str, int]
    void_samples: int
    void_by_cause: Mapping[str, int]
    observed: float | None
    """The statistic over the void samples alone: seen, but no evidence."""


class SeriesStore(Protocol):
    """Readings and their samples: much data, appended once, read by window."""

    def apply_batches(self, batches: Sequence[Batch]) -> int:
        """Store readings and samples of batches that are new, all in one durable transaction.

        The key of each batch is recorded in the same transaction, so one that was applied
        before, also before a kill -9, is passed over. Returns how many were new. Raises and
        stores nothing if any of them cannot be stored.
        """

    def summarise(self, query: SeriesQuery) -> Sequence[GroupSummary]:
        """Reduce the samples of each group, groups ordered by name; no samples, no group.

        Quantiles are exact, with linear interpolation between the two nearest samples. The same
        samples always give the same numbers, in whatever order they arrived.
        """

    def latest_readings(
        self, school_id: str, probe: str | None = None, limit: int = 100
    ) -> Sequence[AgentReading]:
        """Return readings of a school, newest first, optionally of one probe."""

    def last_reading_times(self) -> Mapping[str, datetime]:
        """Return time of the newest reading per school; a school without any is absent."""

    def check(self) -> None:
        """Return if the store answers. Raises UnavailableError with what to do if it does not."""

    def close(self) -> None:
        """Checkpoint and release the file; safe to call twice."""
