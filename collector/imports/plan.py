"""What an import would do, row by row, before anything is written. Pure values."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from collector.domain import ImportChange, Person, Township
from collector.errors import RowError


class RowOutcome(StrEnum):
    """What becomes of a row."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One value that a row sets; `before` is None where nothing was known."""

    zh: str
    en: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One row of the sheet. `number` is the row's number as the sheet shows it."""

    number: int
    key: str
    name: str
    outcome: RowOutcome
    changes: tuple[FieldChange, ...] = ()
    problems: tuple[RowError, ...] = ()
    """`row` is the sheet's row number, `field` its column, such as `D列 学段`."""


@dataclass(frozen=True, slots=True)
class NewCode:
    """A new person with the one-time code for the first password, shown once."""

    person: Person
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All rows with their outcome, and what the good ones would write."""

    sheet: str
    columns: tuple[str, ...]
    ignored: tuple[str, ...]
    rows: tuple[PlannedRow, ...]
    change: ImportChange
    codes: tuple[NewCode, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Return how many rows have each outcome."""
        outcomes = [row.outcome for row in self.rows]
        return {outcome.value: outcomes.count(outcome) for outcome in RowOutcome}

    @property
    def townships(self) -> Sequence[Township]:
        """Townships that the file names and nobody has registered yet."""
        return self.change.townships

    @property
    def digest(self) -> str:
        """Return a hash of what is shown: the plan that somebody saw is the one that is done."""
        shown = [(row.number, row.key, row.outcome, row.changes) for row in self.rows]
        return hashlib.sha256(repr(shown).encode()).hexdigest()[:32]
