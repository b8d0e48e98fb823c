"""雨花台区 2020.9: the official words, points people give, bonus and veto worked by hand."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from rubrics.engine import CaseError, evaluate
from rubrics.examples import run_examples
from rubrics.loader import load_rubric
from rubrics.model.rubric import Rubric

SCHOOL = {"kind": "general", "stages": ["primary"], "students": 1000, "staff": 70, "classes": 30}
DECIDED = {
    "smart_campus_points": "cumulative",
    "uploads_and_downloads": "together",
    "posts_every_week": "every_week",
    "space_students": "all_students",
}


@pytest.fixture(scope="module")
def rubric() -> Rubric:
    """Return the rubric under test."""
    return load_rubric("yuhuatai-informatization-2020")


@pytest.fixture(scope="module")
def seed(shared: Path) -> str:
    """Return the official text."""
    return (shared / "seeds/003_5f3627f837b6302b.txt").read_text(encoding="utf-8")


def squeezed(cell: str) -> str:
    """Remove the line breaks inside a table cell."""
    return re.sub(r"\s*\n\s*", "", cell).strip()


def cells(seed: str) -> list[str]:
    """Return the cells of the table, in order; empty ones are left out."""
    found = [squeezed(cell) for cell in re.split(r"\n\s*\t", seed)]
    return [cell for cell in found if cell]


def sheet(rubric: Rubric, case: dict[str, Any]) -> dict[str, Any]:
    """Score a case of the sample school."""
    return evaluate(rubric, {"school": SCHOOL, **case}).to_json()


def hints(
    rubric: Rubric,
    item: str,
    entries: dict[str, Any],
    readings: dict[str, str] | None = None,
    classes: int = 30,
) -> dict[str, str]:
    """Return the results of one item's hints; a reason stands in for an open result."""
    case = {
        "school": {**SCHOOL, "classes": classes},
        "entries": {item: entries},
        "readings": readings or {},
    }
    found = evaluate(rubric, case).to_json()["items"][item]["findings"]
    return {
        one["id"]: one["reason"] if one["result"] == "insufficient" else one["result"]
        for one in found
    }


# --- the official text


def test_every_clause_of_the_table_is_in_the_rubric_and_no_other(rubric: Rubric, seed: str) -> None:
    """The clauses 1） to 41） stand word for word in the printed order."""
    official = re.findall(r"(?ms)^\s*(\d+）.*?)(?=\n\d+）|\n\s*\t)", seed)
    assert len(official) == 41
    assert [item.text for item in rubric.items()] == [squeezed(clause) for clause in official]
    assert [item.id for item in rubric.items()] == [str(number) for number in range(1, 42)]


def test_points_are_those_of_the_column(rubric: Rubric, seed: str) -> None:
    """The cell after each clause holds its points: 38 items make the printed 小计 of 100."""
    found = cells(seed)
    printed = [
        Fraction(found[index + 1])
        for index, cell in enumerate(found)
        if re.match(r"([1-9]|[12]\d|3[0-8])）", cell)
    ]
    ours = [item.max for item in rubric.items() if item.part == "base" and item.max is not None]
    assert ours == printed
    assert sum(printed) == Fraction(found[found.index("小计") + 1]) == 100


def test_headings_print_what_their_items_add_up_to(rubric: Rubric, seed: str) -> None:
    """22 + 20 + 10 + 19 + 29 = 100; the sixth part holds 30, the printed total is 130."""
    found = cells(seed)
    heading = re.compile(r"([一二三四五]、\w+)[(（](\d+)分[)）]")
    official = [match.groups() for cell in found if (match := heading.fullmatch(cell))]
    ours = [(section.title.zh, str(section.printed_max)) for section in rubric.sections]
    assert ours[:5] == official
    for section in rubric.sections[:5]:
        assert sum(item.max or 0 for item in section.all_items()) == section.printed_max
    last_item = next(index for index, cell in enumerate(found) if cell.startswith("39）"))
    assert Fraction(found[last_item + 1]) == rubric.sections[5].printed_max == 30
    assert Fraction(found[found.index("合计") + 1]) == rubric.total_printed_max == 130


