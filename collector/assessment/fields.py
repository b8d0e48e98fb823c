"""The fields of a form, generated from the rubric: what may be typed, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from collector.domain import EntryValue
from rubrics.engine.entry_values import value_problem
from rubrics.exact import decimal_text, exact
from rubrics.model import Rubric
from rubrics.model.rubric import EntrySpec, FigureSpec, Item

TYPE_WORDS = {
    "count": ("非负整数", "a whole number, 0 or more"),
    "percent": ("0 到 100 的百分数", "a percentage from 0 to 100"),
    "number": ("数字", "a number"),
    "bool": ("是或否", "yes or no"),
    "text": ("文字", "text"),
    "choice": ("列出的选项之一", "one of the choices"),
    "list": ("一列数", "a list"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an item."""

    item: Item
    name: str
    spec: EntrySpec

    @property
    def fact(self) -> str | None:
        """The declared fact that the field stands for."""
        return self.spec.fact


def fields_of(rubric: Rubric) -> Iterator[Field]:
    """Yield every field of the form, in the order of the document."""
    for item in rubric.items():
        for name, spec in item.entries.items():
            yield Field(item, name, spec)


def find_field(rubric: Rubric, item_id: str, name: str) -> Field | None:
    """Return one field; None if the rubric has no such item or entry."""
    return next((f for f in fields_of(rubric) if (f.item.id, f.name) == (item_id, name)), None)


def stored_value(value: object) -> EntryValue:
    """Return a value as it is kept: a number with a fraction as its exact text."""
    if isinstance(value, float):
        return decimal_text(exact(value))
    if isinstance(value, list):
        return [one if isinstance(one, dict) else stored_value(one) for one in value]  # type: ignore[misc] # records stay as they are
    return value  # type: ignore[return-value] # JSON has no other scalars; the spec decides


def problem_with(spec: EntrySpec, value: EntryValue) -> str | None:
    """Say what is wrong with a value, in both languages; None if the field takes it."""
    if value is None:
        return None
    problem = value_problem(spec, value)
    if problem is None:
        return None
    zh, en = TYPE_WORDS[spec.type]
    limits = _limits(spec.min, spec.max)
    if spec.type == "choice":
        limits = "：" + "、".join(choice.zh for choice in spec.choices)
    if spec.max_length is not None and spec.type in ("text", "list"):
        limits = f"，至多 {spec.max_length} {'字' if spec.type == 'text' else '项'}"
    return f"这里要填{zh}{limits} / {en} is needed: {problem}"


def problem_with_fact(spec: FigureSpec, value: EntryValue) -> str | None:
    """Say what is wrong with a declared figure, in both languages; None if it can be declared."""
    if spec.type == "bool":
        good = isinstance(value, bool)
        return None if good else "这里要填是或否 / yes or no is needed"
    if spec.type == "choice":
        return None if isinstance(value, str) and value else "这里要选一项 / a choice is needed"
    try:
        number = exact(value)
    except ValueError:
        return "这里要填数字 / a number is needed"
    if (spec.min is not None and number < spec.min) or (spec.max is not None and number > spec.max):
        return f"超出范围{_limits(spec.min, spec.max)} / out of range"
    if spec.unit == "count" and number.denominator != 1:
        return "这里要填整数 / a whole number is needed"
    return None


def problem_with_points(item: Item, points: str) -> str | None:
    """Say what is wrong with points for an item, in both languages; None if it takes them."""
    if item.max is None:
        return "这一项不计分 / this item carries no points"
    try:
        number = exact(points)
    except ValueError:
        return "这里要填分数 / points are needed"
    if not 0 <= number <= item.max:
        return f"分数应在 0 到 {decimal_text(item.max)} 之间 / points are outside the item's range"
    step = item.rule.step if item.rule.type == "judge" else None
    if step is not None and (number / step).denominator != 1:
        return f"分数应是 {decimal_text(step)} 的倍数 / not a multiple of the step"
    return None


def _limits(least: Fraction | None, most: Fraction | None) -> str:
    if least is None and most is None:
        return ""
    low = "" if least is None else f"不小于 {decimal_text(least)}"
    high = "" if most is None else f"不大于 {decimal_text(most)}"
    return "，" + "、".join(filter(None, (low, high)))
