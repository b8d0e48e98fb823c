"""附件1, the inspection score table: the official words, and points worked by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from rubrics.engine import CaseError, WrongSchoolError, evaluate
from rubrics.examples import run_examples
from rubrics.loader import load_rubric
from rubrics.model.rubric import Rubric, Section

PRIMARY = {"kind": "general", "stages": ["primary"], "students": 900, "staff": 60}
SECONDARY = {"kind": "general", "stages": ["junior", "senior"], "students": 1500, "staff": 120}
NINE_YEARS = {"kind": "general", "stages": ["primary", "junior"], "students": 1000, "staff": 80}


@pytest.fixture(scope="module")
def rubric() -> Rubric:
    """Return the rubric under test."""
    return load_rubric("zhongxian-inspection")


def score(
    rubric: Rubric,
    item: str,
    entries: dict[str, Any],
    readings: dict[str, str] | None = None,
    school: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the scored item of a case that holds this one item."""
    case = {"school": school or PRIMARY, "entries": {item: entries}, "readings": readings or {}}
    return evaluate(rubric, case).to_json()["items"][item]


# --- the official text


def squeezed(cell: str) -> str:
    """Remove layout: line breaks inside a cell go, runs of blanks become one."""
    joined = re.sub(r"[^\S\n]*\n\s*", "", cell)
    return re.sub(r"\s+", " ", joined).strip()


@pytest.fixture(scope="module")
def cells(shared: Path) -> list[str]:
    """Return the table cells of 附件1 that hold text, in order."""
    text = (shared / "seeds/000_d35fe8fe4a3c2c75.txt").read_text(encoding="utf-8")
    annex = text[text.index("督查项目与权重") : text.index("附件2")]
    found = [squeezed(cell) for cell in re.split(r"\n\s*\t", annex)]
    return [cell for cell in found if cell]


def test_every_clause_of_the_table_is_in_the_rubric_and_no_other(
    rubric: Rubric, cells: list[str]
) -> None:
    """Clause and scoring rule of C1 to C35 stand word for word, in the printed order."""
    at = [index for index, cell in enumerate(cells) if re.match(r"C\d", cell)]
    official = [(cells[index], cells[index + 1]) for index in at]
    ours = [(item.text, item.scoring_text) for item in rubric.items()]
    assert len(official) == 35
    assert ours == official


def test_item_points_are_those_printed_in_the_clauses(rubric: Rubric, cells: list[str]) -> None:
    """Every clause ends with its points; their sum is 100."""
    printed = [
        Fraction(match[1])
        for cell in cells
        if (match := re.match(r"C\d.*[(（]\s*(\d+)\s*分\s*[)）]", cell))
    ]
    assert [item.max for item in rubric.items()] == printed
    assert sum(printed) == 100


def test_headings_print_102_points_over_items_of_100(rubric: Rubric, cells: list[str]) -> None:
    """B8 prints 11 over items of 9; the printed number is kept beside the sum, not used."""
    heading = re.compile(r"([AB]\d+)\s*(\D+?)\s*[(（]\s*(\d+)\s*分\s*[)）]")
    official = [match.groups() for cell in cells if (match := heading.fullmatch(cell))]
    ours = [
        (section.id, section.title.zh, str(section.printed_max)) for section in _sections(rubric)
    ]
    assert ours == official
    sums = {
        section.id: sum((item.max or 0) for item in section.all_items())
        for section in _sections(rubric)
    }
    wrong = {name for name, _, printed in official if sums[name] != Fraction(printed)}
    assert wrong == {"B8"}
    assert (sums["B8"], {n: p for n, _, p in official}["B8"]) == (9, "11")
    assert sum(int(printed) for name, _, printed in official if name[0] == "B") == 102
    assert sum(int(printed) for name, _, printed in official if name[0] == "A") == 100


def _sections(rubric: Rubric) -> Iterator[Section]:
    for outer in rubric.sections:
        yield outer
        yield from outer.sections


def test_the_form_prints_the_official_columns(rubric: Rubric, shared: Path) -> None:
    """Head, five column headings and foot stand as on the paper."""
    text = (shared / "seeds/000_d35fe8fe4a3c2c75.txt").read_text(encoding="utf-8")
    annex = text[: text.index("附件2")]
    form = rubric.form
    assert form is not None
    headings = [column.title.zh for column in form.columns]
    assert headings == ["督查项目与权重", "督查内容", "评分说明", "考核分", "备注"]
    head = re.search(r"\n(学校：.*)\n", annex)
    assert head is not None
    assert re.findall(r"(\w+)：", head[1]) == [field.title.zh for field in form.head]
    assert [field.title.zh for field in form.foot] == ["得分合计"]
    assert all(title in annex for title in [*headings, "得分合计", rubric.title.zh])


