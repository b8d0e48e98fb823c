"""Schools, what they declare about themselves, and what people enter for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from collector.domain.values import EntryValue

SCHOOL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What the id of a school may look like, matched in full."""


class SchoolKind(StrEnum):
    """Which form of the official rubrics applies."""

    GENERAL = "general"
    VOCATIONAL = "vocational"


class Stage(StrEnum):
    """A stage of schooling (学段)."""

    PRIMARY = "primary"
    JUNIOR = "junior"
    SENIOR = "senior"


class Setting(StrEnum):
    """Where a school lies (城区、镇区、乡村)."""

    URBAN = "urban"
    TOWN = "town"
    RURAL = "rural"


class SchoolForm(StrEnum):
    """What people call the school, by the stages of schooling it has."""

    PRIMARY = "primary"
    JUNIOR = "junior"
    SENIOR = "senior"
    NINE_YEAR = "nine_year"
    """九年一贯制学校."""
    TWELVE_YEAR = "twelve_year"
    """十二年一贯制学校."""
    COMPLETE = "complete"
    """完全中学."""
    VOCATIONAL = "vocational"
    """中职."""
    TEACHING_POINT = "teaching_point"
    """教学点."""
    UNKNOWN = "unknown"


_FORMS = {
    frozenset({Stage.PRIMARY}): SchoolForm.PRIMARY,
    frozenset({Stage.JUNIOR}): SchoolForm.JUNIOR,
    frozenset({Stage.SENIOR}): SchoolForm.SENIOR,
    frozenset({Stage.PRIMARY, Stage.JUNIOR}): SchoolForm.NINE_YEAR,
    frozenset({Stage.JUNIOR, Stage.SENIOR}): SchoolForm.COMPLETE,
    frozenset(Stage): SchoolForm.TWELVE_YEAR,
}


@dataclass(frozen=True, slots=True)
class Township:
    """What stands between county and school: a township (乡镇、街道) or a group (教育集团)."""

    id: str
    name: str
    kind: str = "township"
    """`township` or `group`."""
    parent_id: str | None = None


@dataclass(frozen=True, slots=True)
class School:
    """A school's profile. `as_of` is the day on which the declared head counts held.

    A teaching point (教学点) belongs to `main_school_id`, where that is known.
    """

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
    township_id: str | None = None
    setting: Setting | None = None
    teaching_point: bool = False
    main_school_id: str | None = None

    @property
    def form(self) -> SchoolForm:
        """What people call it; unknown where its stages make no usual form."""
        if self.teaching_point:
            return SchoolForm.TEACHING_POINT
        if self.kind is SchoolKind.VOCATIONAL:
            return SchoolForm.VOCATIONAL
        return _FORMS.get(frozenset(self.stages), SchoolForm.UNKNOWN)

    @property
    def heads(self) -> int | None:
        """People in school (在校): students plus staff, or None while either is unknown."""
        if self.students is None or self.staff is None:
            return None
        return self.students + self.staff


@dataclass(frozen=True, slots=True)
class Profile:
    """One version of a school's profile: `school.as_of` says from which day on it holds."""

    version: int
    school: School
    author: str
    recorded_at: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """A declared value of a school (申报数据). `value` is the text that was given, exactly.

    `id` grows in the order of storing and is 0 before.
    """

    school_id: str
    name: str
    value: str
    as_of: date
    author: str
    recorded_at: datetime
    id: int = 0


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
