"""How much the clauses of a deduction can take, against the points of the item."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

from rubrics.exact import decimal_text, exact_sum
from rubrics.lint.places import items_of, readings_of
from rubrics.lint.warning import LintWarning, warn
from rubrics.model import expressions as ex
from rubrics.model import rules
from rubrics.model.rubric import Item, ReadingChoice, Rubric
from rubrics.units import UNITS
from rubrics.yaml_source import Path

FLOOR_WORDS = re.compile(r"扣完(?:本项)?(?:分值)?为止|最多扣|不计负分|not below 0")
DEDUCTS = re.compile(r"扣\s*\d|(?<!得)扣分")
MAX_COMBINATIONS = 256


@dataclass(frozen=True, slots=True)
class Worst:
    """The most that the clauses take under one choice of readings; None: without end."""

    chosen: Mapping[str, str]
    stated: Fraction
    """Sum of what the text states once or for a limited number of things."""
    repeating: Fraction | None
    """What the clauses take that repeat for every unit or step; None where nothing limits them."""
    repeats: tuple[Any, ...]

    @property
    def all(self) -> Fraction | None:
        """Everything together."""
        return None if self.repeating is None else self.stated + self.repeating


def deduction_warnings(rubric: Rubric) -> Iterator[LintWarning]:
    """Find sums over the maximum, repetition without a floor text, points nothing can take."""
    for path, item in items_of(rubric):
        if isinstance(item.rule, rules.Deduct) and item.max is not None:
            yield from _deduction(rubric, path, item, item.rule, item.max)


def _deduction(
    rubric: Rubric, path: Path, item: Item, rule: rules.Deduct, top: Fraction
) -> Iterator[LintWarning]:
    ways = [_worst(rule, item, rubric, chosen) for chosen in _choices(rule, rubric)]
    floor = _floor(item.scoring_text or item.text)
    words: dict[str, Any] = {
        "items": (item.id,),
        "clause": item.scoring_text or item.text,
        "item": item.id,
        "max": decimal_text(top),
    }
    place = (*path, "rule")
    over = next((way for way in ways if way.stated > top), None)
    if over is not None:
        settled = "text" if floor == "covers" else None
        yield warn("deductions_exceed_max", rubric.id, place, sum=decimal_text(over.stated),
                   settled_by=settled, when=_when(over, ways[0]), **words)  # fmt: skip
    if floor != "covers":
        repeats = [way for way in ways if way.repeats and (way.all is None or way.all > top)]
        if repeats:
            clause = repeats[0].repeats[0]
            named = clause.text.zh if clause.text is not None else clause.kind
            code = "repeats_without_floor" if floor == "none" else "floor_before_other_clause"
            yield warn(code, rubric.id, place, each=named, **words)
    least = ways[0].all
    if least is not None and least < top:
        yield warn("points_never_lost", rubric.id, place, sum=decimal_text(least),
                   left=decimal_text(top - least), **words)  # fmt: skip


def _when(way: Worst, default: Worst) -> str:
    """Name the readings under which it is so, where it is not so by default."""
    changed = [f"{n}={a}" for n, a in way.chosen.items() if default.chosen[n] != a]
    return f" ({', '.join(changed)})" if changed else ""


def _floor(text: str) -> str:
    """`covers`: a floor ends the text; `partly`: more deductions follow it; `none`: no floor."""
    found = list(FLOOR_WORDS.finditer(text))
    if not found:
        return "none"
    return "partly" if DEDUCTS.search(text[found[-1].end() :]) else "covers"


def _choices(rule: rules.Deduct, rubric: Rubric) -> Iterator[Mapping[str, str]]:
    """Every choice of the readings that decide which clauses count; the defaults first."""
    names = [
        name
        for name in dict.fromkeys(
            name
            for clause in rule.clauses
            if clause.applies_when is not None
            for name in readings_of(clause.applies_when)
        )
        if name in rubric.readings
    ]
    ordered = [_default_first(rubric.readings[name]) for name in names]
    for count, chosen in enumerate(product(*ordered)):
        if count >= MAX_COMBINATIONS:
            return
        yield dict(zip(names, chosen, strict=True))


def _default_first(choice: ReadingChoice) -> list[str]:
    return [choice.default, *(name for name in choice.alternatives if name != choice.default)]


def _worst(rule: rules.Deduct, item: Item, rubric: Rubric, chosen: Mapping[str, str]) -> Worst:
    stated, repeating = [Fraction(0)], [Fraction(0)]
    repeats, endless = [], False
    for clause in rule.clauses:
        if clause.applies_when is not None and _holds(clause.applies_when, chosen) is False:
            continue
        if clause.kind in ("flag", "zero"):
            stated.append(clause.points)
            continue
        times = _most_units(clause, item, rubric)
        if clause.kind == "each" and times is not None:
            stated.append(clause.points * times)
            continue
        repeats.append(clause)
        if times is None:
            endless = True
        else:
            repeating.append(clause.points * times)
    limit = None if endless else exact_sum(repeating)
    return Worst(chosen, exact_sum(stated), limit, tuple(repeats))


def _holds(condition: Any, chosen: Mapping[str, str]) -> bool | None:
    """Truth of a condition as far as reading choices decide it; None where they do not."""
    if isinstance(condition, ex.ReadingIs):
        return chosen.get(condition.reading) == condition.is_
    if isinstance(condition, ex.Not):
        inner = _holds(condition.not_, chosen)
        return None if inner is None else not inner
    if isinstance(condition, ex.AllOf):
        parts = [_holds(part, chosen) for part in condition.all_of]
        return False if False in parts else None if None in parts else True
    if isinstance(condition, ex.AnyOf):
        parts = [_holds(part, chosen) for part in condition.any_of]
        return True if True in parts else None if None in parts else False
    return None


def _most_units(clause: Any, item: Item, rubric: Rubric) -> Fraction | None:
    """Most units or steps that a repeating clause can count; None where nothing limits them."""
    if clause.kind == "each":
        return upper_bound(clause.count, item, rubric)
    if clause.below is None:
        return None
    target = upper_bound(clause.below, item, rubric)
    size = upper_bound(clause.step, item, rubric)
    return None if target is None or not size else Fraction(target // size)


def upper_bound(value: Any, item: Item, rubric: Rubric) -> Fraction | None:
    """Largest number that a value can take by what the file states, in base units."""
    if isinstance(value, ex.Quantity):
        return value.value * UNITS[value.unit].factor
    if isinstance(value, ex.ReadingRef):
        choice = rubric.readings[value.reading]
        return choice.alternatives[choice.default].value
    if isinstance(value, ex.EntryValue):
        return _entry_bound(value, item, rubric)
    if isinstance(value, ex.Shortfall):
        return upper_bound(value.shortfall[0], item, rubric)
    if isinstance(value, ex.Variant):
        return _largest([row.value for row in value.variant], item, rubric)
    if isinstance(value, ex.OneOf):
        return _largest(value.one_of, item, rubric)
    return None


def _largest(values: Any, item: Item, rubric: Rubric) -> Fraction | None:
    bounds = [upper_bound(value, item, rubric) for value in values]
    known = [bound for bound in bounds if bound is not None]
    return max(known) if len(known) == len(bounds) else None


def _entry_bound(value: ex.EntryValue, item: Item, rubric: Rubric) -> Fraction | None:
    holder = item
    if value.item is not None:
        holder = next(one for one in rubric.items() if one.id == value.item)
    spec = holder.entries[value.entry]
    if spec.max is not None:
        return spec.max * UNITS[spec.number_unit].factor
    return Fraction(1) if spec.type == "percent" else None
