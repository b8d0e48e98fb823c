"""Rules that turn one number into points: bands, proportional, interpolate, average, grade."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

from rubrics.engine.arithmetic import worked
from rubrics.engine.conditions import INSUFFICIENT, MET, Outcome
from rubrics.engine.evidence import Resolved
from rubrics.engine.results import ZERO, Finding, Points, clamp
from rubrics.engine.scope import Scope
from rubrics.engine.values import entry_origin, resolve
from rubrics.exact import decimal_text
from rubrics.model import rules
from rubrics.units import UNITS


def _scaled(
    value: Resolved,
    curve: Callable[[Fraction], Fraction],
    ends: tuple[Fraction, Fraction],
    rising: bool,
    scope: Scope,
    working: Callable[[Fraction, Fraction, str], str],
) -> Points:
    """Points of a monotone curve; a bound gives the side of the interval that it proves."""
    least, most = ends
    low, high = least, most
    if value.number is not None:
        at = curve(value.number)
        up = value.bound in ("exact", "lower_bound")
        down = value.bound in ("exact", "upper_bound")
        low = at if (up if rising else down) else least
        high = at if (down if rising else up) else most
    result = MET if low == high else INSUFFICIENT
    reason = value.reason
    if reason is None and low != high:
        reason = f"limited_by_{value.limits[0]}" if value.limits else "upper_bound_only"
    if value.number is None:
        result = INSUFFICIENT
    outcome = Outcome(result, reason, value)
    finding = Finding("value", None, outcome, result, reason, scope)
    return Points(low, high, (finding,), lambda language: working(low, high, language))


def _range_text(low: Fraction, high: Fraction) -> str:
    return decimal_text(low) if low == high else f"{decimal_text(low)}…{decimal_text(high)}"


def bands(rule: rules.Bands, top: Fraction, scope: Scope) -> Points:
    """Points of the best band that the value reaches, else `otherwise`."""
    value = resolve(rule.value, scope)
    edges = sorted(
        ((resolve(band.ge, scope).number or ZERO, band.points) for band in rule.bands),
        reverse=rule.higher_is_better,
    )

    def curve(number: Fraction) -> Fraction:
        for edge, points in edges:
            if number >= edge if rule.higher_is_better else number <= edge:
                return clamp(points, top)
        return clamp(rule.otherwise, top)

    all_points = [clamp(rule.otherwise, top), *(clamp(points, top) for _, points in edges)]

    def working(low: Fraction, high: Fraction, _: str) -> str:
        sign = "≥" if rule.higher_is_better else "≤"
        number = value.number
        reached = next(
            (
                edge
                for edge, _ in edges
                if number is not None
                and (number >= edge if rule.higher_is_better else number <= edge)
            ),
            None,
        )
        written = worked(rule.value, scope, value.unit, number)
        if reached is None:
            return f"{written} → {_range_text(low, high)}"
        return (
            f"{written} {sign} {decimal_text(reached / value.unit.factor)}"
            f" → {_range_text(low, high)}"
        )

    ends = (min(all_points), max(all_points)) if value.number is not None else (ZERO, top)
    return _scaled(value, curve, ends, rule.higher_is_better, scope, working)


def proportional(rule: rules.Proportional, top: Fraction, scope: Scope) -> Points:
    """Points in proportion between `none_at` (0) and `full_at` (max)."""
    value, full = resolve(rule.value, scope), resolve(rule.full_at, scope)
    none = Resolved(ZERO, full.unit) if rule.none_at is None else resolve(rule.none_at, scope)
    unusable = next((one for one in (full, none) if one.number is None), None)
    if unusable is not None:
        value = Resolved(None, value.unit, unusable.reason, origin=unusable.origin)
    elif full.number == none.number:
        value = Resolved(None, value.unit, "division_by_zero", origin=value.origin)
    start, end = none.number or ZERO, full.number or ZERO

    def curve(number: Fraction) -> Fraction:
        return clamp(top * (number - start) / (end - start), top)

    def working(low: Fraction, high: Fraction, _: str) -> str:
        factor = value.unit.factor
        shown = worked(rule.value, scope, value.unit, value.number)
        plain = "?" if value.number is None else decimal_text(value.number / factor)
        less = f"({plain} − {decimal_text(start / factor)})" if start else plain
        span = decimal_text((end - start) / factor)
        given = f"{shown}; " if " = " in shown else ""
        return f"{given}{decimal_text(top)} × {less} ÷ {span} = {_range_text(low, high)}"

    return _scaled(value, curve, (ZERO, top), end > start, scope, working)


def interpolate(rule: rules.Interpolate, top: Fraction, scope: Scope) -> Points:
    """Piecewise linear between knots, constant outside."""
    value = resolve(rule.value, scope)
    knots = [(resolve(knot.at, scope).number or ZERO, knot.points) for knot in rule.knots]
    points = [clamp(at, top) for _, at in knots]
    rising = points == sorted(points)

    def curve(number: Fraction) -> Fraction:
        if number <= knots[0][0]:
            return points[0]
        for (left, low), (right, high) in pairwise(knots):
            if number <= right:
                return clamp(low + (high - low) * (number - left) / (right - left), top)
        return points[-1]

    def working(low: Fraction, high: Fraction, _: str) -> str:
        shown = worked(rule.value, scope, value.unit, value.number)
        number, factor = value.number, value.unit.factor
        if number is None:
            return f"{shown} → {_range_text(low, high)}"
        for (left, start), (right, end) in pairwise(knots):
            if left < number < right:
                return (
                    f"{decimal_text(start)} + {decimal_text(end - start)} × "
                    f"({decimal_text(number / factor)} − {decimal_text(left / factor)}) ÷ "
                    f"{decimal_text((right - left) / factor)} = {_range_text(low, high)}"
                )
        return f"{shown} → {_range_text(low, high)}"

    ends = (min(points), max(points)) if value.number is not None else (ZERO, top)
    return _scaled(value, curve, ends, rising, scope, working)


def average(rule: rules.Average, top: Fraction, scope: Scope) -> Points:
    """Mean mark of the respondents, brought from the marks' scale to [0, max]."""
    marks = scope.entry(rule.marks, None)
    origin = entry_origin(rule.marks, None, scope)
    unit = UNITS["point"]
    if marks is None:
        value = Resolved(None, unit, "missing_entry", origin=origin)
    elif len(marks) < rule.min_respondents:
        value = Resolved(None, unit, "too_few_respondents", origin=origin)
    else:
        value = Resolved(sum(marks, ZERO) / len(marks), unit, origin=origin)
    span = rule.highest - rule.lowest

    def curve(number: Fraction) -> Fraction:
        return clamp(top * (number - rule.lowest) / span, top)

    def working(low: Fraction, high: Fraction, _: str) -> str:
        mean = "?" if value.number is None else decimal_text(value.number)
        given = (
            "" if marks is None else f"{decimal_text(sum(marks, ZERO))} ÷ {len(marks)} = {mean}; "
        )
        return (
            f"{given}{decimal_text(top)} × ({mean} − {decimal_text(rule.lowest)}) ÷ "
            f"{decimal_text(span)} = {_range_text(low, high)}"
        )

    return _scaled(value, curve, (ZERO, top), rising=True, scope=scope, working=working)


def grade(rule: rules.Grade, top: Fraction, scope: Scope) -> Points:
    """Multiply the item's max by the coefficient of the grade that a person gave."""
    given = scope.entry(rule.entry, None)
    origin = entry_origin(rule.entry, None, scope)
    if given is None:
        outcome = Outcome(INSUFFICIENT, "missing_entry", origin=origin)
        low, high = ZERO, top
    else:
        outcome = Outcome(MET, answer=given, origin=origin)
        low = high = clamp(top * rule.coefficients[given], top)
    finding = Finding("grade", None, outcome, outcome.result, outcome.reason, scope)

    def working(_: str) -> str:
        coefficient = (
            "?" if given is None else f"{decimal_text(rule.coefficients[given])} ({given})"
        )
        return f"{decimal_text(top)} × {coefficient} = {_range_text(low, high)}"

    return Points(low, high, (finding,), working)
