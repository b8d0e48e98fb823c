"""What bounds and forbids tests, and how each refusal is said. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from collector.domain import School, SlotPause
from collector.errors import CollectorError, ConflictError, TooManyError, UnavailableError

KBPS_PER_HEAD = 512
"""What the county's rubrics ask of an outlet for each person in school (生均带宽)."""
SATURDAY = 5


class Purpose(StrEnum):
    """What a slot is for."""

    OUTLET_BANDWIDTH = "outlet_bandwidth"


@dataclass(frozen=True, slots=True)
class SlotServer:
    """A measurement server that slots are given for; `secret` is the content of its token file."""

    url: str
    name: str
    secret: str = field(repr=False)
    port_mbps: float | None = None


@dataclass(frozen=True, slots=True)
class SlotRules:
    """How often, how long, how much."""

    tests_per_day: int = 6
    max_seconds: float = 45.0
    max_bytes: int = 3_000_000_000
    daily_bytes: int = 20_000_000_000
    """Of one school, planned tests and re-tests together."""
    retests_per_day: int = 6
    token_valid_s: float = 15.0
    """A slot that is not used by then is free again."""
    guard_s: float = 5.0
    """Between two planned tests, for an agent that comes a little late."""
    line_used_limit_ratio: float = 0.6
    """Lessons that use more of the line than this are not disturbed by a planned test."""
    busy_retry_s: float = 5.0
    line_busy_retry_s: float = 300.0
    poll_s: float = 300.0
    """The longest time an agent is sent away: changes of the plan reach it within."""

    @property
    def hold_s(self) -> float:
        """How long a server is held for one slot at most."""
        return self.token_valid_s + self.max_seconds

    @property
    def cell_s(self) -> float:
        """How far apart two planned tests on one server are at least."""
        return self.hold_s + self.guard_s


class SchoolHours(Protocol):
    """When school is; `collector.scoring.calendar.SchoolCalendar` is one."""

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone of the local hours."""

    @property
    def hours(self) -> tuple[tuple[time, time], ...]:
        """Return the hours of a school day, local time, in order."""

    def is_school_day(self, day: date) -> bool | None:
        """Say whether there is school; None where nobody can know yet."""


def is_test_day(hours: SchoolHours, day: date) -> bool:
    """Say whether tests are planned. Where the calendar is not announced yet: Monday to Friday."""
    known = hours.is_school_day(day)
    return day.weekday() < SATURDAY if known is None else known


def spans_of(hours: SchoolHours, day: date) -> list[tuple[datetime, datetime]]:
    """Return the school hours of a day as aware instants."""
    return [
        (datetime.combine(day, start, hours.zone), datetime.combine(day, stop, hours.zone))
        for start, stop in hours.hours
    ]


def pause_at(pauses: Iterable[SlotPause], school_id: str, now: datetime) -> SlotPause | None:
    """Return the pause of the county or the school that holds now."""
    for pause in pauses:
        until = min(pause.until, pause.ended_at or pause.until)
        if pause.school_id in (None, school_id) and pause.since <= now < until:
            return pause
    return None


def quiet_until(
    quiet_hours: Sequence[tuple[time, time]], zone: ZoneInfo, now: datetime
) -> datetime | None:
    """Return when the quiet hours that now falls into end, or None outside of them."""
    local = now.astimezone(zone)
    for start, stop in quiet_hours:
        if start <= local.time() < stop:
            return datetime.combine(local.date(), stop, zone)
    return None


def needed_mbps(school: School, contracted_mbps: float | None) -> float | None:
    """Return what the school's line must or may carry: the larger of need per head and contract."""
    known = [] if contracted_mbps is None else [contracted_mbps]
    if school.heads is not None:
        known.append(school.heads * KBPS_PER_HEAD / 1000)
    return max(known, default=None)


def seconds_until(then: datetime, now: datetime) -> float:
    """Return the time until `then`, at least one second."""
    return max(1.0, (then - now) / timedelta(seconds=1))


_DETAILS = {
    "slot_none_configured": (
        "没有设置测速服务器。请教育局运行 campusgauge speedtest-server，并写入采集服务的设置。",
        "No measurement server is set up; see `campusgauge speedtest-server --help`.",
    ),
    "slot_not_yet": (
        "下一次计划测速在 {at}。请在 Retry-After 秒后再问，或申请重测。",
        "The next planned test is at {at}. Ask after Retry-After seconds, or for a re-test.",
    ),
    "slot_busy": (
        "另一所学校正在测速，请在 Retry-After 秒后再问。",
        "Another school is testing right now. Ask again after Retry-After seconds.",
    ),
    "slot_budget_spent": (
        "该校今天的测速流量已用完，零点后恢复。",
        "The school's data for tests is used up for today; it is renewed at midnight.",
    ),
    "slot_retests_spent": (
        "该校今天的重测次数已用完，明天可以再测。",
        "The school has had its re-tests for today; there are more tomorrow.",
    ),
    "slot_exam": (
        "考试期间不测速：{note}。{at} 恢复。",
        "No tests during an examination: {note}. Testing goes on at {at}.",
    ),
    "slot_quiet_hours": (
        "这个时段学校不希望测速，{at} 恢复。",
        "The school wants no tests at this hour. Testing goes on at {at}.",
    ),
    "slot_line_busy": (
        "上课占用了大部分带宽，请在 Retry-After 秒后再问。",
        "Lessons use much of the line. Ask again after Retry-After seconds.",
    ),
    "slot_outside_hours": (
        "计划测速只在上课时间进行，{at} 恢复。",
        "Planned tests run in school hours only. Testing goes on at {at}.",
    ),
}
"""Reason → what the answer says, in Chinese and English."""
_ERRORS: dict[str, type[CollectorError]] = {
    "slot_none_configured": UnavailableError,
    "slot_budget_spent": TooManyError,
    "slot_retests_spent": TooManyError,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no slot now. `wait_s` is the time after which asking again makes sense."""

    reason: str
    wait_s: float
    at: datetime | None = None
    note: str = ""

    def error(self) -> CollectorError:
        """Return what the agent is answered: 409, 429 or 503 with Retry-After."""
        at = self.at.isoformat(timespec="seconds") if self.at else "-"
        chinese, english = (
            text.format(at=at, note=self.note or "-") for text in _DETAILS[self.reason]
        )
        kind = _ERRORS.get(self.reason, ConflictError)
        return kind(self.reason, chinese, retry_after_s=self.wait_s, detail_en=english)
