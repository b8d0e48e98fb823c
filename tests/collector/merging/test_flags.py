"""Flags name conflicts between values, with exact boundaries, and change none of them."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

import pytest

from collector.merging.flags import (
    FlagCode,
    HeadCount,
    SharedFile,
    criterion_flags,
    file_flags,
    night_flag,
    roll_flags,
)
from collector.merging.values import values_of
from rubrics.engine import evaluate
from rubrics.loader import load_rubric
from rubrics.reasons import load_reasons

OPENED = date(2026, 11, 1)


def sheet(measured: float, contracted: int, **entries: Any) -> dict[str, Any]:
    """Return a real sheet of 附件3-2 for a school of 1290 heads."""
    case = {
        "school": {"id": "z", "name": "示例", "kind": "general", "students": 1200, "staff": 90},
        "indicators": {
            "outlet_capacity": {
                "value": measured,
                "unit": "Mbit/s",
                "statistic": "p90",
                "samples": 60,
                "days": 14,
                "coverage": 0.93,
                "limited_by": [],
            }
        },
        "facts": {"contracted_mbps": {"value": contracted, "as_of": "2026-09-01"}},
        "entries": {"1": entries} if entries else {},
    }
    return evaluate(load_rubric("zhongxian-smart-campus-general"), case).to_json()


def codes(found: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Return code and finding of each flag of a sheet."""
    return [(flag.code.value, flag.finding_id) for flag in criterion_flags(values_of(found))]


@pytest.mark.parametrize(
    ("measured", "contracted", "flagged"),
    [(1000, 1100, False), (1000, 1101, True), (1000, 899, True), (1000, 900, False)],
)
def test_ten_percent_apart_is_allowed_and_more_is_not(
    measured: float, contracted: int, flagged: bool
) -> None:
    """Exactly a tenth of what was measured is no conflict."""
    found = codes(sheet(measured, contracted))
    assert (("flag_declared_differs", "1e") in found) == flagged


def test_a_flag_changes_no_value_and_is_found_again() -> None:
    """The sheet is as before; the same conflict has the same id, another one another."""
    original = sheet(620, 1000)
    kept = copy.deepcopy(original)
    (first,) = criterion_flags(values_of(original))
    (again,) = criterion_flags(values_of(sheet(620, 1000)))
    (other,) = criterion_flags(values_of(sheet(621, 1000)))
    assert original == kept
    assert first.id == again.id != other.id
    assert first.facts == {
        "declared": "1000 Mbit/s",
        "declared_name": "contracted_mbps",
        "measured": "620 Mbit/s",
        "measured_name": "outlet_capacity",
        "percent": "61",
    }


@pytest.mark.parametrize(("points", "flagged"), [(1548, True), (1549, False), (1547, False)])
def test_a_typed_value_exactly_at_the_threshold_is_looked_at(points: int, flagged: bool) -> None:
    """1.2 × 1290 = 1548 information points, typed to the digit."""
    found = codes(sheet(1000, 1000, wired_points=points))
    assert (("flag_value_at_threshold", "1b") in found) == flagged


def test_a_measured_value_at_the_threshold_is_no_conflict() -> None:
    """660.48 Mbit/s measured is what the instrument said."""
    assert codes(sheet(660.48, 660)) == []


@pytest.mark.parametrize(
    ("before", "after", "day", "flagged"),
    [
        (1000, 949, date(2026, 10, 1), True),
        (1000, 950, date(2026, 10, 1), False),
        (1000, 900, date(2026, 9, 1), False),
        (1000, 900, date(2026, 9, 2), True),
        (1000, 1200, date(2026, 10, 1), False),
    ],
    ids=["over-a-twentieth", "just-a-twentieth", "long-ago", "sixty-days", "grown"],
)
def test_a_roll_cut_before_the_round_is_named(
    before: int, after: int, day: date, flagged: bool
) -> None:
    """Fewer heads lower every per-head threshold: more than 5 % within 60 days is shown."""
    counts = [HeadCount(day, after), HeadCount(date(2026, 3, 1), before)]
    found = list(roll_flags(counts, OPENED))
    assert [flag.code for flag in found] == ([FlagCode.ROLL_CUT] if flagged else [])


def test_a_shared_file_is_named_at_each_item_it_supports() -> None:
    """Two items, two flags; a file on no list still has one."""
    found = list(
        file_flags([SharedFile("合同.pdf", "ab", ("C4", "C9"), 1), SharedFile("x", "cd", (), 2)])
    )
    assert [flag.item_id for flag in found] == ["C4", "C9", None]


@pytest.mark.parametrize(
    ("in_hours", "outside", "flagged"), [(0, 12, True), (1, 12, False), (0, 0, False)]
)
def test_night_tests_say_nothing_about_lessons(in_hours: int, outside: int, flagged: bool) -> None:
    """One sample in school hours is enough to not be night-only."""
    criteria = values_of(sheet(1000, 1000))
    found = list(night_flag(criteria, "outlet_capacity", in_hours, outside))
    assert [flag.finding_id for flag in found] == (["1e"] if flagged else [])


def test_every_flag_has_its_sentence() -> None:
    """A reader gets words and a next step, never a bare code."""
    assert {code.value for code in FlagCode} <= set(load_reasons())