# --- points worked by hand

WORKED: list[tuple[str, dict[str, Any], str]] = [
    # C1, 1 for each of group, division of work, duties: 2 − 1 − 1 − 1 = −1 → 0
    (
        "C1",
        {"leading_group_established": False, "work_divided": False, "duties_defined": False},
        "0",
    ),
    ("C1", {"leading_group_established": True, "work_divided": False, "duties_defined": True}, "1"),
    # C2, once for all rooms: 2 − 1 = 1
    ("C2", {"rooms_without_keeper": 4, "rooms_without_duties": 0}, "1"),
    # C3: 2 − 1 − 1 = 0
    ("C3", {"in_plan_and_report": False, "performance_management_in_place": False}, "0"),
    # C4, 0.5 a room: 3 − 3 × 0.5 = 1.5; 3 − 5 × 0.5 = 0.5; 3 − 7 × 0.5 = −0.5 → 0
    ("C4", {"rooms_missing": 3}, "1.5"),
    ("C4", {"rooms_missing": 5}, "0.5"),
    ("C4", {"rooms_missing": 6}, "0"),
    ("C4", {"rooms_missing": 7}, "0"),
    # C5: 2 − 1 × 0.5 − 1 = 0.5; 2 − 3 × 0.5 − 1 = −0.5 → 0
    ("C5", {"substandard_numbers_or_areas": 1, "occupied_rooms": 2}, "0.5"),
    ("C5", {"substandard_numbers_or_areas": 3, "occupied_rooms": 1}, "0"),
    # C7: 3 − 2 × 1 = 1
    ("C7", {"norms_failed": 2}, "1"),
    # C8 primary: 2 − 1 − (2 − 0) × 0.5 = 0; more aids than 2 give nothing: 2 − 0 = 2
    ("C8", {"funds_in_place": False, "teaching_aids": 0}, "0"),
    ("C8", {"funds_in_place": True, "teaching_aids": 5}, "2"),
    # C9: 2 − 1 − 1 = 0
    (
        "C9",
        {"holds_hazardous_chemicals": True, "storage_proper": False, "data_on_time": False},
        "0",
    ),
    # C10: 4 − 0.5 − 2 × 0.5 = 2.5; 4 − 0 − 0 − 1 × 3 = 1; 4 − 2 × 3 = −2 → 0
    ("C10", {"platforms_incomplete": 3, "late_submissions": 2, "audits_failed": 0}, "2.5"),
    ("C10", {"platforms_incomplete": 0, "late_submissions": 0, "audits_failed": 1}, "1"),
    ("C10", {"platforms_incomplete": 0, "late_submissions": 0, "audits_failed": 2}, "0"),
    # C11: 2 − (7 − 4) × 0.5 = 0.5; attending more than called costs nothing
    ("C11", {"trainings_called": 7, "trainings_attended": 4}, "0.5"),
    ("C11", {"trainings_called": 2, "trainings_attended": 3}, "2"),
    # C12: 1 − 0.5 − 0.5 = 0: two trainings in one term do not make up for the other
    ("C12", {"trainings_this_term": 0, "trainings_previous_term": 0}, "0"),
    ("C12", {"trainings_this_term": 3, "trainings_previous_term": 0}, "0.5"),
    # C13: 2 − 3 × 0.5 = 0.5
    ("C13", {"classes_with_faulty_logs": 3}, "0.5"),
    # C14: 4 − 3 = 1; 4 − 5 → 0
    ("C14", {"registers_missing": 3}, "1"),
    ("C14", {"registers_missing": 5}, "0"),
    # C15: (100 − 90) ÷ 10 = 1 step: 4 − 1 = 3; at 90.1 none; idle 1 and 60 %: 4 − 1 − 4 → 0
    ("C15", {"idle_equipment": 0, "use_rate_percent": 90}, "3"),
    ("C15", {"idle_equipment": 0, "use_rate_percent": "90.1"}, "4"),
    ("C15", {"idle_equipment": True, "use_rate_percent": 60}, "0"),
    ("C15", {"idle_equipment": True, "use_rate_percent": 100}, "3"),
    # C16: 5 − 6 = −1 → 0 when nothing was held, also when all six things are missing
    ("C16", {"activities_held": False}, "0"),
    ("C16", {"activities_held": 0, "missing_units": 6}, "0"),
    ("C16", {"activities_held": True, "missing_units": 6}, "0"),
    ("C16", {"activities_held": True, "missing_units": 4}, "1"),
    # C17: 2 − 2 × 0.5 − 1 × 0.5 = 0.5
    ("C17", {"online_failures": 2, "absent_teachers": 1}, "0.5"),
    # C18: 6 − 2 − 1 − 2 × 1 = 1; nine submissions: 6 − 9 → 0; 100 % is not below 100 %
    (
        "C18",
        {"it_lessons_given": False, "teachers_taking_part_percent": 99, "submissions_missed": 2},
        "1",
    ),
    (
        "C18",
        {"it_lessons_given": True, "teachers_taking_part_percent": 100, "submissions_missed": 9},
        "0",
    ),
    (
        "C18",
        {"it_lessons_given": True, "teachers_taking_part_percent": 100, "submissions_missed": 0},
        "6",
    ),
    # C19: 4 − 2 − 1 − 3 = −2 → 0; 4 − 2 − 1 = 1; 4 − 3 = 1
    ("C19", {"materials_missing": 4, "report_late": True, "week_held": False}, "0"),
    ("C19", {"materials_missing": 1, "report_late": True, "week_held": True}, "1"),
    ("C19", {"materials_missing": True, "report_late": False, "week_held": True}, "2"),
    ("C19", {"materials_missing": 0, "report_late": False, "week_held": False}, "1"),
    # C21: (95 − 80) ÷ 5 = 3 steps exactly: 3 − 3 × 0.5 = 1.5. In binary floats
    # (0.95 − 0.80) ÷ 0.05 = 2.9999999999999982 would lose a step; likewise 65 % has six.
    ("C21", {"rate_percent": 95}, "3"),
    ("C21", {"rate_percent": "94.9"}, "3"),
    ("C21", {"rate_percent": 93}, "3"),
    ("C21", {"rate_percent": 90}, "2.5"),
    ("C21", {"rate_percent": 80}, "1.5"),
    ("C21", {"rate_percent": "80.01"}, "2"),
    ("C21", {"rate_percent": 65}, "0"),
    ("C21", {"rate_percent": 10}, "0"),
    ("C21", {"experiments_required": 40, "experiments_done": 38}, "3"),  # 95 %
    ("C21", {"experiments_required": 40, "experiments_done": 32}, "1.5"),  # 80 %
    ("C21", {"experiments_required": 40, "experiments_done": 45}, "3"),  # 112.5 %
    (  # (20 + 12) ÷ (24 + 16) = 80 %
        "C21",
        {
            "demonstrations_required": 24,
            "demonstrations_done": 20,
            "group_experiments_required": 16,
            "group_experiments_done": 12,
        },
        "1.5",
    ),
    # C22: 3 − 1 − 0.5 = 1.5; not held: 3 − 3 = 0 and the rest is absorbed
    ("C22", {"exam_held": True, "submitted_on_time": False, "complete": False}, "1.5"),
    ("C22", {"exam_held": False, "submitted_on_time": False, "complete": False}, "0"),
    ("C22", {"exam_held": False}, "0"),
    # C23: 3 − 1 − 1 = 1, the lowest the text allows
    ("C23", {"contest_held": False, "research_held": False}, "1"),
    # C24: 85 % is enough; (85 − 80) ÷ 5 = 1; (85 − 55) ÷ 5 = 6 steps = 3 points
    ("C24", {"rate_percent": 85}, "3"),
    ("C24", {"rate_percent": "84.99"}, "3"),
    ("C24", {"rate_percent": 80}, "2.5"),
    ("C24", {"rate_percent": 55}, "0"),
    # C25 primary: (3.8 − 3.3) ÷ 0.5 = 1; 3.31 none; (3.8 − 0.8) ÷ 0.5 = 6 steps = 3 points
    ("C25", {"clicks_per_student_year": "3.8"}, "3"),
    ("C25", {"clicks_per_student_year": "3.31"}, "3"),
    ("C25", {"clicks_per_student_year": 3.3}, "2.5"),
    ("C25", {"clicks_per_student_year": 0.8}, "0"),
    ("C25", {"clicks_in_year": 2520}, "2"),  # 2520 ÷ 900 = 2.8: two steps
    # C26: 2 − 2 = 0
    ("C26", {"reading_activities_held": False}, "0"),
    # C27: four conditions of 1 on 3 points: 3 − 4 = −1 → 0
    (
        "C27",
        {
            "timetable_followed": False,
            "activities_carried_out": False,
            "equipment_shows_use": False,
            "most_equipment_unpacked": False,
        },
        "0",
    ),
    (
        "C27",
        {
            "timetable_followed": True,
            "activities_carried_out": False,
            "equipment_shows_use": False,
            "most_equipment_unpacked": True,
        },
        "1",
    ),
    # C28: (95 − 55) ÷ 5 = 8 steps × 0.5 = 4: the floor; 75 %: 4 steps = 2
    ("C28", {"rate_percent": 95}, "4"),
    ("C28", {"rate_percent": 75}, "2"),
    ("C28", {"rate_percent": 55}, "0"),
    # C29: 2 − 1 − 1 = 0
    ("C29", {"arts_festival_held": False, "sports_meet_held": False}, "0"),
    # C30: 2 − 2 × 0.5 − 1 × 0.5 = 0.5
    ("C30", {"activities_missed": 2, "submissions_missed": 1}, "0.5"),
    # C31: 4 − 2 − 2 = 0; not held 4 − 4 = 0; no study trip: no approval to fault
    (
        "C31",
        {
            "practice_held": True,
            "records_complete": False,
            "study_trips_held": True,
            "study_trip_approval_proper": False,
        },
        "0",
    ),
    ("C31", {"practice_held": False}, "0"),
    ("C31", {"practice_held": True, "records_complete": True, "study_trips_held": False}, "4"),
    # C32: 3 − 1.5 − 0.5 = 1, the lowest the text allows
    ("C32", {"science_festival_held": False, "awards_county_or_above": 0}, "1"),
    ("C32", {"science_festival_held": False, "awards_county_or_above": 1}, "1.5"),
    # C33: 2 − (2 − 0) × 0.5 = 1, the lowest the text allows; 3 projects give no more than 2
    ("C33", {"projects": 0}, "1"),
    ("C33", {"projects": 1}, "1.5"),
    ("C33", {"projects": 3}, "2"),
    # C34: 1.5 + 1 = 2.5; C35: 1 × 1.5 + 1 × 1 + 2 × 0.5 = 3.5 → 3
    ("C34", {"national": 1, "municipal": 1, "county": 0}, "2.5"),
    ("C34", {"national": 0, "municipal": 0, "county": 0}, "0"),
    ("C35", {"national": 1, "municipal": 1, "county": 2}, "3"),
    ("C35", {"national": 0, "municipal": 2, "county": 1}, "2.5"),
]


