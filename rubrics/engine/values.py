"""Values of a rubric resolved against a case: exact numbers in base units, or a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from math import isqrt
from statistics import median
from typing import Any

from rubrics.engine.evidence import Origin, Resolved, measured
from rubrics.engine.scope import Scope
from rubrics.exact import rounded
from rubrics.model import expressions as ex
from rubrics.units import UNITS, Unit

SQRT_PLACES = 12
"""Decimals kept of a square root (coefficient of variation): the one number that is not exact."""


def resolve(value: Any, scope: Scope) -> Resolved:
    """Return what a value of the rubric is in this case. Never raises for missing data."""
    return _RESOLVERS[type(value)](value, scope)


def quantity_factor(quantity: ex.Quantity, scope: Scope) -> Fraction:
    """Return the base units in one unit of the quantity, with the K of the reading in force."""
    if quantity.kilo is None:
        return UNITS[quantity.unit].factor
    if isinstance(quantity.kilo, ex.ReadingRef):
        return _chosen_number(quantity.kilo.reading, scope)
    return quantity.kilo


def _chosen_number(reading: str, scope: Scope) -> Fraction:
    chosen = scope.plan.rubric.readings[reading].alternatives[scope.readings[reading]]
    return chosen.value if chosen.value is not None else Fraction(0)


def _quantity(value: ex.Quantity, scope: Scope) -> Resolved:
    known = scope.plan.constants.get(id(value))
    if known is not None:
        return known
    resolved = Resolved(value.value * quantity_factor(value, scope), UNITS[value.unit])
    if not isinstance(value.kilo, ex.ReadingRef):
        scope.plan.constants[id(value)] = resolved
    return resolved


def _indicator(value: ex.IndicatorValue, scope: Scope) -> Resolved:
    used = scope.plan.rubric.indicators[value.indicator]
    return measured(value.indicator, scope.case.indicators.get(value.indicator), used)


def _fact(value: ex.FactValue, scope: Scope) -> Resolved:
    return _figure(scope, "fact", value.fact)


def _reference(value: ex.ReferenceValue, scope: Scope) -> Resolved:
    return _figure(scope, "reference", value.reference)


def _figure(scope: Scope, source: str, name: str) -> Resolved:
    rubric = scope.plan.rubric
    specs, given = (
        (rubric.facts, scope.case.facts)
        if source == "fact"
        else (rubric.references, scope.case.references)
    )
    unit = UNITS[specs[name].unit]
    figure = given.get(name)
    kind = "declared" if source == "fact" else "imported"
    if figure is None:
        return Resolved(None, unit, f"missing_{source}", origin=Origin(source, kind, name))
    return Resolved(figure.value * unit.factor, unit, origin=Origin(source, kind, name, figure.raw))


def _entry(value: ex.EntryValue, scope: Scope) -> Resolved:
    unit = scope.plan.units[id(value)]
    number = scope.entry(value.entry, value.item)
    origin = entry_origin(value.entry, value.item, scope)
    if number is None:
        return Resolved(None, unit, "missing_entry", origin=origin)
    if unit.factor != 1:
        number *= unit.factor
    return Resolved(number, unit, origin=origin)


def entry_origin(name: str, item: str | None, scope: Scope) -> Origin:
    """Say where an entry comes from; the case may say that it was imported or judged."""
    raw = scope.case.origins.get((item or scope.item.id, name)) if scope.case.origins else None
    if raw is None:
        return _declared(name)
    return Origin("entry", str(raw.get("kind", "declared")), name, raw)


@lru_cache(maxsize=4096)
def _declared(name: str) -> Origin:
    return Origin("entry", "declared", name)


def _profile(value: ex.ProfileValue, scope: Scope) -> Resolved:
    number = scope.case.school.get(value.profile)
    origin = Origin("profile", "declared", value.profile)
    unit = UNITS["class" if value.profile == "classes" else "person"]
    if number is None:
        return Resolved(None, unit, "missing_profile", origin=origin)
    if number == 0 and value.profile == "heads":
        return Resolved(None, unit, "nobody_counted", origin=origin)
    return Resolved(number, unit, origin=origin)


def _reading(value: ex.ReadingRef, scope: Scope) -> Resolved:
    unit = scope.unit(value)
    return Resolved(_chosen_number(value.reading, scope) * unit.factor, unit)


def _per_head(value: ex.PerHead, scope: Scope) -> Resolved:
    quantity, heads = value.per_head, scope.case.school["heads"]
    unit = UNITS[quantity.unit]
    if not heads:  # a school of nobody is a profile that is not filled in, not a threshold of zero
        reason = "missing_profile" if heads is None else "nobody_counted"
        return Resolved(None, unit, reason, origin=Origin("profile", "declared", "heads"))
    return Resolved(quantity.value * quantity_factor(quantity, scope) * heads, unit)


_FLIPPED = {"lower_bound": "upper_bound", "upper_bound": "lower_bound"}


def _combined(
    parts: list[Resolved],
    unit: Unit,
    compute: Callable[[list[Fraction]], Fraction | None],
    falling: tuple[int, ...] = (),
) -> Resolved:
    """Arithmetic on parts; `falling` are those where more of the part means less of the result."""
    numbers: list[Fraction] = []
    bounds: set[str] = set()
    limits: list[str] = []
    for index, part in enumerate(parts):
        if part.number is None:
            return Resolved(None, unit, part.reason, origin=part.origin)
        numbers.append(part.number)
        if part.bound != "exact":
            bounds.add(_FLIPPED.get(part.bound, part.bound) if index in falling else part.bound)
        limits += part.limits
    bound = "exact" if not bounds else bounds.pop() if len(bounds) == 1 else "unclear"
    result = compute(numbers)
    origin = next((part.origin for part in parts if part.origin is not None), None)
    if result is None:
        return Resolved(None, unit, "division_by_zero", origin=origin)
    return Resolved(result, unit, None, bound, tuple(limits), origin)


def _arithmetic(
    attribute: str,
    compute: Callable[[list[Fraction]], Fraction | None],
    falling: tuple[int, ...] = (),
) -> Callable[[Any, Scope], Resolved]:
    def resolver(value: Any, scope: Scope) -> Resolved:
        parts = [resolve(part, scope) for part in getattr(value, attribute)]
        return _combined(parts, scope.unit(value), compute, falling)

    return resolver


def _product(numbers: list[Fraction]) -> Fraction:
    result = Fraction(1)
    for number in numbers:
        result *= number
    return result


def _sum(numbers: list[Fraction]) -> Fraction:
    return sum(numbers, Fraction(0))


def _one_of(value: ex.OneOf, scope: Scope) -> Resolved:
    parts = [resolve(part, scope) for part in value.one_of]
    known = [part for part in parts if part.number is not None]
    if not known:
        return parts[0]
    if any(part.number != known[0].number for part in known):
        unit, origin = scope.unit(value), known[0].origin
        return Resolved(None, unit, "sources_disagree", origin=origin, seen=known[0].number)
    return known[0]


def _rounded(value: ex.Rounded, scope: Scope) -> Resolved:
    inner = resolve(value.rounded, scope)
    mode = scope.word(value.mode)
    if inner.number is None or mode == "none":
        return inner
    factor = inner.unit.factor
    return replace(inner, number=_whole(inner.number / factor, mode) * factor)


def _whole(number: Fraction, mode: str) -> Fraction:
    if mode == "floor":
        return Fraction(number.numerator // number.denominator)
    if mode == "ceil":
        return Fraction(-(-number.numerator // number.denominator))
    return rounded(number, 0)


def _list(value: ex.ListStatistic, scope: Scope) -> Resolved:
    unit = scope.unit(value)
    numbers = scope.entry(value.list, None)
    origin = entry_origin(value.list, None, scope)
    if numbers is None:
        return Resolved(None, unit, "missing_entry", origin=origin)
    if not numbers and value.statistic not in ("count", "sum"):
        return Resolved(None, unit, "empty_list", origin=origin)
    number = list_statistic(value, list(numbers), scope)
    if number is None:
        return Resolved(None, unit, "division_by_zero", origin=origin)
    if value.statistic not in ("count", "cv", "share_at_least"):
        number *= unit.factor
    return Resolved(number, unit, origin=origin)


def list_statistic(
    value: ex.ListStatistic, numbers: list[Fraction], scope: Scope
) -> Fraction | None:
    """Return a statistic of a list entry, in the entry's own unit; None where it has no value."""
    if value.statistic == "share_at_least" and value.at_least is not None:
        own = UNITS[scope.item.entries[value.list].number_unit].factor
        bound = value.at_least.value * quantity_factor(value.at_least, scope) / own
        return Fraction(sum(number >= bound for number in numbers), len(numbers))
    return _STATISTICS[value.statistic](numbers)


