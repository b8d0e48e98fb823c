"""Tables of the holidays decreed for a year, which the bureau adds ahead of the next release.

The State Council announces a year's days off (放假) and the weekend days worked in exchange (调休)
late in the year before; `chinesecalendar` follows in a release of its own. Until that release is
installed, one YAML file `<year>.yaml` in the folder `holidays` of the data directory says the same:

    year: 2026
    source: 国务院办公厅关于2026年部分节假日安排的通知
    holidays:
      - {name: 元旦, off: [2026-01-01, 2026-01-03], work: [2026-01-04]}

A table speaks for its whole year, also where the release knows that year: decrees are changed now
and then. Files are read again when they change, so that no restart is needed. Agents get the days
off with their central settings.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from collector.scoring.calendar import (
    SATURDAY,
    SchoolCalendar,
    china_calendar_version,
    is_workday_in_china,
    public_holidays_in_china,
    spans_of_days,
)
from rubrics.yaml_source import parse

LONGEST_HOLIDAY_DAYS = 16
"""More days off in one piece are a typing slip: the longest so far were nine."""
ALWAYS_OFF = ((1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3))
"""Month and day of the holidays that fall on the same date every year
(《全国年节及纪念日放假办法》, State Council order 795, 2024, article 2)."""
STALE_AFTER_DAYS = 45
"""An unannounced day this near ahead is worth a warning: the decree is out by then."""

LOOK_EVERY_S = 5.0
"""How old the knowledge of the folder may be."""

_DAY = timedelta(days=1)


def _read_day(raw: object) -> object:
    try:
        return date.fromisoformat(raw) if isinstance(raw, str) else raw
    except ValueError:
        raise ValueError(f"日期写作 2027-01-01 / write days as 2027-01-01, not {raw!r}") from None


Day = Annotated[date, BeforeValidator(_read_day)]


class Holiday(BaseModel):
    """One holiday as decreed: its first and last day off, and the weekend days worked for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=40)]
    off: tuple[Day, Day]
    work: Annotated[tuple[Day, ...], Field(max_length=6)] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        first, last = self.off
        if not first <= last <= first + timedelta(days=LONGEST_HOLIDAY_DAYS):
            raise ValueError(
                f"{self.name}: 放假从 {first} 到 {last} 不合理，请核对首日和末日"
                " / off needs its first and its last day"
            )
        weekdays = [day for day in self.work if day.weekday() < SATURDAY]
        if weekdays:
            raise ValueError(
                f"{self.name}: {weekdays[0]} 不是周六或周日，调休上班日只能是周末"
                " / days worked in exchange are weekend days"
            )
        return self

    def days_off(self) -> list[date]:
        """List every day off, weekend days among them included."""
        first, last = self.off
        return [first + n * _DAY for n in range((last - first).days + 1)]


class YearTable(BaseModel):
    """All holidays of one year. Raises pydantic's ValidationError on a table that cannot be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    year: Annotated[int, Field(ge=2000, le=2100)]
    source: Annotated[str, Field(min_length=1, max_length=200)]
    """The decree, so that anybody can check the table against it."""
    holidays: Annotated[tuple[Holiday, ...], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        off = [day for one in self.holidays for day in one.days_off()]
        work = [day for one in self.holidays for day in one.work]
        every = off + work
        double = sorted({day for day in every if every.count(day) > 1})
        if double:
            raise ValueError(f"{double[0]} 出现两次 / is given twice")
        # A New Year's holiday may begin in December of the year before.
        stray = [day for day in every if not date(self.year - 1, 12, 20) <= day]
        stray += [day for day in every if day.year > self.year]
        if stray:
            raise ValueError(f"{stray[0]} 不属于 {self.year} 年 / is not of that year")
        missing = [date(self.year, *one) for one in ALWAYS_OFF]
        missing = [day for day in missing if day not in off]
        if missing:
            raise ValueError(
                f"{missing[0]} 是法定节假日，表中没有放假，请补全全年安排"
                " / is a public holiday by law; the table must hold the whole year"
            )
        return self

    @property
    def off(self) -> frozenset[date]:
        """Every day off."""
        return frozenset(day for one in self.holidays for day in one.days_off())

    @property
    def work(self) -> frozenset[date]:
        """Every weekend day that is worked."""
        return frozenset(day for one in self.holidays for day in one.work)


def read_table(text: str) -> YearTable:
    """Read a year's table from YAML. Raises ValueError that names line, field and remedy."""
    document = parse(text)
    if document.problems:
        raise ValueError("\n".join(str(problem) for problem in document.problems))
    try:
        return YearTable.model_validate(document.data)
    except ValidationError as error:
        raise ValueError(
            "\n".join(
                str(document.problem(one["loc"], one["msg"].removeprefix("Value error, ")))
                for one in error.errors(include_url=False)
            )
        ) from None


