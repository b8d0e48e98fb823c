"""Refusals in both languages: the reason list says what happened and what to do next."""

from __future__ import annotations

from typing import TypeVar

from collector.domain import Json
from collector.errors import CollectorError, ConflictError, RowError, UnprocessableError
from rubrics.reasons import load_reasons

E = TypeVar("E", bound=CollectorError)


def refusal(kind: type[E], code: str, **facts: Json) -> E:
    """Return an error of this kind with the words of the reason list; `facts` go along as data."""
    reason = load_reasons()[code]
    return kind(code, reason.zh, detail_en=reason.en, extra=facts)


def conflict(code: str, **facts: Json) -> ConflictError:
    """Return a 409: it contradicts what is stored, or what state it is in."""
    return refusal(ConflictError, code, **facts)


def fields_wrong(*rows: RowError, code: str = "fields_wrong") -> UnprocessableError:
    """Return a 422 that names each field and what is wrong with it."""
    reason = load_reasons()[code]
    return UnprocessableError(code, reason.zh, detail_en=reason.en, errors=rows)
