"""附件2, the featured schools: the official words, hints decided by hand, points by people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rubrics.engine import CaseError, evaluate
from rubrics.examples import run_examples
from rubrics.loader import load_rubric
from rubrics.model.rubric import Item, Rubric
from rubrics.model.rules import Criterion, Judge

CIRCLED = "①②③④⑤⑥⑦⑧⑨"


@pytest.fixture(scope="module")
def rubric() -> Rubric:
    """Return the rubric under test."""
    return load_rubric("zhongxian-featured-school")


def findings(
    rubric: Rubric, item: str, entries: dict[str, Any], **case: Any
) -> dict[str, dict[str, Any]]:
    """Return the findings of one unit by criterion id."""
    case.setdefault("school", {"kind": "general", "stages": ["primary"], "students": 360})
    sheet = evaluate(rubric, {**case, "entries": {item: entries}}).to_json()
    return {finding["id"]: finding for finding in sheet["items"][item]["findings"]}


def criteria(item: Item) -> tuple[Criterion, ...]:
    """Return the criteria of a unit that a person judges."""
    assert isinstance(item.rule, Judge)
    return item.rule.criteria


# --- the official text


def lines(cell: str) -> list[str]:
    """Return the lines of a table cell without the layout around them."""
    return [line.strip() for line in cell.split("\n") if line.strip()]


@pytest.fixture(scope="module")
def cells(shared: Path) -> list[list[str]]:
    """Return the cells of 附件2 that hold text, in order, as lines."""
    text = (shared / "seeds/000_d35fe8fe4a3c2c75.txt").read_text(encoding="utf-8")
    annex = text[
        text.index("“忠义忠州●现代教育”特色（示范）学校评估自评表") : text.index("附件3-1")
    ]
    found = [lines(cell) for cell in re.split(r"\n\s*\t", annex)]
    return [cell for cell in found if cell]


def headings(cells: list[list[str]]) -> Iterator[tuple[str, str]]:
    """Yield name and printed points of the headings, such as 办学理念 and 10."""
    for cell in cells:
        match = re.fullmatch(r"(\w{4})（(\d+)分）", "".join(cell))
        if match is not None:
            yield match[1], match[2]


def rows(cells: list[list[str]]) -> dict[str, list[list[str]]]:
    """Return the rows of every 二级指标, each a list of clauses."""
    found: dict[str, list[list[str]]] = {}
    unit = ""
    columns = next(at for at, cell in enumerate(cells) if "".join(cell) == "考评分")
    for cell in cells[columns + 1 :]:
        heading = re.fullmatch(r"(\w{4})（\d+分）", "".join(cell))
        if heading is not None:
            unit = heading[1]
        else:
            found.setdefault(unit, []).append(cell)
    return found


def test_every_clause_of_the_table_is_in_the_rubric_and_no_other(
    rubric: Rubric, cells: list[list[str]]
) -> None:
    """Twelve units, fifteen rows, 41 numbered and 2 unnumbered clauses, word for word."""
    official = rows(cells)
    clauses = [clause for unit in official.values() for row in unit for clause in row]
    numbered = [clause for clause in clauses if clause[0] in CIRCLED]
    counts = (len(official), sum(map(len, official.values())), len(numbered), len(clauses))
    assert counts == (12, 15, 41, 43)
    ours = {
        item.title.zh: [row.split("\n") for row in item.text.split("\n\n")]
        for item in rubric.items()
        if item.title is not None
    }
    assert ours == official
    assert list(ours) == list(official)


def test_every_clause_is_one_criterion(rubric: Rubric, cells: list[list[str]]) -> None:
    """The 43 criteria quote the 43 clauses in order; their ids follow row and number."""
    official = [clause for unit in rows(cells).values() for row in unit for clause in row]
    assert [c.clause for item in rubric.items() for c in criteria(item)] == official
    for item in rubric.items():
        for criterion in criteria(item):
            assert criterion.clause is not None
            number = CIRCLED.find(criterion.clause[0]) + 1
            if number:
                assert criterion.id.split("-")[-1] == str(number), (item.id, criterion.id)


def test_points_are_those_printed_in_the_headings(rubric: Rubric, cells: list[list[str]]) -> None:
    """20 + 35 + 20 + 25 = 100, and every section is the sum of its units."""
    official = list(headings(cells))
    ours = []
    for section in rubric.sections:
        ours.append((section.title.zh, str(section.printed_max)))
        ours += [(i.title.zh, str(i.max)) for i in section.items if i.title is not None]
        assert section.printed_max == sum(item.max or 0 for item in section.items)
    assert ours == official
    assert sum(item.max or 0 for item in rubric.items()) == 100


def test_the_form_prints_the_official_columns(rubric: Rubric, cells: list[list[str]]) -> None:
    """Five headings, among them the school's and the assessor's points."""
    assert rubric.form is not None
    printed = ["".join(cell) for cell in cells[1:6]]
    assert [column.title.zh for column in rubric.form.columns] == printed
    assert [column.stage for column in rubric.form.columns[3:]] == ["self", "official"]
    assert rubric.title.zh == "".join(cells[0])


# --- hints worked by hand


@pytest.mark.parametrize(
    ("courses", "students", "level", "result"),
    [
        (5, 900, "featured", "met"),  # 5 ≥ 5
        (4, 900, "featured", "not_met"),  # 4 < 5, 4 × 45 = 180 < 900
        (8, 900, "demonstration", "met"),  # 8 ≥ 8
        (7, 900, "demonstration", "not_met"),  # 7 < 8, 7 × 45 = 315 < 900
        (2, 90, "featured", "met"),  # 2 × 45 = 90 = 90
        (2, 91, "featured", "not_met"),  # 90 < 91
        (7, 315, "demonstration", "met"),  # 7 × 45 = 315
        (0, 900, "featured", "not_met"),  # no course, and no division by zero
        (8, 900, None, "met"),  # enough for either level
        (6, 900, None, "insufficient"),  # the level decides
        (4, 900, None, "not_met"),  # too few for either level
        (6, None, "featured", "met"),  # enough without the number of students
        (4, None, "featured", "insufficient"),  # 4 × 45 = 180 may suffice
    ],
)
def test_courses_follow_the_level_or_the_number_of_students(
    rubric: Rubric, courses: int, students: int | None, level: str | None, result: str
) -> None:
    """≥ 5 for 特色, ≥ 8 for 特色示范, or one for every 45 students in school."""
    school = {"kind": "general", "students": students, "award_level": level}
    assert (
        findings(rubric, "tese-kecheng", {"courses": courses}, school=school)["4"]["result"]
        == result
    )


@pytest.mark.parametrize(
    ("reading", "result"), [("both_levels", "met"), ("featured_only", "not_met")]
)
def test_the_bureau_may_keep_demonstration_schools_to_eight_courses(
    rubric: Rubric, reading: str, result: str
) -> None:
    """3 × 45 = 135 students: enough unless the alternative is for featured schools only."""
    school = {"kind": "general", "students": 135, "award_level": "特色示范"}
    found = findings(
        rubric,
        "tese-kecheng",
        {"courses": 3},
        school=school,
        readings={"courses_per_student": reading},
    )
    assert found["4"]["result"] == result


EXACT: list[tuple[str, dict[str, Any], str, str]] = [
    # 认同度达到85%以上: 85 itself counts
    ("banxue-linian", {"recognition_percent": 85}, "3-1", "met"),
    ("banxue-linian", {"recognition_percent": "84.99"}, "3-1", "not_met"),
    ("tese-guihua", {"teacher_recognition_percent": 90}, "1-4", "met"),
    ("tese-guihua", {"teacher_recognition_percent": "89.9"}, "1-4", "not_met"),
    ("tese-guihua", {"goals_reached_percent": 80, "tasks_completed_percent": 80}, "2-3", "met"),
    ("tese-guihua", {"goals_reached_percent": 79}, "2-3", "not_met"),  # one is enough to fail
    ("tese-guihua", {"goals_reached_percent": 81}, "2-3", "insufficient"),
    ("tese-jiaoxue", {"pupil_satisfaction_percent": 85}, "4", "met"),
    ("tese-jiaoxue", {"pupil_satisfaction_percent": 84}, "4", "not_met"),
    # every term, not the mean: (9 + 4) ÷ 2 would be 6.5
    ("tese-keyan", {"exchanges_per_term": [5, 5]}, "1", "met"),
    ("tese-keyan", {"exchanges_per_term": [9, 4]}, "1", "not_met"),
    ("tese-keyan", {"regional_project_applied": True}, "2", "insufficient"),
    ("tese-keyan", {"regional_project_applied": False}, "2", "not_met"),
    ("tese-keyan", {"county_projects": 1}, "3", "met"),
    ("tese-sheshi", {"use_rate_percent": 90}, "2", "met"),
    ("tese-sheshi", {"use_rate_percent": "89.5"}, "2", "not_met"),
    ("tese-sheshi", {"featured_rooms": 1}, "3", "met"),
    # ② 5 units or 3 visits, one way is enough
    ("xuexiao-fazhan", {"visiting_units_in_county": 5}, "2", "met"),
    ("xuexiao-fazhan", {"visits_from_outside": 3}, "2", "met"),
    ("xuexiao-fazhan", {"visiting_units_in_county": 4}, "2", "insufficient"),
    (
        "xuexiao-fazhan",
        {"visiting_units_in_county": 4, "visits_from_outside": 2},
        "2",
        "not_met",
    ),
    ("xuexiao-fazhan", {"works_published": 3}, "3", "met"),
    ("xuexiao-fazhan", {"works_published": 0, "second_prizes_or_better": 1}, "3", "met"),
    ("xuexiao-fazhan", {"works_published": 2, "second_prizes_or_better": 0}, "3", "not_met"),
    ("xuexiao-fazhan", {"media_reports": 3}, "4", "met"),
    ("xuexiao-fazhan", {"media_reports": 2}, "4", "not_met"),
    ("xuexiao-fazhan", {"talks_at_meetings": 2}, "5", "met"),
    ("xuexiao-fazhan", {"talks_at_meetings": 1, "talks_outside": 0}, "5", "not_met"),
    ("jiaoshi-fazhan", {"county_lesson_prizes": 3}, "1", "met"),
    ("jiaoshi-fazhan", {"county_lesson_prizes": 2, "area_lesson_prizes": 5}, "1", "met"),
    ("jiaoshi-fazhan", {"county_lesson_prizes": 2, "area_lesson_prizes": 4}, "1", "not_met"),
]


@pytest.mark.parametrize(("item", "entries", "criterion", "result"), EXACT)
def test_thresholds_include_their_number(
    rubric: Rubric, item: str, entries: dict[str, Any], criterion: str, result: str
) -> None:
    """达到, 不少于 and 以上 are met at the number itself; either-or needs one way only."""
    assert findings(rubric, item, entries)[criterion]["result"] == result


@pytest.mark.parametrize(
    ("item", "entries", "criterion", "result"),
    [
        # 12 ÷ 40 = 30 %; 11 ÷ 40 = 27.5 %
        ("tese-shizi", {"teachers_developing_courses": 12}, "1", "met"),
        ("tese-shizi", {"teachers_developing_courses": 11}, "1", "not_met"),
        # 4 ÷ 40 = 10 %; 3 ÷ 40 = 7.5 %
        ("jiaoshi-fazhan", {"research_awards": 4}, "2", "met"),
        ("jiaoshi-fazhan", {"research_awards": 3}, "2", "not_met"),
    ],
)
def test_shares_are_of_the_full_time_teachers(
    rubric: Rubric, item: str, entries: dict[str, Any], criterion: str, result: str
) -> None:
    """Of 40 full-time teachers, whatever the number of staff."""
    school = {"kind": "general", "students": 600, "staff": 70}
    facts = {"full_time_teachers": {"value": 40, "as_of": "2021-09-01"}}
    found = findings(rubric, item, entries, school=school, facts=facts)
    assert found[criterion]["result"] == result
    without = findings(rubric, item, entries, school=school)
    assert without[criterion]["result"] == "insufficient"


@pytest.mark.parametrize(
    ("stages", "interest", "result"),
    [
        (["primary"], {"primary_interest_percent": 80}, "met"),
        (["primary"], {"primary_interest_percent": "79.9"}, "not_met"),
        (["junior"], {"secondary_interest_percent": 70}, "met"),
        (["senior"], {"secondary_interest_percent": "69.9"}, "not_met"),
        (["junior"], {"primary_interest_percent": 10, "secondary_interest_percent": 70}, "met"),
        (
            ["primary", "junior"],
            {"primary_interest_percent": 80, "secondary_interest_percent": 70},
            "met",
        ),
        (
            ["primary", "junior"],
            {"primary_interest_percent": 79, "secondary_interest_percent": 90},
            "not_met",
        ),
        (["primary", "junior"], {"primary_interest_percent": 80}, "insufficient"),
    ],
)
def test_interest_is_judged_by_the_grades_of_the_school(
    rubric: Rubric, stages: list[str], interest: dict[str, Any], result: str
) -> None:
    """80 % for primary and 70 % for secondary pupils; a school with both meets both."""
    entries = {**interest, "course_choice_satisfaction_percent": 80}
    school = {"kind": "general", "stages": stages}
    assert findings(rubric, "xuesheng-fazhan", entries, school=school)["2"]["result"] == result


def test_fitness_is_compared_with_the_county_mean(rubric: Rubric) -> None:
    """不低于 includes the mean itself; without the county's figure nothing is judged."""
    entries = {"fitness_pass_percent": "91.5"}
    mean = {"county_fitness_pass_percent": "91.5"}
    above = {"county_fitness_pass_percent": "91.6"}
    assert findings(rubric, "xuesheng-fazhan", entries, references=mean)["4"]["result"] == "met"
    assert (
        findings(rubric, "xuesheng-fazhan", entries, references=above)["4"]["result"] == "not_met"
    )
    missing = findings(rubric, "xuesheng-fazhan", entries)["4"]
    assert (missing["result"], missing["reason"]) == ("insufficient", "missing_reference")


