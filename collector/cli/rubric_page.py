"""A rubric as one page of HTML: the official table, and beside it what the program computes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rubrics.describe import Words
from rubrics.exact import decimal_text
from rubrics.model import Rubric
from rubrics.model.rubric import Item, Section

TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True, slots=True)
class Heading:
    """One cell of the section columns; it spans the rows of its items."""

    section: Section
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Row:
    """One item with the headings that begin at it."""

    item: Item
    headings: tuple[Heading, ...]
    rule: tuple[str, ...]


def rubric_page(rubric: Rubric) -> str:
    """Return a self-contained page: no script, no outside address, readable on paper."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["points"] = _points
    depth = max(_depth(section) for section in rubric.sections)
    rows = [row for section in rubric.sections for row in _rows(rubric, section, depth, ())]
    return environment.get_template("rubric.html").render(rubric=rubric, rows=rows, depth=depth)


def _points(number: Fraction | None) -> str:
    return "" if number is None else decimal_text(number)


def _depth(section: Section) -> int:
    return 1 + max((_depth(inner) for inner in section.sections), default=0)


def _rows(
    rubric: Rubric, section: Section, columns: int, above: tuple[Heading, ...]
) -> Iterator[Row]:
    """Give each row its headings: a section without sections fills the columns that are left."""
    count = sum(1 for _ in section.all_items())
    span = 1 if section.sections else columns
    headings = (*above, Heading(section, count, span))
    for inner in section.sections:
        for row in _rows(rubric, inner, columns - 1, headings):
            yield row
            headings = ()
    for item in section.items:
        yield Row(item, headings, tuple(Words(rubric, item).rule()))
        headings = ()
