"""Which unit a value has, known before any case: wrong comparisons fail when a rubric is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rubrics.model import expressions as ex
from rubrics.model.rubric import EntrySpec, Item, Rubric
from rubrics.units import UNITS, Unit, convertible


class DimensionError(ValueError):
    """Two values that cannot be compared or combined, or a name that nothing defines."""


RATIO = UNITS["ratio"]
COUNT = UNITS["count"]
_PLAIN = ("share", "count")
"""Dimensions without a physical unit: they may scale any other value."""


@dataclass(slots=True)
class Names:
    """What the names in one item's rule stand for."""

    rubric: Rubric
    item: Item
    items: Mapping[str, Item] = field(default_factory=dict)

    def entry(self, name: str, item: str | None) -> EntrySpec:
        """Find the spec of an entry; DimensionError when the item has none of this name."""
        holder = self.item if item is None else self.items.get(item)
        if holder is None:
            raise DimensionError(f"no item {item!r} in this rubric")
        spec = holder.entries.get(name)
        if spec is None:
            known = ", ".join(holder.entries) or "none"
            raise DimensionError(f"item {holder.id} has no entry `{name}`; it has: {known}")
        return spec


def unit_of(value: Any, names: Names) -> Unit:
    """Return the unit in which a value is shown and from which it converts.

    Raises DimensionError for unlike operands and undefined names.
    """
    return _UNIT_OF[type(value)](value, names)


def _quantity(value: ex.Quantity, names: Names) -> Unit:
    if isinstance(value.kilo, ex.ReadingRef):
        _reading(value.kilo, names)
    return UNITS[value.unit]


def _entry(value: ex.EntryValue, names: Names) -> Unit:
    spec = names.entry(value.entry, value.item)
    if spec.type not in ("count", "percent", "number"):
        raise DimensionError(f"entry `{value.entry}` is of type {spec.type}, not a number")
    return UNITS[spec.number_unit]


def _list(value: ex.ListStatistic, names: Names) -> Unit:
    spec = names.entry(value.list, None)
    if spec.type != "list" or (spec.of == "record" and value.statistic != "count"):
        raise DimensionError(f"entry `{value.list}` is not a list of numbers")
    own = UNITS[spec.number_unit]
    if value.statistic == "count":
        return COUNT
    if value.statistic == "share_at_least" and value.at_least is not None:
        _alike([own, UNITS[value.at_least.unit]])
        return RATIO
    return RATIO if value.statistic == "cv" else own


def _figure(kind: str) -> Callable[[Any, Names], Unit]:
    def look_up(value: Any, names: Names) -> Unit:
        name = getattr(value, kind)
        specs = names.rubric.facts if kind == "fact" else names.rubric.references
        if name not in specs:
            known = ", ".join(specs) or "none"
            raise DimensionError(f"{kind} `{name}` is not listed under `{kind}s:`; listed: {known}")
        if specs[name].type != "number":
            raise DimensionError(f"{kind} `{name}` is of type {specs[name].type}, not a number")
        return UNITS[specs[name].unit]

    return look_up


def _indicator(value: ex.IndicatorValue, names: Names) -> Unit:
    used = names.rubric.indicators.get(value.indicator)
    if used is None:
        raise DimensionError(f"indicator `{value.indicator}` is not in rubrics/indicators.yaml")
    return UNITS[used.unit]


def _reading(value: ex.ReadingRef, names: Names) -> Unit:
    choice = names.rubric.readings.get(value.reading)
    if choice is None:
        known = ", ".join(names.rubric.readings) or "none"
        raise DimensionError(f"no reading `{value.reading}`; known: {known}")
    without = [name for name, option in choice.alternatives.items() if option.value is None]
    if without:
        raise DimensionError(f"reading `{value.reading}`: {', '.join(without)} has no number")
    return _alike([UNITS[option.unit or "count"] for option in choice.alternatives.values()])


def _alike(units: list[Unit]) -> Unit:
    first = units[0]
    for other in units[1:]:
        if not convertible(first, other):
            raise DimensionError(
                f"{first.name} ({first.dimension}) and {other.name} ({other.dimension}) "
                "cannot be compared"
            )
    return first


def _all(attribute: str) -> Callable[[Any, Names], Unit]:
    def look_up(value: Any, names: Names) -> Unit:
        return _alike([unit_of(part, names) for part in getattr(value, attribute)])

    return look_up


def _ratio(value: ex.Ratio, names: Names) -> Unit:
    top, bottom = (unit_of(part, names) for part in value.ratio)
    if convertible(top, bottom):
        result = RATIO
    elif bottom.dimension in _PLAIN:
        result = top
    else:
        raise DimensionError(f"{top.name} ÷ {bottom.name} has no unit here")
    return _alike([UNITS[value.unit], result]) if value.unit else result


def _product(value: ex.Product, names: Names) -> Unit:
    units = [unit_of(part, names) for part in value.product]
    physical = [one for one in units if one.dimension not in _PLAIN]
    if len(physical) > 1:
        raise DimensionError("only one factor of a product may have a physical unit")
    counts = [one for one in units if one.dimension == "count"]
    return (physical or counts or [RATIO])[0]


def _variant(value: ex.Variant, names: Names) -> Unit:
    return _alike([unit_of(row.value, names) for row in value.variant])


_UNIT_OF: dict[type, Callable[[Any, Names], Unit]] = {
    ex.Quantity: _quantity,
    ex.IndicatorValue: _indicator,
    ex.FactValue: _figure("fact"),
    ex.ReferenceValue: _figure("reference"),
    ex.EntryValue: _entry,
    ex.ProfileValue: lambda value, _: UNITS["class" if value.profile == "classes" else "person"],
    ex.ReadingRef: _reading,
    ex.PerHead: lambda value, _: UNITS[value.per_head.unit],
    ex.Ratio: _ratio,
    ex.Product: _product,
    ex.Sum: _all("sum"),
    ex.Difference: _all("difference"),
    ex.Shortfall: _all("shortfall"),
    ex.Largest: _all("largest"),
    ex.Smallest: _all("smallest"),
    ex.OneOf: _all("one_of"),
    ex.Rounded: lambda value, names: unit_of(value.rounded, names),
    ex.ListStatistic: _list,
    ex.Variant: _variant,
}


def check_alike(values: list[Any], names: Names) -> None:
    """Raise DimensionError unless all values can be compared with each other."""
    _alike([unit_of(value, names) for value in values])