def test_second_level_headings(rubric: Rubric, seed: str) -> None:
    """The sixteen second-level headings keep number and words."""
    official = [cell for cell in cells(seed) if re.match(r"\d+\.\w+$", cell)]
    ours = [inner.title.zh for outer in rubric.sections for inner in outer.sections]
    assert len(official) == 16
    assert ours == official


def test_the_form_prints_the_official_columns(rubric: Rubric, seed: str) -> None:
    """Six columns, the points of both stages among them."""
    assert rubric.form is not None
    ours = [column.title.zh for column in rubric.form.columns]
    head = seed[: seed.index("1）")].replace("[bookmark: RANGE!A2]", "")
    official = [re.sub(r"\s", "", cell) for cell in re.split(r"\n\s*\t", head)[1:7]]
    assert ours == official
    stages = [column.stage for column in rubric.form.columns if column.holds == "points"]
    assert stages == ["self", "official"]
    assert rubric.title.zh in seed


def test_every_hint_quotes_the_clause_it_tests(rubric: Rubric) -> None:
    """A hint's words are part of its item's text."""
    for item in rubric.items():
        for criterion in getattr(item.rule, "criteria", ()):
            assert criterion.clause is not None, criterion.id
            assert criterion.clause in item.text, criterion.id


# --- points


def test_points_of_people_add_up_and_stages_stay_apart(rubric: Rubric) -> None:
    """区评 counts, 自评 stands beside it: 1.5 + 3 = 4.5 against 2 + 4 = 6."""
    scored = sheet(
        rubric,
        {"stages": {"self": {"1": 2, "34": 4}, "official": {"1": "1.5", "34": 3}}},
    )
    assert scored["total"]["base"]["proven"] == "4.5"
    assert scored["stages"]["self"]["points"] == "6"
    assert scored["items"]["1"]["stages"] == {"self": "2", "official": "1.5"}
    assert scored["items"]["2"]["status"] == "pending"


def test_full_marks_everywhere_are_130_and_never_more(rubric: Rubric) -> None:
    """38 full items, ten first prizes, 2 and 5: 100 + min(30 + 7, 30) = 130."""
    official = {item.id: str(item.max) for item in rubric.items() if item.rule.type == "judge"}
    scored = sheet(
        rubric,
        {
            "stages": {"official": official},
            "entries": {
                "39": {"first_prizes": 10, "second_prizes": 0, "third_prizes": 0},
                "40": {"smart_campus_applied": True, "smart_campus_completed": True},
                "41": {"major_incident": False},
            },
            "readings": DECIDED,
        },
    )
    assert (scored["total"]["proven"], scored["total"]["max"]) == ("130", "130")
    assert scored["total"]["status"] == "final"


def test_points_outside_an_item_are_an_error(rubric: Rubric) -> None:
    """2.5 on a two-point item is refused with item and stage, never cut to 2."""
    with pytest.raises(CaseError, match=r"stages\.official\.1: 2\.5 is outside 0–2"):
        sheet(rubric, {"stages": {"official": {"1": "2.5"}}})


@pytest.mark.parametrize(
    ("first", "second", "third", "points"),
    [
        (0, 0, 0, "0"),
        (2, 1, 3, "11"),  # 2 × 3 + 1 × 2 + 3 × 1 = 11
        (10, 0, 0, "30"),  # 30, the cap itself
        (9, 1, 1, "30"),  # 27 + 2 + 1 = 30
        (9, 2, 0, "30"),  # 27 + 4 = 31 → 30
    ],
)
def test_prizes(rubric: Rubric, first: int, second: int, third: int, points: str) -> None:
    """3, 2 and 1 for a first, second and third prize, up to 30."""
    prizes = {"first_prizes": first, "second_prizes": second, "third_prizes": third}
    item = sheet(rubric, {"entries": {"39": prizes}})["items"]["39"]
    assert (item["proven"], item["possible"]) == (points, points)


