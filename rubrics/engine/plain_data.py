"""Case data in one spelling, so that what was computed from it can be told by a hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from rubrics.exact import decimal_text, exact


def content_hash(content: Mapping[str, Any]) -> str:
    """Return `sha256:…` over plain data: the same inputs give the same hash, anywhere.

    Neither the order of keys nor the reader of the file matters: 0.930 is 0.93, as a float, as a
    Decimal, and as the decimal text that `campusgauge score` makes of it. Raises TypeError for
    what is no plain data.
    """
    canonical = json.dumps(
        spelled(content), ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def spelled(value: Any) -> Any:
    """Return plain data with every fraction as decimal text; whole numbers stay as they are."""
    if isinstance(value, str | bool | int | None):
        return value
    if isinstance(value, Mapping):
        return {key: spelled(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [spelled(member) for member in value]
    if isinstance(value, float | Decimal | Fraction):
        return as_decimal_text(value)
    raise TypeError(f"a case holds plain JSON data, not {type(value).__name__}")


def as_decimal_text(raw: str | float | Decimal | Fraction) -> str:
    """Return a number as decimal text; what the engine takes for no number stays as it is."""
    try:
        return decimal_text(exact(raw))
    except ValueError:
        return str(raw)
