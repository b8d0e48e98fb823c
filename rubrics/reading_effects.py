"""What choosing a reading (口径) would do to a school: its case under every alternative. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rubrics.diff import Effect, effect_between, result_of
from rubrics.engine import evaluate, reread
from rubrics.model import Rubric


@dataclass(frozen=True, slots=True)
class ReadingEffect:
    """A school under one alternative of one reading, beside its case as it is read now."""

    reading: str
    alternative: str
    effect: Effect


def reading_effects(name: str, rubric: Rubric, case: Mapping[str, Any]) -> Iterator[ReadingEffect]:
    """Yield every alternative but those that the case has chosen; other readings stay as they are.

    Where nothing was chosen the case holds an interval, and an alternative narrows it. Raises
    CaseError for a case that the rubric cannot take.
    """
    chosen = dict(case.get("readings") or {})
    sheet = evaluate(rubric, case)
    now = result_of(sheet)
    for reading, choice in rubric.readings.items():
        for alternative in choice.alternatives:
            if chosen.get(reading) == alternative:
                continue
            then = result_of(reread(sheet, reading, alternative))
            yield ReadingEffect(reading, alternative, effect_between(name, now, then))
