"""The working of values: arithmetic that a headmaster can redo by hand.

Numbers of people stand as they were given. Numbers of machines are cut to what can be copied by
hand (`MEASURED_DIGITS`, storage in GB); verdicts never come from what is written here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from rubrics.engine.scope import Scope
from rubrics.engine.values import quantity_factor, resolve
from rubrics.exact import decimal_text, significant
from rubrics.model import expressions as ex
from rubrics.units import UNITS, Unit

UNKNOWN = "?"
MEASURED_DIGITS = 6
"""Significant digits of a measured number in a working."""
_PRODUCT, _SUM = 1, 2


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
    return _leaf(value, scope)


def _leaf(value: Any, scope: Scope) -> Expression:
    unit = spoken_unit(scope.unit(value))
    resolved = resolve(value, scope)
    number = resolved.number if resolved.number is not None else resolved.seen
    if number is not None and isinstance(value, ex.IndicatorValue) and not scope.full_digits:
        number = significant(number / unit.factor, MEASURED_DIGITS) * unit.factor
    text = number_text(number, unit)
    return Expression(with_sign(text, unit) if unit.dimension == "storage" else text, unit.factor)


def spoken_unit(unit: Unit) -> Unit:
    """Return the unit that people use for such a number: nobody counts a volume in bytes."""
    return UNITS["GB"] if unit.name == "byte" else unit


def with_sign(text: str, unit: Unit) -> str:
    """Put `%` or the unit of storage behind a number; other units stand beside the working."""
    if text == UNKNOWN or not (unit.name == "percent" or unit.dimension == "storage"):
        return text
    return f"{text} {unit.en}"


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


def division(value: ex.Ratio, scope: Scope) -> Expression:
    """Write a ratio as it is computed, in whatever unit that gives: `20 ÷ 24`."""
    top, bottom = (expression(part, scope) for part in value.ratio)
    text = f"{top.inside(_PRODUCT)} ÷ {bottom.inside(0)}"
    return Expression(text, top.factor / bottom.factor, _PRODUCT)


def _ratio(value: ex.Ratio, scope: Scope) -> Expression:
    return division(value, scope).to(scope.unit(value).factor)


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
    from rubrics.engine.conditions import MET, decide

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
