"""A cap over several items that holds only under one reading of the document."""

from __future__ import annotations

from typing import Any

import pytest

from rubrics.engine import evaluate
from rubrics.loader import RubricError, parse_rubric

TEXT = """\
id: sample
version: "1"
title: 样例
authority: 某区
source: {document: 样例}
readings:
  cap:
    question: 30分封顶算一项还是两项？
    alternatives: {alone: {meaning: 只对第一项}, jointly: {meaning: 两项合计}}
    default: jointly
    when_not_chosen: default
shared_caps:
  - {id: routine, items: [a, b], cap: 30, applies_when: {reading: cap, is: jointly}}
sections:
  - id: bonus
    title: 加分
    items:
      - id: a
        text: 竞赛
        max: 30
        part: bonus
        entries: {prizes: {type: count, zh: 一等奖}}
        rule: {type: award, levels: [{id: first, title: 一, points: 3, count: {entry: prizes}}]}
      - id: b
        text: 申报
        max: 2
        part: bonus
        entries: {applied: {type: bool, zh: 已申报}}
        rule: {type: bonus, clauses: [{kind: flag, points: 2, when: {entry: applied}}]}
"""


@pytest.mark.parametrize(
    ("readings", "total", "most"),
    [
        ({}, "30", "30"),  # min(3 × 10 + 2, 30)
        ({"cap": "jointly"}, "30", "30"),
        ({"cap": "alone"}, "32", "32"),  # min(3 × 10, 30) + 2
    ],
)
def test_the_reading_in_force_decides_what_the_cap_covers(
    readings: dict[str, str], total: str, most: str
) -> None:
    """Ten first prizes and an application: 30 points under one reading, 32 under the other."""
    case: dict[str, Any] = {
        "school": {"kind": "general"},
        "entries": {"a": {"prizes": 10}, "b": {"applied": True}},
        "readings": readings,
    }
    found = evaluate(parse_rubric(TEXT), case).to_json()["total"]
    assert (found["proven"], found["max"]) == (total, most)


def test_a_cap_names_a_reading_that_exists() -> None:
    """A slip in the reading or its alternative is an error with its line."""
    with pytest.raises(RubricError, match=r"shared_caps\.0\.applies_when.*no alternative `joint`"):
        parse_rubric(TEXT.replace("is: jointly", "is: joint"))
    with pytest.raises(RubricError, match="no reading `caps`"):
        parse_rubric(TEXT.replace("{reading: cap,", "{reading: caps,"))