@pytest.mark.parametrize(
    ("applied", "completed", "reading", "low", "high"),
    [
        (True, False, "cumulative", "2", "2"),
        (True, True, "cumulative", "7", "7"),  # 2 + 5
        (True, True, "higher_only", "5", "5"),
        (True, False, "higher_only", "2", "2"),
        (False, False, "cumulative", "0", "0"),
        (True, True, None, "7", "7"),  # 加2分 and 加5分: the text adds
        (True, None, "cumulative", "2", "7"),  # completion unknown
    ],
)
def test_smart_campus_points(
    rubric: Rubric, applied: bool, completed: bool | None, reading: str | None, low: str, high: str
) -> None:
    """2 for applying and 5 for completing; whether they add up is a reading."""
    answers = {"smart_campus_applied": applied, "smart_campus_completed": completed}
    readings = {"smart_campus_points": reading} if reading else {}
    item = sheet(rubric, {"entries": {"40": answers}, "readings": readings})["items"]["40"]
    assert (item["proven"], item["possible"]) == (low, high)


def test_a_full_sheet_is_final_without_a_choice_on_the_bonus(rubric: Rubric) -> None:
    """100 + min(3 + 2 + 5, 30) = 110: nothing about items 39 and 40 is left open."""
    official = {item.id: str(item.max) for item in rubric.items() if item.rule.type == "judge"}
    entries = {
        "39": {"first_prizes": 1, "second_prizes": 0, "third_prizes": 0},
        "40": {"smart_campus_applied": True, "smart_campus_completed": True},
        "41": {"major_incident": False},
    }
    total = sheet(rubric, {"stages": {"official": official}, "entries": entries})["total"]
    assert (total["proven"], total["possible"], total["status"]) == ("110", "110", "final")


@pytest.mark.parametrize(
    ("reading", "bonus", "most"),
    [
        ("jointly", "30", "130"),  # min(27 + 7, 30)
        ("item_39", "34", "137"),  # min(27, 30) + 7
    ],
)
def test_the_cap_of_thirty(rubric: Rubric, reading: str, bonus: str, most: str) -> None:
    """Nine first prizes and a finished smart campus under both readings of the cap."""
    scored = sheet(
        rubric,
        {
            "entries": {
                "39": {"first_prizes": 9, "second_prizes": 0, "third_prizes": 0},
                "40": {"smart_campus_applied": True, "smart_campus_completed": True},
            },
            "readings": {**DECIDED, "bonus_cap": reading},
        },
    )
    assert scored["total"]["bonus"]["proven"] == bonus
    assert scored["total"]["max"] == most


def test_the_veto_leaves_the_points_visible(rubric: Rubric) -> None:
    """A major incident vetoes the year; what was earned still stands on the sheet."""
    case = {"stages": {"official": {"1": 2}}, "entries": {"41": {"major_incident": True}}}
    scored = sheet(rubric, case)
    assert scored["outcome"]["vetoed"] is True
    assert scored["items"]["41"]["status"] == "vetoed"
    assert scored["total"]["base"]["proven"] == "2"
    assert sheet(rubric, {})["outcome"]["vetoed"] is None  # silence proves nothing


# --- hints


