"""附件3-3, the status form of vocational schools: the official words, and criteria by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from rubrics.engine import WrongSchoolError, evaluate
from rubrics.examples import run_examples
from rubrics.loader import load_rubric
from rubrics.model.rubric import Rubric
from rubrics.model.rules import Criterion

# 950 students and 50 staff: 1000 heads
THOUSAND = {"kind": "vocational", "students": 950, "staff": 50}
SECTIONS = {
    "基本环境": 7,
    "资源建设": 2,
    "教育教学": 4,
    "管理服务": 3,
    "实习实训": 2,
    "合作交流": 2,
    "数据管理与分析": 6,
    "制度保障": 6,
    "网络安全": 2,
    "创新与亮点": 1,
}


@pytest.fixture(scope="module")
def rubric() -> Rubric:
    """Return the rubric under test."""
    return load_rubric("zhongxian-smart-campus-vocational")


@pytest.fixture(scope="module")
def cells(shared: Path) -> list[str]:
    """Return the table cells of 附件3-3 that hold text, layout removed, in order."""
    text = (shared / "seeds/000_d35fe8fe4a3c2c75.txt").read_text(encoding="utf-8")
    annex = text[text.index("中职学校智慧校园建设情况表") : text.index("附件4")]
    found = [re.sub(r"\s*\n\s*", "", cell).strip() for cell in re.split(r"\n\s*\t", annex)]
    return [cell for cell in found if cell]


def findings(
    rubric: Rubric,
    item: str,
    entries: dict[str, Any] | None = None,
    school: dict[str, Any] | None = None,
    **rest: Any,
) -> dict[str, dict[str, Any]]:
    """Score a case that holds one item's entries; return that item's findings by id."""
    case = {"school": school or THOUSAND, "entries": {item: entries or {}}, **rest}
    sheet = evaluate(rubric, case).to_json()
    return {one["id"]: one for one in sheet["items"][item]["findings"]}


def measured(name: str, value: object, unit: str) -> dict[str, Any]:
    """Return an indicator with evidence enough for a verdict."""
    evidence = {"samples": 9000, "days": 30, "coverage": 0.95, "limited_by": []}
    return {name: {"value": value, "unit": unit, **evidence}}


# --- the official text


def test_every_clause_of_the_form_is_in_the_rubric_and_no_other(
    rubric: Rubric, cells: list[str]
) -> None:
    """The 35 clauses stand word for word in the printed order; the number is the item's id."""
    official = [
        match.groups() for cell in cells if (match := re.match(r"(\d+)[.．]\s*(.+。)$", cell))
    ]
    assert len(official) == 35
    assert [(item.id, item.text) for item in rubric.items()] == official


def test_the_ten_names_hold_the_printed_items(rubric: Rubric, cells: list[str]) -> None:
    """Every name of the first column holds as many items as the form gives it."""
    ours = {section.title.zh: len(section.items) for section in rubric.sections}
    assert ours == SECTIONS
    assert [cell for cell in cells if cell in SECTIONS] == list(ours)


def test_every_criterion_quotes_the_clause_it_tests(rubric: Rubric) -> None:
    """A quoted clause is part of its item's text; only one-criterion items may leave it out."""
    for item in rubric.items():
        criteria: tuple[Criterion, ...] = getattr(item.rule, "criteria", ())
        for criterion in criteria:
            assert criterion.clause is not None or len(criteria) == 1, criterion.id
            assert (criterion.clause or "") in item.text, criterion.id


def test_the_form_prints_the_official_columns(rubric: Rubric, cells: list[str]) -> None:
    """Four column headings, and no points anywhere."""
    assert rubric.form is not None
    headings = [column.title.zh for column in rubric.form.columns]
    assert headings == ["名称", "内容", "建设情况", "支撑材料清单"]
    assert headings == [re.sub(r"\s", "", cell) for cell in cells[1:5]]
    assert not rubric.scored


