"""The closed set of rule types: how one item of a rubric earns or loses its points."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field, model_validator

from rubrics.exact import Exact
from rubrics.model.base import Id, Many, Name, Some, Strict, Text
from rubrics.model.expressions import Condition, Quantity, ReadingRef, Value, Variant

Rounding = Literal["floor", "ceil", "linear"]
"""How a part step counts: not at all, as a whole one, or in proportion."""


class Clause(Strict):
    """What the clauses of a rule share."""

    id: Id | None = None
    text: Text | None = None
    """The clause in words; the working and the findings show it."""
    applies_when: Condition | None = None
    """The clause counts only where this holds (variant by school type, size, award, reading)."""


class FlagClause(Clause):
    """Fixed points, once, when the condition holds."""

    kind: Literal["flag"]
    points: Exact
    when: Condition
    show: Many[Value] = ()
    """Numbers to put beside the finding; they do not decide."""


class EachClause(Clause):
    """Points for every unit counted."""

    kind: Literal["each"]
    points: Exact
    count: Value


class StepClause(Clause):
    """Points for every step that the value lies below (or above) its target."""

    kind: Literal["step"]
    points: Exact
    step: Value
    """A stated quantity, or a variant of stated quantities (5 points, or 5 % of the target)."""
    value: Value
    below: Value | None = None
    above: Value | None = None
    rounding: Rounding | ReadingRef = "floor"

    @model_validator(mode="after")
    def _one_target(self) -> StepClause:
        if (self.below is None) == (self.above is None):
            raise ValueError("needs exactly one of below, above")
        sizes = (
            [row.value for row in self.step.variant]
            if isinstance(self.step, Variant)
            else [self.step]
        )
        if not all(isinstance(size, Quantity) and size.value > 0 for size in sizes):
            raise ValueError("the step must be stated, and greater than zero")
        return self


class ZeroClause(Clause):
    """Points that absorb all other clauses when the condition holds (activity not held)."""

    kind: Literal["zero"]
    points: Exact
    when: Condition


DeductClause = Annotated[
    FlagClause | EachClause | StepClause | ZeroClause, Field(discriminator="kind")
]


class Deduct(Strict):
    """Start from the maximum and deduct; the result is clamped to [0, max]."""

    type: Literal["deduct"]
    clauses: Some[DeductClause]


class AwardLevel(Strict):
    """One level of an award: points for each one counted."""

    id: Id
    title: Text
    points: Exact
    count: Value | None = None
    """Number of awards of this level; absent when the awards come as a list."""


class AwardList(Strict):
    """Awards as a list entry: one mapping for each certificate."""

    entry: Name
    level: Name = "level"
    """Field that names the level."""
    key: Name = "award_id"
    """Field that identifies the award; the same award counts once, at its highest level."""


class Award(Strict):
    """Sum of points by level, clamped to [0, cap]; the cap is the item's max unless given."""

    type: Literal["award"]
    levels: Some[AwardLevel]
    awards: AwardList | None = None
    cap: Exact | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Award:
        counted = [level for level in self.levels if level.count is not None]
        if self.awards is None and len(counted) != len(self.levels):
            raise ValueError("every level needs `count`, or the rule needs `awards`")
        if self.awards is not None and counted:
            raise ValueError("give `awards` or a `count` for each level, not both")
        return self


class Bonus(Strict):
    """Points added by clauses (flag, each); clamped to [0, max]."""

    type: Literal["bonus"]
    clauses: Some[Annotated[FlagClause | EachClause, Field(discriminator="kind")]]


class Criterion(Strict):
    """One testable clause of an item. Without `when` it is shown and a person decides."""

    id: Id
    title: Text
    clause: str | None = None
    """The words of the official text that this criterion tests, verbatim."""
    when: Condition | None = None
    points: Exact | None = None
    """Points of this criterion where the document splits an item's points."""
    show: Many[Value] = ()
    """Numbers to put beside the verdict; they do not decide."""
    applies_when: Condition | None = None


