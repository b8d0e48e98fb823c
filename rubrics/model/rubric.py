"""The rubric itself: header, stages, reading choices, typed entries, sections, items, bands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from rubrics.exact import Exact
from rubrics.model.base import Id, Many, Name, Some, Strict, Text
from rubrics.model.expressions import Condition, Quantity, ReadingIs, ReadingRef
from rubrics.model.form import PrintedForm
from rubrics.model.rules import Criterion, Judge, Level, Meets, Rule
from rubrics.units import UnitName

Kind = Literal["general", "vocational"]
SchoolStage = Literal["primary", "junior", "senior"]
EntryType = Literal["count", "percent", "number", "bool", "text", "choice", "list"]


class Choice(Strict):
    """One answer of a choice entry."""

    id: Id
    zh: str
    en: str | None = None


class EntrySpec(Strict):
    """What a person may enter: forms, imports and checks are made from this."""

    type: EntryType
    zh: Annotated[str, Field(min_length=1)]
    en: str | None = None
    unit: UnitName | None = None
    min: Exact | None = None
    max: Exact | None = None
    choices: Many[Choice] = ()
    of: Literal["count", "percent", "number", "record"] | None = None
    """What a list holds."""
    max_length: Annotated[int, Field(ge=1)] | None = None
    """Characters of a text, or members of a list."""
    yes_means: Exact | None = None
    """Number that a bare 是 stands for in a count where the paper form only asks whether there is
    any; a bare 否 is 0."""
    help: Text | None = None
    """How to find the figure, in words for the person who fills the form."""
    fact: Name | None = None
    """The declared fact of the school that this field asks for: typed once, it serves every form
    that names the same fact. It is one of the rubric's `facts`."""

    @model_validator(mode="after")
    def _fits_its_type(self) -> EntrySpec:
        numeric = self.type in ("count", "percent", "number") or self.of in ("number", "percent")
        if self.type == "number" and self.unit is None:
            raise ValueError("a number entry needs a `unit`")
        if not numeric and self.of is None and (self.min is not None or self.max is not None):
            raise ValueError(f"`min`/`max` do not go with type {self.type}")
        if (self.type == "choice") != bool(self.choices):
            raise ValueError("`choices` go with type choice, and only with it")
        if (self.type == "list") != (self.of is not None):
            raise ValueError("`of` goes with type list, and only with it")
        if self.yes_means is not None and (self.type != "count" or self.yes_means < 1):
            raise ValueError("`yes_means` goes with type count, and is 1 or more")
        return self

    @property
    def number_unit(self) -> str:
        """Unit of the entry's numbers."""
        if self.unit is not None:
            return self.unit
        return "percent" if "percent" in (self.type, self.of) else "count"


class Alternative(Strict):
    """One way to read the official text."""

    meaning: Text
    value: Exact | None = None
    """The number that this alternative stands for, where it is used as a number."""
    unit: UnitName | None = None


class ReadingChoice(Strict):
    """口径: a question the official text leaves open, and its possible answers."""

    question: Text
    alternatives: Annotated[Mapping[str, Alternative], Field(min_length=2)]
    default: str
    when_not_chosen: Literal["default", "undecided_if_it_matters", "required"]
    why: Text | None = None
    """Why the text is open, and why the default is what it is."""

    @model_validator(mode="after")
    def _default_exists(self) -> ReadingChoice:
        if self.default not in self.alternatives:
            raise ValueError(f"default {self.default!r} is none of {list(self.alternatives)}")
        return self


class Stage(Strict):
    """A column of points given by people: 自评, 考评, 区评."""

    id: Id
    title: Text
    actor: Literal["school", "inspector", "bureau"]


class Gate(Strict):
    """★ item: it must be met, or reach these points, for a band that asks for the gates."""

    at_least_points: Exact | None = None


class Item(Strict):
    """One leaf of the official hierarchy: clause text, rule, entries, wanted evidence."""

    id: Id
    title: Text | None = None
    text: Annotated[str, Field(min_length=1)]
    """The official words, verbatim."""
    scoring_text: str | None = None
    """The official words on scoring (评分说明), verbatim, where the document has such a column."""
    max: Exact | None = None
    part: Literal["base", "bonus"] = "base"
    entries: Mapping[Name, EntrySpec] = {}
    rule: Rule
    evidence: Many[Text] = ()
    period: Text | None = None
    sources: Many[Literal["agent", "import", "profile", "manual"]] = ()
    applies_when: Condition | None = None
    when_not_applicable: Literal["full_marks", "excluded", "zero"] | ReadingRef = "excluded"
    gate: Gate | None = None
    guided_by: Many[ReadingRef] = ()
    """Readings that tell people how to count or for which year; the rule does not compute them."""
    defects: Many[str] = ()
    """Known defects of the official text that touch this item."""
    note: Text | None = None

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """The criteria of the rule, in document order; a person may put a verdict beside each."""
        match self.rule:
            case Meets() | Judge():
                return self.rule.criteria
            case Level():
                return tuple(bullet for level in self.rule.levels for bullet in level.bullets)
        return ()

    @model_validator(mode="after")
    def _max_fits(self) -> Item:
        if self.max is not None and self.max <= 0:
            raise ValueError("`max` must be greater than zero")
        unscored = self.rule.type in ("veto", "fact", "text")
        if unscored and self.max is not None:
            raise ValueError(f"rule {self.rule.type} carries no points; remove `max`")
        if not unscored and self.rule.type != "meets" and self.max is None:
            raise ValueError(f"rule {self.rule.type} needs the item's `max`")
        return self


