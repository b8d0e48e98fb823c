"""Lint: oddities of an official document that scoring must live with and people should know.

A lint finding is no error: the item's points stay authoritative, nothing is rescaled, nothing is
rejected. Each says what was found and what the engine does about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from rubrics.exact import decimal_text
from rubrics.model import expressions as ex
from rubrics.model import rules
from rubrics.model.rubric import Item, Rubric, Section

FLOOR_WORDS = ("扣完为止",)
"""Words by which a document says that an item cannot go below zero."""


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One oddity: where, which kind, and in words."""

    where: str
    code: str
    zh: str
    en: str

    def __str__(self) -> str:
        return f"[{self.where}] {self.code}: {self.zh} / {self.en}"


def lint_rubric(rubric: Rubric) -> list[LintFinding]:
    """List the oddities of a rubric in document order; empty when there are none."""
    found: list[LintFinding] = []
    for section in rubric.sections:
        found += _sections(section)
    found += _total(rubric)
    for item in rubric.items():
        if isinstance(item.rule, rules.Deduct) and item.max is not None:
            found += _deductions(rubric, item, item.rule, item.max)
        found += _judged(item)
    return found


def _points(section: Section) -> Fraction:
    return sum((item.max for item in section.all_items() if item.max is not None), Fraction(0))


def _sections(section: Section) -> Iterator[LintFinding]:
    printed, summed = section.printed_max, _points(section)
    if printed is not None and printed != summed:
        yield LintFinding(
            section.id,
            "printed_sum_differs",
            f"表头印 {decimal_text(printed)} 分，各项合计 {decimal_text(summed)} 分；以各项为准",
            f"the heading prints {decimal_text(printed)}, the items add up to "
            f"{decimal_text(summed)}; the items count",
        )
    headings = [child.printed_max for child in section.sections]
    known = [points for points in headings if points is not None]
    below = sum(known, Fraction(0))
    if printed is not None and known and len(known) == len(headings) and below != printed:
        yield LintFinding(
            section.id,
            "printed_headings_differ",
            f"表头印 {decimal_text(printed)} 分，下级表头合计 {decimal_text(below)} 分",
            f"the heading prints {decimal_text(printed)}, the headings below add up to "
            f"{decimal_text(below)}",
        )
    for child in section.sections:
        yield from _sections(child)


def _total(rubric: Rubric) -> Iterator[LintFinding]:
    summed = sum((_points(section) for section in rubric.sections), Fraction(0))
    printed = rubric.total_printed_max
    capped = sum(
        (
            max(
                Fraction(0),
                sum(
                    (i.max or Fraction(0) for i in rubric.items() if i.id in cap.items), Fraction(0)
                )
                - cap.cap,
            )
            for cap in rubric.shared_caps
        ),
        Fraction(0),
    )
    if printed is not None and printed not in (summed, summed - capped):
        yield LintFinding(
            rubric.id,
            "printed_total_differs",
            f"合计印 {decimal_text(printed)} 分，各项合计 {decimal_text(summed)} 分",
            f"the total prints {decimal_text(printed)}, the items add up to {decimal_text(summed)}",
        )


def _in_default_reading(clause: rules.Clause, rubric: Rubric) -> bool:
    """Leave out clauses that only another reading brings in."""
    condition = clause.applies_when
    if not isinstance(condition, ex.ReadingIs):
        return True
    return rubric.readings[condition.reading].default == condition.is_


def _most(clause: rules.DeductClause) -> Fraction | None:
    """Return the most that a clause can deduct; None where the document sets no end."""
    if isinstance(clause, rules.FlagClause | rules.ZeroClause):
        return clause.points
    if isinstance(clause, rules.EachClause) and isinstance(clause.count, ex.Shortfall):
        required = clause.count.shortfall[0]
        if isinstance(required, ex.Quantity):
            return clause.points * required.value
    return None


def _deductions(
    rubric: Rubric, item: Item, rule: rules.Deduct, top: Fraction
) -> Iterator[LintFinding]:
    """Compare what an item can lose with what it is worth."""
    says_floor = any(word in (item.scoring_text or item.text) for word in FLOOR_WORDS)
    clauses = [one for one in rule.clauses if _in_default_reading(one, rubric)]
    most = [_most(one) for one in clauses]
    bounded = [points for points in most if points is not None]
    once = sum(bounded, Fraction(0))
    repeated = len(bounded) < len(most)
    for clause in clauses:
        if clause.kind in ("flag", "zero") and clause.points > top:
            points = decimal_text(clause.points)
            yield LintFinding(
                item.id,
                "clause_exceeds_max",
                f"一条扣 {points} 分，超过分值 {decimal_text(top)}；得分不低于 0",
                f"one clause deducts {points} of {decimal_text(top)}; the score stays at zero",
            )
    if repeated and not says_floor:
        yield LintFinding(
            item.id,
            "unbounded_without_floor",
            "按次扣分而没有写“扣完为止”；得分不低于 0",
            "deducts for each without saying where it ends; the score stays at zero",
        )
    elif not repeated and once > top:
        floor = "" if says_floor else "，也没有写“扣完为止”"
        yield LintFinding(
            item.id,
            "deductions_exceed_max",
            f"各条合计扣 {decimal_text(once)} 分，超过分值 {decimal_text(top)}{floor}；"
            "得分不低于 0",
            f"the clauses add up to {decimal_text(once)} of {decimal_text(top)}; "
            "the score stays at zero",
        )
    elif not repeated and once < top:
        yield LintFinding(
            item.id,
            "points_never_lost",
            f"最多扣 {decimal_text(once)} 分，少于分值 {decimal_text(top)}；有 "
            f"{decimal_text(top - once)} 分永远扣不到",
            f"at most {decimal_text(once)} of {decimal_text(top)} can be lost; "
            f"{decimal_text(top - once)} never can",
        )


def _judged(item: Item) -> Iterator[LintFinding]:
    if isinstance(item.rule, rules.Judge):
        yield LintFinding(
            item.id,
            "no_partial_credit_rule",
            "文件没有规定部分得分的办法，由人工评分",
            "the document has no rule for partial credit; a person gives the points",
        )
