"""When school is: which hours of which days count, and what is not known about them.

Public holidays (法定节假日) and the working weekends that make up for them (调休) are decreed anew
for each year, so they come from `chinesecalendar` (MIT, data from 2004 on) and from the tables
that a bureau adds (`holidays.py`), never from a rule. For a year that has not been announced the
answer is None: such days are counted, so that a sheet can say so, and what is measured on them
decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from importlib.metadata import version
from itertools import pairwise
from zoneinfo import ZoneInfo

import chinese_calendar  # type: ignore[import-untyped] # ships no annotations

from collector.storage.ports import TimeSpan
from rubrics.indicators import Window

CHINA = ZoneInfo("Asia/Shanghai")
DEFAULT_HOURS = ((time(8), time(12)), (time(14), time(17, 30)))
"""Hours of instruction where a school has not given its own."""
SATURDAY = 5
FULL_WEEK_SCHOOL_DAYS = 5
"""A week shortened by a holiday is no full teaching week, so its news do not count against it."""


def is_workday_in_china(day: date) -> bool | None:
    """Say whether people work on this day; None for a year that is not announced yet."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return None


def public_holidays_in_china(since: date, until: date) -> list[tuple[date, date]]:
    """Return the decreed holidays (first and last day) that begin or lie within these days.

    Plain weekends are none. Years that are not announced yet have none so far.
    """
    found = []
    for day in (since + timedelta(days=n) for n in range((until - since).days + 1)):
        try:
            off, name = chinese_calendar.get_holiday_detail(day)
        except NotImplementedError:
            break
        if off and name:
            found.append(day)
    return spans_of_days(found)


def spans_of_days(days: Iterable[date]) -> list[tuple[date, date]]:
    """Join days that follow each other; returns first and last day of each piece, in order."""
    spans: list[tuple[date, date]] = []
    for day in sorted(days):
        if spans and spans[-1][1] == day - timedelta(days=1):
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return spans


def china_calendar_version() -> str:
    """Name the calendar data, so that a sheet can be computed again from the same."""
    return f"chinesecalendar {version('chinesecalendar')}"


@dataclass(frozen=True, slots=True)
class SchoolCalendar:
    """The school days and hours of one school.

    `closed` (vacations, examinations, sports days) and `open` (extra school days) are dates that
    the school or the county set; they decide before `is_workday` is asked, `closed` first.
    Raises ValueError if the hours are out of order.
    """

    zone: ZoneInfo = CHINA
    hours: tuple[tuple[time, time], ...] = DEFAULT_HOURS
    is_workday: Callable[[date], bool | None] = is_workday_in_china
    closed: frozenset[date] = frozenset()
    open: frozenset[date] = frozenset()
    source: Callable[[], str] = china_calendar_version
    """Names the data behind `is_workday`, which sheets pin."""

    def __post_init__(self) -> None:
        edges = [edge for span in self.hours for edge in span]
        if not edges or any(early >= late for early, late in pairwise(edges)):
            raise ValueError(f"school hours must follow each other: {self.hours}")

    def is_school_day(self, day: date) -> bool | None:
        """Say whether there is school on this day; None where nobody can know yet."""
        if day in self.closed:
            return False
        return True if day in self.open else self.is_workday(day)

    def assuming_weekdays(self) -> SchoolCalendar:
        """Return this calendar with Monday to Friday worked where nobody knows yet."""

        def guess(day: date) -> bool:
            known = self.is_workday(day)
            return day.weekday() < SATURDAY if known is None else known

        return replace(self, is_workday=guess)

    def spans(self, window: Window, since: datetime, until: datetime) -> list[TimeSpan]:
        """Return what counts between `since` and `until`, cut at both, in order.

        For `all` that is every local day, for `school_hours` the hours of known school days, for
        `teaching_weeks` every day of the ISO weeks that are known to have five school days.
        """
        return [
            TimeSpan(day, max(start, since), min(stop, until))
            for day in self._days(since, until)
            for start, stop in self._hours_of(day, window)
            if start < until and stop > since
        ]

    def unknown_days(self, since: datetime, until: datetime) -> int:
        """Count the days of the window on which nobody can know yet whether there is school."""
        return sum(self.is_school_day(day) is None for day in self._days(since, until))

    def day_start(self, day: date) -> datetime:
        """Return the instant at which the local day begins, in UTC."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def local_day(self, instant: datetime) -> date:
        """Return the local day that the instant falls on."""
        return instant.astimezone(self.zone).date()

    def _days(self, since: datetime, until: datetime) -> Iterator[date]:
        day = self.local_day(since)
        while self.day_start(day) < until:
            yield day
            day += timedelta(days=1)

    def _hours_of(self, day: date, window: Window) -> Iterator[tuple[datetime, datetime]]:
        if window is Window.ALL or (
            window is Window.TEACHING_WEEKS and self._is_in_teaching_week(day)
        ):
            yield self.day_start(day), self.day_start(day + timedelta(days=1))
        elif window is Window.SCHOOL_HOURS and self.is_school_day(day):
            for start, stop in self.hours:
                yield (
                    datetime.combine(day, start, self.zone).astimezone(UTC),
                    datetime.combine(day, stop, self.zone).astimezone(UTC),
                )

    def _is_in_teaching_week(self, day: date) -> bool:
        monday = day - timedelta(days=day.weekday())
        days = (self.is_school_day(monday + timedelta(days=n)) for n in range(7))
        return sum(bool(one) for one in days) >= FULL_WEEK_SCHOOL_DAYS
