"""附件4, the application for acceptance: blanks, length of the report, order of opinions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from rubrics.engine import evaluate
from rubrics.examples import run_examples
from rubrics.loader import load_rubric
from rubrics.model.rubric import Rubric
from rubrics.model.rules import TextRule


@pytest.fixture(scope="module")
def rubric() -> Rubric:
    """Return the rubric under test."""
    return load_rubric("zhongxian-acceptance-application")


@pytest.fixture(scope="module")
def annex(shared: Path) -> str:
    """Return the official text of 附件4."""
    text = (shared / "seeds/000_d35fe8fe4a3c2c75.txt").read_text(encoding="utf-8")
    return text[text.index("忠县中小学“创建验收”项目申报表") :]


def item(rubric: Rubric, name: str, entries: dict[str, Any]) -> dict[str, Any]:
    """Return one item of the sheet of a form filled in so far."""
    case = {"school": {"kind": "general"}, "entries": entries}
    scored: dict[str, Any] = evaluate(rubric, case).to_json()["items"][name]
    return scored


# --- the official text


def test_every_printed_word_is_an_item(rubric: Rubric, annex: str) -> None:
    """The line above the table and its seven rows, in order and word for word."""
    official = [re.sub(r"\s+", " ", cell).strip() for cell in re.split(r"\n\s*\t|\n\n", annex)[1:]]
    official = [cell for cell in official if cell]
    achievements = official.index("取得的成绩或主要做法")
    official[achievements : achievements + 2] = [" ".join(official[achievements:][:2])]
    assert [one.text for one in rubric.items()] == official
    assert rubric.title.zh == annex.splitlines()[0]


def test_nine_blanks(rubric: Rubric, annex: str) -> None:
    """Eight items hold nine blanks: the school's line asks for a date as well."""
    head = next(line for line in annex.splitlines() if line.startswith("申报学校"))
    in_head = len(re.findall(r"[^：\s]+：", head))
    table = annex[annex.index("学校负责人") :]
    in_table = len([cell for cell in re.split(r"\n\s*\t", table) if cell.strip()]) - 1
    wanted = 0
    for one in rubric.items():
        assert isinstance(one.rule, TextRule)
        wanted += len(one.rule.others) + (one.rule.entry is not None)
    assert wanted == in_head + in_table == 9


def test_the_printed_year_is_known(rubric: Rubric, annex: str) -> None:
    """2021 stands on the form; the date is an entry all the same."""
    assert "时间：2021年" in annex
    school = next(iter(rubric.items()))
    assert "I33" in school.defects
    assert school.guided_by[0].reading == "printed_year"
    assert rubric.form is not None
    assert [one.title.zh for one in rubric.form.head] == ["申报学校（盖章）", "时间"]


def test_two_opinions_in_the_printed_order(rubric: Rubric, annex: str) -> None:
    """The school's recommendation stands before the authority's opinion."""
    titles = [stage.title.zh for stage in rubric.stages]
    assert titles == ["学校推荐意见", "教育行政主管部门意见"]
    assert annex.index(titles[0]) < annex.index(titles[1])
    assert [stage.actor for stage in rubric.stages] == ["school", "bureau"]


# --- what a machine can check


@pytest.mark.parametrize(
    ("characters", "result", "reason"),
    [(3000, "met", None), (3001, "not_met", "text_too_long"), (1, "met", None)],
)
def test_the_report_has_at_most_3000_characters(
    rubric: Rubric, characters: int, result: str, reason: str | None
) -> None:
    """3000以内 includes 3000; line breaks do not count."""
    report = "\n".join("字" * 60 for _ in range(characters // 60)) + "字" * (characters % 60)
    entries = {"achievements": {"self_report": report, "self_report_attached": True}}
    finding = item(rubric, "achievements", entries)["findings"][0]
    assert (finding["result"], finding["reason"]) == (result, reason)


@pytest.mark.parametrize(
    ("attached", "result", "reason"),
    [
        (True, "met", None),
        (False, "not_met", "missing_attachment"),
        (None, "insufficient", "missing_attachment"),
    ],
)
def test_the_report_is_attached(
    rubric: Rubric, attached: bool | None, result: str, reason: str | None
) -> None:
    """另附 means that a file is there; nobody said so is not the same as no."""
    entries = {"achievements": {"self_report": "好", "self_report_attached": attached}}
    finding = item(rubric, "achievements", entries)["findings"][1]
    assert (finding["result"], finding["reason"]) == (result, reason)


def test_the_date_is_wanted_with_the_school(rubric: Rubric) -> None:
    """A sealed name without a date leaves the first line open."""
    filled = {"school_name": "某小学", "sealed_page_attached": True}
    assert item(rubric, "school", {"school": filled})["status"] == "pending"
    dated = {**filled, "application_date": "2021-11-08"}
    assert item(rubric, "school", {"school": dated})["status"] == "scored"


def test_the_authority_does_not_speak_first(rubric: Rubric) -> None:
    """An opinion of the authority without the school's is kept and pointed out."""
    early = {"authority-opinion": {"authority_opinion": "同意"}}
    findings = item(rubric, "authority-opinion", early)["findings"]
    assert [(one["id"], one["reason"]) for one in findings] == [
        ("authority_opinion", None),
        ("order", "out_of_order"),
    ]
    both = {**early, "school-opinion": {"school_opinion": "推荐"}}
    assert item(rubric, "authority-opinion", both)["status"] == "scored"


def test_examples_of_the_file(rubric: Rubric) -> None:
    """The hand-worked examples that travel with the file come out."""
    assert rubric.examples
    assert run_examples(rubric) == []