def test_questions_shared_with_the_ordinary_form_have_the_same_names(rubric: Rubric) -> None:
    """A school that changes its form meets the same entries with the same types and units."""
    general = load_rubric("zhongxian-smart-campus-general")
    theirs = {name: spec for item in general.items() for name, spec in item.entries.items()}
    ours = {name: spec for item in rubric.items() for name, spec in item.entries.items()}
    shared_names = set(ours) & set(theirs)
    assert {"wired_points", "usable_gb", "it_staff", "smart_rooms"} <= shared_names
    for name in shared_names:
        assert (ours[name].type, ours[name].unit) == (theirs[name].type, theirs[name].unit), name


# --- criteria worked by hand


@pytest.mark.parametrize(
    ("item", "criterion", "entries", "result"),
    [
        # 1.2 × 1000 = 1200
        ("1", "1b", {"wired_points": 1200}, "met"),
        ("1", "1b", {"wired_points": 1199}, "not_met"),
        ("1", "1b", {}, "insufficient"),
        ("1", "1c", {"backbone_mbps": 10000}, "met"),
        ("1", "1c", {"backbone_mbps": 9999}, "not_met"),
        # 10 GB × 1000 = 10 000 GB
        ("3", "3c", {"usable_gb": 10000}, "met"),
        ("3", "3c", {"usable_gb": "9999.99"}, "not_met"),
        # 48 ÷ 60 = 80 %; 47 ÷ 60 = 78.3 %
        ("4", "4a", {"classrooms": 60, "multimedia_rooms": 48}, "met"),
        ("4", "4a", {"classrooms": 60, "multimedia_rooms": 47}, "not_met"),
        ("4", "4b", {"smallest_display_inches": 80}, "met"),
        ("4", "4b", {"smallest_display_inches": 75}, "not_met"),
        ("4", "4c", {"multimedia_use_percent": 50}, "met"),
        # 9 ÷ 60 = 15 %; 8 ÷ 60 = 13.3 % (10 % would do in the ordinary form)
        ("4", "4d", {"classrooms": 60, "smart_rooms": 9}, "met"),
        ("4", "4d", {"classrooms": 60, "smart_rooms": 8}, "not_met"),
        ("4", "4e", {"smart_room_wifi_percent": 120}, "met"),
        ("4", "4e", {"smart_room_wifi_percent": 119}, "not_met"),
        ("4", "4f", {"smart_room_resources_online": True, "teaching_data_captured": True}, "met"),
        ("4", "4g", {"smart_room_use_percent": "49.9"}, "not_met"),
        ("6", "6b", {"discharge_test_hours": 6}, "met"),
        ("6", "6b", {"discharge_test_hours": "5.9"}, "not_met"),
        ("27", "27", {"leadership_meetings_per_year": 2}, "met"),
        ("27", "27", {"leadership_meetings_per_year": 1}, "not_met"),
        # 1000 heads: max(4, 1000 ÷ 1000) = 4
        ("29", "29", {"it_staff": 4}, "met"),
        ("29", "29", {"it_staff": 3}, "not_met"),
        ("33", "33d", {"monitoring_platform_in_place": False}, "not_met"),
    ],
)
def test_a_criterion_by_hand(
    rubric: Rubric, item: str, criterion: str, entries: dict[str, Any], result: str
) -> None:
    """The bound itself passes, the next number below does not, and nothing is unknown-as-zero."""
    assert findings(rubric, item, entries)[criterion]["result"] == result


@pytest.mark.parametrize(
    ("heads", "it_staff", "reading", "result"),
    [
        (4000, 4, None, "met"),  # max(4, 4) under every reading
        (4001, 4, "floor", "met"),  # max(4, 4)
        (4001, 4, "ceil", "not_met"),  # max(4, 5)
        (4001, 4, "none", "not_met"),  # max(4, 4.001)
        (4001, 4, None, "insufficient"),  # the readings part
        (4001, 5, None, "met"),
        (12345, 12, "floor", "met"),  # 12
        (12345, 12, "none", "not_met"),  # 12.345
    ],
)
def test_staff_is_one_for_a_thousand_and_never_below_four(
    rubric: Rubric, heads: int, it_staff: int, reading: str | None, result: str
) -> None:
    """The floor of four holds up to 4000 people; above it the reading of part thousands counts."""
    school = {"kind": "vocational", "students": heads - 1, "staff": 1}
    readings = {"per_thousand": reading} if reading else {}
    found = findings(rubric, "29", {"it_staff": it_staff}, school, readings=readings)
    assert found["29"]["result"] == result


