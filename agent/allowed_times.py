"""When probes may disturb: windows of the day, holidays, examinations. Pure.

The school sets such times in its own configuration, the bureau sends others, in the same texts. A
run needs the leave of both (`Permission`), so what the bureau sends can only narrow what the
school allows, whatever it says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import TypeVar

CHINA_UTC_OFFSET_HOURS = 8.0
"""All of China keeps one time, without summer time."""
MAX_TIMES = 1000
"""More windows, holidays or examinations than this are a mistake."""
MomentT = TypeVar("MomentT", time, datetime)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing is run now: a reason of `rubrics/reasons.yaml`, and whose rule it is."""

    reason: str
    set_by: str = "school"


@dataclass(frozen=True, slots=True)
class AllowedTimes:
    """The times of one side. Nothing set: always.

    `windows` are local times from and until, on every day; without any, the whole day. `holidays`
    are local days, first and last. `exams` are instants from and until. Ends of windows and
    examinations are outside of them.
    """

    windows: tuple[tuple[time, time], ...] = ()
    holidays: tuple[tuple[date, date], ...] = ()
    exams: tuple[tuple[datetime, datetime], ...] = ()
    zone: tzinfo = timezone(timedelta(hours=CHINA_UTC_OFFSET_HOURS))

    @classmethod
    def read(
        cls,
        windows: Sequence[str] = (),
        holidays: Sequence[str] = (),
        exams: Sequence[str] = (),
        utc_offset_hours: float = CHINA_UTC_OFFSET_HOURS,
    ) -> AllowedTimes:
        """Read the texts of a configuration. Raises ValueError naming the text that is wrong.

        `07:00-22:00`; `2026-10-01` or `2026-10-01/2026-10-07`; `2026-06-07T08:00/2026-06-09T18:00`,
        local time unless the text names an offset.
        """
        if not -14 <= utc_offset_hours <= 14:
            raise ValueError(f"utc_offset_hours must be within -14 and 14, not {utc_offset_hours}")
        zone = timezone(timedelta(hours=utc_offset_hours))

        def instant(text: str) -> datetime:
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo else moment.replace(tzinfo=zone)

        return cls(
            tuple(_span("windows", text, "-", time.fromisoformat) for text in _bounded(windows)),
            tuple(_days(text) for text in _bounded(holidays)),
            tuple(_span("exams", text, "/", instant) for text in _bounded(exams)),
            zone,
        )

    def refusal(self, moment: datetime) -> str | None:
        """Return why nothing may run at this moment, None when it may."""
        if any(since <= moment < until for since, until in self.exams):
            return "schedule_exam"
        local = moment.astimezone(self.zone)
        if any(first <= local.date() <= last for first, last in self.holidays):
            return "schedule_holiday"
        clock = local.time()
        if self.windows and not any(since <= clock < until for since, until in self.windows):
            return "schedule_window"
        return None


class Permission:
    """Asks the school's own times, and then the bureau's."""

    def __init__(
        self,
        school: AllowedTimes,
        bureau: Callable[[], AllowedTimes],
        now: Callable[[], datetime],
    ) -> None:
        """`bureau` returns what the bureau last sent; nothing sent allows everything."""
        self._school = school
        self._bureau = bureau
        self._now = now

    def refusal(self) -> Refusal | None:
        """Return why nothing may be run now, None when both sides allow it."""
        moment = self._now()
        for times, set_by in ((self._school, "school"), (self._bureau(), "bureau")):
            reason = times.refusal(moment)
            if reason is not None:
                return Refusal(reason, set_by)
        return None


def read_bureau_times(answer: Mapping[str, object]) -> AllowedTimes:
    """Read `schedule` of `GET /api/v1/agent/settings`; absent: nothing is forbidden.

    Fields that are not known here are ignored. Raises ValueError for texts that cannot be read.
    """
    schedule = answer.get("schedule") or {}
    if not isinstance(schedule, dict):
        raise ValueError(f"schedule is no object: {schedule!r}")  # noqa: TRY004 - bad answer

    def texts(name: str) -> list[str]:
        given = schedule.get(name) or []
        if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
            raise ValueError(f"schedule.{name} is no list of texts: {given!r}")
        return given

    return AllowedTimes.read(texts("windows"), texts("holidays"), texts("exams"))


def _bounded(texts: Sequence[str]) -> Sequence[str]:
    if len(texts) > MAX_TIMES:
        raise ValueError(f"at most {MAX_TIMES} times can be given, not {len(texts)}")
    return texts


def _span(
    key: str, text: str, separator: str, read: Callable[[str], MomentT]
) -> tuple[MomentT, MomentT]:
    first, found, last = text.partition(separator)
    try:
        span = read(first.strip()), read(last.strip())
    except ValueError as error:
        raise ValueError(f"{key}: {text!r} is not FROM{separator}UNTIL: {error}") from error
    if not found or not span[0] < span[1]:
        raise ValueError(f"{key}: {text!r} must end after it begins")
    return span


def _days(text: str) -> tuple[date, date]:
    first, _, last = text.partition("/")
    try:
        days = date.fromisoformat(first.strip()), date.fromisoformat((last or first).strip())
    except ValueError as error:
        raise ValueError(f"holidays: {text!r} is not DAY or DAY/DAY: {error}") from error
    if days[0] > days[1]:
        raise ValueError(f"holidays: {text!r} must end after it begins")
    return days
