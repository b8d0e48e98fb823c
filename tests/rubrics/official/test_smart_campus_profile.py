"""附件3-1, the self-assessment form: the official words, field types, declared against measured."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rubrics.engine import CaseError, evaluate
from rubrics.examples import run_examples
from rubrics.loader import load_rubric
from rubrics.model.rubric import Item, Rubric
from rubrics.model.rules import Fact

SCHOOL = {"kind": "general", "students": 1000, "staff": 80}
GROUPS = ["学校概况", "体制机制", "基本条件", "智慧应用", "试点示范", "网络安全"]
BOX = "□"


@pytest.fixture(scope="module")
def rubric() -> Rubric:
    """Return the rubric under test."""
    return load_rubric("zhongxian-smart-campus-profile")


@pytest.fixture(scope="module")
def cells(shared: Path) -> list[str]:
    """Return the cells of the form that hold printed words, layout removed, in order."""
    text = (shared / "seeds/000_d35fe8fe4a3c2c75.txt").read_text(encoding="utf-8")
    form = text[text.index("忠县智慧校园建设创建自评表") : text.index("附件3-2")]
    found = [re.sub(r"\s+", "", cell) for cell in re.split(r"\n\s*\t", form)[1:]]
    return [cell for cell in found if cell]


def field(
    rubric: Rubric, name: str, entries: dict[str, Any], **case: Any
) -> tuple[str, str | None, list[str]]:
    """Return result and reason of a field's finding, and the item's warnings."""
    given = {name: entries, **case.pop("beside", {})}
    scored = evaluate(rubric, {"school": SCHOOL, "entries": given, **case}).to_json()
    item = scored["items"][name]
    finding = item["findings"][0]
    return finding["result"], finding["reason"], item["warnings"]


def measured(name: str, value: object, unit: str, *limits: str) -> dict[str, Any]:
    """Return an indicator with evidence enough for a verdict."""
    evidence = {"samples": 9000, "days": 30, "coverage": 0.95, "limited_by": list(limits)}
    return {name: {"value": value, "unit": unit, **evidence}}


# --- the official text


def test_the_fields_of_the_form_are_the_items_in_printed_order(
    rubric: Rubric, cells: list[str]
) -> None:
    """Every printed label that asks for a value is an item; 41 labels give 42 values."""
    boxes = {"县级及以上", "区县级"}
    labels = [cell for cell in cells if BOX not in cell and cell not in {*GROUPS, *boxes}]
    ours = [item.text.split(" ")[0] for item in rubric.items()]
    assert len(labels) == 41
    assert list(dict.fromkeys(ours)) == labels
    assert [item.text.split(" ")[1] for item in rubric.items() if " " in item.text] == [
        cell for cell in cells if cell in boxes
    ]
    assert len(ours) == 42


def test_groups_hold_the_fields_as_printed(rubric: Rubric, cells: list[str]) -> None:
    """The displaced labels stay where the form has them; f38's box of f37b is the only stray."""
    printed: dict[str, list[str]] = {}
    for cell in cells:
        if cell in GROUPS:
            group = printed.setdefault(cell, [])
        elif BOX not in cell and cell not in {"县级及以上", "区县级"}:
            group.append(cell)
    ours = {
        section.title.zh: list(dict.fromkeys(item.text.split(" ")[0] for item in section.items))
        for section in rubric.sections
    }
    assert ours == printed


def test_field_types(rubric: Rubric, cells: list[str]) -> None:
    """19 yes/no, 8 whole numbers, 4 decimals, 3 percentages, 7 texts, 1 choice."""
    types = Counter(_answer(item) for item in rubric.items())
    assert types == {"bool": 19, "count": 8, "number": 4, "percent": 3, "text": 7, "choice": 1}
    assert sum("□是" in cell for cell in cells) == types["bool"]
    choice = next(item for item in rubric.items() if _answer(item) == "choice")
    options = [one.zh for one in choice.entries["school_category"].choices]
    assert "".join(BOX + option for option in options) in cells


def _answer(item: Item) -> str:
    assert isinstance(item.rule, Fact)
    return item.entries[item.rule.entry].type


def test_only_one_yes_speaks_against_the_school(rubric: Rubric) -> None:
    """f41 asks for accidents; every other 是 is good."""
    inverted = [
        item.id
        for item in rubric.items()
        if isinstance(item.rule, Fact) and not item.rule.good_answer
    ]
    assert inverted == ["f41"]
    case = {"school": SCHOOL, "entries": {"f41": {"major_security_incident": True}}}
    assert evaluate(rubric, case).to_json()["items"]["f41"]["findings"][0]["favourable"] is False