def test_survey_without_a_threshold_is_shown_and_judged_by_a_person(rubric: Rubric) -> None:
    """特色环境② names a survey but no figure: 88 % stands beside the open finding."""
    found = findings(rubric, "tese-huanjing", {"environment_satisfaction_percent": 88})["2"]
    assert (found["result"], found["reason"]) == ("insufficient", "awaiting_judgement")
    assert "88" in str(found)


# --- points by people


def test_only_the_assessors_points_count(rubric: Rubric) -> None:
    """The school's own 10 of 10 leaves the unit open; the assessor's 7.5 settles it."""
    case: dict[str, Any] = {
        "school": {"kind": "general"},
        "stages": {"self": {"banxue-linian": "10"}},
    }
    item = evaluate(rubric, case).to_json()["items"]["banxue-linian"]
    assert (item["status"], item["proven"], item["possible"]) == ("pending", "0", "10")
    case["stages"]["official"] = {"banxue-linian": "7.5"}
    item = evaluate(rubric, case).to_json()["items"]["banxue-linian"]
    assert (item["status"], item["proven"], item["possible"]) == ("scored", "7.5", "7.5")
    assert item["stages"] == {"self": "10", "official": "7.5"}


@pytest.mark.parametrize("points", ["10.5", "-1"])
def test_points_out_of_range_are_refused(rubric: Rubric, points: str) -> None:
    """More than the unit's maximum is an error, never clipped."""
    case = {"school": {"kind": "general"}, "stages": {"official": {"banxue-linian": points}}}
    with pytest.raises(CaseError, match=r"stages\.official\.banxue-linian"):
        evaluate(rubric, case)


def test_the_examples_in_the_file_hold(rubric: Rubric) -> None:
    """Among them: 100 from the assessor beside 92 from the school."""
    assert len(rubric.examples) >= 3
    assert run_examples(rubric) == []
