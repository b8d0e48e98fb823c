"""Bandwidth tests of schools: planned, asked for, forbidden."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum


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