def test_displaced_fields_are_marked(rubric: Rubric) -> None:
    """The fields printed under the group before their own carry I20 and the reading."""
    marked = [
        item.id
        for item in rubric.items()
        if any(ref.reading == "field_groups" for ref in item.guided_by)
    ]
    assert marked == ["f10", "f11", "f16", "f17", "f26", "f27", "f34", "f35", "f38", "f39"]
    defects = {item.id: item.defects for item in rubric.items()}
    assert all("I20" in defects[name] for name in marked)


# --- declared beside measured


@pytest.mark.parametrize(
    ("value", "limits", "result"),
    [
        (900, (), "met"),  # 1000 × 0.9 = 900, within 10 %
        ("899.9", (), "disputed"),
        ("899.9", ("nic",), "met"),  # a limited test proves nothing against the declaration
        (1100, (), "met"),  # 1000 × 1.1 = 1100
        ("1100.1", (), "disputed"),
        (1200, ("host_cpu",), "disputed"),  # a lower bound above the declaration is conclusive
        (620, ("line",), "disputed"),
    ],
)
def test_outlet_rate_against_the_measurement(
    rubric: Rubric, value: object, limits: tuple[str, ...], result: str
) -> None:
    """f17: more than 10 % apart is a dispute; the declared 1000 is never overwritten."""
    indicators = measured("outlet_capacity", value, "Mbit/s", *limits)
    case = {"school": SCHOOL, "indicators": indicators, "entries": {"f17": {"outlet_mbps": 1000}}}
    item = evaluate(rubric, case).to_json()["items"]["f17"]
    finding = item["findings"][0]
    assert (finding["result"], finding["value"]) == (result, "1000")
    assert str(value) in [one["value"] for one in finding["values"]]


def test_outlet_rate_against_the_contract(rubric: Rubric) -> None:
    """f17 is the contracted rate: another contract figure is pointed out, not decided."""
    apart = field(rubric, "f17", {"outlet_mbps": 1000}, facts={"contracted_mbps": 500})
    same = field(rubric, "f17", {"outlet_mbps": 1000}, facts={"contracted_mbps": 1000})
    assert apart == ("met", None, ["declared_figures_disagree"])
    assert same == ("met", None, [])


@pytest.mark.parametrize(
    ("name", "entries", "result"),
    [
        # 5 % of 100 is 5
        ("f18", {"access_points": 100, "access_points_seen": 95}, "met"),
        ("f18", {"access_points": 100, "access_points_seen": 94}, "disputed"),
        ("f18", {"access_points": 100}, "met"),
        # 130 ÷ (1000 ÷ 100) = 13; 5 % of 13 is 0.65
        ("f21", {"student_terminals_per_100": 13, "student_terminals": 130}, "met"),
        ("f21", {"student_terminals_per_100": "12.3", "student_terminals": 130}, "disputed"),
        # 96 ÷ (60 ÷ 100) = 160
        (
            "f22",
            {"teacher_terminals_per_100": 160, "teacher_terminals": 96, "teachers": 60},
            "met",
        ),
        # 20 ÷ 24 = 83.33 %
        (
            "f23",
            {
                "interactive_classrooms_percent": "83.3",
                "interactive_classrooms": 20,
                "ordinary_classrooms": 24,
            },
            "met",
        ),
        (
            "f23",
            {
                "interactive_classrooms_percent": 90,
                "interactive_classrooms": 20,
                "ordinary_classrooms": 24,
            },
            "disputed",
        ),
        # 45 ÷ 60 = 75 %
        ("f27", {"teacher_spaces_percent": 75, "teachers": 60, "teachers_with_space": 45}, "met"),
        (
            "f29",
            {
                "student_spaces_percent": 80,
                "students_from_grade_three": 700,
                "students_with_space": 490,  # 70 %
            },
            "disputed",
        ),
        ("f30", {"one_stop_service_supported": True, "systems_with_single_sign_on": 3}, "met"),
        ("f30", {"one_stop_service_supported": True, "systems_with_single_sign_on": 2}, "disputed"),
        ("f30", {"one_stop_service_supported": False, "systems_with_single_sign_on": 0}, "met"),
        ("f32", {"internet_of_things_used": True, "sensor_kinds_reporting": 0}, "disputed"),
        ("f32", {"internet_of_things_used": True, "sensor_kinds_reporting": 1}, "met"),
        (
            "f20",
            {"education_network_connected": True, "education_network_reached": False},
            "disputed",
        ),
    ],
)
def test_declared_against_counted(
    rubric: Rubric, name: str, entries: dict[str, Any], result: str
) -> None:
    """A figure counted otherwise contradicts within the field's tolerance, never silently."""
    assert field(rubric, name, entries)[0] == result


