"""Rules that add up: awards by level, bonus clauses."""

from __future__ import annotations

from fractions import Fraction

from rubrics.engine.conditions import INSUFFICIENT, MET, Outcome
from rubrics.engine.evidence import Resolved
from rubrics.engine.results import ZERO, Finding, Points, clamp
from rubrics.engine.rules.clauses import UNBOUNDED, Taken, amount_text, take_all
from rubrics.engine.scope import Scope
from rubrics.engine.values import entry_origin, resolve
from rubrics.exact import decimal_text, exact_sum, times
from rubrics.model import rules
from rubrics.units import UNITS


def bonus(rule: rules.Bonus, top: Fraction, scope: Scope) -> Points:
    """Sum of the clauses, clamped to [0, max]."""
    taken = take_all(rule.clauses, scope)
    low = clamp(sum((one.low for one in taken), ZERO), top)
    high = clamp(sum((one.high for one in taken), ZERO), top)
    findings = tuple(
        Finding(
            one.clause.id or chr(ord("a") + index),
            one.clause.text,
            one.outcome,
            one.outcome.result,
            one.outcome.reason,
            scope,
        )
        for index, one in enumerate(taken)
    )
    return Points(low, high, findings, lambda language: _sum_text(taken, low, high, language))


def _sum_text(taken: list[Taken], low: Fraction, high: Fraction, language: str) -> str:
    shown = [one for one in taken if one.high > 0]
    text = " + ".join(amount_text(one) for one in shown) or "0"
    plain = sum((one.low for one in shown), ZERO)
    return _closed(text, plain, low, high, language)


def _closed(text: str, plain: Fraction, low: Fraction, high: Fraction, language: str) -> str:
    if low != high:
        return f"{text} = {decimal_text(low)}…{decimal_text(high)}"
    if plain == low:
        return text if text == decimal_text(low) else f"{text} = {decimal_text(low)}"
    word = "封顶" if language == "zh" else "capped"
    return f"{text} = {decimal_text(plain)} → {decimal_text(low)} ({word})"


def award(rule: rules.Award, top: Fraction, scope: Scope) -> Points:
    """Points by level and count, clamped to [0, cap]; one award counts once."""
    cap = top if rule.cap is None else min(rule.cap, top)
    counted = _from_list(rule, scope) if rule.awards is not None else _from_counts(rule, scope)
    given = exact_sum(
        [times(level.points, count.number) for level, count in counted if count.number]
    )
    findings = []
    for level, count in counted:
        result = INSUFFICIENT if count.number is None else MET
        outcome = Outcome(result, count.reason, count)
        findings.append(Finding(level.id, level.title, outcome, result, count.reason, scope))
    unknown = any(count.number is None for _, count in counted)
    low = clamp(given, cap)
    high = clamp(UNBOUNDED, cap) if unknown else low
    return Points(
        low, high, tuple(findings), lambda language: _award_text(counted, low, high, language)
    )


def _from_counts(rule: rules.Award, scope: Scope) -> list[tuple[rules.AwardLevel, Resolved]]:
    return [(level, resolve(level.count, scope)) for level in rule.levels]


def _from_list(rule: rules.Award, scope: Scope) -> list[tuple[rules.AwardLevel, Resolved]]:
    """Count a list of certificates; the same award id counts once, at its best level."""
    source = rule.awards
    assert source is not None  # noqa: S101 - the model allows either counts or a list
    records = scope.entry(source.entry, None)
    origin = entry_origin(source.entry, None, scope)
    unit = UNITS["count"]
    if records is None:
        return [
            (level, Resolved(None, unit, "missing_entry", origin=origin)) for level in rule.levels
        ]
    points = {level.id: level.points for level in rule.levels}
    best: dict[str, str] = {}
    for index, record in enumerate(records):
        name = str(record.get(source.level))
        if name in points:
            key = str(record.get(source.key, f"#{index}"))
            if key not in best or points[name] > points[best[key]]:
                best[key] = name
    chosen = list(best.values())
    return [
        (level, Resolved(Fraction(chosen.count(level.id)), unit, origin=origin))
        for level in rule.levels
    ]


def _award_text(
    counted: list[tuple[rules.AwardLevel, Resolved]], low: Fraction, high: Fraction, language: str
) -> str:
    parts, plain = [], ZERO
    for level, count in counted:
        if count.number != 0:
            number = "?" if count.number is None else decimal_text(count.number)
            parts.append(f"{number} × {decimal_text(level.points)}")
            plain += level.points * (count.number or ZERO)
    return _closed(" + ".join(parts) or "0", plain, low, high, language)
