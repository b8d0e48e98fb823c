"""School days and hours: holidays, working weekends, cut windows, and years nobody knows yet."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta

import pytest

from collector.scoring.calendar import (
    SchoolCalendar,
    china_calendar_version,
    public_holidays_in_china,
)
from rubrics.indicators import Window

CALENDAR = SchoolCalendar()


def local(day: date, hour: int, minute: int = 0) -> datetime:
    """Return an instant of Asia/Shanghai, which is UTC+8 the whole year."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


@pytest.mark.parametrize(
    ("day", "school"),
    [
        (date(2026, 9, 7), True),  # a plain Monday
        (date(2026, 9, 12), False),  # a plain Saturday
        (date(2026, 10, 1), False),  # National Day, a Thursday
        (date(2026, 10, 7), False),  # the last day of its week off, a Wednesday
        (date(2026, 10, 10), True),  # the Saturday worked in exchange
        (date(2026, 9, 20), True),  # the Sunday worked in exchange
        (date(2026, 2, 17), False),  # Spring Festival
        (date(2026, 9, 25), False),  # Mid-Autumn, a Friday
    ],
)
def test_decreed_holidays_and_working_weekends(day: date, school: bool) -> None:
    """法定节假日 are free although they fall on weekdays, 调休 days are school although weekend."""
    assert CALENDAR.is_school_day(day) is school


def test_a_year_that_is_not_announced_is_unknown_and_never_guessed() -> None:
    """A plain Monday of such a year yields no hours, and its days are counted as unknown."""
    since, until = local(date(2039, 3, 7), 0), local(date(2039, 3, 14), 0)
    assert CALENDAR.is_school_day(date(2039, 3, 7)) is None
    assert CALENDAR.spans(Window.SCHOOL_HOURS, since, until) == []
    assert CALENDAR.unknown_days(since, until) == 7
    assert len(CALENDAR.spans(Window.ALL, since, until)) == 7


def test_what_the_school_says_comes_before_the_decree() -> None:
    """Vacations close working days and extra school days open weekends, also in unknown years."""
    monday, saturday = date(2026, 9, 7), date(2039, 3, 12)
    calendar = SchoolCalendar(closed=frozenset({monday}), open=frozenset({monday, saturday}))
    assert calendar.is_school_day(monday) is False
    assert calendar.is_school_day(saturday) is True


def test_school_hours_of_a_week_with_a_holiday() -> None:
    """Monday to Thursday before Mid-Autumn: four days, mornings and afternoons, in UTC."""
    since, until = local(date(2026, 9, 21), 0), local(date(2026, 9, 28), 0)
    spans = CALENDAR.spans(Window.SCHOOL_HOURS, since, until)
    assert [span.day.day for span in spans] == [21, 21, 22, 22, 23, 23, 24, 24]
    assert spans[0].start == datetime(2026, 9, 21, 0, tzinfo=UTC)
    assert spans[0].stop == datetime(2026, 9, 21, 4, tzinfo=UTC)
    assert spans[1].start == datetime(2026, 9, 21, 6, tzinfo=UTC)
    assert spans[1].stop == datetime(2026, 9, 21, 9, 30, tzinfo=UTC)
    assert CALENDAR.unknown_days(since, until) == 0


def test_spans_are_cut_at_both_ends_of_the_window() -> None:
    """A window from 09:00 to 15:00 holds three hours of the morning and one of the afternoon."""
    monday = date(2026, 9, 7)
    spans = CALENDAR.spans(Window.SCHOOL_HOURS, local(monday, 9), local(monday, 15))
    assert [(span.start, span.stop) for span in spans] == [
        (local(monday, 9), local(monday, 12)),
        (local(monday, 14), local(monday, 15)),
    ]
    assert CALENDAR.spans(Window.SCHOOL_HOURS, local(monday, 12), local(monday, 14)) == []


def test_whole_days_begin_at_local_midnight() -> None:
    """The day that a sample belongs to is the school's, not the server's."""
    monday = date(2026, 9, 7)
    spans = CALENDAR.spans(Window.ALL, local(monday, 22), local(monday, 22) + timedelta(hours=4))
    assert [(span.day.day, span.stop - span.start) for span in spans] == [
        (7, timedelta(hours=2)),
        (8, timedelta(hours=2)),
    ]


def test_hours_out_of_order_are_refused() -> None:
    """A typing slip in a timetable must not quietly yield an empty school day."""
    with pytest.raises(ValueError, match="school hours"):
        SchoolCalendar(hours=((time(8), time(12)), (time(11), time(17))))


def test_the_calendar_names_its_data() -> None:
    """A sheet pins it, because next year's release knows more days."""
    assert china_calendar_version().startswith("chinesecalendar 1.")


def test_a_full_teaching_week_has_five_school_days() -> None:
    """Weeks cut by a holiday count nowhere; full ones count with their nights and Sundays."""
    since, until = (CALENDAR.day_start(date(2026, 9, day)) for day in (7, 28))
    spans = CALENDAR.spans(Window.TEACHING_WEEKS, since, until + timedelta(days=21))
    days_of_week = Counter(span.day.isocalendar().week for span in spans)
    # Friday of week 39 is the Mid-Autumn Festival, weeks 40 and 41 have National Day.
    assert days_of_week == {37: 7, 38: 7, 42: 7}
    assert {span.stop - span.start for span in spans} == {timedelta(days=1)}


def test_public_holidays_are_spans_without_plain_weekends() -> None:
    """Autumn 2026 has two decreed holidays; a year nobody announced has none so far."""
    autumn = public_holidays_in_china(date(2026, 9, 1), date(2026, 12, 20))
    assert autumn == [
        (date(2026, 9, 25), date(2026, 9, 27)),
        (date(2026, 10, 1), date(2026, 10, 7)),
    ]
    assert public_holidays_in_china(date(2099, 1, 1), date(2099, 2, 1)) == []
