"""Declared facts that a school may give: which there are, and what each of them takes. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from collector.imports.cells import number, yes_or_no
from collector.imports.refusals import CellError
from collector.imports.tables import Cell
from rubrics.exact import exact
from rubrics.indicators import IndicatorDefinition
from rubrics.model import Rubric
from rubrics.model.rubric import FigureSpec


def known_facts(
    rubrics: Iterable[Rubric], indicators: Iterable[IndicatorDefinition]
) -> dict[str, FigureSpec]:
    """Return every fact that a rubric or an indicator asks for, by name."""
    known: dict[str, FigureSpec] = {}
    for definition in indicators:
        if (census := definition.census) is not None:
            known[census.fact] = FigureSpec(zh=census.title.zh, en=census.title.en, unit="count")
    for rubric in rubrics:
        known |= rubric.facts
    return dict(sorted(known.items()))


def fact_value(cell: Cell, spec: FigureSpec) -> str | None:
    """Return the value as it is kept: exact decimal text, or `true` and `false`; None for a blank.

    Raises CellError for what the fact does not take.
    """
    if spec.type == "bool":
        said = yes_or_no(cell)
        return None if said is None else str(said).lower()
    text = number(cell)
    if text is None:
        return None
    value = exact(text)
    if value < (spec.min or 0) or (spec.max is not None and value > spec.max):
        raise CellError(f"“{text}”超出范围 / out of range")
    if spec.unit == "count" and value.denominator != 1:
        raise CellError(f"“{text}”应为整数 / a whole number is needed")
    return text.partition(".")[0] if value.denominator == 1 else text


def same_value(held: str, given: str) -> bool:
    """Say whether two texts of a fact mean the same: 1000 and 1000.0 do."""
    try:
        return exact(held) == exact(given)
    except ValueError:
        return held == given
