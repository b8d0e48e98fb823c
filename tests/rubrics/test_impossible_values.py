"""A measurement that cannot be: shown, and deciding nothing."""

from typing import Any

import pytest

from rubrics.engine import evaluate
from rubrics.loader import load_rubric

GENERAL = load_rubric("zhongxian-smart-campus-general")
SCHOOL = {"kind": "general", "students": 1110, "staff": 90}
ENOUGH = {"samples": 60, "days": 14, "weeks": 3, "coverage": 0.95, "limited_by": []}


def finding(
    criterion: str, name: str, unit: str, value: object, evidence: dict[str, Any] = ENOUGH
) -> dict[str, Any]:
    """Judge one criterion by one measured value with enough evidence."""
    datum = {**ENOUGH, **evidence, "value": value, "unit": unit}
    case = {"school": SCHOOL, "indicators": {name: datum}}
    items = evaluate(GENERAL, case).to_json()["items"]
    found: dict[str, Any] = next(
        one for item in items.values() for one in item["findings"] if one["id"] == criterion
    )
    return found


@pytest.mark.parametrize(
    ("criterion", "name", "unit", "value"),
    [
        ("1d", "desktop_port_share", "ratio", 95),  # percent sent where a share is due
        ("1d", "desktop_port_share", "ratio", "1.01"),
        ("1e", "outlet_capacity", "Mbit/s", -5),
    ],
)
def test_an_impossible_value_neither_passes_nor_fails(
    criterion: str, name: str, unit: str, value: object
) -> None:
    """95 sent as a ratio would pass any share; a negative rate would fail the line."""
    found = finding(criterion, name, unit, value)
    assert (found["result"], found["reason"]) == ("insufficient", "value_impossible")
    assert found["value"] == str(value)


@pytest.mark.parametrize(("value", "result"), [(1, "met"), ("1.0000001", "met"), (0, "not_met")])
def test_the_ends_of_a_share_are_possible(value: object, result: str) -> None:
    """All and none count, and so does the last digit of a division."""
    assert finding("1d", "desktop_port_share", "ratio", value)["result"] == result


@pytest.mark.parametrize("value", [0, 20, 1000, 100_000])
def test_a_value_over_assumed_school_days_decides_nothing(value: int) -> None:
    """Holidays that nobody knows may be in it: it neither passes nor fails, and says why."""
    guess = {"limited_by": ["line", "nic", "calendar_assumed"], "assumed_days": 6}
    found = finding("1e", "outlet_capacity", "Mbit/s", value, guess)
    assert (found["result"], found["reason"]) == ("insufficient", "limited_by_calendar_assumed")
    assert (found["value"], found["origin"]["assumed_days"]) == (str(value), 6)
