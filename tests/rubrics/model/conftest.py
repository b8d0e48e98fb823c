"""A small rubric whose one item a test fills in."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent, indent

import pytest

from rubrics.loader import parse_rubric
from rubrics.model.rubric import Rubric

_HEAD = """\
id: sample
version: "1"
title: 样例
authority: 某县
source: {document: 样例}
stages:
  - {id: official, title: 考核分, actor: inspector}
readings:
  step_base:
    question: 一档多大？
    alternatives:
      points: {meaning: 5个百分点}
      of_target: {meaning: 目标的5%}
    default: points
    when_not_chosen: default
"""


@pytest.fixture
def one_item() -> Callable[..., Rubric]:
    """Return a maker of one-item rubrics: the item's YAML, and more header lines."""

    def make(item: str, header: str = "") -> Rubric:
        body = indent(dedent(item).strip(), "      ")
        text = f"{_HEAD}{dedent(header)}sections:\n  - id: A\n    title: 甲\n    items:\n"
        return parse_rubric(f"{text}    - {body.strip()}\n")

    return make
