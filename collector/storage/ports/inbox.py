"""Accepted batches on their way to the series store, and refused bodies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Acceptance(StrEnum):
    """What became of a batch offered to the inbox."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    """The same batch is already there with the same content; nothing was changed."""
    CONFLICT = "conflict"
    """The batch id is known with other content; nothing was changed."""
    QUARANTINED = "quarantined"
    """Two hosts write under this identity. Kept apart, within a bound, and no data."""
    OUTDATED = "outdated"
    """Older than what its stream delivered and forgot; only said of what a bundle carries."""


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
    address: str = ""
    """Network address that it came from."""
    by_bundle: bool = False
    """Carried by a person: may come long after the same agent went on over the network."""


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


@dataclass(frozen=True, slots=True)
class ImportedBundle:
    """A bundle that a person carried here: readings of a school that cannot reach the bureau."""

    bundle_id: str
    school_id: str
    agent_id: str
    imported_at: datetime
    batches: int
    readings: int


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

    def note_bundle(self, bundle: ImportedBundle) -> None:
        """Remember an imported bundle; noting it again changes nothing."""

    def bundle(self, bundle_id: str) -> ImportedBundle | None:
        """Return when and with what this bundle was imported."""

    def known_series(self, school_id: str) -> frozenset[bytes]:
        """Return digests of all series this school has ever had."""

    def refuse(self, refusal: Refusal) -> None:
        """Keep a refused body; over the school's bound the oldest is dropped, never the count."""

    def refusals(self, school_id: str, limit: int) -> Sequence[Refusal]:
        """Return refused bodies of a school, newest first."""

    def refusal_count(self, school_id: str) -> RefusalCount:
        """Return how many were refused in all, and how many are kept."""
