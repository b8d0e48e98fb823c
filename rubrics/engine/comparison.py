"""The working of a comparison: value, sign and bound, each with its arithmetic.

A measured value is cut to six significant digits and marked `≈`, with more digits where six would
contradict the verdict: 4.9999999 is never written as `5 < 5`.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from rubrics.engine.arithmetic import (
    MEASURED_DIGITS,
    UNKNOWN,
    Expression,
    division,
    expression,
    number_text,
    spoken_unit,
    with_sign,
)
from rubrics.engine.conditions import Outcome, holds
from rubrics.engine.evidence import Resolved
from rubrics.engine.scope import Scope
from rubrics.exact import MAX_DIGITS, is_finite_decimal, significant
from rubrics.model import expressions as ex
from rubrics.units import UNITS, Unit

_SIGN = {
    "ge": ("≥", "<"),
    "gt": (">", "≤"),
    "le": ("≤", ">"),
    "lt": ("<", "≥"),
    "eq": ("=", "≠"),
}
_RANGE = {"zh": ("在", "不在"), "en": ("within", "outside")}


def comparison_text(outcome: Outcome, scope: Scope, language: str) -> str:
    """Write a decided comparison: `980 ≥ 512 × 1200 ÷ 1000 = 614.4`, `≈ 3.15789 % < 30 %`."""
    node, value = outcome.node, outcome.value
    if value is None:
        return UNKNOWN
    raw = getattr(node, node.op)
    bounds = raw if isinstance(raw, tuple) else (raw,)
    unit = _shown_unit(node.value, value.unit, bounds, scope)
    left = _value_text(outcome, unit, scope)
    true = _relation(outcome, _number(value))
    if isinstance(raw, tuple):
        low, high = (number_text(bound.number, unit) for bound in outcome.bounds)
        return f"{left} {_RANGE[language][0 if true else 1]} {low}–{with_sign(high, unit)}"
    right = _sided(_bound(raw, unit, scope), outcome.bounds[0].number, unit)
    return f"{left} {_SIGN[node.op][0 if true else 1]} {right}"


def _shown_unit(value: Any, own: Unit, bounds: tuple[Any, ...], scope: Scope) -> Unit:
    """Measured shares and bounds in percent are written in percent, storage never in bytes."""
    asked = {scope.unit(bound).name for bound in bounds}
    if own.name == "ratio" and (asked == {"percent"} or isinstance(value, ex.IndicatorValue)):
        return UNITS["percent"]
    return spoken_unit(own)


def _bound(raw: Any, unit: Unit, scope: Scope) -> Expression:
    written = expression(raw, scope)
    if unit.name == "percent" and not written.level:  # a stated share: 1 and 100 % are the same
        return Expression(written.text, unit.factor)
    return written.to(unit.factor)


def _number(value: Resolved) -> Fraction | None:
    return value.number if value.number is not None else value.seen


def _value_text(outcome: Outcome, unit: Unit, scope: Scope) -> str:
    value, node = outcome.value, outcome.node
    number = None if value is None else _number(value)
    if value is None or number is None:
        return UNKNOWN
    shown = _cut(outcome, number, value, unit)
    if (
        shown != number
        and shown != significant(number / unit.factor, MEASURED_DIGITS) * unit.factor
    ):
        scope = replace(scope, full_digits=True)
    source = node.declared if _is_declared(outcome) else node.value
    written = division(source, scope) if isinstance(source, ex.Ratio) else expression(source, scope)
    if unit.name != "percent":  # there `× 100` is what the sign says
        written = written.to(unit.factor)
    return _sided(written, shown, unit, cut=shown != number)


def _sided(written: Expression, number: Fraction | None, unit: Unit, *, cut: bool = False) -> str:
    """Write a number with the arithmetic it came from, if there is any."""
    inexact = cut or (number is not None and not is_finite_decimal(number / unit.factor))
    result = with_sign(number_text(number, unit), unit)
    if written.level:
        return f"{written.text} {'≈' if inexact else '='} {result}"
    return f"≈ {result}" if inexact else result


def _cut(outcome: Outcome, number: Fraction, value: Resolved, unit: Unit) -> Fraction:
    """Cut what no person typed to the fewest digits that do not contradict the verdict."""
    measured = value.origin is not None and value.origin.source == "indicator"
    if not measured and is_finite_decimal(number / unit.factor):
        return number
    true = _relation(outcome, number)
    for digits in range(MEASURED_DIGITS, MAX_DIGITS):
        shown = significant(number / unit.factor, digits) * unit.factor
        if _relation(outcome, shown) == true:
            return shown
    return number


def _is_declared(outcome: Outcome) -> bool:
    """Whether the declared value took the place of a measurement that was missing."""
    return outcome.node.declared is not None and not any(
        beside.origin is not None and beside.origin.kind == "declared" for beside in outcome.beside
    )


def _relation(outcome: Outcome, number: Fraction | None) -> bool:
    """Whether the relation as written holds (an unknown is written as the requirement)."""
    known = tuple(bound.number for bound in outcome.bounds if bound.number is not None)
    if number is None or not known or len(known) != len(outcome.bounds):
        return True
    return holds(outcome.node.op, number, known)
