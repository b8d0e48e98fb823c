"""Checks of a rubric that need the whole of it: ids, names, units, points, reading choices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeAlias

from rubrics.dimensions import DimensionError, Names, check_alike, unit_of
from rubrics.indicators import IndicatorDefinition
from rubrics.model import expressions as ex
from rubrics.model import rules
from rubrics.model.base import Strict
from rubrics.model.rubric import EntrySpec, Item, Rubric, RubricFile, Section

Path: TypeAlias = tuple[str | int, ...]
Finding: TypeAlias = tuple[Path, str]


def walk(node: Any, path: Path = ()) -> Iterator[tuple[Path, Strict]]:
    """Every model below `node`, with its path in the file."""
    if isinstance(node, Strict):
        yield path, node
        for name, field in type(node).model_fields.items():
            yield from walk(getattr(node, name), (*path, field.alias or name))
    elif isinstance(node, tuple):
        for index, child in enumerate(node):
            yield from walk(child, (*path, index))
    elif isinstance(node, Mapping):
        for name, child in node.items():
            yield from walk(child, (*path, name))


def used_indicator_ids(rubric: RubricFile) -> set[str]:
    """Ids of the indicators that the rubric's values name."""
    return {node.indicator for _, node in walk(rubric) if isinstance(node, ex.IndicatorValue)}


def check_rubric(rubric: Rubric, catalogue: Mapping[str, IndicatorDefinition]) -> list[Finding]:
    """Everything wrong that one field alone cannot show; empty when the rubric is sound."""
    found: list[Finding] = []
    items = dict[str, Item]()
    for path, section in _sections(rubric):
        found += _unique(path, section, "id", items)
    found += _duplicate_ids(rubric)
    found += _header(rubric, items)
    found += _totals(rubric, items)
    for path, node in walk(rubric.sections, ("sections",)):
        if isinstance(node, ex.IndicatorValue) and node.indicator not in catalogue:
            near = get_close_matches(node.indicator, list(catalogue), n=1, cutoff=0.4)
            hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(catalogue)}"
            found.append(((*path, "indicator"), f"unknown indicator `{node.indicator}`; {hint}"))
    if not found:
        for path, section in _sections(rubric):
            for index, item in enumerate(section.items):
                names = Names(rubric, item, items)
                found += _item((*path, "items", index), item, names)
    return found


def _sections(rubric: RubricFile) -> Iterator[tuple[Path, Section]]:
    for path, node in walk(rubric.sections, ("sections",)):
        if isinstance(node, Section):
            yield path, node


def _unique(path: Path, section: Section, field: str, seen: dict[str, Item]) -> Iterator[Finding]:
    for index, item in enumerate(section.items):
        if item.id in seen:
            yield (*path, "items", index, field), f"item id `{item.id}` is used twice"
        seen[item.id] = item


def _duplicate_ids(rubric: Rubric) -> Iterator[Finding]:
    yield from _repeated("section", ((path, node.id) for path, node in _sections(rubric)))
    stages = (((*("stages", index),), stage.id) for index, stage in enumerate(rubric.stages))
    yield from _repeated("stage", stages)
    for path, node in walk(rubric.sections, ("sections",)):
        if isinstance(node, rules.Meets | rules.Judge):
            criteria = enumerate(node.criteria)
            yield from _repeated(
                "criterion", (((*path, "criteria", at), criterion.id) for at, criterion in criteria)
            )


def _repeated(what: str, ids: Iterable[tuple[Path, str]]) -> Iterator[Finding]:
    seen = set[str]()
    for path, name in ids:
        if name in seen:
            yield (*path, "id"), f"{what} id `{name}` is used twice"
        seen.add(name)


def _header(rubric: Rubric, items: Mapping[str, Item]) -> Iterator[Finding]:
    stage_ids = [stage.id for stage in rubric.stages]
    columns = rubric.form.columns if rubric.form is not None else ()
    for index, column in enumerate(columns):
        if column.stage is not None and column.stage not in stage_ids:
            message = f"no stage `{column.stage}`; known: {', '.join(stage_ids)}"
            yield ("form", "columns", index, "stage"), message
    if rubric.decided_at is not None and rubric.decided_at not in stage_ids:
        yield ("decided_at",), f"no stage `{rubric.decided_at}`; known: {', '.join(stage_ids)}"
    judged = [item.id for item in items.values() if item.rule.type == "judge"]
    if judged and not stage_ids:
        yield ("stages",), f"item {judged[0]} is judged by a person, so `stages` must list who"