@pytest.mark.parametrize(("item", "entries", "points"), WORKED)
def test_points_are_those_worked_by_hand(
    rubric: Rubric, item: str, entries: dict[str, Any], points: str
) -> None:
    """A primary school's points under the default readings."""
    scored = score(rubric, item, entries)
    assert (scored["status"], scored["proven"], scored["possible"]) == ("scored", points, points)


def test_every_item_with_a_rule_is_worked_by_hand(rubric: Rubric) -> None:
    """No item goes unchecked: the rest of the 35 stands in the tests of open readings."""
    worked = {item for item, _, _ in WORKED} | {item for item, *_ in READ}
    assert worked == {item.id for item in rubric.items()}


CLUTTERED = {
    "requirements_failed": 2,
    "clutter_found": True,
    "rooms_failed_or_cluttered": 4,
    "rooms_failed_and_cluttered": 1,
}
ONE_INCIDENT = {
    "linked_to_county_platform": True,
    "responsibility_letters_signed": True,
    "incidents": 1,
}
UNSIGNED = {
    "linked_to_county_platform": True,
    "responsibility_letters_signed": False,
    "incidents": 0,
}
C20 = "c20_letters_and_incidents"
TWO_RATES = {
    "demonstrations_required": 20,
    "demonstrations_done": 20,  # 100 %
    "group_experiments_required": 20,
    "group_experiments_done": 16,  # 80 %
}
BOTH_LOW = {**TWO_RATES, "demonstrations_done": 18}  # 90 %
LOANS = {"borrowers": 720, "loans": 9000, "volumes_lent": 6000, "volumes_held": 12000}
"""720 ÷ 900 = 80 %, 9000 ÷ 12000 = 75 %, 6000 ÷ 12000 = 50 %."""