def _mean(numbers: list[Fraction]) -> Fraction:
    return sum(numbers, Fraction(0)) / len(numbers)


def _cv(numbers: list[Fraction]) -> Fraction | None:
    """Divide the population standard deviation by the mean, to SQRT_PLACES decimals."""
    mean = _mean(numbers)
    if mean == 0:
        return None
    variance = _mean([(number - mean) ** 2 for number in numbers])
    scale = 10 ** (2 * SQRT_PLACES)
    ratio = variance / (mean * mean) * scale
    return Fraction(isqrt(ratio.numerator // ratio.denominator), 10**SQRT_PLACES)


_STATISTICS: dict[str, Callable[[list[Fraction]], Fraction | None]] = {
    "mean": _mean,
    "min": min,
    "max": max,
    "sum": _sum,
    "count": lambda numbers: Fraction(len(numbers)),
    "median": lambda numbers: Fraction(median(numbers)),
    "cv": _cv,
}


def _variant(value: ex.Variant, scope: Scope) -> Resolved:
    from rubrics.engine.conditions import decide  # the two languages contain each other

    for row in value.variant:
        outcome = decide(row.when, scope)
        if outcome.result == "met":
            return resolve(row.value, scope)
        if outcome.result != "not_met":
            return Resolved(None, scope.unit(value), outcome.reason)
    return Resolved(None, scope.unit(value), "variant_undefined")


_RESOLVERS: dict[type, Callable[[Any, Scope], Resolved]] = {
    ex.Quantity: _quantity,
    ex.IndicatorValue: _indicator,
    ex.FactValue: _fact,
    ex.ReferenceValue: _reference,
    ex.EntryValue: _entry,
    ex.ProfileValue: _profile,
    ex.ReadingRef: _reading,
    ex.PerHead: _per_head,
    ex.Ratio: _arithmetic("ratio", lambda n: None if n[1] == 0 else n[0] / n[1], (1,)),
    ex.Product: _arithmetic("product", _product),
    ex.Sum: _arithmetic("sum", _sum),
    ex.Difference: _arithmetic("difference", lambda n: n[0] - n[1], (1,)),
    ex.Shortfall: _arithmetic("shortfall", lambda n: max(Fraction(0), n[0] - n[1]), (1,)),
    ex.Largest: _arithmetic("largest", max),
    ex.Smallest: _arithmetic("smallest", min),
    ex.OneOf: _one_of,
    ex.Rounded: _rounded,
    ex.ListStatistic: _list,
    ex.Variant: _variant,
}
