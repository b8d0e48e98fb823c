"""What a rule sees while one item is scored: case, entries of the item, readings in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rubrics.checks import walk
from rubrics.dimensions import DimensionError, Names, unit_of
from rubrics.engine.case import Case
from rubrics.engine.evidence import Resolved
from rubrics.model import expressions as ex
from rubrics.model.rubric import Item, Rubric
from rubrics.units import Unit

MAX_READING_COMBINATIONS = 64
"""Combinations of undecided readings tried for one item; beyond it the item needs a choice."""


@dataclass(frozen=True, slots=True, eq=False)
class ItemPlan:
    """One item with what is worked out once for all cases."""

    item: Item
    used_readings: tuple[str, ...]
    """Reading choices that the item's rule asks for."""
    open_readings: tuple[str, ...]
    """Those of them that a default does not settle."""


class Plan:
    """A rubric prepared for scoring many cases."""

    def __init__(self, rubric: Rubric) -> None:
        self.rubric = rubric
        self.items: dict[str, Item] = {item.id: item for item in rubric.items()}
        self.item_plans = tuple(_item_plan(item, rubric) for item in self.items.values())
        self.default_readings = {name: choice.default for name, choice in rubric.readings.items()}
        self.units: dict[int, Unit] = {}
        self.constants: dict[int, Resolved] = {}
        """Stated quantities that no reading changes, by the id of their model."""
        self.answered: dict[tuple[int, bool], Any] = {}
        """What a clause takes that one yes or no decides, by the id of its model: never changed."""
        for item in self.items.values():
            names = Names(rubric, item, self.items)
            for _, node in walk(item):
                try:
                    self.units[id(node)] = unit_of(node, names)
                except (KeyError, DimensionError):
                    continue  # not a value, or a choice used as a word rather than a number


def _item_plan(item: Item, rubric: Rubric) -> ItemPlan:
    named = (
        node.reading for _, node in walk(item) if isinstance(node, ex.ReadingRef | ex.ReadingIs)
    )
    used, choices = tuple(dict.fromkeys(named)), rubric.readings
    left = tuple(name for name in used if choices[name].when_not_chosen != "default")
    return ItemPlan(item, used, left)


@dataclass(slots=True)
class Scope:
    """One item of one case under one choice of readings."""

    plan: Plan
    case: Case
    item: Item
    entries: Mapping[str, Any]
    readings: Mapping[str, str]
    full_digits: bool = False
    """Write measured numbers in full: cut, they would contradict the verdict."""

    def entry(self, name: str, item: str | None) -> Any:
        """Return an entry's value, None when nobody gave it."""
        if item is None:
            return self.entries.get(name)
        return self.case.entries.get(item, {}).get(name)

    def unit(self, value: Any) -> Unit:
        """Return the unit of a value of the rubric."""
        return self.plan.units[id(value)]

    def word(self, choice: str | ex.ReadingRef) -> str:
        """Resolve a word that a reading may decide (`rounding: {reading: partial_step}`)."""
        return choice if isinstance(choice, str) else self.readings[choice.reading]