@pytest.mark.parametrize(
    ("value", "contract", "result", "reason"),
    [
        (512, 600, "met", None),  # 1000 × 512 kbit/s = 512 Mbit/s
        ("511.9", 500, "not_met", None),  # line and contract both fall short
        ("511.9", 600, "insufficient", "contract_exceeds_measurement"),
    ],
)
def test_outlet_against_measurement_and_contract(
    rubric: Rubric, value: object, contract: int, result: str, reason: str | None
) -> None:
    """A measurement below the need is no failure while the contract reaches it."""
    found = findings(
        rubric,
        "1",
        indicators=measured("outlet_capacity", value, "Mbit/s"),
        facts={"contracted_mbps": {"value": contract}},
        readings={"kbps": "1000"},
    )
    assert (found["1e"]["result"], found["1e"]["reason"]) == (result, reason)


@pytest.mark.parametrize(
    ("indicator", "item", "criterion", "bound", "below"),
    [
        (("backbone_link_speed", "Mbit/s"), "1", "1c", 10000, 1000),
        (("desktop_port_share", "ratio"), "1", "1d", 1, "0.99"),
        (("wireless_terminal_rate", "ratio"), "1", "1f", 1, "0.9"),
        (("server_headroom", "ratio"), "3", "3b", "0.3", "0.2999"),
        (("storage_usable_bytes", "B"), "3", "3c", 10**13, 10**13 - 1),
        (("camera_1080p_share", "ratio"), "6", "6c", 1, "0.98"),
    ],
)
def test_measured_bounds(
    rubric: Rubric,
    indicator: tuple[str, str],
    item: str,
    criterion: str,
    bound: object,
    below: object,
) -> None:
    """What was measured decides, and the bound itself passes."""
    name, unit = indicator
    at = findings(rubric, item, indicators=measured(name, bound, unit))
    under = findings(rubric, item, indicators=measured(name, below, unit))
    assert (at[criterion]["result"], under[criterion]["result"]) == ("met", "not_met")


def test_an_estimated_run_time_can_fail_but_not_pass(rubric: Rubric) -> None:
    """The UPS's own estimate is an upper bound; only a discharge test proves six hours."""
    high = measured("ups_runtime_hours", 9, "h")
    low = measured("ups_runtime_hours", "5.9", "h")
    assert findings(rubric, "6", indicators=high)["6b"]["reason"] == "upper_bound_only"
    assert findings(rubric, "6", indicators=low)["6b"]["result"] == "not_met"
    tested = {"discharge_test_hours": 7}
    assert findings(rubric, "6", tested, indicators=high)["6b"]["result"] == "met"


def test_clauses_without_a_number_wait_for_a_person(rubric: Rubric) -> None:
    """1g, 3a and 6d show what was measured and are decided by somebody's answer."""
    clients = measured("ap_clients_p95", 45, "terminals")
    waiting = findings(rubric, "1", indicators=clients)["1g"]
    assert (waiting["result"], waiting["reason"]) == ("insufficient", "missing_entry")
    assert "45" in [value["value"] for value in waiting["values"]]
    decided = findings(rubric, "1", {"ap_load_sufficient": True}, indicators=clients)["1g"]
    assert decided["result"] == "met"


def test_an_ordinary_school_is_refused(rubric: Rubric) -> None:
    """The form is for vocational schools; the error names the kind."""
    with pytest.raises(WrongSchoolError, match="is for vocational schools, not general"):
        evaluate(rubric, {"school": {"kind": "general"}})


def test_examples_of_the_file(rubric: Rubric) -> None:
    """The hand-worked examples that travel with the file come out."""
    assert rubric.examples
    assert run_examples(rubric) == []
