"""What a rubric may say about the paper form around its items."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rubrics.loader import RubricError
from rubrics.model.rubric import Rubric

ITEM = """
id: C1
text: 有领导小组。
max: 2
guided_by: [{reading: step_base}]
entries:
  group_established: {type: bool, zh: 有领导小组}
rule:
  type: deduct
  clauses:
    - {kind: flag, points: 1, when: {not: {entry: group_established}}}
"""
FORM = """
form:
  head: [{id: school, title: 学校, holds: school}]
  columns:
    - {title: 督查内容, holds: text}
    - {title: 考核分, holds: points, stage: official}
  foot: [{id: total, title: 得分合计, holds: total}]
"""


def test_columns_keep_their_printed_order(one_item: Callable[..., Rubric]) -> None:
    """An export prints headings as they stand on paper."""
    form = one_item(ITEM, FORM).form
    assert form is not None
    assert [column.title.zh for column in form.columns] == ["督查内容", "考核分"]
    assert (form.head[0].title.zh, form.foot[0].title.zh) == ("学校", "得分合计")


def test_a_points_column_names_a_known_stage(one_item: Callable[..., Rubric]) -> None:
    """A column of points for a stage that nobody gives is a mistake, found when loading."""
    with pytest.raises(RubricError, match="no stage `self`; known: official"):
        one_item(ITEM, FORM.replace("stage: official", "stage: self"))
    with pytest.raises(RubricError, match="`stage` goes with `holds: points`"):
        one_item(ITEM, FORM.replace(", stage: official", ""))


def test_guidance_names_a_known_reading(one_item: Callable[..., Rubric]) -> None:
    """Readings that only tell people how to count must exist too."""
    with pytest.raises(RubricError, match="no reading `step_bas`"):
        one_item(ITEM.replace("step_base", "step_bas"))