def file_name(year: int) -> str:
    """Name the file of a year's table."""
    return f"{year}.yaml"


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The tables as they were read, and what the folder looked like then."""

    state: tuple[tuple[str, int, int], ...] = ()
    off: frozenset[date] = frozenset()
    work: frozenset[date] = frozenset()
    years: frozenset[int] = frozenset()
    names: tuple[str, ...] = ()
    broken: Mapping[str, str] = field(default_factory=dict)


class HolidayTables:
    """Working days by the tables of a folder, and by the installed release for all other years.

    Safe to share between threads. A file that cannot be read counts as absent; `broken` names it.
    """

    def __init__(self, folder: Path, seconds: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._seconds = seconds
        self._loaded = _Loaded()
        self._look_again_at = -math.inf

    @property
    def broken(self) -> Mapping[str, str]:
        """File names of unusable tables, each with what is wrong."""
        return self._now().broken

    def is_workday(self, day: date) -> bool | None:
        """Say whether people work on this day; None for a year that nobody has told of."""
        loaded = self._now()
        if day in loaded.off:
            return False
        if day in loaded.work:
            return True
        return day.weekday() < SATURDAY if day.year in loaded.years else is_workday_in_china(day)

    def spans(self, since: date, until: date) -> list[tuple[date, date]]:
        """Return the decreed holidays (first and last day) that begin or lie within these days."""
        loaded = self._now()
        days = {
            first + n * _DAY
            for first, last in public_holidays_in_china(since, until)
            for n in range((last - first).days + 1)
        }
        days = {day for day in days if day.year not in loaded.years and day not in loaded.work}
        return spans_of_days(days | {day for day in loaded.off if since <= day <= until})

    def version(self) -> str:
        """Name the data, so that a sheet can be computed again from the same."""
        return "; ".join((china_calendar_version(), *self._now().names))

    def unknown_from(self, today: date) -> date | None:
        """Return the first unannounced day of the next weeks, if there is one."""
        ahead = (today + n * _DAY for n in range(STALE_AFTER_DAYS))
        return next((day for day in ahead if self.is_workday(day) is None), None)

    def calendar(self) -> SchoolCalendar:
        """Return the county's school days and hours by these tables."""
        return SchoolCalendar(is_workday=self.is_workday, source=self.version)

    def _now(self) -> _Loaded:
        # A sheet asks for hundreds of days; one look at the folder serves them all.
        if self._seconds() < self._look_again_at:
            return self._loaded
        state = tuple(sorted(self._files()))
        self._look_again_at = self._seconds() + LOOK_EVERY_S
        if state != self._loaded.state:
            self._loaded = self._load(state)
        return self._loaded

    def _files(self) -> list[tuple[str, int, int]]:
        try:
            found = [(path.name, path.stat()) for path in self._folder.glob("*.yaml")]
        except OSError:
            return []
        return [(name, status.st_mtime_ns, status.st_size) for name, status in found]

    def _load(self, state: tuple[tuple[str, int, int], ...]) -> _Loaded:
        tables: dict[str, YearTable] = {}
        names, broken = [], {}
        for name, _, _ in state:
            try:
                content = (self._folder / name).read_bytes()
                table = read_table(content.decode("utf-8"))
            except (OSError, ValueError) as error:
                broken[name] = str(error)
                continue
            if name != file_name(table.year):
                broken[name] = f"文件名应为 / must be named {file_name(table.year)}"
                continue
            tables[name] = table
            names.append(f"{name} sha256:{hashlib.sha256(content).hexdigest()[:16]}")
        return _Loaded(
            state,
            frozenset().union(*(table.off for table in tables.values())),
            frozenset().union(*(table.work for table in tables.values())),
            frozenset(table.year for table in tables.values()),
            tuple(names),
            broken,
        )