READ: list[tuple[str, dict[str, Any], dict[str, str], str]] = [
    # C1, division and duties as one thing: 2 − 1 = 1 (as two things 2 − 1 − 1 = 0)
    (
        "C1",
        {"leading_group_established": True, "work_divided": False, "duties_defined": False},
        {"c1_units": "two"},
        "1",
    ),
    # C2 for every room: 2 − 1 × 1 − 1 × 1 = 0
    ("C2", {"rooms_without_keeper": 1, "rooms_without_duties": 1}, {"c2_rooms": "per_room"}, "0"),
    ("C2", {"rooms_without_keeper": 2, "rooms_without_duties": 0}, {"c2_rooms": "per_room"}, "0"),
    # C5: 2 − 1 × 0.5 − 1 × 0.5 = 1; rooms one by one: 2 − 2 × 1 = 0
    (
        "C5",
        {
            "substandard_numbers_or_areas": 1,
            "substandard_light_or_facilities": 1,
            "occupied_rooms": 0,
        },
        {"c5_light_and_facilities": "like_area"},
        "1",
    ),
    (
        "C5",
        {"substandard_numbers_or_areas": 0, "occupied_rooms": 2},
        {"c5_occupied_rooms": "per_room"},
        "0",
    ),
    # C6: 2 − 2 × 0.5 − 0.5 = 0.5; 2 − 2 × 0.5 = 1; 2 − 4 × 0.5 = 0; 2 − 1 × 0.5 = 1.5
    ("C6", CLUTTERED, {"c6_count": "requirement_or_clutter"}, "0.5"),
    ("C6", CLUTTERED, {"c6_count": "requirement_with_clutter"}, "1"),
    ("C6", {**CLUTTERED, "clutter_found": False}, {"c6_count": "requirement_with_clutter"}, "2"),
    ("C6", CLUTTERED, {"c6_count": "room_either"}, "0"),
    ("C6", CLUTTERED, {"c6_count": "room_both"}, "1.5"),
    # C7: 3 − 2 rooms = 1
    ("C7", {"norms_failed": 1, "rooms_failing_norms": 2}, {"c7_units": "per_room"}, "1"),
    # C10: 4 − 3 × 0.5 = 2.5
    (
        "C10",
        {"platforms_incomplete": 3, "late_submissions": 0, "audits_failed": 0},
        {"c10_incomplete": "per_platform"},
        "2.5",
    ),
    # C12, one term: 1 − 0.5 is the most that can be lost
    ("C12", {"trainings_this_term": 0}, {"inspection_period": "one_term"}, "0.5"),
    # C15, the lowest kind: (100 − 70) ÷ 10 = 3 steps: 4 − 3 = 1
    (
        "C15",
        {"idle_equipment": 0, "kind_rates_percent": [100, 70, 95]},
        {"c15_rate": "lowest_kind"},
        "1",
    ),
    # C19: three of four lacking is not all four; four are: 4 − 2 = 2. Not held alone: 4 − 3 = 1
    (
        "C19",
        {"materials_missing": 3, "report_late": False, "week_held": True},
        {"c19_materials": "all"},
        "4",
    ),
    (
        "C19",
        {"materials_missing": 4, "report_late": False, "week_held": True},
        {"c19_materials": "all"},
        "2",
    ),
    (
        "C19",
        {"materials_missing": 4, "report_late": True, "week_held": False},
        {"c19_week_not_held": "absorbed"},
        "1",
    ),
    # C20, one incident with letters signed: 3 − 2 = 1, or nothing where both are needed
    ("C20", ONE_INCIDENT, {C20: "either"}, "1"),
    ("C20", ONE_INCIDENT, {C20: "both"}, "3"),
    ("C20", ONE_INCIDENT, {C20: "each_once"}, "1"),
    ("C20", ONE_INCIDENT, {C20: "per_incident"}, "1"),
    # C20, letters unsigned without incident
    ("C20", UNSIGNED, {C20: "either"}, "1"),
    ("C20", UNSIGNED, {C20: "both"}, "3"),
    ("C20", UNSIGNED, {C20: "each_once"}, "1"),
    # C20, both: 3 − 2 = 1, once; each for itself 3 − 2 − 2 = −1 → 0
    ("C20", {**UNSIGNED, "incidents": 1}, {C20: "either"}, "1"),
    ("C20", {**UNSIGNED, "incidents": 1}, {C20: "both"}, "1"),
    ("C20", {**UNSIGNED, "incidents": 1}, {C20: "each_once"}, "0"),
    # C20, two incidents: once 3 − 2 = 1; by incident 3 − 2 × 2 = −1 → 0
    ("C20", {**ONE_INCIDENT, "incidents": 2}, {C20: "each_once"}, "1"),
    ("C20", {**ONE_INCIDENT, "incidents": 2}, {C20: "per_incident"}, "0"),
    # C21, part steps at 93 %: (95 − 93) ÷ 5 = 0.4: none, one, or 0.4 × 0.5 = 0.2
    ("C21", {"rate_percent": 93}, {"partial_step": "floor"}, "3"),
    ("C21", {"rate_percent": 93}, {"partial_step": "ceil"}, "2.5"),
    ("C21", {"rate_percent": 93}, {"partial_step": "linear"}, "2.8"),
    # C21 at exactly 80 %: three steps whatever the rounding
    ("C21", {"rate_percent": 80}, {"partial_step": "ceil"}, "1.5"),
    ("C21", {"rate_percent": 80}, {"partial_step": "linear"}, "1.5"),
    # C21, steps of 5 % of 95 % = 4.75 points: (95 − 80.75) ÷ 4.75 = 3; 80 %: 3.15 → 3
    ("C21", {"rate_percent": "80.75"}, {"step_base": "of_target"}, "1.5"),
    ("C21", {"rate_percent": "90.25"}, {"step_base": "of_target"}, "2.5"),
    ("C21", {"rate_percent": "90.25"}, {"step_base": "percentage_points"}, "3"),
    # C21, together (20 + 16) ÷ 40 = 90 %: one step; lower 80 %: three; each 0 + 3
    ("C21", TWO_RATES, {"c21_rates": "together"}, "2.5"),
    ("C21", TWO_RATES, {"c21_rates": "lower"}, "1.5"),
    ("C21", TWO_RATES, {"c21_rates": "each"}, "1.5"),
    # C21, 90 % and 80 %: lower 3 steps, each 1 + 3 steps: 3 − 0.5 − 1.5 = 1
    ("C21", BOTH_LOW, {"c21_rates": "lower"}, "1.5"),
    ("C21", BOTH_LOW, {"c21_rates": "each"}, "1"),
    # C24: 80 %: 1 step; 75 %: 2 steps; 50 %: 7 steps → 0; 5 % of 85 % = 4.25: 80.75 % is 1 step
    ("C24", LOANS, {"c24_rate": "borrowers"}, "2.5"),
    ("C24", LOANS, {"c24_rate": "loans"}, "2"),
    ("C24", LOANS, {"c24_rate": "volumes_lent"}, "0"),
    ("C24", {"rate_percent": "80.75"}, {"step_base": "of_target"}, "2.5"),
    # C28: 300 ÷ 400 = 75 %: 4 steps; 190 ÷ 200 = 95 %: none
    (
        "C28",
        {"lessons_timetabled": 400, "lessons_held": 300, "devices_held": 200, "devices_used": 190},
        {"c28_rate": "lessons"},
        "2",
    ),
    (
        "C28",
        {"lessons_timetabled": 400, "lessons_held": 300, "devices_held": 200, "devices_used": 190},
        {"c28_rate": "devices"},
        "4",
    ),
    # C33, of three projects one with good results: 2 − (2 − 1) × 0.5 = 1.5
    ("C33", {"projects": 3, "projects_with_results": 1}, {"c33_projects": "with_results"}, "1.5"),
]


