"""What an author forgot: parts that nothing uses, items that no example runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rubrics.checks import walk
from rubrics.lint.places import items_of, readings_of
from rubrics.lint.warning import LintWarning, warn
from rubrics.model import expressions as ex
from rubrics.model import rules
from rubrics.model.rubric import EntrySpec, Rubric


def authoring_warnings(rubric: Rubric) -> Iterator[LintWarning]:
    """Examples, entries, readings, figures, gates and bands that do nothing."""
    yield from _examples(rubric)
    yield from _entries(rubric)
    yield from _readings(rubric)
    yield from _figures(rubric)
    yield from _bands(rubric)


def _examples(rubric: Rubric) -> Iterator[LintWarning]:
    if not rubric.examples:
        yield warn("no_examples", rubric.id, ("examples",))
        return
    shown = set[str]()
    for example in rubric.examples:
        shown |= _item_names(example.case.get("entries"))
        shown |= _item_names(example.expect.get("items"))
        for points in (example.case.get("stages") or {}).values():
            shown |= _item_names(points)
    missing = [item.id for _, item in items_of(rubric) if item.id not in shown and item.entries]
    if missing:
        yield warn("item_not_in_examples", rubric.id, ("examples",), items=tuple(missing),
                   count=len(missing))  # fmt: skip


def _item_names(part: object) -> set[str]:
    return {str(name) for name in part} if isinstance(part, Mapping) else set()


def _entries(rubric: Rubric) -> Iterator[LintWarning]:
    used = set[tuple[str, str]]()
    for _, item in items_of(rubric):
        for _, node in walk(item):
            used |= {(getattr(node, "item", None) or item.id, name) for name in _names(node)}
    for path, item in items_of(rubric):
        for name in item.entries:
            if (item.id, name) not in used:
                yield warn("entry_unused", rubric.id, (*path, "entries", name),
                           items=(item.id,), clause=item.entries[name].zh, item=item.id,
                           entry=name)  # fmt: skip


def _names(node: object) -> tuple[str, ...]:
    """Names of the entries that one part of a rule reads."""
    if isinstance(node, ex.EntryValue | ex.EntryIs | rules.Grade | rules.Fact):
        return (node.entry,)
    if isinstance(node, ex.ListStatistic):
        return (node.list,)
    if isinstance(node, rules.Average):
        return (node.marks,)
    if isinstance(node, rules.AwardList):
        return (node.entry,)
    if isinstance(node, rules.TextRule):
        named = (node.entry, *node.others, node.attachment)
        return tuple(name for name in named if name is not None)
    return ()


def _readings(rubric: Rubric) -> Iterator[LintWarning]:
    used = set(readings_of(rubric))
    for name, choice in rubric.readings.items():
        if name not in used:
            yield warn("reading_unused", rubric.id, ("readings", name), reading=name,
                       clause=choice.question.zh)  # fmt: skip


def _figures(rubric: Rubric) -> Iterator[LintWarning]:
    used = {(type(node), name) for _, node in walk(rubric)
            for name in [getattr(node, "fact", None) or getattr(node, "reference", None)]
            if name is not None}  # fmt: skip
    facts = {name for kind, name in used if kind in (ex.FactValue, ex.FactIs, EntrySpec)}
    references = {name for kind, name in used if kind is ex.ReferenceValue}
    for kind, specs, known in (
        ("facts", rubric.facts, facts),
        ("references", rubric.references, references),
    ):
        for name in specs:
            if name not in known:
                yield warn("figure_unused", rubric.id, (kind, name), kind=kind, name=name,
                           clause=specs[name].zh)  # fmt: skip


def _bands(rubric: Rubric) -> Iterator[LintWarning]:
    gated = any(item.gate is not None for _, item in items_of(rubric))
    least = any(getattr(node, "minimum", None) is not None for _, node in walk(rubric.sections))
    asked = {"gates": any(band.gates for band in rubric.bands),
             "minimums": any(band.minimums for band in rubric.bands)}  # fmt: skip
    if rubric.bands and ((gated and not asked["gates"]) or (least and not asked["minimums"])):
        yield warn("gate_without_band", rubric.id, ("bands",))
    seen = set[str]()
    for index, band in enumerate(rubric.bands):
        bound = band.ge.model_dump_json()
        if bound in seen:
            yield warn("bands_out_of_order", rubric.id, ("bands", index), band=band.id)
        seen.add(bound)
