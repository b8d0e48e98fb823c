"""Files to fill in, with the heads that an import knows and one row as an example."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from collector.domain import ImportKind
from collector.imports.columns import PEOPLE_COLUMNS, SCHOOL_COLUMNS, Column, fact_columns
from rubrics.model.rubric import FigureSpec

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def template(kind: ImportKind, known: Mapping[str, FigureSpec]) -> bytes:
    """Return the template as csv with a byte order mark, which Excel and WPS open as it is."""
    columns: Sequence[Column] = PEOPLE_COLUMNS
    if kind is ImportKind.SCHOOLS:
        columns = (*SCHOOL_COLUMNS, *fact_columns(known))
    return csv_bytes([[column.zh for column in columns], [column.example for column in columns]])


def csv_bytes(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows as csv; a text that a spreadsheet would run as a formula gets an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _harmless(cell: str) -> str:
    return "'" + cell if cell.startswith(_FORMULA_STARTS) else cell