@pytest.mark.parametrize(("item", "entries", "readings", "points"), READ)
def test_points_follow_the_chosen_reading(
    rubric: Rubric, item: str, entries: dict[str, Any], readings: dict[str, str], points: str
) -> None:
    """Where the text is open, the points are those of the reading that the round chose."""
    scored = score(rubric, item, entries, readings)
    assert (scored["status"], scored["proven"], scored["possible"]) == ("scored", points, points)


# C8: 3 aids wanted, 1 + 3 × 0.5 = 2.5 > 2. C25: (6.38 − 5.88) ÷ 0.5 = 1, which binary floats
# make 0.99…; (6.38 − 3.38) ÷ 0.5 = 6 steps = 3 points.
@pytest.mark.parametrize(
    ("item", "entries", "points"),
    [
        ("C8", {"funds_in_place": False, "teaching_aids": 0}, "0"),
        ("C8", {"funds_in_place": True, "teaching_aids": 2}, "1.5"),
        ("C8", {"funds_in_place": True, "teaching_aids": 3}, "2"),
        ("C25", {"clicks_per_student_year": "6.38"}, "3"),
        ("C25", {"clicks_per_student_year": 5.88}, "2.5"),
        ("C25", {"clicks_per_student_year": "5.89"}, "3"),
        ("C25", {"clicks_per_student_year": 3.38}, "0"),
        ("C25", {"clicks_in_year": 8070}, "2"),  # 8070 ÷ 1500 = 5.38: two steps
    ],
)
def test_secondary_schools_have_their_own_standards(
    rubric: Rubric, item: str, entries: dict[str, Any], points: str
) -> None:
    """Three teaching aids and 6.38 clicks; junior with senior grades is secondary as well."""
    for stages in (["junior"], ["senior"], ["junior", "senior"]):
        scored = score(rubric, item, entries, school={**SECONDARY, "stages": stages})
        assert (scored["proven"], scored["possible"]) == (points, points), stages


