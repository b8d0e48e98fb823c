"""Rules made of verdicts: criteria met, levels of bullets, points a person gives, vetoes, forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from rubrics.engine.conditions import (
    DISPUTED,
    INSUFFICIENT,
    MET,
    NOT_APPLICABLE,
    NOT_MET,
    Outcome,
    conjunction,
    decide,
)
from rubrics.engine.evidence import Origin
from rubrics.engine.explain import condition_text
from rubrics.engine.results import ZERO, Finding, Points, clamp
from rubrics.engine.scope import Scope
from rubrics.engine.values import entry_origin, resolve
from rubrics.exact import decimal_text
from rubrics.model import rules
from rubrics.units import UNITS

VERDICT_WORDS = {
    "zh": {
        MET: "符合",
        NOT_MET: "不符合",
        INSUFFICIENT: "证据不足",
        NOT_APPLICABLE: "不适用",
        DISPUTED: "有争议",
    },
    "en": {
        MET: "met",
        NOT_MET: "not met",
        INSUFFICIENT: "insufficient evidence",
        NOT_APPLICABLE: "not applicable",
        DISPUTED: "disputed",
    },
}
ORDER = "order"
"""Id of the finding that an opinion was written after the one before it."""


def criteria_findings(criteria: Sequence[rules.Criterion], scope: Scope) -> tuple[Finding, ...]:
    """Decide every criterion; one without a condition waits for a person."""
    return tuple(_criterion(criterion, scope) for criterion in criteria)


def _criterion(criterion: rules.Criterion, scope: Scope) -> Finding:
    outcome = _criterion_outcome(criterion, scope)
    found = Finding(
        criterion.id,
        criterion.title,
        outcome,
        outcome.result,
        outcome.reason,
        scope,
        criterion.show,
    )
    verdict = scope.case.overrides.get((scope.item.id, criterion.id))
    return found if verdict is None else _overridden(found, verdict)


def _overridden(found: Finding, verdict: Mapping[str, Any]) -> Finding:
    """Let a person's verdict count, and keep what was found beside it."""
    origin = Origin("override", "judged", found.id, verdict)
    outcome = Outcome(verdict["result"], answer=verdict["result"], origin=origin)
    return replace(
        found, outcome=outcome, result=outcome.result, reason=None, show=(), overridden=found
    )


def _criterion_outcome(criterion: rules.Criterion, scope: Scope) -> Outcome:
    if criterion.applies_when is not None:
        applicable = decide(criterion.applies_when, scope)
        if applicable.result == NOT_MET:
            return Outcome(NOT_APPLICABLE, "criterion_not_applicable", parts=(applicable,))
        if applicable.result != MET:
            return Outcome(INSUFFICIENT, applicable.reason, parts=(applicable,))
    if criterion.when is None:
        return Outcome(INSUFFICIENT, "awaiting_judgement")
    return decide(criterion.when, scope)


def meets(rule: rules.Meets, top: Fraction | None, scope: Scope) -> Points:
    """Points of the criteria met; without points per criterion all of them earn the max."""
    findings = criteria_findings(rule.criteria, scope)
    low = high = ZERO
    if top is not None and any(criterion.points is not None for criterion in rule.criteria):
        for criterion, finding in zip(rule.criteria, findings, strict=True):
            points = criterion.points or ZERO
            low += points if finding.result in (MET, NOT_APPLICABLE) else ZERO
            high += ZERO if finding.result == NOT_MET else points
        low, high = clamp(low, top), clamp(high, top)
    elif top is not None:
        decided = [finding.outcome for finding in findings if finding.result != NOT_APPLICABLE]
        joint = conjunction(tuple(decided))
        low = top if joint.result == MET else ZERO
        high = ZERO if joint.result == NOT_MET else top

    def working(language: str) -> str:
        shown = criteria_text(findings, language)
        if top is None:
            return shown
        result = decimal_text(low) if low == high else f"{decimal_text(low)}…{decimal_text(high)}"
        return f"{shown} → {result}"

    return Points(low, high, findings, working)


def criteria_text(findings: Sequence[Finding], language: str) -> str:
    """Write the workings of all criteria of an item, each behind its id."""
    texts = [f"{finding.id}: {finding_text(finding, language)}" for finding in findings]
    return (" ； " if language == "zh" else "; ").join(texts)