@pytest.mark.parametrize(
    ("classes", "staff", "full_time", "readings", "results"),
    [
        # 30 classes: 4 to 7, of these 4 full-time
        (30, 4, 4, {}, ("met", "met")),
        (30, 7, 4, {}, ("met", "met")),
        (30, 3, 3, {}, ("not_met", "not_met")),
        (30, 8, 4, {}, ("reading_undecided", "met")),
        (30, 8, 4, {"staff_above_range": "not_met"}, ("not_met", "met")),
        (30, 8, 4, {"staff_above_range": "met"}, ("met", "met")),
        (30, 5, 5, {"full_time_count": "exactly"}, ("met", "not_met")),
        # 18 classes: 3 to 5, of these 2 full-time
        (18, 3, 2, {}, ("met", "met")),
        (18, 5, 2, {}, ("met", "met")),
        (18, 2, 1, {}, ("not_met", "not_met")),
        (18, 6, 2, {"staff_above_range": "not_met"}, ("not_met", "met")),
        # 24 classes fall under both sentences
        (24, 4, 4, {}, ("met", "met")),
        (24, 5, 4, {}, ("met", "met")),
        (24, 3, 2, {}, ("reading_undecided", "reading_undecided")),
        (24, 3, 2, {"class_24": "lower"}, ("met", "met")),
        (24, 3, 2, {"class_24": "upper"}, ("not_met", "not_met")),
        (24, 7, 4, {"class_24": "lower", "staff_above_range": "not_met"}, ("not_met", "met")),
        # the neighbours of the boundary
        (25, 3, 2, {}, ("not_met", "not_met")),
        (23, 3, 2, {}, ("met", "met")),
    ],
)
def test_staff_by_class_count(
    rubric: Rubric,
    classes: int,
    staff: int,
    full_time: int,
    readings: dict[str, str],
    results: tuple[str, str],
) -> None:
    """Item 8 around its two boundaries: 24 classes, and more staff than the range."""
    entries = {"staff": staff, "full_time": full_time}
    found = hints(rubric, "8", entries, readings, classes)
    assert (found["8a"], found["8b"]) == results


@pytest.mark.parametrize(
    ("item", "entries", "hint", "result"),
    [
        # 95 ÷ 100 = 95 %; 189 ÷ 199 = 94.97 %
        ("6", {"devices": 100, "devices_working": 95}, "6a", "met"),
        ("6", {"devices": 199, "devices_working": 189}, "6a", "not_met"),
        ("6", {"systems_backed_up": True, "backup_age_days": 7}, "6b", "met"),
        ("6", {"systems_backed_up": True, "backup_age_days": "7.5"}, "6b", "not_met"),
        ("6", {"incidents": 0}, "6g", "met"),
        ("6", {"incidents": 1}, "6g", "not_met"),
        ("9", {"certified_network_administrators": 1}, "9a", "met"),
        ("9", {"certified_network_administrators": 0}, "9a", "not_met"),
        ("11", {"workroom_m2": 30}, "11a", "met"),
        ("11", {"workroom_m2": "29.9"}, "11a", "not_met"),
        ("11", {"network_centre_m2": "30.0"}, "11b", "met"),
        ("12", {"workstations": 1}, "12a", "met"),
        ("12", {"laptops": 0}, "12b", "not_met"),
        # 30 of 30 classes
        ("14", {"classes_with_multimedia": 30}, "14a", "met"),
        ("14", {"classes_with_multimedia": 29}, "14a", "not_met"),
        ("14", {"subjects": 12, "subjects_using_multimedia": 12}, "14b", "met"),
        ("14", {"subjects": 12, "subjects_using_multimedia": 11}, "14b", "not_met"),
        ("14", {"record_lag_days": 8}, "14c", "not_met"),
        ("16", {"site_works_on_computers": True, "site_works_on_phones": False}, "16c", "not_met"),
        ("17", {"rooms": 80, "rooms_with_live_point": 80}, "17b", "met"),
        ("17", {"rooms": 80, "rooms_with_live_point": 79}, "17b", "not_met"),
        ("17", {"wireless_points_covered_percent": 95}, "17c", "met"),
        ("17", {"wireless_points_covered_percent": "94.9"}, "17c", "not_met"),
        ("18", {"computers": 200, "computers_with_licensed_system": 200}, "18a", "met"),
        ("18", {"computers": 200, "computers_with_virus_protection": 199}, "18b", "not_met"),
        # 38 ÷ 40 = 95 %; 37 ÷ 39 = 94.87 %
        ("19", {"teachers_assessed": 40, "teachers_passed": 38}, "19a", "met"),
        ("19", {"teachers_assessed": 39, "teachers_passed": 37}, "19a", "not_met"),
        ("20", {"trainings_per_term": [1, 2]}, "20a", "met"),
        ("20", {"trainings_per_term": [3, 0]}, "20a", "not_met"),
        ("20", {"attendance_percent_per_term": [90, 98]}, "20b", "met"),
        ("20", {"attendance_percent_per_term": ["89.9", 100]}, "20b", "not_met"),
        # 51 ÷ 60 = 85 %
        ("21", {"teachers_surveyed": 60, "teachers_skilled": 51}, "21a", "met"),
        ("21", {"teachers_surveyed": 60, "teachers_skilled": 50}, "21a", "not_met"),
        ("23", {"it_teachers_required": 2, "it_teachers": 2}, "23a", "met"),
        ("23", {"it_teachers_required": 2, "it_teachers": 1}, "23a", "not_met"),
        ("27", {"accepted_video_minutes": 200}, "27a", "met"),
        ("27", {"accepted_video_minutes": "199.5"}, "27a", "not_met"),
        ("29", {"district_projects": 1}, "29a", "met"),
        ("29", {"district_projects": 0}, "29a", "not_met"),
        ("31", {"subjects": 12, "subjects_with_activity": 12}, "31a", "met"),
        ("31", {"subjects": 12, "subjects_with_activity": 11}, "31a", "not_met"),
        ("35", {"classes_eligible": 15, "classes_with_space": 15}, "35a", "met"),
        ("36", {"backbone_teachers": 9, "backbone_teachers_with_space": 9}, "36a", "met"),
        ("36", {"backbone_teachers": 9, "backbone_teachers_with_space": 8}, "36a", "not_met"),
        # 48 ÷ 60 = 80 %
        ("36", {"teachers": 60, "teachers_using_platforms": 48}, "36b", "met"),
        ("36", {"teachers": 60, "teachers_using_platforms": 47}, "36b", "not_met"),
        ("37", {"base_data_updates": 2}, "37a", "met"),
        ("37", {"monthly_reports_on_time": 12}, "37b", "met"),
        ("37", {"monthly_reports_on_time": 9}, "37b", "not_met"),
        ("37", {"monthly_reports_on_time": 10}, "37b", "reading_undecided"),
        ("38", {"major_incidents": 0}, "38a", "met"),
        ("38", {"major_incidents": 1}, "38a", "not_met"),
    ],
)
def test_a_hint_by_hand(
    rubric: Rubric, item: str, entries: dict[str, Any], hint: str, result: str
) -> None:
    """The bound itself passes and the next value below does not."""
    assert hints(rubric, item, entries)[hint] == result


