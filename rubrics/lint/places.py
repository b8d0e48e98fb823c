"""Where things stand in a rubric: items, sections and reading choices with their paths."""

from __future__ import annotations

from collections.abc import Iterator

from rubrics.checks import walk
from rubrics.model import expressions as ex
from rubrics.model.base import Strict
from rubrics.model.rubric import Item, Rubric, Section
from rubrics.yaml_source import Path


def sections_of(rubric: Rubric) -> Iterator[tuple[Path, Section]]:
    """Every section with its path, outer ones first."""
    for path, node in walk(rubric.sections, ("sections",)):
        if isinstance(node, Section):
            yield path, node


def items_of(rubric: Rubric) -> Iterator[tuple[Path, Item]]:
    """Every item with its path, in document order."""
    for path, section in sections_of(rubric):
        for index, item in enumerate(section.items):
            yield (*path, "items", index), item


def readings_of(node: Strict) -> tuple[str, ...]:
    """Ids of the reading choices that a part of a rubric refers to, in order, once each."""
    found = dict.fromkeys(
        part.reading for _, part in walk(node) if isinstance(part, ex.ReadingRef | ex.ReadingIs)
    )
    return tuple(found)


def settled_by_readings(names: tuple[str, ...]) -> str | None:
    """Say that these reading choices answer a question; None where there are none."""
    return "readings: " + ", ".join(names) if names else None
