"""Assessment rounds: which schools, by which rubrics, over which days, until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from typing import TypeAlias

Hours: TypeAlias = tuple[tuple[time, time], ...]
"""Hours of instruction of a day, in local time and in order."""


class RoundState(StrEnum):
    """Where a round is."""

    DRAFT = "draft"
    """筹备: everything can still be changed."""
    OPEN = "open"
    """进行中: what the round is judged by is pinned; schools fill in."""
    CLOSED = "closed"
    """截止填报: schools fill in no more; reviews and appeals go on."""
    PUBLISHED = "published"
    """已发布: every case is final; a correction makes a new version of a case."""


@dataclass(frozen=True, slots=True)
class PinnedRubric:
    """A rubric as a round uses it.

    `readings` are the reading choices (口径) of the bureau, `references` the figures it gives for
    all schools (a county mean). `version` and `content_hash` are empty until the round opens.
    """

    rubric_id: str
    readings: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    content_hash: str = ""


@dataclass(frozen=True, slots=True)
class RoundCalendar:
    """When school is, during the round.

    Days outside `terms` are no school days (no terms: every day may be one). `closed` are further
    days without lessons, `exams` days without lessons and tests, `open` extra school days.
    Holidays (法定节假日) and make-up days (调休) come from the calendar library when the round
    opens. `school_hours` are the timetables of schools that differ from `hours`; without any hours
    the collector's default counts.
    """

    terms: tuple[tuple[date, date], ...] = ()
    closed: tuple[date, ...] = ()
    open: tuple[date, ...] = ()
    exams: tuple[date, ...] = ()
    hours: Hours = ()
    school_hours: Mapping[str, Hours] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Until when. `appeal_working_days` count from the day after a case is announced (公示)."""

    submit_by: datetime | None = None
    review_by: datetime | None = None
    appeal_working_days: int = 5


@dataclass(frozen=True, slots=True)
class Round:
    """One assessment round. `since` and `until` are the first and the last local day measured.

    `as_of` is the day for which declared facts and profiles count: values declared for a later
    day are not in force. The hashes name what opening pinned: `calendar_hash` the days and hours,
    `catalogue_hash` the definitions of the indicators. `revision` counts the changes.
    """

    id: str
    title: str
    as_of: date
    since: date
    until: date
    rubrics: tuple[PinnedRubric, ...]
    school_ids: tuple[str, ...]
    calendar: RoundCalendar = field(default_factory=RoundCalendar)
    deadlines: Deadlines = field(default_factory=Deadlines)
    state: RoundState = RoundState.DRAFT
    calendar_hash: str = ""
    catalogue_hash: str = ""
    created_at: datetime | None = None
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    published_at: datetime | None = None
    revision: int = 0

    def rubric(self, rubric_id: str) -> PinnedRubric | None:
        """Return how this round uses the rubric; None if it does not."""
        return next((one for one in self.rubrics if one.rubric_id == rubric_id), None)