@pytest.mark.parametrize(
    ("item", "entries", "readings", "points"),
    [
        ("C8", {"funds_in_place": True, "teaching_aids": 2}, {"c8_mixed_school": "primary"}, "2"),
        (
            "C8",
            {"funds_in_place": True, "teaching_aids": 2},
            {"c8_mixed_school": "secondary"},
            "1.5",
        ),
        ("C8", {"funds_in_place": True, "teaching_aids": 2}, {"c8_mixed_school": "both"}, "0.5"),
        ("C25", {"clicks_per_student_year": 5}, {"c25_mixed_school": "primary"}, "3"),
        # (6.38 − 5) ÷ 0.5 = 2.76 → 2
        ("C25", {"clicks_per_student_year": 5}, {"c25_mixed_school": "secondary"}, "2"),
        # (3.8 × 600 + 6.38 × 400) ÷ 1000 = 4.832; (4.832 − 4.332) ÷ 0.5 = 1
        (
            "C25",
            {
                "clicks_per_student_year": "4.332",
                "primary_students": 600,
                "secondary_students": 400,
            },
            {"c25_mixed_school": "weighted"},
            "2.5",
        ),
    ],
)
def test_a_nine_year_school_follows_the_chosen_standard(
    rubric: Rubric, item: str, entries: dict[str, Any], readings: dict[str, str], points: str
) -> None:
    """The text knows only primary and secondary; the bureau chooses for schools with both."""
    scored = score(rubric, item, entries, readings, NINE_YEARS)
    assert (scored["proven"], scored["possible"]) == (points, points)


