"""What choosing a reading (口径) would do to a school: its case under every alternative. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rubrics.diff import Effect, SheetResult, effect_between
from rubrics.engine import ScoreSheet, evaluate, reread
from rubrics.engine.conditions import MET, NOT_MET
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
    now = _settled(sheet)
    for reading, choice in rubric.readings.items():
        for alternative in choice.alternatives:
            if chosen.get(reading) == alternative:
                continue
            then = _settled(reread(sheet, reading, alternative))
            yield ReadingEffect(reading, alternative, effect_between(name, now, then))


def _settled(sheet: ScoreSheet) -> SheetResult:
    """Return points and decided verdicts alone: an open clause that is counted otherwise is none.

    Most clauses of a young case are open, and a reading that only cuts them differently would
    otherwise change every case.
    """
    total, totals = sheet.total_json(), sheet.totals
    result = {name: total[name] for name in ("proven", "possible", "max")}
    items = {
        name: (
            one.low,
            one.high,
            one.points.vetoed,
            [(f.id, f.result) for f in one.points.findings if f.result in (MET, NOT_MET)],
        )
        for name, one in sheet.items.items()
    }
    return SheetResult({**result, "band": totals.band, "vetoed": totals.vetoed}, items)
