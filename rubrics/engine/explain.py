"""The working of values and conditions: arithmetic that a headmaster can redo by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from rubrics.engine.conditions import MET, NOT_MET, Outcome
from rubrics.engine.scope import Scope
from rubrics.engine.values import quantity_factor, resolve
from rubrics.exact import decimal_text
from rubrics.model import expressions as ex
from rubrics.units import Unit

UNKNOWN = "?"
_PRODUCT, _SUM = 1, 2
_SIGN = {
    "ge": ("≥", "<"),
    "gt": (">", "≤"),
    "le": ("≤", ">"),
    "lt": ("<", "≥"),
    "eq": ("=", "≠"),
}
_WORDS = {
    "zh": {"yes": "是", "no": "否", "and": "；", "or": " 或 ", "in": "在", "out": "不在"},
    "en": {"yes": "yes", "no": "no", "and": "; ", "or": " or ", "in": "within", "out": "outside"},
}


@dataclass(slots=True)
class Expression:
    """Arithmetic as text; `factor` base units are one unit of its result."""

    text: str
    factor: Fraction
    level: int = 0

    def inside(self, level: int) -> str:
        """Write it as an operand of an operator of this level."""
        return f"({self.text})" if self.level > level else self.text

    def to(self, factor: Fraction) -> Expression:
        """Convert to another unit by showing the conversion."""
        ratio = self.factor / factor
        if ratio == 1:
            return self
        text = self.inside(_PRODUCT)
        up, down = _as_written(ratio)
        if up != 1:
            text += f" × {up}"
        if down != 1:
            text += f" ÷ {down}"
        return Expression(text, factor, _PRODUCT)


def _as_written(ratio: Fraction) -> tuple[int, int]:
    """Return `1024 ÷ 1000000` rather than `16 ÷ 15625` where a power of ten will do."""
    up, down = ratio.numerator, ratio.denominator
    if up == 1 or down == 1:
        return up, down
    ten = next((10**digits for digits in range(1, 19) if 10**digits % down == 0), down)
    return up * ten // down, ten


def expression(value: Any, scope: Scope) -> Expression:
    """Write a value as arithmetic on the numbers that people know."""
    writer = _WRITERS.get(type(value))
    if writer is not None:
        return writer(value, scope)
    unit = scope.unit(value)
    return Expression(number_text(resolve(value, scope).number, unit), unit.factor)


def number_text(number: Fraction | None, unit: Unit) -> str:
    """Write a number of base units in a unit; `?` when unknown."""
    return UNKNOWN if number is None else decimal_text(number / unit.factor)


def worked(value: Any, scope: Scope, unit: Unit, number: Fraction | None) -> str:
    """Write a value with its arithmetic and result in a unit: `512 × 1200 ÷ 1000 = 614.4`."""
    written = expression(value, scope).to(unit.factor)
    result = number_text(number, unit)
    return result if written.level == 0 else f"{written.text} = {result}"


def _quantity(value: ex.Quantity, scope: Scope) -> Expression:
    return Expression(decimal_text(value.value), quantity_factor(value, scope))


def _per_head(value: ex.PerHead, scope: Scope) -> Expression:
    quantity, heads = value.per_head, scope.case.school["heads"]
    people = UNKNOWN if heads is None else decimal_text(heads)
    factor = quantity_factor(quantity, scope)
    return Expression(f"{decimal_text(quantity.value)} × {people}", factor, _PRODUCT)


def _ratio(value: ex.Ratio, scope: Scope) -> Expression:
    top, bottom = (expression(part, scope) for part in value.ratio)
    own = scope.unit(value).factor
    text = f"{top.inside(_PRODUCT)} ÷ {bottom.inside(0)}"
    return Expression(text, top.factor / bottom.factor, _PRODUCT).to(own)


def _product(value: ex.Product, scope: Scope) -> Expression:
    parts = [expression(part, scope) for part in value.product]
    factor = Fraction(1)
    for part in parts:
        factor *= part.factor
    text = " × ".join(part.inside(_PRODUCT) for part in parts)
    return Expression(text, factor, _PRODUCT).to(scope.unit(value).factor)


def _chain(attribute: str, sign: str) -> Callable[[Any, Scope], Expression]:
    def writer(value: Any, scope: Scope) -> Expression:
        factor = scope.unit(value).factor
        parts = [expression(part, scope).to(factor) for part in getattr(value, attribute)]
        shown = [parts[0].text, *(part.inside(_PRODUCT) for part in parts[1:])]
        return Expression(sign.join(shown), factor, _SUM)

    return writer


def _named(attribute: str, name: str) -> Callable[[Any, Scope], Expression]:
    def writer(value: Any, scope: Scope) -> Expression:
        factor = scope.unit(value).factor
        parts = [expression(part, scope).to(factor).text for part in getattr(value, attribute)]
        return Expression(f"{name}({', '.join(parts)})", factor, _PRODUCT)

    return writer


def _shortfall(value: ex.Shortfall, scope: Scope) -> Expression:
    written = _chain("shortfall", " − ")(value, scope)
    number = resolve(value, scope).number
    if number == 0:
        return Expression(f"max(0, {written.text})", written.factor, _PRODUCT)
    return written


def _rounded(value: ex.Rounded, scope: Scope) -> Expression:
    factor = scope.unit(value).factor
    inner = expression(value.rounded, scope).to(factor)
    marks = {"floor": ("⌊", "⌋"), "ceil": ("⌈", "⌉"), "half_up": ("≈(", ")")}
    opening, closing = marks.get(scope.word(value.mode), ("", ""))
    return Expression(f"{opening}{inner.text}{closing}", factor, _PRODUCT)


def _one_of(value: ex.OneOf, scope: Scope) -> Expression:
    known = next((p for p in value.one_of if resolve(p, scope).number is not None), None)
    return expression(value.one_of[0] if known is None else known, scope)


def _variant(value: ex.Variant, scope: Scope) -> Expression:
    from rubrics.engine.conditions import decide

    for row in value.variant:
        if decide(row.when, scope).result == MET:
            return expression(row.value, scope)
    return Expression(UNKNOWN, scope.unit(value).factor)


_WRITERS: dict[type, Callable[[Any, Scope], Expression]] = {
    ex.Quantity: _quantity,
    ex.PerHead: _per_head,
    ex.Ratio: _ratio,
    ex.Product: _product,
    ex.Sum: _chain("sum", " + "),
    ex.Difference: _chain("difference", " − "),
    ex.Shortfall: _shortfall,
    ex.Largest: _named("largest", "max"),
    ex.Smallest: _named("smallest", "min"),
    ex.Rounded: _rounded,
    ex.OneOf: _one_of,
    ex.Variant: _variant,
}


def condition_text(outcome: Outcome, scope: Scope, language: str) -> str:
    """Write the working of a decided condition."""
    node, words = outcome.node, _WORDS[language]
    if isinstance(node, ex.Compare):
        return _compare_text(outcome, scope, language)
    if isinstance(node, ex.EntryIs):
        return f"{entry_label(node.entry, node.item, scope, language)}: {_answer(outcome, words)}"
    if isinstance(node, ex.FactIs):
        spec = scope.plan.rubric.facts[node.fact]
        label = (spec.en if language == "en" else None) or spec.zh
        return f"{label}: {_answer(outcome, words)}"
    if isinstance(node, ex.ProfileIs):
        return f"{node.profile}: {_answer(outcome, words)}"
    if isinstance(node, ex.ReadingIs):
        choice = scope.plan.rubric.readings[node.reading]
        return choice.alternatives[scope.readings[node.reading]].meaning.in_language(language)
    joint = words["or"] if isinstance(node, ex.AnyOf) else words["and"]
    parts = _in_force(outcome)
    return joint.join(filter(None, (condition_text(part, scope, language) for part in parts)))


def _in_force(outcome: Outcome) -> tuple[Outcome, ...]:
    """Leave out what a reading switched off, and the reading itself: numbers decide, not ids."""
    if isinstance(outcome.node, ex.AnyOf):
        if any(_is_reading(part, MET) for part in outcome.parts):
            return ()
        return tuple(part for part in outcome.parts if not _switched_off(part))
    if isinstance(outcome.node, ex.AllOf):
        return tuple(part for part in outcome.parts if not _is_reading(part, MET))
    return outcome.parts


def _switched_off(part: Outcome) -> bool:
    inner = part.parts if isinstance(part.node, ex.AllOf) else (part,)
    return any(_is_reading(one, NOT_MET) for one in inner)


def _is_reading(part: Outcome, result: str) -> bool:
    return isinstance(part.node, ex.ReadingIs) and part.result == result


def entry_label(name: str, item: str | None, scope: Scope, language: str) -> str:
    """Return the label of an entry in a language."""
    holder = scope.item if item is None else scope.plan.items[item]
    spec = holder.entries[name]
    return (spec.en if language == "en" else None) or spec.zh


def _answer(outcome: Outcome, words: dict[str, str]) -> str:
    if outcome.answer is None:
        return UNKNOWN
    if isinstance(outcome.answer, bool):
        return words["yes"] if outcome.answer else words["no"]
    return str(outcome.answer)


def _compare_text(outcome: Outcome, scope: Scope, language: str) -> str:
    node, value = outcome.node, outcome.value
    if value is None:
        return UNKNOWN
    shown = value.unit
    number = value.number if value.number is not None else value.seen
    left = number_text(number, shown)
    if value.number is not None and not _is_declared(outcome, node):
        left = worked(node.value, scope, shown, number)
    raw = getattr(node, node.op)
    if isinstance(raw, tuple):
        low, high = (number_text(bound.number, shown) for bound in outcome.bounds)
        word = _WORDS[language]["in" if _decided_true(outcome) else "out"]
        return f"{left} {word} {low}–{high}"
    right = worked(raw, scope, shown, outcome.bounds[0].number)
    return f"{left} {_SIGN[node.op][0 if _decided_true(outcome) else 1]} {right}"


def _is_declared(outcome: Outcome, node: ex.Compare) -> bool:
    """Whether the declared value took the place of a measurement that was missing."""
    return node.declared is not None and not any(
        beside.origin is not None and beside.origin.kind == "declared" for beside in outcome.beside
    )


def _decided_true(outcome: Outcome) -> bool:
    """Whether the relation as written holds (an unknown is written as the requirement)."""
    value = outcome.value
    if value is None or value.number is None:
        number = None if value is None else value.seen
    else:
        number = value.number
    bounds = [bound.number for bound in outcome.bounds]
    if number is None or any(bound is None for bound in bounds):
        return True
    low = bounds[0]
    high = bounds[-1]
    if low is None or high is None:
        return True
    return {
        "ge": number >= low,
        "gt": number > low,
        "le": number <= low,
        "lt": number < low,
        "eq": number == low,
        "between": low <= number <= high,
    }[outcome.node.op]
