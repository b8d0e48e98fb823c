"""Schools, what they declare about themselves, and what people enter for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from collector.domain.values import EntryValue


class SchoolKind(StrEnum):
    """Which form of the official rubrics applies."""

    GENERAL = "general"
    VOCATIONAL = "vocational"


class Stage(StrEnum):
    """A stage of schooling (学段)."""

    PRIMARY = "primary"
    JUNIOR = "junior"
    SENIOR = "senior"


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
