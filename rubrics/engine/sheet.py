"""The score sheet: everything that was found, as plain JSON data with a content hash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from rubrics.engine.arithmetic import number_text
from rubrics.engine.case import Case, Plain
from rubrics.engine.conditions import Outcome
from rubrics.engine.evidence import Origin, Resolved
from rubrics.engine.plain_data import content_hash, spelled
from rubrics.engine.results import Finding, ItemResult
from rubrics.engine.rules.verdicts import answer_text, finding_text
from rubrics.engine.scope import Scope
from rubrics.engine.totals import (
    Adjustment,
    SectionResult,
    Sum,
    Totals,
    answer_counts,
    verdict_counts,
)
from rubrics.engine.values import resolve
from rubrics.exact import decimal_text
from rubrics.model import expressions as ex
from rubrics.model.rubric import Rubric

ENGINE_VERSION = "3"
"""Changes whenever the same rubric and case would give another sheet."""
EVIDENCE_KEYS = (
    "statistic", "samples", "days", "weeks", "coverage", "targets", "targets_declared", "since",
    "until", "as_of", "limited_by", "assumed_days",
    "excluded", "observed", "by", "document", "why", "at", "appeal",
)  # fmt: skip
SETTLED = ("scored", "not_applicable", "vetoed")


@dataclass
class ScoreSheet:
    """All findings and points of a case, with the interval and what it was computed from."""

    rubric: Rubric
    raw_case: Plain
    case: Case
    readings: Mapping[str, str]
    items: dict[str, ItemResult]
    totals: Totals

    @property
    def proven(self) -> Fraction:
        """Points that hold whatever is still unknown."""
        return self.totals.base.low + self.totals.bonus.low

    @property
    def possible(self) -> Fraction:
        """Points that can still be reached."""
        return self.totals.base.high + self.totals.bonus.high

    @property
    def status(self) -> str:
        """`final` when nothing is pending, else `provisional`."""
        settled = all(result.status in SETTLED for result in self.items.values())
        return "final" if settled else "provisional"

    @cached_property
    def content_hash(self) -> str:
        """`sha256:…` over rubric, case and engine version: same inputs, same hash, anywhere."""
        return content_hash(
            {
                "engine": ENGINE_VERSION,
                "rubric": self.rubric.content_hash,
                "case": self.raw_case,
            }
        )

    def total_json(self) -> dict[str, Any]:
        """Write the total alone as JSON data."""
        totals = self.totals
        scored = self.rubric.scored
        whole = Sum(self.proven, self.possible, totals.base.max + totals.bonus.max)
        total: dict[str, Any] = {**_sum_json(whole, scored), "status": self.status}
        if any(result.item.part == "bonus" for result in self.items.values()):
            total |= {
                "base": _sum_json(totals.base, scored),
                "bonus": _sum_json(totals.bonus, scored),
            }
        everything = tuple(self.items)
        total["counts"] = verdict_counts(everything, self.items)
        total["answers"] = answer_counts(everything, self.items)
        total["adjustments"] = [_adjustment_json(one) for one in totals.adjustments]
        return total

    def to_json(self) -> dict[str, Any]:
        """Write the sheet as JSON data; numbers are decimal strings."""
        scored = self.rubric.scored
        return {
            "rubric": self.rubric.id,
            "rubric_version": self.rubric.version,
            "rubric_hash": self.rubric.content_hash,
            "engine_version": ENGINE_VERSION,
            "content_hash": self.content_hash,
            "school": self.case.school.get("id"),
            "items": {name: _item_json(result, self.case) for name, result in self.items.items()},
            "sections": {
                name: _section_json(section, self.items, scored)
                for name, section in self.totals.sections.items()
            },
            "total": self.total_json(),
            "outcome": _outcome_json(self.totals),
            "stages": self._stages_json(),
            "readings": self._readings_json(),
            "warnings": list(self.case.warnings),
        }

    def _stages_json(self) -> dict[str, Any]:
        scored = [result for result in self.items.values() if result.max is not None]
        given_at = {stage.id: self.case.stages.get(stage.id, {}) for stage in self.rubric.stages}
        return {
            stage.id: {
                "title": stage.title.zh,
                "title_en": stage.title.en,
                "points": decimal_text(sum(given_at[stage.id].values(), Fraction(0))),
                "given": len(given_at[stage.id]),
                "of": len(scored),
            }
            for stage in self.rubric.stages
        }

    def _readings_json(self) -> dict[str, Any]:
        return {
            name: {
                "chosen": self.case.readings.get(name),
                "default": choice.default,
                "when_not_chosen": choice.when_not_chosen,
            }
            for name, choice in self.rubric.readings.items()
        }


def _sum_json(total: Sum, scored: bool) -> dict[str, Any]:
    return {
        "proven": decimal_text(total.low) if scored else None,
        "possible": decimal_text(total.high) if scored else None,
        "max": decimal_text(total.max) if scored else None,
    }


def _adjustment_json(one: Adjustment) -> dict[str, str]:
    return {
        "kind": one.kind,
        "name": one.name,
        "proven": decimal_text(one.low),
        "possible": decimal_text(one.high),
        "working": one.working,
    }


def _section_json(
    found: SectionResult, items: Mapping[str, ItemResult], scored: bool
) -> dict[str, Any]:
    printed = found.section.printed_max
    has_points = scored and bool(found.total.max or found.total.excluded)
    return {
        "title": found.section.title.zh,
        "title_en": found.section.title.en,
        **_sum_json(found.total, has_points),
        "printed_max": None if printed is None else decimal_text(printed),
        "items": list(found.items),
        "counts": verdict_counts(found.items, items),
        "answers": answer_counts(found.items, items),
        "adjustments": [_adjustment_json(one) for one in found.adjustments],
    }


def _outcome_json(totals: Totals) -> dict[str, Any]:
    return {
        "vetoed": totals.vetoed,
        "band": totals.band,
        "band_range": list(totals.band_range),
        "gates": totals.gates,
        "minimums": totals.minimums,
    }


def _item_json(result: ItemResult, case: Case) -> dict[str, Any]:
    item, scored = result.item, result.max is not None
    given = {stage: points[item.id] for stage, points in case.stages.items() if item.id in points}
    return {
        "status": result.status,
        "proven": decimal_text(result.low) if scored else None,
        "possible": decimal_text(result.high) if scored else None,
        "max": None if result.max is None else decimal_text(result.max),
        "working": result.points.working("zh"),
        "working_en": result.points.working("en"),
        "findings": [finding_json(finding) for finding in result.points.findings],
        "stages": {stage: decimal_text(points) for stage, points in given.items()},
        "warnings": list(result.warnings),
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """Write a finding with its value, origin, other values beside it, and working."""
    outcome = finding.outcome
    written: dict[str, Any] = {"id": finding.id}
    if finding.title is not None:
        written |= {"title": finding.title.zh, "title_en": finding.title.en}
    written |= {"result": finding.result, "reason": finding.reason}
    if finding.lost is not None:
        written["lost"] = decimal_text(finding.lost)
    if outcome.favourable is not None:
        written["favourable"] = outcome.favourable
    leaves = list(_leaves(outcome))
    if len(leaves) == 1:
        written |= _leaf_json(leaves[0])
    beside = [_value_json(one) for leaf in leaves for one in leaf.beside]
    if len(leaves) > 1:
        beside = [_leaf_json(leaf) for leaf in leaves] + beside
    beside += [_shown_json(value, finding.scope) for value in finding.show]
    written["values"] = beside
    if finding.overridden is not None:
        written["overridden"] = finding_json(finding.overridden)
    if finding.alternatives:
        written["alternatives"] = {label: one.result for label, one in finding.alternatives}
    written["working"] = _working(finding, "zh")
    written["working_en"] = _working(finding, "en")
    return written


def _working(finding: Finding, language: str) -> str:
    if finding.alternatives:
        each = [f"[{label}] {_working(one, language)}" for label, one in finding.alternatives]
        return " | ".join(each)
    if finding.arithmetic is not None:
        return finding.arithmetic
    if finding.overridden is not None:
        return finding_text(finding, language)
    if finding.outcome.node is None and finding.reason != "awaiting_judgement":
        if finding.outcome.value is not None:
            value = finding.outcome.value
            return number_text(value.number if value.number is not None else value.seen, value.unit)
        return answer_text(finding.outcome, language)
    return finding_text(finding, language)


def _leaves(outcome: Outcome) -> Iterator[Outcome]:
    if outcome.parts:
        for part in outcome.parts:
            yield from _leaves(part)
    elif outcome.value is not None or outcome.origin is not None or outcome.answer is not None:
        yield outcome


def _leaf_json(leaf: Outcome) -> dict[str, Any]:
    if leaf.value is None:
        answer = leaf.answer
        shown = decimal_text(answer) if isinstance(answer, Fraction) else answer
        return {"value": shown, **_origin_json(leaf.origin)}
    written = _value_json(leaf.value)
    if leaf.bounds:
        unit = leaf.value.unit
        numbers = [number_text(bound.number, unit) for bound in leaf.bounds]
        written["threshold"] = numbers[0] if len(numbers) == 1 else numbers
        written["op"] = getattr(leaf.node, "op", None)
    return written


def _shown_json(value: object, scope: Scope) -> dict[str, Any]:
    """Write a number that is shown beside a verdict, with the name of what it measures."""
    written = _value_json(resolve(value, scope))
    if isinstance(value, ex.IndicatorValue):
        title = scope.plan.rubric.indicators[value.indicator].title
        written |= {"label": title.zh, "label_en": title.en}
    return written


def _value_json(value: Resolved) -> dict[str, Any]:
    number = value.number if value.number is not None else value.seen
    return {
        "value": None if number is None else decimal_text(number / value.unit.factor),
        "unit": value.unit.name,
        "usable": value.number is not None,
        **_origin_json(value.origin),
    }


def _origin_json(origin: Origin | None) -> dict[str, Any]:
    if origin is None:
        return {}
    details = origin.details if isinstance(origin.details, Mapping) else {}
    kept = {key: spelled(details[key]) for key in EVIDENCE_KEYS if details.get(key) is not None}
    return {"source": origin.source, "origin": {"kind": origin.kind, "name": origin.name, **kept}}