@pytest.mark.parametrize(
    ("name", "entry", "indicator", "holds", "contradicts"),
    [
        ("f16", "campus_network_built", ("availability", "ratio"), "0.5", "0.4999"),
        ("f19", "wireless_covers_campus", ("wireless_coverage", "ratio"), "0.95", "0.9499"),
        ("f39", "data_backup_in_place", ("backup_age_days", "d"), 7, 8),
    ],
)
def test_a_yes_that_the_measurement_contradicts_is_disputed(
    rubric: Rubric,
    name: str,
    entry: str,
    indicator: tuple[str, str],
    holds: object,
    contradicts: object,
) -> None:
    """The bound itself does not contradict; a 否 never does."""
    quantity, unit = indicator
    for value, result in ((holds, "met"), (contradicts, "disputed")):
        found = field(rubric, name, {entry: True}, indicators=measured(quantity, value, unit))
        assert found[0] == result
    denied = field(rubric, name, {entry: False}, indicators=measured(quantity, contradicts, unit))
    assert denied[0] == "met"


def test_age_of_a_backup_that_contradicts_is_a_reading(rubric: Rubric) -> None:
    """Ten days contradict under a week, not under thirty days."""
    case = {"indicators": measured("backup_age_days", 10, "d")}
    entries = {"data_backup_in_place": True}
    assert field(rubric, "f39", entries, **case)[0] == "disputed"
    month = field(rubric, "f39", entries, **case, readings={"backup_overdue": "30"})
    assert month[0] == "met"


@pytest.mark.parametrize(
    ("staff", "students", "warned"),
    [
        (80, 946, False),  # 1026 ÷ 1080 = 95 %
        (80, 945, True),
        (80, 1054, False),  # 1134 ÷ 1080 = 105 %
        (80, 1055, True),
    ],
)
def test_people_of_the_form_against_people_at_the_school(
    rubric: Rubric, staff: int, students: int, warned: bool
) -> None:
    """在编 and 在籍 may differ from everybody at the school, but more than 5 % is pointed out."""
    found = field(
        rubric,
        "f9",
        {"registered_students": students},
        beside={"f8": {"established_staff": staff}},
    )
    assert found == ("met", None, ["declared_figures_disagree"] if warned else [])


def test_awards_of_the_smaller_box_within_the_larger(rubric: Rubric) -> None:
    """县级及以上 includes 区县级 as the words stand; the other reading lifts the warning."""
    case: dict[str, Any] = {"beside": {"f37a": {"awards_county_and_above": 2}}}
    more = field(rubric, "f37b", {"awards_county": 3}, **case)
    assert more[2] == ["declared_figures_disagree"]
    case = {"beside": {"f37a": {"awards_county_and_above": 2}}}
    other = field(
        rubric,
        "f37b",
        {"awards_county": 3},
        **case,
        readings={"award_boxes": "municipal_and_above"},
    )
    assert other[2] == []


def test_kind_of_school_against_the_profile(rubric: Rubric) -> None:
    """A form that says 中职 for an ordinary school is pointed out."""
    assert field(rubric, "f2", {"school_category": "general"})[2] == []
    assert field(rubric, "f2", {"school_category": "vocational"})[2] == [
        "declared_figures_disagree"
    ]


def test_more_than_everything_is_an_error(rubric: Rubric) -> None:
    """104 % is refused with item and field."""
    with pytest.raises(CaseError, match=r"entries\.f23\.interactive_classrooms_percent: 104"):
        field(rubric, "f23", {"interactive_classrooms_percent": 104})


def test_an_empty_form_is_all_unknown(rubric: Rubric) -> None:
    """Nothing filled in: 42 answers missing, none no, no points anywhere."""
    total = evaluate(rubric, {"school": SCHOOL}).to_json()["total"]
    assert total["answers"] == {"given": 0, "missing": 42, "disputed": 0}
    assert (total["max"], total["status"]) == (None, "provisional")


def test_examples_of_the_file(rubric: Rubric) -> None:
    """The hand-worked examples that travel with the file come out."""
    assert rubric.examples
    assert run_examples(rubric) == []
