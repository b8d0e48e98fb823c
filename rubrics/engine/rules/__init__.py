"""One small pure function for each rule type; `RULES` says which."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from rubrics.engine.results import Points
from rubrics.engine.rules.additions import award, bonus
from rubrics.engine.rules.deduct import deduct
from rubrics.engine.rules.scales import average, bands, grade, interpolate, proportional
from rubrics.engine.rules.verdicts import fact, judge, level, meets, text, veto
from rubrics.engine.scope import Scope

SCORED: dict[str, Callable[[Any, Fraction, Scope], Points]] = {
    "deduct": deduct,
    "award": award,
    "bonus": bonus,
    "bands": bands,
    "proportional": proportional,
    "interpolate": interpolate,
    "average": average,
    "level": level,
    "grade": grade,
}
UNSCORED: dict[str, Callable[[Any, Scope], Points]] = {"veto": veto, "fact": fact, "text": text}

__all__ = ["SCORED", "UNSCORED", "judge", "meets"]
