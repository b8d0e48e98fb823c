"""Numbers and times read well and never say more, or less, than is known."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.web.formatting import Formatter, as_decimal, offset_name, plain_number
from collector.web.language import load_translator

SHANGHAI = ZoneInfo("Asia/Shanghai")
CHINESE = Formatter(load_translator("zh"), SHANGHAI)
ENGLISH = Formatter(load_translator("en"), SHANGHAI, english=True)
NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "unit", "chinese", "english"),
    [
        ("660.48", "Mbit/s", "660.48 Mbit/s", "660.48 Mbit/s"),
        ("980.0", "Mbit/s", "980 Mbit/s", "980 Mbit/s"),
        (0, "Mbit/s", "0 Mbit/s", "0 Mbit/s"),
        ("0.935", "ratio", "93.5%", "93.5%"),
        ("80", "percent", "80%", "80%"),
        ("6450000000000", "byte", "6.45 TB", "6.45 TB"),
        ("512", "byte", "512 B", "512 B"),
        ("8", "hour", "8 小时", "8 h"),
        ("90", "s", "1.5 分钟", "1.5 min"),
        ("100000", "s", "≈ 1.157 天", "≈ 1.157 d"),
        ("12.5", "s", "12.5 秒", "12.5 s"),
        ("1620", "count", "1620", "1620"),
        ("2", "person", "2 人", "2 people"),
        ("7", "furlong", "7 furlong", "7 furlong"),
        (None, "Mbit/s", "无数据", "No data"),
        ("", None, "无数据", "No data"),
        (True, None, "是", "Yes"),
        (False, None, "否", "No"),
        ("JY/T 1004", None, "JY/T 1004", "JY/T 1004"),
    ],
)
def test_a_quantity_carries_its_unit_and_unknown_is_a_word(
    value: str | int | bool | None, unit: str | None, chinese: str, english: str
) -> None:
    """Zero is a number, unknown is a word, and both languages agree on the figures."""
    assert CHINESE.quantity(value, unit) == chinese
    assert ENGLISH.quantity(value, unit) == english


@given(st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, places=6))
def test_a_shown_number_is_exact_or_marked(number: Decimal) -> None:
    """Without ≈ the text is the very number: 660.475 must not be shown as 660.48."""
    shown = plain_number(number)
    if shown.startswith("≈ "):
        assert abs(Decimal(shown[2:]) - number) <= Decimal("0.0005")
        assert Decimal(shown[2:]) != number
    else:
        assert Decimal(shown) == number
    assert "E" not in shown


@pytest.mark.parametrize("value", [None, True, "NaN", "inf", "abc", ""])
def test_what_is_not_a_number_is_none(value: object) -> None:
    """Nothing turns into a number by accident."""
    assert as_decimal(value) is None  # type: ignore[arg-type]  # wrong input on purpose


@pytest.mark.parametrize(
    ("before", "chinese", "english"),
    [
        (timedelta(seconds=3), "刚刚", "just now"),
        (timedelta(seconds=59), "59 秒前", "59 seconds ago"),
        (timedelta(minutes=1), "1 分钟前", "1 minute ago"),
        (timedelta(minutes=3, seconds=59), "3 分钟前", "3 minutes ago"),
        (timedelta(hours=47), "47 小时前", "47 hours ago"),
        (timedelta(days=3), "3 天前", "3 days ago"),
        (timedelta(seconds=-30), "刚刚", "just now"),
        (timedelta(hours=-2), "时钟超前 2 小时", "clock 2 hours ahead"),
    ],
)
def test_how_long_ago(before: timedelta, chinese: str, english: str) -> None:
    """A clock that runs ahead is named, not shown as a negative time."""
    assert CHINESE.ago(NOW - before, NOW) == chinese
    assert ENGLISH.ago(NOW - before, NOW) == english


def test_never_is_a_word() -> None:
    """No contact yet is not a date."""
    assert CHINESE.ago(None, NOW) == "从未"
    assert CHINESE.time(None) == "未知"


def test_times_are_local_with_their_offset() -> None:
    """01:00 UTC is a school's 09:00, and the page says which clock it means."""
    assert CHINESE.time(NOW) == "2026-11-20 09:00 (UTC+8)"


@pytest.mark.parametrize(
    ("zone", "name"),
    [("Asia/Shanghai", "UTC+8"), ("Asia/Kolkata", "UTC+5:30"), ("UTC", "UTC"),
     ("America/St_Johns", "UTC-3:30")],
)  # fmt: skip
def test_offsets(zone: str, name: str) -> None:
    """Offsets with half hours and west of Greenwich read right too."""
    assert offset_name(NOW.astimezone(ZoneInfo(zone))) == name