def _totals(rubric: Rubric, items: Mapping[str, Item]) -> Iterator[Finding]:
    for index, cap in enumerate(rubric.shared_caps):
        for at, name in enumerate(cap.items):
            if name not in items:
                yield ("shared_caps", index, "items", at), f"no item `{name}` in this rubric"
        if cap.applies_when is not None:
            wrong = _no_such_reading(cap.applies_when, rubric)
            if wrong is not None:
                yield ("shared_caps", index, "applies_when"), wrong
    for index, section in enumerate(rubric.sections):
        if len({item.part for item in section.all_items() if item.max is not None}) > 1:
            yield ("sections", index), "mixes base and bonus items; give the bonus its own section"
    for index, band in enumerate(rubric.bands):
        if band.ge.unit not in ("point", "percent"):
            yield ("bands", index, "ge"), "a band of the total is in `point` or `percent`"


def _item(path: Path, item: Item, names: Names) -> Iterator[Finding]:
    for at, node in walk(item, path):
        check = _CHECKS.get(type(node))
        if check is None:
            continue
        try:
            check(node, names)
        except DimensionError as error:
            yield at, str(error)


def _entry_spec(node: EntrySpec, names: Names) -> None:
    if node.fact is None:
        return
    spec = names.rubric.facts.get(node.fact)
    if spec is None:
        raise DimensionError(f"fact `{node.fact}` is not listed under `facts:`")
    numeric = node.type in ("count", "percent", "number")
    if numeric != (spec.type == "number") or (numeric and node.number_unit != spec.unit):
        raise DimensionError(
            f"fact `{node.fact}` is a {spec.type} in {spec.unit}, the entry a {node.type} "
            f"in {node.number_unit}"
        )


def _entry_is(node: ex.EntryIs, names: Names) -> None:
    spec = names.entry(node.entry, node.item)
    wanted = "bool" if isinstance(node.is_, bool) else "choice"
    if spec.type != wanted:
        raise DimensionError(f"entry `{node.entry}` is of type {spec.type}, `is` needs {wanted}")
    if wanted == "choice" and node.is_ not in [choice.id for choice in spec.choices]:
        raise DimensionError(f"`{node.is_}` is no choice of entry `{node.entry}`")


def _fact_is(node: ex.FactIs, names: Names) -> None:
    spec = names.rubric.facts.get(node.fact)
    if spec is None:
        raise DimensionError(f"fact `{node.fact}` is not listed under `facts:`")
    if spec.type == "number":
        raise DimensionError(f"fact `{node.fact}` is a number; compare it with `value:`")


def _profile_is(node: ex.ProfileIs, names: Names) -> None:
    levels = [level.id for level in names.rubric.award_levels]
    if node.profile != "award_level" or not levels:
        return
    wanted = node.one_of or ((node.is_,) if isinstance(node.is_, str) else node.is_) or ()
    for level in wanted:
        if level not in levels:
            raise DimensionError(f"no award level `{level}`; known: {', '.join(levels)}")


def _reading_is(node: ex.ReadingIs, names: Names) -> None:
    wrong = _no_such_reading(node, names.rubric)
    if wrong is not None:
        raise DimensionError(wrong)


def _no_such_reading(node: ex.ReadingIs, rubric: Rubric) -> str | None:
    choice = rubric.readings.get(node.reading)
    if choice is None:
        return f"no reading `{node.reading}`"
    if node.is_ not in choice.alternatives:
        known = ", ".join(choice.alternatives)
        return f"reading `{node.reading}` has no alternative `{node.is_}`: {known}"
    return None


def _compare(node: ex.Compare, names: Names) -> None:
    bound = getattr(node, node.op)
    bounds = bound if isinstance(bound, tuple) else (bound,)
    beside = [value for value in (node.declared, node.contract) if value is not None]
    check_alike([node.value, *bounds, *beside], names)


