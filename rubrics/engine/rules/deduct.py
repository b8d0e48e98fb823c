"""Deduct: start from the maximum, take the clauses, never leave [0, max]."""

from __future__ import annotations

from fractions import Fraction

from rubrics.engine.arithmetic import worked
from rubrics.engine.conditions import INSUFFICIENT, MET, NOT_MET
from rubrics.engine.results import ZERO, Finding, Points, clamp
from rubrics.engine.rules.clauses import Taken, amount_text, take_all
from rubrics.engine.scope import Scope
from rubrics.engine.values import resolve
from rubrics.exact import decimal_text, exact_sum, minus
from rubrics.model import rules


def deduct(rule: rules.Deduct, top: Fraction, scope: Scope) -> Points:
    """Max minus the clauses, clamped to [0, max]; a zero clause that holds absorbs the others."""
    taken = take_all(rule.clauses, scope)
    least, most, absorbed = [], [], []
    unknown, exact = 0, True
    for one in taken:
        if one.clause.kind == "zero":
            absorbed.append(one)
        else:
            least.append(one.low)
            most.append(one.high)
            exact = exact and one.low is one.high
        unknown += one.outcome.result == INSUFFICIENT
    possible = _left(top, least)
    proven = possible if exact else _left(top, most)
    if taken and unknown == len(taken):
        proven, possible = ZERO, top
    else:
        for one in absorbed:
            proven, possible = _absorb(one, top, proven, possible)
    return Points(
        proven,
        possible,
        lambda: tuple(_finding(index, one, scope) for index, one in enumerate(taken)),
        lambda language: _deduct_text(taken, top, proven, possible, scope, language),
    )


def _left(top: Fraction, taken: list[Fraction]) -> Fraction:
    """Return what remains of the maximum, never below zero."""
    total = exact_sum(taken)
    if not total.numerator:
        return top
    left = minus(top, total)
    return left if left.numerator > 0 else ZERO


def _absorb(
    one: Taken, top: Fraction, proven: Fraction, possible: Fraction
) -> tuple[Fraction, Fraction]:
    if one.outcome.result == NOT_MET:
        return proven, possible
    left = clamp(top - one.clause.points, top)
    if one.outcome.result == MET:
        return left, left
    return min(proven, left), max(possible, left)


def _finding(index: int, one: Taken, scope: Scope) -> Finding:
    """Write a clause as a requirement: a deduction that applies is `not_met`."""
    outcome = one.outcome
    result = {MET: NOT_MET, NOT_MET: MET}.get(outcome.result, outcome.result)
    name = one.clause.id or chr(ord("a") + index)
    show = one.clause.show if one.clause.kind == "flag" else ()
    finding = Finding(name, one.clause.text, outcome, result, outcome.reason, scope, show)
    if outcome.result != INSUFFICIENT:
        finding.lost = one.low
        amount = amount_text(one)
        total = f" = {decimal_text(one.low)}" if " × " in amount else ""
        finding.arithmetic = f"{amount}{total}" if one.low else "0"
    return finding


def _deduct_text(
    taken: list[Taken],
    top: Fraction,
    proven: Fraction,
    possible: Fraction,
    scope: Scope,
    language: str,
) -> str:
    zero = next((t for t in taken if t.clause.kind == "zero" and t.outcome.result == MET), None)
    shown = [zero] if zero is not None else [t for t in taken if t.high > 0]
    text = decimal_text(top) + "".join(f" − {amount_text(one)}" for one in shown)
    if not shown:
        return text
    plain = top - sum((one.low for one in shown), ZERO)
    if proven == possible:
        if plain == proven:
            return f"{text} = {decimal_text(proven)}{_steps_text(shown, scope)}"
        word = "扣完为止" if language == "zh" else "not below 0"
        return f"{text} = {decimal_text(plain)} → {decimal_text(proven)} ({word})"
    return f"{text} = {decimal_text(proven)}…{decimal_text(possible)}{_steps_text(shown, scope)}"


def _steps_text(shown: list[Taken], scope: Scope) -> str:
    """Write how the numbers of steps came about."""
    return "".join(_one_steps_text(one, scope) for one in shown if one.clause.kind == "step")


def _one_steps_text(one: Taken, scope: Scope) -> str:
    """Write `; (95 − 82) ÷ 5 = 2.6 → 2`, with the working of the value where it has one."""
    value = one.outcome.value
    if one.units is None or value is None or value.number is None:
        return ""
    target = one.outcome.bounds[0].number or ZERO
    size = resolve(one.clause.step, scope).number or Fraction(1)
    high, low = (target, value.number) if one.clause.below is not None else (value.number, target)
    factor = value.unit.factor
    ratio = (high - low) / size
    own = worked(one.clause.value, scope, value.unit, value.number)
    given = f"{own}; " if " = " in own else ""
    arrow = "" if ratio == one.units else f" → {decimal_text(one.units)}"
    return (
        f"; {given}({decimal_text(high / factor)} − {decimal_text(low / factor)})"
        f" ÷ {decimal_text(size / factor)} = {decimal_text(ratio)}{arrow}"
    )
