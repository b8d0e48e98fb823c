"""The scoring engine: a pure function from a rubric and a case file to a score sheet.

No clock, no disk, no network, no randomness; exact arithmetic. What is unknown is an interval:
`proven` holds whatever the missing data turn out to be, `possible` can still be reached. Taking
data away never raises `proven`; adding data never widens the interval, unless the new datum
contradicts an old one (`disputed`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from rubrics.engine.case import CaseError, WrongSchoolError, read_case
from rubrics.engine.entry_values import CaseProblem
from rubrics.engine.evidence import ASSUMED_DAYS
from rubrics.engine.items import score_item
from rubrics.engine.scope import Plan
from rubrics.engine.sheet import ENGINE_VERSION, ScoreSheet
from rubrics.engine.totals import total_up
from rubrics.model.rubric import Rubric

__all__ = [
    "ASSUMED_DAYS",
    "ENGINE_VERSION",
    "CaseError",
    "CaseProblem",
    "ScoreSheet",
    "WrongSchoolError",
    "evaluate",
    "reread",
]


@lru_cache(maxsize=64)
def _plan(rubric: Rubric) -> Plan:
    return Plan(rubric)


def evaluate(rubric: Rubric, case: Mapping[str, Any]) -> ScoreSheet:
    """Score one case file.

    Raises WrongSchoolError where the rubric is not for this school, CaseError for values that
    cannot be used (unknown names, numbers out of range, wrong units), each with its path.
    """
    plan = _plan(rubric)
    read = read_case(rubric, plan.items, case)
    readings = {**plan.default_readings, **read.readings}
    results = {
        planned.item.id: score_item(planned, plan, read, readings) for planned in plan.item_plans
    }
    return ScoreSheet(rubric, case, read, readings, results, total_up(rubric, results, readings))


def reread(sheet: ScoreSheet, name: str, alternative: str) -> ScoreSheet:
    """Score the case of a sheet with one reading of its rubric chosen otherwise.

    The same sheet as `evaluate` gives with that choice in the case file, but only what asks for
    the reading is scored again.
    """
    rubric, plan = sheet.rubric, _plan(sheet.rubric)
    raw = {**sheet.raw_case, "readings": {**sheet.case.readings, name: alternative}}
    read = replace(sheet.case, readings={**sheet.case.readings, name: alternative})
    readings = {**plan.default_readings, **read.readings}
    results = {
        planned.item.id: (
            score_item(planned, plan, read, readings)
            if name in planned.used_readings
            else sheet.items[planned.item.id]
        )
        for planned in plan.item_plans
    }
    return ScoreSheet(rubric, raw, read, readings, results, total_up(rubric, results, readings))