class Judge(Strict):
    """A person gives 0..max at the deciding stage; criteria are hints and carry no points."""

    type: Literal["judge"]
    step: Exact | None = None
    """Smallest step of points a person may give (0.5)."""
    criteria: Many[Criterion] = ()


class Meets(Strict):
    """Every criterion met earns the full points; without points only the findings count."""

    type: Literal["meets"]
    criteria: Some[Criterion]


class Band(Strict):
    """One band: reached at `ge` (inclusive)."""

    ge: Quantity
    points: Exact


class Bands(Strict):
    """Points of the highest band that the value reaches, else `otherwise`."""

    type: Literal["bands"]
    value: Value
    bands: Some[Band]
    otherwise: Exact = Fraction(0)
    higher_is_better: bool = True
    """false: a band is reached at or below its bound (rank, days since, variation)."""


class Proportional(Strict):
    """Points in proportion between `none_at` (0) and `full_at` (max), clamped."""

    type: Literal["proportional"]
    value: Value
    full_at: Value
    none_at: Value | None = None


class Knot(Strict):
    """One corner of a piecewise linear curve."""

    at: Quantity
    points: Exact


class Interpolate(Strict):
    """Piecewise linear between knots in ascending order, constant outside."""

    type: Literal["interpolate"]
    value: Value
    knots: Annotated[tuple[Knot, ...], Field(strict=False, min_length=2)]


class Average(Strict):
    """Mean mark of respondents, brought to the item's max."""

    type: Literal["average"]
    marks: Name
    """List entry that holds one mark for each respondent."""
    lowest: Exact
    highest: Exact
    min_respondents: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _scale(self) -> Average:
        if self.lowest >= self.highest:
            raise ValueError("lowest must be below highest")
        return self


class LevelStep(Strict):
    """One level: all its bullets must hold."""

    id: Id
    title: Text
    points: Exact
    bullets: Some[Criterion]


class Level(Strict):
    """Points of the highest level all of whose bullets hold, else `otherwise`."""

    type: Literal["level"]
    levels: Some[LevelStep]
    otherwise: Exact = Fraction(0)
    requires_lower: bool = False
    """true: a level also needs every level listed after it."""


class Grade(Strict):
    """A person gives a grade; the points are the item's max times the grade's coefficient."""

    type: Literal["grade"]
    entry: Name
    coefficients: Mapping[str, Exact]


class Veto(Strict):
    """The condition overrides the grade of the whole rubric; points stay visible."""

    type: Literal["veto"]
    when: Condition
    effect: Text


class Fact(Strict):
    """A form field: the value of one entry, compared with what was measured where it can be."""

    type: Literal["fact"]
    entry: Name
    measured: Value | None = None
    tolerance: Quantity | None = None
    """Largest relative difference between entry and measurement without a dispute (percent)."""
    contradicted_when: Condition | None = None
    """Measured circumstance that contradicts a 是; gives `disputed`, never overwrites."""
    doubtful_when: Condition | None = None
    """Other declared figures that do not fit this one; gives a warning, the answer stands."""
    good_answer: bool = True
    """Which answer of a yes/no field speaks for the school (否 where the field asks for harm)."""


class Earlier(Strict):
    """An entry of another item that has to be written first."""

    item: Id
    entry: Name


class TextRule(Strict):
    """A narrative: an entry of text, a file wanted, signatures."""

    type: Literal["text"]
    entry: Name | None = None
    others: Many[Name] = ()
    """Further text entries that belong to the same blank and are wanted as well."""
    max_characters: Annotated[int, Field(ge=1)] | None = None
    """Longest text allowed (字); blanks and line breaks do not count."""
    attachment: Name | None = None
    """Entry (bool) that says the attachment is there."""
    follows: Earlier | None = None
    """Opinions have an order: this one may only be written after the earlier one."""
    signed_by: Many[Text] = ()


Rule = Annotated[
    Deduct
    | Award
    | Bonus
    | Judge
    | Meets
    | Bands
    | Proportional
    | Interpolate
    | Average
    | Level
    | Grade
    | Veto
    | Fact
    | TextRule,
    Field(discriminator="type"),
]
