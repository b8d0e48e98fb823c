"""Counts that may be answered yes or no, and steps whose size a reading decides."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rubrics.engine import CaseError, evaluate
from rubrics.loader import RubricError
from rubrics.model.rubric import Rubric

IDLE = """
id: C15
text: 设备闲置扣1分。
max: 4
entries:
  idle_equipment: {type: count, unit: device, yes_means: 1, zh: 闲置的设备台数}
rule:
  type: deduct
  clauses:
    - kind: flag
      points: 1
      when: {value: {entry: idle_equipment}, ge: {value: 1, unit: device}}
"""
RATE = """
id: C21
text: 每少5%扣0.5分。
max: 3
entries:
  rate_percent: {type: percent, zh: 开出率}
rule:
  type: deduct
  clauses:
    - kind: step
      points: 0.5
      step:
        variant:
          - {when: {reading: step_base, is: points}, value: {value: 5, unit: percent}}
          - {when: {reading: step_base, is: of_target}, value: {value: 4.75, unit: percent}}
      value: {entry: rate_percent}
      below: {value: 95, unit: percent}
"""


@pytest.mark.parametrize(
    ("answer", "points"), [(True, "3"), (False, "4"), (0, "4"), (1, "3"), (7, "3")]
)
def test_a_count_may_be_answered_yes_or_no(
    one_item: Callable[..., Rubric], answer: object, points: str
) -> None:
    """Whether the inspector counted or only ticked, 设备闲置 costs its one point."""
    case = {"school": {"kind": "general"}, "entries": {"C15": {"idle_equipment": answer}}}
    item = evaluate(one_item(IDLE), case).to_json()["items"]["C15"]
    assert (item["proven"], item["possible"]) == (points, points)


def test_yes_is_no_number_where_the_rubric_does_not_say_so(
    one_item: Callable[..., Rubric],
) -> None:
    """`true` for a plain count stays an error that names item and field."""
    rubric = one_item(IDLE.replace("yes_means: 1, ", ""))
    case = {"school": {"kind": "general"}, "entries": {"C15": {"idle_equipment": True}}}
    with pytest.raises(CaseError, match=r"entries\.C15\.idle_equipment: true/false"):
        evaluate(rubric, case)
    with pytest.raises(RubricError, match="`yes_means` goes with type count"):
        one_item(IDLE.replace("type: count", "type: number"))


@pytest.mark.parametrize(
    ("reading", "rate", "points"),
    [
        ("points", "90.25", "3"),  # 95 − 90.25 = 4.75: no whole step of 5
        ("of_target", "90.25", "2.5"),  # one step of 4.75 = 5 % of 95
    ],
)
def test_a_reading_decides_the_size_of_a_step(
    one_item: Callable[..., Rubric], reading: str, rate: str, points: str
) -> None:
    """Five percentage points or five percent of the target."""
    case = {
        "school": {"kind": "general"},
        "entries": {"C21": {"rate_percent": rate}},
        "readings": {"step_base": reading},
    }
    item = evaluate(one_item(RATE), case).to_json()["items"]["C21"]
    assert item["proven"] == points
    assert item["possible"] == points


def test_a_step_is_stated_and_positive(one_item: Callable[..., Rubric]) -> None:
    """A step of zero would divide by zero; a step that people enter would be no rule."""
    with pytest.raises(RubricError, match="the step must be stated, and greater than zero"):
        one_item(RATE.replace("4.75", "0"))
    with pytest.raises(RubricError, match="the step must be stated"):
        one_item(RATE.replace("{value: 5, unit: percent}", "{entry: rate_percent}"))
