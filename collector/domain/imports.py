"""Lists that are imported from a file, and what one import writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from collector.domain.people import Assignment, OneTimeCode, Person
from collector.domain.schools import Fact, School, Township


class ImportKind(StrEnum):
    """What a file lists."""

    SCHOOLS = "schools"
    """学校名单与申报数据: schools, their profiles and declared facts."""
    PEOPLE = "people"
    """人员名单: people with roles, schools and what is assigned to them."""


@dataclass(frozen=True, slots=True)
class ImportFile:
    """A file that was handed in.

    `id` is the hash of kind, day and content: the same file on the same terms is the same import,
    however often it is sent.
    """

    id: str
    kind: ImportKind
    name: str
    sha256: str
    """Of the content alone, as `sha256sum` shows it."""
    size_bytes: int
    as_of: date
    """The day for which its numbers hold where a row names none."""
    uploaded_by: str
    uploaded_at: datetime
    committed_by: str | None = None
    committed_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    """Rows by outcome, as they were when it was committed."""


@dataclass(frozen=True, slots=True)
class SeenSchool:
    """A school as it will be, and the newest version of its profile that this was decided on."""

    school: School
    seen: int
    """0: there is no such school yet."""


@dataclass(frozen=True, slots=True)
class ImportChange:
    """What an import writes: all of it in one transaction, or nothing."""

    townships: tuple[Township, ...] = ()
    schools: tuple[SeenSchool, ...] = ()
    facts: tuple[Fact, ...] = ()
    people: tuple[Person, ...] = ()
    """New ones and changed ones."""
    codes: tuple[OneTimeCode, ...] = ()
    """For the first password of the new people."""
    assignments: tuple[Assignment, ...] = ()
    """Added to what is assigned already."""