def test_a_hint_never_gives_points(rubric: Rubric) -> None:
    """All hints of an item met leave its points to a person."""
    item = sheet(rubric, {"entries": {"11": {"workroom_m2": 45, "network_centre_m2": 45}}})
    assert item["items"]["11"]["status"] == "pending"
    assert (item["items"]["11"]["proven"], item["items"]["11"]["possible"]) == ("0", "2")


def test_an_open_reading_of_a_hint_leaves_the_persons_points_alone(rubric: Rubric) -> None:
    """Eight people at 30 classes: the hint waits for a reading, the given point does not."""
    case = {"entries": {"8": {"staff": 8, "full_time": 4}}, "stages": {"official": {"8": 1}}}
    item = sheet(rubric, case)["items"]["8"]
    assert (item["status"], item["proven"], item["working"]) == ("scored", "1", "人工评分: 1 / 1")
    assert item["findings"][0]["reason"] == "reading_undecided"


@pytest.mark.parametrize(
    ("uploads", "downloads", "reading", "result"),
    [
        (150, 250, "together", "met"),  # 150 + 250 = 400
        (150, 249, "together", "not_met"),
        (150, 250, "each", "not_met"),  # 150 < 400
        (400, 400, "each", "met"),
        (150, 250, None, "reading_undecided"),
        (400, 400, None, "met"),
    ],
)
def test_uploads_and_downloads(
    rubric: Rubric, uploads: int, downloads: int, reading: str | None, result: str
) -> None:
    """400 together or 400 of each: where the readings part, nobody is failed."""
    readings = {"uploads_and_downloads": reading} if reading else {}
    entries = {"uploads": uploads, "downloads": downloads}
    assert hints(rubric, "28", entries, readings)["28a"] == result