def _chosen(ref: Any, allowed: tuple[str, ...], names: Names) -> None:
    if not isinstance(ref, ex.ReadingRef):
        return
    choice = names.rubric.readings.get(ref.reading)
    if choice is None:
        raise DimensionError(f"no reading `{ref.reading}`")
    wrong = [name for name in choice.alternatives if name not in allowed]
    if wrong:
        raise DimensionError(
            f"reading `{ref.reading}`: alternative {wrong[0]!r} is none of {', '.join(allowed)}"
        )


def _step(node: rules.StepClause, names: Names) -> None:
    target = node.below if node.below is not None else node.above
    check_alike([node.value, node.step, target], names)
    _chosen(node.rounding, ("floor", "ceil", "linear"), names)


def _rounded(node: ex.Rounded, names: Names) -> None:
    _chosen(node.mode, ("floor", "ceil", "half_up", "none"), names)


def _award(node: rules.Award, names: Names) -> None:
    if node.awards is not None and names.entry(node.awards.entry, None).of != "record":
        raise DimensionError(f"entry `{node.awards.entry}` must be a list of record")


def _average(node: rules.Average, names: Names) -> None:
    if names.entry(node.marks, None).type != "list":
        raise DimensionError(f"entry `{node.marks}` must be a list")


def _grade(node: rules.Grade, names: Names) -> None:
    spec = names.entry(node.entry, None)
    known = {choice.id for choice in spec.choices}
    if known != set(node.coefficients):
        raise DimensionError(f"entry `{node.entry}` must have exactly the choices of coefficients")


def _fact(node: rules.Fact, names: Names) -> None:
    names.entry(node.entry, None)
    if node.measured is not None:
        check_alike([ex.EntryValue(entry=node.entry), node.measured], names)


def _text(node: rules.TextRule, names: Names) -> None:
    for name in (node.entry, node.attachment, *node.others):
        if name is not None:
            names.entry(name, None)
    if node.follows is not None:
        names.entry(node.follows.entry, node.follows.item)


def _item_readings(item: Item, names: Names) -> None:
    _chosen(item.when_not_applicable, ("full_marks", "excluded", "zero"), names)
    for ref in item.guided_by:
        if ref.reading not in names.rubric.readings:
            raise DimensionError(f"no reading `{ref.reading}`")


def _counted(node: rules.EachClause, names: Names) -> None:
    if unit_of(node.count, names).dimension != "count":
        raise DimensionError("`count` needs a number of things, not a share or a measurement")


def _proportional(node: rules.Proportional, names: Names) -> None:
    bounds = [node.full_at, *([] if node.none_at is None else [node.none_at])]
    check_alike([node.value, *bounds], names)


_CHECKS: dict[type, Callable[[Any, Names], object]] = {
    EntrySpec: _entry_spec,
    ex.EntryIs: _entry_is,
    ex.FactIs: _fact_is,
    ex.ProfileIs: _profile_is,
    ex.ReadingIs: _reading_is,
    ex.Compare: _compare,
    ex.Rounded: _rounded,
    rules.StepClause: _step,
    rules.EachClause: _counted,
    rules.Award: _award,
    rules.Average: _average,
    rules.Grade: _grade,
    rules.Fact: _fact,
    rules.TextRule: _text,
    rules.Proportional: _proportional,
    rules.Bands: lambda node, names: check_alike([node.value, *(b.ge for b in node.bands)], names),
    rules.Interpolate: lambda node, names: check_alike(
        [node.value, *(knot.at for knot in node.knots)], names
    ),
    Item: _item_readings,
    ex.Quantity: unit_of,
    ex.EntryValue: unit_of,
    ex.FactValue: unit_of,
    ex.ReferenceValue: unit_of,
    ex.Ratio: unit_of,
    ex.Product: unit_of,
    ex.Sum: unit_of,
    ex.Difference: unit_of,
    ex.Shortfall: unit_of,
    ex.Largest: unit_of,
    ex.Smallest: unit_of,
    ex.OneOf: unit_of,
    ex.Variant: unit_of,
    ex.ListStatistic: unit_of,
}
