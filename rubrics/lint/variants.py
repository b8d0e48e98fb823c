"""Values that depend on the kind of school: which schools the text gives no value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, product
from typing import Any

from rubrics.checks import walk
from rubrics.lint.places import readings_of, settled_by_readings
from rubrics.lint.warning import LintWarning, warn
from rubrics.model import expressions as ex
from rubrics.model.rubric import Item, Rubric
from rubrics.yaml_source import Path

STAGES = {"primary": "小学", "junior": "初中", "senior": "高中"}
SETTINGS = ("urban", "town", "rural")


def _schools(rubric: Rubric) -> Iterator[dict[str, Any]]:
    """Every kind of school the rubric is for."""
    stages: tuple[str, ...] = rubric.applies_to.stages or tuple(STAGES)
    sets = [
        frozenset(chosen)
        for size in range(1, len(stages) + 1)
        for chosen in combinations(stages, size)
    ]
    levels: list[str | None] = [level.id for level in rubric.award_levels]
    kinds = rubric.applies_to.kinds
    for kind, chosen, level, setting in product(kinds, sets, levels or [None], SETTINGS):
        yield {"kind": kind, "stages": chosen, "award_level": level, "setting": setting}


def _holds_for(condition: Any, school: Mapping[str, Any]) -> bool | None:
    """Truth of a condition as far as the school's profile decides it; None where it does not."""
    if isinstance(condition, ex.ProfileIs):
        return _profile_is(condition, school)
    if isinstance(condition, ex.Not):
        inner = _holds_for(condition.not_, school)
        return None if inner is None else not inner
    if isinstance(condition, ex.AllOf):
        parts = [_holds_for(part, school) for part in condition.all_of]
        return False if False in parts else None if None in parts else True
    if isinstance(condition, ex.AnyOf):
        parts = [_holds_for(part, school) for part in condition.any_of]
        return True if True in parts else None if None in parts else False
    return None


def _profile_is(condition: ex.ProfileIs, school: Mapping[str, Any]) -> bool:
    found = school[condition.profile]
    if condition.has is not None:
        return condition.has in found
    if condition.profile != "stages":
        wanted = condition.one_of or _words(condition.is_)
        return found in wanted
    if condition.one_of is not None:
        return bool(found & set(condition.one_of))
    return bool(found == frozenset(_words(condition.is_)))


def _words(given: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given or ())


def variant_gaps(rubric: Rubric, path: Path, item: Item) -> Iterator[LintWarning]:
    """Find variants by profile that have no row for some school the rubric is for."""
    for at, node in walk(item, path):
        if not isinstance(node, ex.Variant) or not any(
            isinstance(part, ex.ProfileIs) for row in node.variant for _, part in walk(row.when)
        ):
            continue
        without = [school for school in _schools(rubric) if not _stated(node, school)]
        if not without:
            continue
        schools = dict.fromkeys(_school_words(school) for school in without)
        yield warn("variant_gap", rubric.id, at, items=(item.id,), clause=item.text,
                   settled_by=settled_by_readings(readings_of(node)), item=item.id,
                   schools="；".join(schools))  # fmt: skip


def _stated(node: ex.Variant, school: Mapping[str, Any]) -> bool:
    """Whether the text itself, not a reading, gives this school a value (or a person may)."""
    for row in node.variant:
        if readings_of(row):
            continue
        if _holds_for(row.when, school) is not False:
            return True
    return False


def _school_words(school: Mapping[str, Any]) -> str:
    stages = "+".join(name for stage, name in STAGES.items() if stage in school["stages"])
    kind = "中职 " if school["kind"] == "vocational" else ""
    level = f" {school['award_level']}" if school["award_level"] else ""
    return f"{kind}{stages}{level}"