def test_a_nine_year_school_gets_an_interval_until_somebody_chooses(rubric: Rubric) -> None:
    """Two aids are enough for a primary school (2 points) and three too few for both (0.5)."""
    entries = {"funds_in_place": True, "teaching_aids": 2}
    scored = score(rubric, "C8", entries, school=NINE_YEARS)
    assert (scored["status"], scored["proven"], scored["possible"]) == ("pending", "0.5", "2")
    settled = score(rubric, "C8", {**entries, "teaching_aids": 5}, school=NINE_YEARS)
    assert (settled["status"], settled["proven"]) == ("scored", "2")


def test_unknown_grades_leave_c8_and_c25_open(rubric: Rubric) -> None:
    """Without the school's stages no standard is assumed."""
    entries = {"funds_in_place": True, "teaching_aids": 2}
    scored = score(rubric, "C8", entries, school={"kind": "general"})
    assert (scored["status"], scored["proven"], scored["possible"]) == ("pending", "0", "2")
    clicks = score(rubric, "C25", {"clicks_per_student_year": 5}, school={"kind": "general"})
    assert (clicks["status"], clicks["proven"], clicks["possible"]) == ("pending", "0", "3")


@pytest.mark.parametrize("entries", [ONE_INCIDENT, UNSIGNED, {**ONE_INCIDENT, "incidents": 0}])
def test_c20_needs_the_bureaus_reading(rubric: Rubric, entries: dict[str, Any]) -> None:
    """And, or, or by incident: the engine does not guess, it asks."""
    assert score(rubric, "C20", entries)["status"] == "needs_reading"


def test_open_rates_matter_only_where_the_definition_decides(rubric: Rubric) -> None:
    """A lending rate typed in stands; from counts the three definitions give 0 to 2.5."""
    typed = score(rubric, "C24", {"rate_percent": 80})
    assert (typed["status"], typed["proven"]) == ("scored", "2.5")
    counted = score(rubric, "C24", LOANS)
    assert (counted["status"], counted["proven"], counted["possible"]) == ("pending", "0", "2.5")


