"""What the bureau decides about testing: examinations, re-tests, a school's own rules.

Used by the routes and by the commands alike; a running collector sees a change at its next
decision, because it reads the records each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from collector.domain import Occasion, SlotPause, SlotSettings, SlotState, SlotTest
from collector.errors import ConflictError, NotFoundError, RowError, UnprocessableError
from collector.storage.ports import SlotRecords

PAUSE_DAYS_MAX = 60
NOTE_CHARACTERS_MAX = 200
RETEST_VALID = timedelta(hours=24)
QUIET_HOURS_MAX = 12


def declare_exam(
    records: SlotRecords,
    since: datetime,
    until: datetime,
    note: str,
    author: str,
    now: datetime,
    school_id: str | None = None,
) -> SlotPause:
    """Stop all tests of the county, or of one school, from `since` until `until`.

    Raises UnprocessableError for times that make no pause, NotFoundError for an unknown school.
    """
    wrong = []
    if until <= since:
        wrong.append(RowError(None, "until", "must be after since"))
    if until <= now:
        wrong.append(RowError(None, "until", "已经过去 / is over already"))
    if until - since > timedelta(days=PAUSE_DAYS_MAX):
        wrong.append(
            RowError(None, "until", f"最多为开始后 {PAUSE_DAYS_MAX} 天 / at most so many days")
        )
    if not note.strip() or len(note) > NOTE_CHARACTERS_MAX:
        wrong.append(RowError(None, "note", f"须 1–{NOTE_CHARACTERS_MAX} 个字符 / characters"))
    if wrong:
        raise UnprocessableError(
            "exam_wrong",
            "请更正所列各栏后重新提交。",
            errors=tuple(wrong),
            detail_en="Correct the named fields and send it again.",
        )
    pause = SlotPause(since, until, note.strip(), author, now, school_id)
    pause_id = records.add_slot_pause(pause)
    return SlotPause(since, until, note.strip(), author, now, school_id, id=pause_id)


def end_exam(records: SlotRecords, pause_id: int, now: datetime) -> None:
    """End a pause now. Raises NotFoundError if it is over or never was."""
    if not records.end_slot_pause(pause_id, now):
        raise NotFoundError(
            "exam_unknown",
            f"没有编号为 {pause_id} 的进行中或将来的考试。",
            detail_en=f"No examination with number {pause_id} is on or to come.",
        )


def ask_retest(records: SlotRecords, school_id: str, now: datetime, zone: ZoneInfo) -> SlotTest:
    """Ask a school for a re-test; its agent runs it within minutes, or within a day.

    Raises ConflictError if one is waiting already, NotFoundError for an unknown school.
    """
    today = now.astimezone(zone).date()
    waiting = [
        test
        for test in records.slot_tests(today - timedelta(days=1), school_id)
        if test.occasion is Occasion.RETEST
        and test.state is SlotState.OPEN
        and test.latest_at > now
    ]
    if waiting:
        raise ConflictError(
            "slot_retest_waiting",
            "该校已有一次重测在等待其采集端，没有重复添加。",
            detail_en="A re-test of this school is waiting for its agent already; nothing was "
            "added.",
        )
    test = SlotTest(today, school_id, Occasion.RETEST, "", now, now + RETEST_VALID)
    records.add_slot_tests([test])
    return test


def set_school(records: SlotRecords, settings: SlotSettings) -> None:
    """Replace a school's rules. Raises UnprocessableError, NotFoundError for an unknown school."""
    wrong = []
    if len(settings.quiet_hours) > QUIET_HOURS_MAX:
        wrong.append(RowError(None, "quiet_hours", f"最多 {QUIET_HOURS_MAX} 段 / at most so many"))
    wrong += [
        RowError(n, "quiet_hours", "须在同一天内、先始后终 / must end after it begins")
        for n, (start, stop) in enumerate(settings.quiet_hours)
        if start >= stop
    ]
    for name in ("needed_mbps", "daily_bytes"):
        value = getattr(settings, name)
        if value is not None and value <= 0:
            wrong.append(RowError(None, name, "须大于 0 / must be above 0"))
    if wrong:
        raise UnprocessableError(
            "slot_settings_wrong",
            "请更正所列各栏后重新提交。",
            errors=tuple(wrong),
            detail_en="Correct the named fields and send it again.",
        )
    records.put_slot_settings(settings)


def parse_quiet_hours(texts: Sequence[str]) -> tuple[tuple[time, time], ...]:
    """Return the hours in texts like 09:00-09:45. Raises UnprocessableError naming the text."""
    hours = []
    for n, text in enumerate(texts):
        start, _, stop = text.partition("-")
        try:
            hours.append((time.fromisoformat(start.strip()), time.fromisoformat(stop.strip())))
        except ValueError as error:
            raise UnprocessableError(
                "slot_settings_wrong",
                f"{text!r} 不是 09:00-09:45 这样的时段。",
                errors=(RowError(n, "quiet_hours", "写作 HH:MM-HH:MM / use HH:MM-HH:MM"),),
                detail_en=f"{text!r} is no time of day like 09:00-09:45.",
            ) from error
    return tuple(hours)
