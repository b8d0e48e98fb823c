"""One item of a case: applicability, rule, reading choices, status."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from rubrics.engine.case import Case
from rubrics.engine.conditions import (
    DISPUTED,
    INSUFFICIENT,
    MET,
    NOT_APPLICABLE,
    NOT_MET,
    Outcome,
    decide,
)
from rubrics.engine.open_readings import Chosen, combinations, telling
from rubrics.engine.results import ZERO, Finding, ItemResult, Points
from rubrics.engine.rules import SCORED, UNSCORED, judge, meets
from rubrics.engine.rules.verdicts import criteria_text
from rubrics.engine.scope import ItemPlan, Plan, Scope
from rubrics.exact import rounded
from rubrics.model.rubric import Item

NOTHING: Mapping[str, object] = {}


def score_item(
    planned: ItemPlan, plan: Plan, case: Case, readings: Mapping[str, str]
) -> ItemResult:
    """Score one item. `readings` is what the round chose, defaults elsewhere."""
    item = planned.item
    entries = case.entries.get(item.id, NOTHING)
    undecided = tuple(name for name in planned.open_readings if name not in case.readings)
    if not undecided:
        return _one(item, Scope(plan, case, item, entries, readings))
    results = [
        (chosen, _one(item, Scope(plan, case, item, entries, {**readings, **chosen})))
        for chosen in combinations(undecided, plan)
    ]
    return _merged(item, results, plan, undecided)


def _one(item: Item, scope: Scope) -> ItemResult:
    """Score under one choice of readings."""
    top = item.max
    if item.applies_when is not None:
        applicable = decide(item.applies_when, scope)
        if applicable.result == NOT_MET:
            return _not_applicable(item, scope, applicable)
        if applicable.result != MET:
            return _perhaps_applicable(item, scope, applicable)
    points = _rule_points(item, scope)
    return _result(item, scope, points, top)


def _rule_points(item: Item, scope: Scope) -> Points:
    rule, top = item.rule, item.max
    if rule.type == "meets":
        return meets(rule, top, scope)
    if top is None:
        return UNSCORED[rule.type](rule, scope)
    if rule.type == "judge":
        return judge(rule, top, scope, _given_points(scope))
    return SCORED[rule.type](rule, top, scope)


def _given_points(scope: Scope) -> Fraction | None:
    rubric = scope.plan.rubric
    stage = rubric.decided_at or rubric.stages[-1].id
    return scope.case.stages.get(stage, {}).get(scope.item.id)


def _result(item: Item, scope: Scope, points: Points, top: Fraction | None) -> ItemResult:
    places = scope.plan.rubric.places
    low = _to_places(points.low, places)
    high = low if points.high is points.low else _to_places(points.high, places)
    result = ItemResult(item, "scored", low, high, top, points)
    result.status = _status(item, result)
    if scope.case.stages and top is not None and item.rule.type != "judge":
        result.stage_warnings = _stage_warnings(item, scope, low, high)
    return result


def _to_places(points: Fraction, places: int) -> Fraction:
    return rounded(points, places) if 10**places % points.denominator else points


def _stage_warnings(item: Item, scope: Scope, low: Fraction, high: Fraction) -> tuple[str, ...]:
    """Points by hand never change a computed item; where they disagree, say so."""
    return tuple(
        f"stage_{stage}_differs_from_rule"
        for stage, given in scope.case.stages.items()
        if item.id in given and not low <= given[item.id] <= high
    )


def _status(item: Item, result: ItemResult) -> str:
    points = result.points
    if item.rule.type == "veto":
        return {True: "vetoed", False: "scored", None: "pending"}[points.vetoed]
    if item.max is not None:
        settled = result.low is result.high or result.low == result.high
        return "scored" if settled else "pending"
    results = [finding.result for finding in points.findings]
    if results and all(one == NOT_APPLICABLE for one in results):
        return "not_applicable"
    open_results = (INSUFFICIENT, DISPUTED)
    return "pending" if any(one in open_results for one in results) else "scored"


def _not_applicable(item: Item, scope: Scope, applicable: Outcome) -> ItemResult:
    word = scope.word(item.when_not_applicable)
    outcome = Outcome(NOT_APPLICABLE, "item_not_applicable", parts=(applicable,))
    finding = Finding(item.id, None, outcome, NOT_APPLICABLE, outcome.reason, scope)
    value = item.max if word == "full_marks" and item.max is not None else ZERO
    texts = {
        "full_marks": {"zh": "不适用，按满分计", "en": "not applicable; full marks"},
        "excluded": {"zh": "不适用，不计入总分", "en": "not applicable; left out of the total"},
        "zero": {"zh": "不适用，记 0 分", "en": "not applicable; zero points"},
    }[word]
    points = Points(value, value, (finding,), lambda language: texts[language])
    excluded = word == "excluded"
    return ItemResult(item, "not_applicable", value, value, item.max, points, excluded)


def _perhaps_applicable(item: Item, scope: Scope, applicable: Outcome) -> ItemResult:
    """Nobody has said yet whether the item applies: every way it may end stays possible."""
    points = _rule_points(item, scope)
    word = scope.word(item.when_not_applicable)
    if item.max is not None:
        if word != "full_marks":
            points.low = ZERO
        if word != "zero":
            points.high = item.max
    outcome = Outcome(INSUFFICIENT, applicable.reason, origin=applicable.origin)
    finding = Finding("applies", None, outcome, INSUFFICIENT, applicable.reason, scope)
    points.found = (finding, *points.findings)
    return _result(item, scope, points, item.max)


def _merged(
    item: Item, results: list[tuple[Chosen, ItemResult]], plan: Plan, undecided: tuple[str, ...]
) -> ItemResult:
    """Keep what holds under every alternative; what depends on the choice stays open."""
    first = results[0][1]
    required = any(plan.rubric.readings[name].when_not_chosen == "required" for name in undecided)
    low = min(result.low for _, result in results)
    high = max(result.high for _, result in results)
    findings = tuple(_merged_findings(results, required))
    same = all(
        (result.low, result.high, result.status) == (first.low, first.high, first.status)
        for _, result in results
    )

    def working(language: str) -> str:
        if same and all(not finding.alternatives for finding in findings):
            return first.points.working(language)
        if item.max is None:
            return criteria_text(findings, language)
        texts = [(chosen, result.points.working(language)) for chosen, result in results]
        told = telling(texts, lambda text: text)
        if len(told) == 1:  # points of a person do not depend on how a hint is read
            return told[0][1]
        return " | ".join(f"[{label}] {text}" for label, text in told)

    points = Points(low, high, findings, working, first.points.vetoed, first.points.answered)
    if not all(result.points.vetoed == first.points.vetoed for _, result in results):
        points.vetoed = None
    merged = ItemResult(item, first.status, low, high, item.max, points)
    merged.stage_warnings = first.stage_warnings
    if required:
        merged.status = "needs_reading"
    elif not same or any(finding.alternatives for finding in findings):
        merged.status = _status(item, merged)
    merged.excluded = all(result.excluded for _, result in results)
    if merged.excluded != any(result.excluded for _, result in results) and item.max is not None:
        merged.low, merged.high, merged.status = ZERO, item.max, "pending"
    return merged


def _merged_findings(results: list[tuple[Chosen, ItemResult]], required: bool) -> Iterator[Finding]:
    """Write every finding once; where the readings part, with what each of them makes of it."""
    by_reading = [
        (chosen, {finding.id: finding for finding in result.points.findings})
        for chosen, result in results
    ]
    for name in dict.fromkeys(name for _, found in by_reading for name in found):
        everywhere = [(chosen, found.get(name)) for chosen, found in by_reading]
        present = [finding for _, finding in everywhere if finding is not None]
        first = present[0]
        agreed = len({(finding.result, finding.reason) for finding in present}) == 1
        if agreed and (len(present) == len(everywhere) or first.result == MET):
            yield first  # a clause that some readings drop costs nothing where it is met
            continue
        reason = "reading_required" if required else "reading_undecided"
        told = telling(everywhere, _compared)
        alternatives = tuple((label, finding) for label, finding in told if finding is not None)
        yield replace(first, result=INSUFFICIENT, reason=reason, alternatives=alternatives)


def _compared(finding: Finding | None) -> Hashable:
    """Return what a reading may change: the points, the numbers compared, the verdicts."""
    return None if finding is None else (finding.lost, _numbers(finding.outcome))


def _numbers(outcome: Outcome) -> Hashable:
    return (
        outcome.result,
        outcome.reason,
        outcome.value.number if outcome.value else None,
        tuple(bound.number for bound in outcome.bounds),
        tuple(_numbers(part) for part in outcome.parts),
    )