def test_two_statements_of_one_rate_that_disagree_score_nothing(rubric: Rubric) -> None:
    """80 % typed beside 38 of 40 experiments (95 %) is a conflict, not a choice."""
    entries = {"rate_percent": 80, "experiments_required": 40, "experiments_done": 38}
    scored = score(rubric, "C21", entries)
    assert (scored["status"], scored["proven"], scored["possible"]) == ("pending", "0", "3")
    assert scored["findings"][0]["reason"] == "sources_disagree"


def test_items_that_cannot_apply_follow_the_countys_choice(rubric: Rubric) -> None:
    """No chemicals: 2 of 2 by default, or 64 points of 98 scaled to 100 where the county says so.

    The mixed school has 65 with 1 point in C9, so 64 without it: 64 + 2 = 66, and
    64 × 100 ÷ 98 = 65.30612… = 65.3061.
    """
    mixed = rubric.examples[2].case
    entries = {**mixed["entries"], "C9": {"holds_hazardous_chemicals": False}}
    totals = {}
    for choice in ("full_marks", "excluded"):
        readings = {**mixed["readings"], "item_that_cannot_apply": choice}
        sheet = evaluate(rubric, {**mixed, "entries": entries, "readings": readings}).to_json()
        assert sheet["items"]["C9"]["status"] == "not_applicable"
        totals[choice] = (sheet["total"]["proven"], sheet["total"]["max"])
    assert totals == {"full_marks": ("66", "100"), "excluded": ("65.3061", "100")}


def test_schools_without_experiments_may_be_spared_c21_and_c22(rubric: Rubric) -> None:
    """Only under the reading that says so; by default both items apply to every school."""
    entries = {"C21": {"experiments_in_curriculum": False, "rate_percent": 0}}
    case: dict[str, Any] = {"school": PRIMARY, "entries": entries}
    assert evaluate(rubric, case).to_json()["items"]["C21"]["proven"] == "0"
    case["readings"] = {"lab_items": "schools_with_experiments"}
    items = evaluate(rubric, case).to_json()["items"]
    assert [items[name]["status"] for name in ("C21", "C22")] == ["not_applicable"] * 2


def test_the_examples_in_the_file_hold(rubric: Rubric) -> None:
    """Among them: 100 for everything met, 3 for nothing met, 65 for a mixed school."""
    assert len(rubric.examples) >= 7
    assert run_examples(rubric) == []


@pytest.mark.parametrize(
    ("item", "name", "value"),
    [
        ("C4", "rooms_missing", -1),
        ("C4", "rooms_missing", "1.5"),
        ("C19", "materials_missing", 5),
        ("C21", "rate_percent", "100.1"),
        ("C28", "rate_percent", -3),
    ],
)
def test_values_out_of_range_are_refused_by_item_and_field(
    rubric: Rubric, item: str, name: str, value: object
) -> None:
    """Nothing is clipped: the error names the place."""
    with pytest.raises(CaseError, match=rf"entries\.{item}\.{name}"):
        score(rubric, item, {name: value})


def test_a_vocational_school_is_refused(rubric: Rubric) -> None:
    """The table is for 中小学; its variants say nothing of vocational schools."""
    with pytest.raises(WrongSchoolError, match="vocational"):
        evaluate(rubric, {"school": {"kind": "vocational"}})


@pytest.mark.parametrize("example", [0, 1, 2])
def test_a_figure_withheld_never_gains_a_point(rubric: Rubric, example: int) -> None:
    """Any one entry left out of the full, the worst and the mixed school only widens its item."""
    case = rubric.examples[example].case
    whole = evaluate(rubric, case).to_json()["items"]
    for item, entries in case["entries"].items():
        for name in entries:
            rest = {key: value for key, value in entries.items() if key != name}
            without = {**case, "entries": {**case["entries"], item: rest}}
            scored = evaluate(rubric, without).to_json()["items"]
            assert Fraction(scored[item]["proven"]) <= Fraction(whole[item]["proven"]), (item, name)
            assert Fraction(scored[item]["possible"]) >= Fraction(whole[item]["possible"])


def test_self_check_and_inspection_stand_side_by_side(rubric: Rubric) -> None:
    """A school's own check neither changes the computed points nor is lost."""
    case = {
        "school": PRIMARY,
        "entries": {"C4": {"rooms_missing": 3}},
        "stages": {"self": {"C4": "3"}, "official": {"C4": "1.5"}},
    }
    item = evaluate(rubric, case).to_json()["items"]["C4"]
    assert (item["proven"], item["stages"]) == ("1.5", {"self": "3", "official": "1.5"})
    assert item["warnings"] == ["stage_self_differs_from_rule"]
