"""Clauses: what one of them takes or adds, as an interval that is exact once all is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from rubrics.engine.conditions import INSUFFICIENT, MET, NOT_MET, Outcome, decide
from rubrics.engine.evidence import Resolved
from rubrics.engine.results import ZERO
from rubrics.engine.scope import Scope
from rubrics.engine.values import resolve
from rubrics.exact import decimal_text, minus, times
from rubrics.model import expressions as ex
from rubrics.model import rules

UNBOUNDED = Fraction(10**12)
"""Stands for "no upper limit" of a count that nobody gave; every item clamps to its max."""


@dataclass(slots=True)
class Taken:
    """What one clause deducts or adds: an interval, exact when everything is known."""

    clause: Any
    low: Fraction
    high: Fraction
    outcome: Outcome
    units: Fraction | None = None
    """Count or number of steps."""


def take_all(clauses: Sequence[Any], scope: Scope) -> list[Taken]:
    """Take every clause that applies to this school.

    A clause whose own condition is unknown counts as unknown.
    """
    taken = []
    for clause in clauses:
        condition = clause.applies_when
        if condition is None:
            pass
        elif type(condition) is ex.ReadingIs:  # the most frequent one: decided by one look
            if scope.readings[condition.reading] != condition.is_:
                continue
        else:
            applicable = decide(condition, scope)
            if applicable.result == NOT_MET:
                continue
            if applicable.result != MET:
                unknown = Outcome(INSUFFICIENT, applicable.reason)
                taken.append(Taken(clause, ZERO, UNBOUNDED, unknown))
                continue
        taken.append(_take(clause, scope))
    return taken


def _take(clause: Any, scope: Scope) -> Taken:
    if clause.kind in ("flag", "zero"):
        return _flag(clause, scope)
    if clause.kind == "each":
        return _each(clause, scope)
    return _step(clause, scope)


def _flag(clause: Any, scope: Scope) -> Taken:
    answer = _plain_answer(clause.when, scope)
    if answer is None:
        return _decided(clause, scope)
    key = (id(clause), answer)
    known = scope.plan.answered.get(key)
    if known is None:
        known = scope.plan.answered[key] = _decided(clause, scope)
    return known


def _plain_answer(condition: Any, scope: Scope) -> bool | None:
    """Return the yes or no that decides a condition all by itself, where it is only that."""
    # `type … is`: for models of another class isinstance runs Python code of their metaclass.
    inner = condition.not_ if type(condition) is ex.Not else condition
    if type(inner) is not ex.EntryIs:
        return None
    answer = scope.entry(inner.entry, inner.item)
    return answer if isinstance(answer, bool) else None


def _decided(clause: Any, scope: Scope) -> Taken:
    outcome = decide(clause.when, scope)
    if outcome.result == MET:
        return Taken(clause, clause.points, clause.points, outcome)
    return Taken(clause, ZERO, ZERO if outcome.result == NOT_MET else clause.points, outcome)


def _each(clause: rules.EachClause, scope: Scope) -> Taken:
    count = resolve(clause.count, scope)
    if count.number is None:
        return _unknown(clause, count)
    points = times(clause.points, count.number) if count.number.numerator else ZERO
    result = MET if points else NOT_MET
    return Taken(clause, points, points, Outcome(result, value=count), count.number)


def _unknown(clause: Any, value: Resolved) -> Taken:
    return Taken(clause, ZERO, UNBOUNDED, Outcome(INSUFFICIENT, value.reason, value))


def _step(clause: rules.StepClause, scope: Scope) -> Taken:
    target_value = clause.below if clause.below is not None else clause.above
    value, target = resolve(clause.value, scope), resolve(target_value, scope)
    size = resolve(clause.step, scope)
    if value.number is None or target.number is None or size.number is None:
        unknown = next(one for one in (value, target, size) if one.number is None)
        return _unknown(clause, unknown)
    high, low = target.number, value.number
    if clause.below is None:
        high, low = low, high
    gap = minus(high, low)
    steps = _steps(gap / size.number if gap.numerator > 0 else ZERO, scope.word(clause.rounding))
    points = times(clause.points, steps) if steps.numerator else ZERO
    if not _gap_conclusive(clause, value, points):
        reason = f"limited_by_{value.limits[0]}" if value.limits else "upper_bound_only"
        return Taken(clause, ZERO, UNBOUNDED, Outcome(INSUFFICIENT, reason, value, (target,)))
    result = MET if points else NOT_MET
    return Taken(clause, points, points, Outcome(result, value=value, bounds=(target,)), steps)


def _gap_conclusive(clause: rules.StepClause, value: Resolved, points: Fraction) -> bool:
    """Say whether the points hold: a lower bound that costs points may be wrong about them."""
    if value.bound == "exact":
        return True
    safe = "lower_bound" if clause.below is not None else "upper_bound"
    return value.bound == safe and points == 0


def _steps(ratio: Fraction, rounding: str) -> Fraction:
    if ratio.numerator <= 0:
        return ZERO
    if rounding == "linear":
        return ratio
    whole = ratio.numerator // ratio.denominator
    if rounding == "ceil" and ratio.denominator != 1:
        whole += 1
    return Fraction(whole)


def amount_text(one: Taken) -> str:
    """Write what a clause takes: `3 × 0.5`, `1`, or with `?` for what is unknown."""
    points = decimal_text(one.clause.points)
    if one.units is not None:
        return f"{decimal_text(one.units)} × {points}"
    return f"? × {points}" if one.outcome.result == INSUFFICIENT else points
