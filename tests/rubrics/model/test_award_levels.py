"""Levels that a school applies for: named once in the rubric, checked in rubric and case."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rubrics.engine import CaseError, evaluate
from rubrics.loader import RubricError
from rubrics.model.rubric import Rubric

LEVELS = """
award_levels:
  - {id: featured, zh: 特色}
  - {id: demonstration, zh: 特色示范}
"""
ITEM = """
id: courses
text: 特色课程5门以上，（特色示范）8门以上。
max: 5
entries:
  courses: {type: count, unit: course, zh: 特色课程门数}
rule:
  type: meets
  criteria:
    - id: featured
      title: 5门以上
      applies_when: {profile: award_level, is: featured}
      when: {value: {entry: courses}, ge: {value: 5, unit: course}}
    - id: demonstration
      title: 8门以上
      applies_when: {profile: award_level, is: demonstration}
      when: {value: {entry: courses}, ge: {value: 8, unit: course}}
"""


@pytest.mark.parametrize(
    ("level", "points"),
    [("featured", "5"), ("特色", "5"), ("demonstration", "0"), ("特色示范", "0")],
)
def test_a_level_counts_by_id_or_by_its_chinese_name(
    one_item: Callable[..., Rubric], level: str, points: str
) -> None:
    """Six courses suffice for 特色, not for 特色示范, however the profile writes the level."""
    case = {
        "school": {"kind": "general", "award_level": level},
        "entries": {"courses": {"courses": 6}},
    }
    item = evaluate(one_item(ITEM, LEVELS), case).to_json()["items"]["courses"]
    assert (item["proven"], item["possible"]) == (points, points)


def test_a_level_that_the_rubric_does_not_know_is_refused(one_item: Callable[..., Rubric]) -> None:
    """A misspelt level would silently be judged by the wrong threshold."""
    rubric = one_item(ITEM, LEVELS)
    case = {"school": {"kind": "general", "award_level": "demonstraton"}}
    with pytest.raises(CaseError, match=r"school\.award_level: .*did you mean `demonstration`"):
        evaluate(rubric, case)
    with pytest.raises(RubricError, match="no award level `featurd`; known: featured"):
        one_item(ITEM.replace("is: featured", "is: featurd"), LEVELS)
