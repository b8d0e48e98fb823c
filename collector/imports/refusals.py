"""Refusals of a file or a cell, in both languages."""

from __future__ import annotations

from typing import TypeVar

from collector.errors import CollectorError
from rubrics.reasons import load_reasons

E = TypeVar("E", bound=CollectorError)


class CellError(ValueError):
    """A cell that cannot be read; its text is the reason, Chinese and English parted by ` / `."""


def refused(kind: type[E], code: str, found: str = "") -> E:
    """Return an error with the words of the reason list and what was found in the file."""
    reason = load_reasons()[code]
    more_zh, more_en = (f"（{found}）", f" ({found})") if found else ("", "")
    return kind(code, reason.zh + more_zh, detail_en=reason.en + more_en)
