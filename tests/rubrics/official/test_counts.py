"""Leaves and points of all seven documents, counted in the official text itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rubrics.loader import load_rubric, official_paths

FORM_WORDS = {"学校概况", "体制机制", "基本条件", "智慧应用", "试点示范", "网络安全"}
"""Group labels of 附件3-1: printed words that ask for no value."""
AWARD_BOXES = {"县级及以上", "区县级"}
"""The two blanks of the one award field of 附件3-1."""


@pytest.fixture(scope="module")
def annexes(shared: Path) -> dict[str, str]:
    """Return the official texts by annex, 雨花台 as `YHT`."""
    zhongxian = (shared / "seeds/000_d35fe8fe4a3c2c75.txt").read_text(encoding="utf-8")
    starts = list(re.finditer(r"(?m)^附件(\d(?:-\d)?)\s*$", zhongxian))
    ends = [*(match.start() for match in starts[1:]), len(zhongxian)]
    found = {
        match[1]: zhongxian[match.end() : end] for match, end in zip(starts, ends, strict=True)
    }
    yuhuatai = (shared / "seeds/003_5f3627f837b6302b.txt").read_text(encoding="utf-8")
    return {**found, "YHT": yuhuatai}


def cells(text: str) -> list[str]:
    """Return the table cells that hold words, layout removed."""
    found = [re.sub(r"\s+", "", cell) for cell in re.split(r"\n\s*\t", text)]
    return [cell for cell in found if cell]


def clauses(text: str, number: str) -> int:
    """Count the clauses numbered 1, 2, 3 … in a text; a gap or a repetition is an error."""
    numbers = [int(match) for match in re.findall(rf"(?m)^\s*{number}", text)]
    assert numbers == list(range(1, len(numbers) + 1))
    return len(numbers)


def units_under_headings(points: list[int]) -> list[int]:
    """Drop the headings from a list of points in which each heading is followed by its parts."""
    units: list[int] = []
    left = 0
    for number in points:
        if left == 0:
            left = number
        else:
            units.append(number)
            left -= number
    assert left == 0
    return units


def form_fields(text: str) -> int:
    """Count the values that 附件3-1 asks for: one for each label, two for the award field."""
    words = [cell for cell in cells(text)[1:] if "□" not in cell and cell not in FORM_WORDS]
    labels = [word for word in words if word not in AWARD_BOXES]
    boxes = [word for word in words if word in AWARD_BOXES]
    return len(labels) - 1 + len(boxes)


def application_lines(text: str) -> int:
    """Count the places of 附件4 that ask for something: the school's line, then the rows."""
    notes = [cell for cell in cells(text) if cell.startswith("另附")]
    table = text[text.index("学校负责人") :]
    return 1 + len(cells(table)) - len(notes)


def test_every_annex_is_found(annexes: dict[str, str]) -> None:
    """Six annexes of 忠县 and the rules of 雨花台, none of them empty."""
    assert list(annexes) == ["1", "2", "3-1", "3-2", "3-3", "4", "YHT"]
    assert all(len(text) > 100 for text in annexes.values())


def test_208_leaves_over_seven_documents(annexes: dict[str, str]) -> None:
    """Each rubric holds as many items as its document has leaves, 208 in all."""
    points = [int(number) for number in re.findall(r"（(\d+)分）", annexes["2"])]
    numbered = r"(\d+)[.．]\s*[^\s\d].*。"
    counted = {
        "zhongxian-inspection": clauses(annexes["1"], r"C(\d+)"),
        "zhongxian-featured-school": len(units_under_headings(points)),
        "zhongxian-smart-campus-profile": form_fields(annexes["3-1"]),
        "zhongxian-smart-campus-general": clauses(annexes["3-2"], numbered),
        "zhongxian-smart-campus-vocational": clauses(annexes["3-3"], numbered),
        "zhongxian-acceptance-application": application_lines(annexes["4"]),
        "yuhuatai-informatization-2020": clauses(annexes["YHT"], r"(\d+)）"),
    }
    assert list(counted.values()) == [35, 12, 42, 35, 35, 8, 41]
    assert sum(counted.values()) == 208
    assert {name: len(list(load_rubric(name).items())) for name in counted} == counted
    assert set(official_paths()) == set(counted)


def test_printed_totals(annexes: dict[str, str]) -> None:
    """附件1 and 附件2 add up to 100 in their own words; 雨花台 prints 100 and 130."""
    inspection = re.findall(r"(?m)^\s*C\d+[^（(]*.*?[（(](\d+)\s*分[)）]", annexes["1"])
    featured = units_under_headings([int(n) for n in re.findall(r"（(\d+)分）", annexes["2"])])
    found = cells(annexes["YHT"])
    subtotal, total = (int(found[found.index(word) + 1]) for word in ("小计", "合计"))
    assert (len(inspection), sum(map(int, inspection)), sum(featured)) == (35, 100, 100)
    assert (subtotal, total) == (100, 130)
    for name, base in (
        ("zhongxian-inspection", 100),
        ("zhongxian-featured-school", 100),
        ("yuhuatai-informatization-2020", subtotal),
    ):
        items = load_rubric(name).items()
        assert sum(item.max or 0 for item in items if item.part == "base") == base, name
    rules = load_rubric("yuhuatai-informatization-2020")
    assert rules.total_printed_max == total
    assert rules.shared_caps[0].cap == total - subtotal


def test_forms_without_points_stay_without(annexes: dict[str, str]) -> None:
    """Annexes 3-1 to 4 print no points, so no item of theirs carries any."""
    for annex, name in (
        ("3-1", "zhongxian-smart-campus-profile"),
        ("3-2", "zhongxian-smart-campus-general"),
        ("3-3", "zhongxian-smart-campus-vocational"),
        ("4", "zhongxian-acceptance-application"),
    ):
        assert not re.search(r"\d\s*分[)）]", annexes[annex]), annex
        assert not load_rubric(name).scored, name