def finding_text(finding: Finding, language: str) -> str:
    """Write a finding's working; under every alternative where a reading is undecided."""
    if finding.alternatives:
        each = [f"[{label}] {finding_text(one, language)}" for label, one in finding.alternatives]
        return " | ".join(each)
    if finding.overridden is not None:
        return _override_text(finding, finding.overridden, language)
    if finding.outcome.node is None:
        waiting = {"zh": "由人工判定", "en": "a person decides"}
        return waiting[language] if finding.reason == "awaiting_judgement" else "—"
    return condition_text(finding.outcome, finding.scope, language)


def _override_text(finding: Finding, found: Finding, language: str) -> str:
    words = VERDICT_WORDS[language]
    origin = finding.outcome.origin
    why = "" if origin is None else str(origin.details["why"])
    before = f"{words[found.result]}: {finding_text(found, language)}"
    if language == "zh":
        return f"人工判定：{words[finding.result]}（{why}）；原判定：{before}"
    return f"judged by a person: {words[finding.result]} ({why}); found: {before}"


def level(rule: rules.Level, top: Fraction, scope: Scope) -> Points:
    """Points of the highest level (listed first) all of whose bullets hold."""
    findings: list[Finding] = []
    joints: list[Outcome] = []
    for step in rule.levels:
        found = criteria_findings(step.bullets, scope)
        findings += found
        needed = tuple(f.outcome for f in found if f.result != NOT_APPLICABLE)
        joints.append(conjunction(needed))
    if rule.requires_lower:
        joints = [conjunction(tuple(joints[index:])) for index in range(len(joints))]
    candidates: list[Fraction] = []
    for step, joint in zip(rule.levels, joints, strict=True):
        if joint.result == NOT_MET:
            continue
        candidates.append(clamp(step.points, top))
        if joint.result == MET:
            break
    else:
        candidates.append(clamp(rule.otherwise, top))
    low, high = min(candidates), max(candidates)

    def working(language: str) -> str:
        words = {MET: "✓", NOT_MET: "✗"}
        marks = [
            f"{step.title.in_language(language)} {words.get(joint.result, '?')}"
            for step, joint in zip(rule.levels, joints, strict=True)
        ]
        result = decimal_text(low) if low == high else f"{decimal_text(low)}…{decimal_text(high)}"
        return f"{', '.join(marks)} → {result}"

    return Points(low, high, tuple(findings), working)


def judge(rule: rules.Judge, top: Fraction, scope: Scope, points: Fraction | None) -> Points:
    """Points that a person gave at the deciding stage; the criteria are hints beside them."""
    findings = criteria_findings(rule.criteria, scope)
    low, high = (ZERO, top) if points is None else (points, points)

    def working(language: str) -> str:
        if points is not None:
            given = {"zh": "人工评分", "en": "points given by a person"}[language]
            return f"{given}: {decimal_text(points)} / {decimal_text(top)}"
        waiting = {"zh": "待人工评分", "en": "waiting for a person's points"}[language]
        return f"{waiting}: 0…{decimal_text(top)}"

    return Points(low, high, findings, working)


def veto(rule: rules.Veto, scope: Scope) -> Points:
    """Whether the veto strikes; None while that is unknown."""
    outcome = decide(rule.when, scope)
    struck = {MET: True, NOT_MET: False}.get(outcome.result)
    result = {MET: NOT_MET, NOT_MET: MET}.get(outcome.result, outcome.result)
    finding = Finding("veto", rule.effect, outcome, result, outcome.reason, scope)
    return Points(
        ZERO,
        ZERO,
        (finding,),
        lambda language: condition_text(outcome, scope, language),
        vetoed=struck,
    )


