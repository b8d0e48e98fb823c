"""Every reason a slot can give is explained to people; unknown years are planned as weeks."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from collector.scoring.calendar import SchoolCalendar
from collector.speedtest import slots
from collector.speedtest.slots.rules import is_test_day
from rubrics.reasons import load_reasons

ONLY_ANSWERS = {"slot_retest_waiting", "slot_settings_wrong"}
"""Codes of refused commands: they never become the reason of a test."""


def test_every_reason_has_its_sentence() -> None:
    """No headmaster reads a bare code."""
    folder = Path(next(iter(slots.__path__)))
    texts = [file.read_text(encoding="utf-8") for file in folder.glob("*.py")]
    used = {code for text in texts for code in re.findall(r'"(slot_[a-z_]+)"', text)}
    assert {"slot_exam", "slot_overload", "slot_agent_absent", "slot_not_released"} <= used
    assert used - ONLY_ANSWERS - set(load_reasons()) == set()


@pytest.mark.parametrize(
    ("day", "tests"),
    [
        (date(2026, 10, 7), False),  # 国庆节
        (date(2026, 10, 10), True),  # 调休
        (date(2026, 10, 11), False),
        (date(2045, 5, 12), True),  # a Friday of a year nobody has announced
        (date(2045, 5, 13), False),
    ],
)
def test_test_days_follow_the_official_calendar(day: date, tests: bool) -> None:
    """Holidays and working weekends as decreed; Monday to Friday where nothing is decreed yet."""
    assert is_test_day(SchoolCalendar(), day) is tests
