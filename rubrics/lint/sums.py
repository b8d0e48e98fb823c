"""Printed points against the sums of what stands below them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from rubrics.exact import decimal_text, exact_sum
from rubrics.lint.places import items_of, sections_of
from rubrics.lint.warning import LintWarning, warn
from rubrics.model import rules
from rubrics.model.rubric import Item, Rubric, Section, SharedCap


def sum_warnings(rubric: Rubric) -> Iterator[LintWarning]:
    """Compare headers, the printed total, criteria and steps with the points they hold."""
    for path, section in sections_of(rubric):
        yield from _header(rubric, path, section)
    yield from _children(rubric)
    yield from _total(rubric)
    for path, item in items_of(rubric):
        yield from _best(rubric, path, item)
        yield from _smallest_step(rubric, path, item)


def _points(section: Section, rubric: Rubric) -> Fraction | None:
    """Points a section holds, shared caps applied where they hold; None without points."""
    items = [item for item in section.all_items() if item.max is not None]
    if not items:
        return None
    if section.weight is not None:
        return section.weight
    names = {item.id for item in items}
    total = exact_sum(item.max for item in items if item.max is not None)
    for cap in rubric.shared_caps:
        if _cap_holds(cap, rubric) and names.issuperset(cap.items):
            held = exact_sum(i.max for i in items if i.id in cap.items and i.max is not None)
            total -= max(Fraction(0), held - cap.cap)
    return total


def _header(rubric: Rubric, path: tuple[str | int, ...], section: Section) -> Iterator[LintWarning]:
    held = _points(section, rubric)
    printed = section.printed_max
    if held is None or printed is None or held == printed:
        return
    yield warn(
        "header_sum_differs",
        rubric.id,
        (*path, "printed_max"),
        items=tuple(item.id for item in section.all_items()),
        clause=f"{section.id} {section.title.zh} {decimal_text(printed)}",
        section=section.id,
        printed=decimal_text(printed),
        held=decimal_text(held),
    )


def _cap_holds(cap: SharedCap, rubric: Rubric) -> bool:
    """Whether a cap holds as long as nobody chooses another reading."""
    when = cap.applies_when
    return when is None or rubric.readings[when.reading].default == when.is_


def _children(rubric: Rubric) -> Iterator[LintWarning]:
    """Compare headers with the headers below them: both may differ from the items' sums."""
    for path, section in sections_of(rubric):
        printed = [inner.printed_max for inner in section.sections]
        known = [points for points in printed if points is not None]
        if not known or len(known) != len(printed) or section.printed_max is None:
            continue
        below = exact_sum(known)
        if below != section.printed_max:
            yield warn(
                "headers_below_differ",
                rubric.id,
                (*path, "printed_max"),
                clause=f"{section.id} {section.title.zh} {decimal_text(section.printed_max)}",
                section=section.id,
                printed=decimal_text(section.printed_max),
                below=decimal_text(below),
            )


def _total(rubric: Rubric) -> Iterator[LintWarning]:
    printed = rubric.total_printed_max
    parts = [_points(section, rubric) for section in rubric.sections]
    held = exact_sum(points for points in parts if points is not None)
    if printed is not None and held != printed:
        yield warn(
            "total_differs",
            rubric.id,
            ("total_printed_max",),
            clause=decimal_text(printed),
            printed=decimal_text(printed),
            held=decimal_text(held),
        )


def _best(rubric: Rubric, path: tuple[str | int, ...], item: Item) -> Iterator[LintWarning]:
    """Say where the best result of a rule is not the item's maximum."""
    best = best_points(item)
    if item.max is None or best is None or best == item.max:
        return
    code = "points_out_of_reach" if best < item.max else "rule_exceeds_max"
    yield warn(
        code,
        rubric.id,
        (*path, "rule"),
        items=(item.id,),
        clause=item.scoring_text or item.text,
        item=item.id,
        best=decimal_text(best),
        max=decimal_text(item.max),
    )


def best_points(item: Item) -> Fraction | None:
    """Best points a rule states by itself; None where it is the item's max by construction."""
    rule = item.rule
    if isinstance(rule, rules.Bands):
        return max([rule.otherwise, *(band.points for band in rule.bands)])
    if isinstance(rule, rules.Level):
        return max([rule.otherwise, *(level.points for level in rule.levels)])
    if isinstance(rule, rules.Interpolate):
        return max(knot.points for knot in rule.knots)
    if isinstance(rule, rules.Meets) and any(one.points is not None for one in rule.criteria):
        return exact_sum(one.points for one in rule.criteria if one.points is not None)
    if isinstance(rule, rules.Award) and rule.cap is not None:
        return rule.cap
    if isinstance(rule, rules.Bonus) and all(clause.kind == "flag" for clause in rule.clauses):
        return exact_sum(clause.points for clause in rule.clauses)
    if isinstance(rule, rules.Grade):
        return None if item.max is None else max(rule.coefficients.values()) * item.max
    return None


def _smallest_step(
    rubric: Rubric, path: tuple[str | int, ...], item: Item
) -> Iterator[LintWarning]:
    """Say where the steps of a judged item never land on its maximum."""
    rule = item.rule
    if not isinstance(rule, rules.Judge) or rule.step is None or item.max is None:
        return
    if (item.max / rule.step).denominator != 1:
        yield warn(
            "step_misses_max",
            rubric.id,
            (*path, "rule", "step"),
            items=(item.id,),
            clause=item.text,
            item=item.id,
            step=decimal_text(rule.step),
            max=decimal_text(item.max),
        )