def fact(rule: rules.Fact, scope: Scope) -> Points:
    """Report a form field: filled or not, and whether a measurement contradicts it."""
    answer = scope.entry(rule.entry, None)
    origin = entry_origin(rule.entry, None, scope)
    if answer is None:
        outcome = Outcome(INSUFFICIENT, "missing_entry", origin=origin)
    else:
        outcome = Outcome(MET, answer=answer, origin=origin)
    if isinstance(answer, bool):
        outcome.favourable = answer == rule.good_answer
    if rule.measured is not None:
        _compare_with_measured(rule, outcome, scope)
    if rule.doubtful_when is not None and decide(rule.doubtful_when, scope).result == MET:
        outcome.warnings = (*outcome.warnings, "declared_figures_disagree")
    if rule.contradicted_when is not None and answer is True:
        against = decide(rule.contradicted_when, scope)
        if against.result == MET:
            outcome.result, outcome.reason = DISPUTED, "declared_contradicts_measured"
            outcome.parts = (against,)
    finding = Finding(rule.entry, None, outcome, outcome.result, outcome.reason, scope)
    return Points(
        ZERO,
        ZERO,
        (finding,),
        lambda language: answer_text(outcome, language),
        answered=answer is not None,
    )


def _compare_with_measured(rule: rules.Fact, outcome: Outcome, scope: Scope) -> None:
    measured = resolve(rule.measured, scope)
    outcome.beside = (measured,)
    declared = outcome.answer
    if not isinstance(declared, Fraction) or measured.number is None or rule.tolerance is None:
        return
    declared *= UNITS[scope.item.entries[rule.entry].number_unit].factor
    allowed = abs(declared) * (resolve(rule.tolerance, scope).number or ZERO)
    gap = measured.number - declared
    if (gap > allowed and measured.bound in ("exact", "lower_bound")) or (
        -gap > allowed and measured.bound in ("exact", "upper_bound")
    ):
        outcome.result, outcome.reason = DISPUTED, "declared_contradicts_measured"


def answer_text(outcome: Outcome, language: str) -> str:
    """Write the answer of a form field."""
    if outcome.answer is None:
        return {"zh": "未填", "en": "not filled in"}[language]
    if isinstance(outcome.answer, bool):
        words = {"zh": ("是", "否"), "en": ("yes", "no")}[language]
        return words[0] if outcome.answer else words[1]
    if isinstance(outcome.answer, Fraction):
        return decimal_text(outcome.answer)
    return str(outcome.answer)


def _written(name: str, rule: rules.TextRule, scope: Scope) -> Finding:
    written = scope.entry(name, None)
    origin = entry_origin(name, None, scope)
    if not written:
        outcome = Outcome(INSUFFICIENT, "missing_entry", origin=origin)
    elif rule.max_characters is not None and _characters(written) > rule.max_characters:
        outcome = Outcome(NOT_MET, "text_too_long", answer=written, origin=origin)
    else:
        outcome = Outcome(MET, answer=written, origin=origin)
    return Finding(name, None, outcome, outcome.result, outcome.reason, scope)


def _characters(written: str) -> int:
    """Count 字 as word processors do for Chinese: punctuation counts, white space does not."""
    return len("".join(written.split()))


def text(rule: rules.TextRule, scope: Scope) -> Points:
    """Report a narrative: written, not too long, with its attachment where one is wanted."""
    names = (*([] if rule.entry is None else [rule.entry]), *rule.others)
    findings = [_written(name, rule, scope) for name in names]
    if rule.follows is not None and names and findings[0].result != INSUFFICIENT:
        earlier = scope.entry(rule.follows.entry, rule.follows.item)
        outcome = Outcome(MET, answer=earlier) if earlier else Outcome(NOT_MET, "out_of_order")
        findings.append(Finding(ORDER, None, outcome, outcome.result, outcome.reason, scope))
    if rule.attachment is not None:
        attached = scope.entry(rule.attachment, None)
        outcome = Outcome(
            {True: MET, False: NOT_MET, None: INSUFFICIENT}[attached],
            None if attached else "missing_attachment",
            answer=attached,
            origin=Origin("entry", "declared", rule.attachment),
        )
        findings.append(
            Finding(rule.attachment, None, outcome, outcome.result, outcome.reason, scope)
        )
    answered = all(finding.result != INSUFFICIENT for finding in findings)
    shown = [finding for finding in findings if finding.id != ORDER]
    return Points(
        ZERO,
        ZERO,
        tuple(findings),
        lambda language: "; ".join(answer_text(f.outcome, language)[:80] for f in shown),
        answered=answered,
    )