@pytest.mark.parametrize(
    ("weeks", "reading", "result"),
    [
        ([10, 10, 10], None, "met"),
        ([12, 10, 11], "every_week", "met"),
        ([9, 15, 12], "every_week", "not_met"),
        ([9, 15, 12], "average", "met"),  # 36 ÷ 3 = 12
        ([9, 15, 12], None, "not_met"),  # 每周: one short week
        ([], "average", "empty_list"),
    ],
)
def test_posts_of_a_week(
    rubric: Rubric, weeks: list[int], reading: str | None, result: str
) -> None:
    """Ten posts in every week, counted by first sight."""
    readings = {"posts_every_week": reading} if reading else {}
    found = hints(rubric, "34", {"posts_first_seen_per_week": weeks}, readings)
    assert found["34a"] == result


def test_district_and_city_posts(rubric: Rubric) -> None:
    """One a week for the district, three a term taken by the city: the weakest counts."""
    entries = {
        "district_recommendations_per_week": [1, 2, 1],
        "city_adoptions_per_term": [3, 2],
    }
    found = hints(rubric, "34", entries, {"posts_every_week": "every_week"})
    assert (found["34b"], found["34c"]) == ("met", "not_met")


@pytest.mark.parametrize(
    ("with_space", "eligible", "reading", "result"),
    [
        (700, 800, "all_students", "met"),  # 700 ÷ 1000 = 70 %
        (699, 800, "all_students", "not_met"),
        (560, 800, "eligible_grades", "met"),  # 560 ÷ 800 = 70 %
        (559, 800, "eligible_grades", "not_met"),
        (560, 800, None, "reading_undecided"),
    ],
)
def test_spaces_of_students(
    rubric: Rubric, with_space: int, eligible: int, reading: str | None, result: str
) -> None:
    """70 % of whom is a reading."""
    readings = {"space_students": reading} if reading else {}
    entries = {"students_with_space": with_space, "students_eligible": eligible}
    assert hints(rubric, "35", entries, readings)["35b"] == result


def test_gigabit_is_the_line_or_what_was_bought(rubric: Rubric) -> None:
    """A gigabit port with 500 Mbit/s bought passes under one reading and fails under the other."""
    case: dict[str, Any] = {
        "indicators": {
            "outlet_capacity": {
                "value": 498,
                "unit": "Mbit/s",
                "samples": 60,
                "days": 14,
                "limited_by": ["line"],
            }
        },
        "facts": {"contracted_mbps": {"value": 500}},
        "entries": {"17": {"access_line_mbps": 1000}},
    }

    def verdict(**readings: str) -> tuple[str, str | None]:
        found = sheet(rubric, {**case, "readings": readings})["items"]["17"]["findings"][0]
        return found["result"], found["reason"]

    assert verdict(gigabit_to_school="line_rate") == ("met", None)
    assert verdict(gigabit_to_school="bought_rate") == ("not_met", None)
    assert verdict() == ("insufficient", "reading_undecided")
    case["facts"] = {"contracted_mbps": {"value": 1000}}
    assert verdict(gigabit_to_school="bought_rate") == (
        "insufficient",
        "contract_exceeds_measurement",
    )


def test_availability_is_a_hint(rubric: Rubric) -> None:
    """99.5 % of school hours passes, less does not."""
    good = {"unit": "ratio", "samples": 9000, "days": 40, "coverage": 0.95, "limited_by": []}
    for value, result in (("0.995", "met"), ("0.9949", "not_met")):
        case = {"indicators": {"availability": {"value": value, **good}}}
        found = {one["id"]: one for one in sheet(rubric, case)["items"]["16"]["findings"]}
        assert found["16b"]["result"] == result


def test_examples_of_the_file(rubric: Rubric) -> None:
    """The hand-worked examples that travel with the file come out."""
    assert rubric.examples
    assert run_examples(rubric) == []
