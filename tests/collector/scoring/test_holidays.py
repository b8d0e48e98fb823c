"""Tables of holidays that a bureau adds: what they decide, what is refused, when they are read."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from collector.scoring.calendar import is_workday_in_china, public_holidays_in_china
from collector.scoring.holidays import LOOK_EVERY_S, HolidayTables, read_table

NEW_YEAR = date(2027, 1, 1)
TABLE = """
year: 2027
source: 示例通知，不是真实安排
holidays:
  - {name: 元旦, off: [2026-12-31, 2027-01-02], work: [2027-01-03]}
  - {name: 劳动节, off: [2027-05-01, 2027-05-05], work: [2027-05-08]}
  - {name: 国庆节, off: [2027-10-01, 2027-10-07]}
"""


class Seconds:
    """A clock that stands until the test turns it."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_a_table_decides_its_whole_year(tmp_path: Path) -> None:
    """Days off, weekend days worked and plain days of the year are known; the next year is not."""
    tables = HolidayTables(tmp_path)
    assert tables.is_workday(NEW_YEAR) is None
    assert tables.unknown_from(date(2026, 11, 22)) == NEW_YEAR
    (tmp_path / "2027.yaml").write_text(TABLE, encoding="utf-8")
    tables = HolidayTables(tmp_path)
    days = [date(2026, 12, 31), NEW_YEAR, date(2027, 1, 3), date(2027, 1, 4), date(2027, 1, 9)]
    assert [tables.is_workday(day) for day in days] == [False, False, True, True, False]
    assert tables.is_workday(date(2028, 1, 3)) is None
    assert tables.unknown_from(date(2026, 11, 22)) is None
    assert tables.unknown_from(date(2027, 12, 1)) == date(2028, 1, 1)
    assert tables.spans(date(2026, 12, 1), date(2027, 4, 1)) == [(days[0], date(2027, 1, 2))]
    assert "2027.yaml sha256:" in tables.version()


def test_a_table_of_a_known_year_says_the_same_as_the_release(tmp_path: Path) -> None:
    """2026 written down as a table: every single day and every span as `chinesecalendar` has it."""
    year = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    spans = public_holidays_in_china(year[0], year[-1])
    worked = [day for day in year if day.weekday() > 4 and is_workday_in_china(day)]
    rows = [f"  - {{name: h{n}, off: [{a}, {b}]}}" for n, (a, b) in enumerate(spans)]
    rows[0] = rows[0].replace("]}", f"], work: [{', '.join(map(str, worked))}]}}")
    text = "\n".join(["year: 2026", "source: s", "holidays:", *rows])
    (tmp_path / "2026.yaml").write_text(text, encoding="utf-8")
    tables = HolidayTables(tmp_path)
    assert len(spans) == 7
    assert [tables.is_workday(day) for day in year] == [is_workday_in_china(day) for day in year]
    assert tables.spans(year[0], year[-1]) == spans


@pytest.mark.parametrize(
    ("was", "wrong", "said"),
    [
        ("2027-01-03", "2027-01-04", r"^5:5 .*周六"),  # a Monday is no weekend day; named by line
        ("2027-01-03", "2027-13-03", "2027-01-01"),  # how to write a day
        ("2027-05-05", "2027-06-05", "首日和末日"),
        ("2027-05-08", "2027-05-02", "出现两次"),
        ("2027-10-01, 2027-10-07", "2027-10-02, 2027-10-07", "2027-10-01"),  # never a working day
        ("2026-12-31", "2026-12-19", "不属于 2027 年"),
        ("2027-10-07", "2028-01-01", "首日和末日"),
        ("work: [2027-01-03]", "works: [2027-01-03]", "works"),
        ("year: 2027", "year: 2027\nyear: 2028", "twice"),
    ],
)
def test_a_slip_in_a_table_is_named(was: str, wrong: str, said: str) -> None:
    """A wrong day would make a holiday a school day for the whole county."""
    assert read_table(TABLE).year == 2027
    with pytest.raises(ValueError, match=said):
        read_table(TABLE.replace(was, wrong))


def test_a_running_collector_sees_a_new_table(tmp_path: Path) -> None:
    """No restart: the folder is looked at again; an unusable file counts as absent and is named."""
    seconds = Seconds()
    tables = HolidayTables(tmp_path, seconds)
    assert tables.is_workday(NEW_YEAR) is None
    (tmp_path / "2027.yaml").write_text(TABLE, encoding="utf-8")
    assert tables.is_workday(NEW_YEAR) is None
    seconds.now += LOOK_EVERY_S
    assert tables.is_workday(NEW_YEAR) is False
    (tmp_path / "2027.yaml").write_text(TABLE.replace("off", "of", 1), encoding="utf-8")
    (tmp_path / "2029.yaml").write_text(TABLE, encoding="utf-8")
    seconds.now += LOOK_EVERY_S
    assert tables.is_workday(NEW_YEAR) is None
    assert set(tables.broken) == {"2027.yaml", "2029.yaml"}
    assert "2027.yaml" in tables.broken["2029.yaml"]
