"""The working shows numbers under the reading in force, not the ids of readings."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rubrics.engine import evaluate
from rubrics.model.rubric import Rubric

ITEM = """
id: staff
text: 4-7人
entries:
  staff: {type: count, unit: person, zh: 人数, en: Staff}
  counted_on_site: {type: bool, zh: 人数已核}
rule:
  type: meets
  criteria:
    - id: range
      title: 4-7人
      when:
        any_of:
          - {value: {entry: staff}, between: [{value: 4, unit: person}, {value: 7, unit: person}]}
          - all_of:
              - {reading: step_base, is: of_target}
              - {value: {entry: staff}, gt: {value: 7, unit: person}}
    - id: chosen
      title: 口径
      when: {any_of: [{reading: step_base, is: of_target}, {entry: counted_on_site}]}
"""


@pytest.mark.parametrize(
    ("reading", "working"),
    [("points", "8 不在 4–7"), ("of_target", "8 不在 4–7 或 8 > 7")],
)
def test_a_branch_that_the_reading_switched_off_is_not_shown(
    one_item: Callable[..., Rubric], reading: str, working: str
) -> None:
    """8 people against 4 to 7: only what counts under the chosen reading is written."""
    rubric = one_item(ITEM)
    case = {
        "school": {"kind": "general"},
        "entries": {"staff": {"staff": 8, "counted_on_site": True}},
        "readings": {"step_base": reading},
    }
    findings = evaluate(rubric, case).to_json()["items"]["staff"]["findings"]
    assert findings[0]["working"] == working
    assert all("step_base" not in finding["working"] for finding in findings)
    assert all(value["value"] == "8" for value in findings[0]["values"])
