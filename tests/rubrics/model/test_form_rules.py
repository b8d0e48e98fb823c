"""Form fields and narratives: polarity, doubt, several blanks, order of opinions, length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rubrics.engine import evaluate
from rubrics.loader import RubricError, parse_rubric
from rubrics.model.rubric import Rubric

HARM = """
id: f41
text: 近三年是否发生过重大网络安全事故
entries:
  incident: {type: bool, zh: 发生过事故}
rule: {type: fact, entry: incident, good_answer: false}
"""
DOUBT = """
id: f9
text: 在籍学生总数
entries:
  registered: {type: count, unit: person, zh: 在籍学生}
rule:
  type: fact
  entry: registered
  measured: {profile: students}
  doubtful_when: {value: {entry: registered}, gt: {profile: students}}
"""
REPORT = """
id: report
text: 自查报告（10字以内）
entries:
  report: {type: text, zh: 自查报告}
  day: {type: text, zh: 时间}
rule: {type: text, entry: report, others: [day], max_characters: 10}
"""
OPINIONS = """\
id: sample
version: "1"
title: 样例
authority: 某县
source: {document: 样例}
form: {head: [{id: date, title: 时间, holds: date}]}
sections:
  - id: A
    title: 意见
    items:
      - id: school
        text: 学校推荐意见
        entries: {opinion: {type: text, zh: 意见}}
        rule: {type: text, entry: opinion}
      - id: authority
        text: 主管部门意见
        entries: {opinion: {type: text, zh: 意见}}
        rule: {type: text, entry: opinion, follows: {item: school, entry: opinion}}
"""


def scored(rubric: Rubric, entries: dict[str, Any], **school: Any) -> dict[str, Any]:
    """Return the items of a sheet."""
    case = {"school": {"kind": "general", **school}, "entries": entries}
    items: dict[str, Any] = evaluate(rubric, case).to_json()["items"]
    return items


@pytest.mark.parametrize(("answer", "favourable"), [(True, False), (False, True)])
def test_a_field_that_asks_for_harm_is_good_when_denied(
    one_item: Callable[..., Rubric], answer: bool, favourable: bool
) -> None:
    """是 to an accident is an answer like any other, but not one in favour of the school."""
    found = scored(one_item(HARM), {"f41": {"incident": answer}})["f41"]["findings"][0]
    assert (found["result"], found["favourable"]) == ("met", favourable)


def test_an_unanswered_field_speaks_neither_way(one_item: Callable[..., Rubric]) -> None:
    """Silence is unknown."""
    found = scored(one_item(HARM), {})["f41"]["findings"][0]
    assert found["result"] == "insufficient"
    assert "favourable" not in found


@pytest.mark.parametrize(
    ("registered", "warnings"), [(1001, ["declared_figures_disagree"]), (1000, [])]
)
def test_a_doubtful_figure_is_kept_with_a_warning(
    one_item: Callable[..., Rubric], registered: int, warnings: list[str]
) -> None:
    """Figures that do not fit are neither changed nor disputed; the sheet says so."""
    item = scored(one_item(DOUBT), {"f9": {"registered": registered}}, students=1000)["f9"]
    assert item["status"] == "scored"
    assert item["warnings"] == warnings
    assert [value["value"] for value in item["findings"][0]["values"]] == ["1000"]


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        ("一二三四五，七八九。", None),  # ten characters
        ("一 二三四五，\n七八九。", None),  # ten, and white space that does not count
        ("一二三四五，七八九十。", "text_too_long"),  # eleven
    ],
)
def test_white_space_does_not_lengthen_a_text(
    one_item: Callable[..., Rubric], report: str, reason: str | None
) -> None:
    """字数 counts punctuation, but neither blanks nor line breaks."""
    item = scored(one_item(REPORT), {"report": {"report": report, "day": "11月8日"}})["report"]
    assert item["findings"][0]["reason"] == reason


def test_every_blank_of_an_item_is_wanted(one_item: Callable[..., Rubric]) -> None:
    """A name without its date leaves the item open."""
    item = scored(one_item(REPORT), {"report": {"report": "好"}})["report"]
    assert item["status"] == "pending"
    assert {one["id"]: one["result"] for one in item["findings"]} == {
        "report": "met",
        "day": "insufficient",
    }


@pytest.mark.parametrize(
    ("school", "authority", "expected"),
    [
        (None, None, {"opinion": "insufficient"}),
        ("同意", None, {"opinion": "insufficient"}),
        ("同意", "批准", {"opinion": "met", "order": "met"}),
        (None, "批准", {"opinion": "met", "order": "not_met"}),
    ],
)
def test_an_opinion_waits_for_the_one_before(
    school: str | None, authority: str | None, expected: dict[str, str]
) -> None:
    """The authority's opinion ahead of the school's is pointed out, and kept."""
    entries = {"school": {"opinion": school}, "authority": {"opinion": authority}}
    item = scored(parse_rubric(OPINIONS), entries)["authority"]
    assert {one["id"]: one["result"] for one in item["findings"]} == expected


def test_an_earlier_entry_has_to_exist() -> None:
    """A slip in `follows` is an error with its line."""
    with pytest.raises(RubricError, match="item school has no entry `opinions`"):
        parse_rubric(OPINIONS.replace("entry: opinion}}", "entry: opinions}}"))


def test_a_form_need_not_be_a_table() -> None:
    """Head fields alone are a printed form; it has no column headings."""
    form = parse_rubric(OPINIONS).form
    assert form is not None
    assert (form.columns, form.head[0].title.zh) == ((), "时间")