class Section(Strict):
    """One heading of the document: holds sections or items."""

    id: Id
    title: Text
    printed_max: Exact | None = None
    """Points as printed in the heading; kept and compared, never used to score."""
    weight: Exact | None = None
    """Points that the section contributes whatever its items' sum (percent weights)."""
    aggregate: Literal["sum", "mean"] = "sum"
    """mean: the section's points are the mean of its items' points."""
    minimum: Quantity | None = None
    """Least result of the section (percent of its max, or point) for bands that ask for it."""
    sections: Many[Section] = ()
    items: Many[Item] = ()

    @model_validator(mode="after")
    def _not_empty(self) -> Section:
        if bool(self.sections) == bool(self.items):
            raise ValueError("needs either `sections` or `items`")
        return self

    @cached_property
    def item_ids(self) -> tuple[str, ...]:
        """Ids of every item below, in document order."""
        return tuple(item.id for item in self.all_items())

    @cached_property
    def part(self) -> Literal["base", "bonus"]:
        """Base or bonus; the loader refuses top sections that mix the two."""
        parts = [item.part for item in self.all_items() if item.max is not None]
        return "bonus" if "bonus" in parts else "base"

    def all_items(self) -> Iterator[Item]:
        """Every item below, in document order."""
        for section in self.sections:
            yield from section.all_items()
        yield from self.items


class SharedCap(Strict):
    """Items whose points together count at most `cap`."""

    id: Id
    items: Some[Id]
    cap: Exact
    applies_when: ReadingIs | None = None
    """The cap counts only under this alternative of a reading (one item capped, or both)."""


class TotalBand(Strict):
    """A grade of the whole result: reached at `ge` of the total."""

    id: Id
    title: Text
    ge: Quantity
    """point, or percent of the total's max."""
    gates: bool = False
    """Every ★ item must be met."""
    minimums: bool = False
    """Every section with a minimum must reach it."""


class Source(Strict):
    """Where the rubric comes from."""

    document: Text
    note: Text | None = None
    """What is known, and what is not, about the document."""


class Effective(Strict):
    """From when to when the document holds; null where the document does not say."""

    since: str | None = None
    until: str | None = None
    note: Text | None = None


class AppliesTo(Strict):
    """Schools the rubric is for; a case of another school is refused with the reason."""

    kinds: Some[Kind] = ("general", "vocational")
    stages: Many[SchoolStage] = ()


class FigureSpec(Strict):
    """A declared fact, or a reference figure of the round, that the rubric uses."""

    zh: Annotated[str, Field(min_length=1)]
    en: str | None = None
    type: Literal["number", "bool", "choice"] = "number"
    unit: UnitName = "count"
    min: Exact | None = None
    max: Exact | None = None


class Example(Strict):
    """A case worked by hand that travels with the rubric and runs as its test."""

    name: Annotated[str, Field(min_length=1)]
    case: Mapping[str, Any]
    expect: Mapping[str, Any]
    """Part of the expected sheet, or `error`: a part of the message of a refused case.

    Findings may be given as `{criterion id: result}` and items' numbers as numbers."""


class UsedIndicator(Strict):
    """What the engine needs of a catalogue entry; pinned so that the rubric's hash covers it."""

    id: Name
    title: Text
    unit: UnitName
    evidence: Literal["exact", "lower_bound", "upper_bound"]
    samples: int | None = None
    days: int | None = None
    weeks: int | None = None
    coverage: Exact | None = None
    void_when: Many[str] = ()
    upper_bound_when: Many[str] = ()
    measurable: bool = True
    """False while no probe yields it: nothing to switch on, somebody has to look."""


class RubricFile(Strict):
    """What an author writes: one rubric as one YAML file."""

    id: Id
    version: Id
    title: Text
    authority: Text
    source: Source
    effective: Effective = Effective()
    locale: str = "zh-CN"
    applies_to: AppliesTo = AppliesTo()
    award_levels: Many[Choice] = ()
    """Levels a school may apply for; its `award_level` is one of them, by id or by zh."""
    stages: Many[Stage] = ()
    decided_at: Id | None = None
    """Stage whose points count for judged items; the last one unless named."""
    readings: Mapping[Id, ReadingChoice] = {}
    facts: Mapping[Name, FigureSpec] = {}
    references: Mapping[Name, FigureSpec] = {}
    form: PrintedForm | None = None
    sections: Some[Section]
    shared_caps: Many[SharedCap] = ()
    bands: Many[TotalBand] = ()
    places: Annotated[int, Field(ge=0, le=6)] = 4
    """Decimal places of an item's points where the rule gives a number without an end."""
    total_printed_max: Exact | None = None
    note: Text | None = None
    examples: Many[Example] = ()


class Rubric(RubricFile):
    """A checked rubric with the indicator definitions it uses."""

    indicators: Mapping[Name, UsedIndicator] = {}

    def items(self) -> Iterator[Item]:
        """Every item, in document order."""
        for section in self.sections:
            yield from section.all_items()

    @property
    def scored(self) -> bool:
        """Whether the document has points at all."""
        return any(item.max is not None for item in self.items())

    @cached_property
    def content_hash(self) -> str:
        """`sha256:…` over what the rubric says: examples, comments and layout left out."""
        content = self.model_dump(mode="json", by_alias=True, exclude={"examples"})
        canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()

    def __hash__(self) -> int:
        return hash(self.content_hash)
