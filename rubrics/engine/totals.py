"""From items to sections, total and outcome: sums, weights, caps, minimums, gates, bands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from rubrics.engine.conditions import DISPUTED, INSUFFICIENT, MET, NOT_APPLICABLE, NOT_MET
from rubrics.engine.results import ZERO, ItemResult
from rubrics.exact import decimal_text, exact_sum, rounded
from rubrics.model.expressions import Quantity
from rubrics.model.rubric import Rubric, Section, SharedCap

VERDICTS = (MET, NOT_MET, INSUFFICIENT, NOT_APPLICABLE, DISPUTED)
COUNTED_RULES = ("meets", "judge", "level")
FORM_RULES = ("fact", "text")


@dataclass(slots=True)
class Adjustment:
    """What makes a section or total differ from the plain sum of its items."""

    kind: str
    name: str
    low: Fraction
    high: Fraction
    working: str


@dataclass(slots=True)
class Sum:
    """Points of a part of the rubric."""

    low: Fraction = ZERO
    high: Fraction = ZERO
    max: Fraction = ZERO
    excluded: Fraction = ZERO
    """Max of the items that do not apply and are left out."""


@dataclass(slots=True)
class SectionResult:
    """One heading with the points and verdicts below it."""

    section: Section
    total: Sum
    items: tuple[str, ...]
    adjustments: list[Adjustment] = field(default_factory=list)
    minimum: str | None = None


@dataclass(slots=True)
class Totals:
    """The whole result."""

    base: Sum
    bonus: Sum
    sections: dict[str, SectionResult]
    adjustments: list[Adjustment]
    gates: dict[str, str]
    minimums: dict[str, str]
    vetoed: bool | None
    band: str | None
    band_range: tuple[str | None, str | None]


def total_up(
    rubric: Rubric, results: Mapping[str, ItemResult], readings: Mapping[str, str]
) -> Totals:
    """Add up the items of a sheet under the readings in force."""
    sections: dict[str, SectionResult] = {}
    open_caps = {cap.id: cap for cap in rubric.shared_caps if _in_force(cap, readings)}
    parts: dict[str, list[Sum]] = {"base": [], "bonus": [], "weighted": []}
    for section in rubric.sections:
        found = _section(section, results, sections, open_caps, rubric.places)
        kind = (
            "bonus" if section.part == "bonus" else "base" if section.weight is None else "weighted"
        )
        parts[kind].append(found.total)
    base, bonus = _sum_of(parts["base"]), _sum_of(parts["bonus"])
    adjustments = list[Adjustment]()
    for cap in open_caps.values():
        adjustments.append(_cap(cap, results, bonus if _is_bonus(cap, results) else base))
    adjustments += _rescale(base, rubric.places)
    if parts["weighted"]:
        base = _sum_of([base, *parts["weighted"]])
    gates = {name: _gate(one) for name, one in results.items() if one.item.gate is not None}
    minimums = {name: s.minimum for name, s in sections.items() if s.minimum is not None}
    vetoed = _vetoed(results)
    whole = _sum_of([base, bonus]) if parts["bonus"] else base
    lowest = _band(rubric, whole, whole.low, gates, minimums, (MET,))
    highest = _band(rubric, whole, whole.high, gates, minimums, (MET, INSUFFICIENT))
    band = lowest if lowest == highest and vetoed is False else None
    return Totals(
        base, bonus, sections, adjustments, gates, minimums, vetoed, band, (lowest, highest)
    )


def _in_force(cap: SharedCap, readings: Mapping[str, str]) -> bool:
    return cap.applies_when is None or readings[cap.applies_when.reading] == cap.applies_when.is_


def _is_bonus(cap: SharedCap, results: Mapping[str, ItemResult]) -> bool:
    return all(results[name].item.part == "bonus" for name in cap.items)


def _section(
    section: Section,
    results: Mapping[str, ItemResult],
    into: dict[str, SectionResult],
    open_caps: dict[str, SharedCap],
    places: int,
) -> SectionResult:
    names = section.item_ids
    found = SectionResult(section, Sum(), names)
    into[section.id] = found  # before its children: document order
    parts = [
        _section(child, results, into, open_caps, places).total for child in section.sections
    ] or [_item_sum(results[item.id]) for item in section.items]
    found.total = _sum_of(parts)
    for cap in [c for c in open_caps.values() if set(c.items) <= set(names)]:
        found.adjustments.append(_cap(cap, results, found.total))
        del open_caps[cap.id]
    if section.aggregate == "mean":
        used = sum(1 for part in parts if part.max) or 1
        found.adjustments.append(
            _scaled(found.total, Fraction(1, used), "mean", section.id, places)
        )
    if section.weight is not None and found.total.max:
        factor = section.weight / found.total.max
        found.adjustments.append(_scaled(found.total, factor, "weight", section.id, places))
        found.total.excluded = ZERO
    if section.minimum is not None:
        found.minimum = _reaches(section.minimum, found.total)
    return found


def _sum_of(parts: list[Sum]) -> Sum:
    if len(parts) == 1:
        return replace(parts[0])
    low = exact_sum([part.low for part in parts])
    settled = all(part.low is part.high for part in parts)
    return Sum(
        low,
        low if settled else exact_sum([part.high for part in parts]),
        exact_sum([part.max for part in parts]),
        exact_sum([part.excluded for part in parts]),
    )


def _item_sum(result: ItemResult) -> Sum:
    if result.max is None:
        return Sum()
    if result.excluded:
        return Sum(excluded=result.max)
    return Sum(result.low, result.high, result.max)


def _scaled(total: Sum, factor: Fraction, kind: str, name: str, places: int) -> Adjustment:
    low, high = rounded(total.low * factor, places), rounded(total.high * factor, places)
    working = f"{decimal_text(total.low)} × {factor} = {decimal_text(low)}"
    adjustment = Adjustment(kind, name, low - total.low, high - total.high, working)
    total.low, total.high, total.max = low, high, total.max * factor
    return adjustment


def _rescale(total: Sum, places: int) -> Iterator[Adjustment]:
    """Bring the points of the items that apply to the full maximum."""
    if total.excluded and total.max:
        factor = (total.max + total.excluded) / total.max
        total.excluded = ZERO
        yield _scaled(total, factor, "rescaled", "total", places)


def _cap(cap: SharedCap, results: Mapping[str, ItemResult], total: Sum) -> Adjustment:
    chosen = [results[name] for name in cap.items if not results[name].excluded]
    low = sum((one.low for one in chosen), ZERO)
    high = sum((one.high for one in chosen), ZERO)
    most = sum((one.max for one in chosen if one.max is not None), ZERO)
    adjustment = Adjustment(
        "shared_cap",
        cap.id,
        min(ZERO, cap.cap - low),
        min(ZERO, cap.cap - high),
        f"min({decimal_text(low)}, {decimal_text(cap.cap)}) = {decimal_text(min(low, cap.cap))}",
    )
    total.low += adjustment.low
    total.high += adjustment.high
    total.max += min(ZERO, cap.cap - most)
    return adjustment


def verdict_counts(names: tuple[str, ...], results: Mapping[str, ItemResult]) -> dict[str, int]:
    """Count the verdicts on the criteria of some items."""
    counts = dict.fromkeys(VERDICTS, 0)
    for name in names:
        result = results[name]
        if result.item.rule.type in COUNTED_RULES:
            for finding in result.points.findings:
                counts[finding.result] += 1
    return counts


def answer_counts(names: tuple[str, ...], results: Mapping[str, ItemResult]) -> dict[str, int]:
    """Count the form fields of some items that are given, missing, disputed."""
    answers = {"given": 0, "missing": 0, "disputed": 0}
    for name in names:
        result = results[name]
        if result.item.rule.type in FORM_RULES:
            disputed = any(finding.result == DISPUTED for finding in result.points.findings)
            given = "given" if result.points.answered else "missing"
            answers["disputed" if disputed else given] += 1
    return answers


def _reaches(least: Quantity, total: Sum) -> str:
    needed = least.value * total.max / 100 if least.unit == "percent" else least.value
    if total.low >= needed:
        return MET
    return NOT_MET if total.high < needed else INSUFFICIENT


def _gate(result: ItemResult) -> str:
    """Whether a ★ item is met: its points reach the bound, or every criterion holds."""
    gate = result.item.gate
    if result.status == "not_applicable":
        return MET
    if result.max is not None:
        least = result.max
        if gate is not None and gate.at_least_points is not None:
            least = gate.at_least_points
        if result.low >= least:
            return MET
        return NOT_MET if result.high < least else INSUFFICIENT
    verdicts = {finding.result for finding in result.points.findings}
    if NOT_MET in verdicts:
        return NOT_MET
    return MET if verdicts <= {MET, NOT_APPLICABLE} else INSUFFICIENT


def _vetoed(results: Mapping[str, ItemResult]) -> bool | None:
    struck = [one.points.vetoed for one in results.values() if one.item.rule.type == "veto"]
    if any(one is True for one in struck):
        return True
    return None if None in struck else False


def _band(
    rubric: Rubric,
    whole: Sum,
    points: Fraction,
    gates: Mapping[str, str],
    minimums: Mapping[str, str],
    good: tuple[str, ...],
) -> str | None:
    best: tuple[Fraction, str] | None = None
    for band in rubric.bands:
        needed = band.ge.value * whole.max / 100 if band.ge.unit == "percent" else band.ge.value
        reached = points >= needed
        reached = reached and not (band.gates and any(g not in good for g in gates.values()))
        reached = reached and not (band.minimums and any(m not in good for m in minimums.values()))
        if reached and (best is None or needed > best[0]):
            best = (needed, band.id)
    return None if best is None else best[1]
