"""What scoring an item yields, before it is written out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from rubrics.engine.conditions import Outcome
from rubrics.engine.scope import Scope
from rubrics.model.base import Text
from rubrics.model.rubric import Item

ZERO = Fraction(0)


@dataclass(slots=True)
class Finding:
    """The verdict on one clause or criterion of an item."""

    id: str
    title: Text | None
    outcome: Outcome
    result: str
    reason: str | None
    scope: Scope
    show: tuple[Any, ...] = ()
    lost: Fraction | None = None
    """Points that a deduct clause takes, before the item is clamped; None while unknown."""
    arithmetic: str | None = None
    """How the lost points came about: `3 × 0.5 = 1.5`."""
    overridden: Finding | None = None
    """What the engine found where a person gave another verdict."""
    alternatives: tuple[tuple[str, Finding], ...] = ()
    """What each alternative of an undecided reading gives, where they differ."""


@dataclass(slots=True)
class Points:
    """An item's points as an interval, with findings and working."""

    low: Fraction
    high: Fraction
    found: tuple[Finding, ...] | Callable[[], tuple[Finding, ...]]
    """The findings, or how to write them: totals of a county need only the points."""
    working: Callable[[str], str]
    """Working in `zh` or `en`; written only when somebody reads it."""
    vetoed: bool | None = False
    answered: bool | None = None
    """For form fields: whether the field is filled."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The verdicts on the clauses or criteria, in the order of the document."""
        if callable(self.found):
            self.found = self.found()
        return self.found


@dataclass(slots=True)
class ItemResult:
    """One item of the sheet."""

    item: Item
    status: str
    low: Fraction
    high: Fraction
    max: Fraction | None
    points: Points
    excluded: bool = False
    stage_warnings: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know beside the verdicts, each once."""
        said = [warning for one in self.points.findings for warning in one.outcome.warnings]
        return tuple(dict.fromkeys((*said, *self.stage_warnings)))


def clamp(number: Fraction, top: Fraction) -> Fraction:
    """Bring points into [0, top]."""
    if number.numerator <= 0:
        return ZERO
    return top if number > top else number
