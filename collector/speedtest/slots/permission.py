"""Which test of a school may start now, and what forbids it: examinations, budgets, lessons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from collector.domain import Occasion, SlotSettings, SlotState, SlotTest
from collector.speedtest.slots.ledger import Ledger, Records
from collector.speedtest.slots.rules import (
    Refusal,
    SchoolHours,
    SlotRules,
    pause_at,
    quiet_until,
    seconds_until,
)


@dataclass(frozen=True, slots=True)
class Held:
    """No test now. `test` is the one that is due but may not start, if there is one."""

    test: SlotTest | None
    refusal: Refusal


class Permission:
    """Decides by the day's tests and what the bureau and the school have set."""

    def __init__(
        self, ledger: Ledger, records: Records, rules: SlotRules, hours: SchoolHours
    ) -> None:
        self._ledger = ledger
        self._records = records
        self._rules = rules
        self._hours = hours
        self._not_before: dict[int, datetime] = {}

    def due_test(
        self, school_id: str, occasion: Occasion, now: datetime, line_used_ratio: float | None
    ) -> SlotTest | Held:
        """Return the test that may start now, or why none may."""
        test = self._due(school_id, occasion, now)
        if test is None:
            return Held(None, self._not_yet(school_id, now))
        refusal = self._forbidden(test, now, line_used_ratio)
        return Held(test, refusal) if refusal else test

    def _due(self, school_id: str, occasion: Occasion, now: datetime) -> SlotTest | None:
        """Return the open test that may start now: re-tests first, then the oldest planned."""
        open_now = [
            test
            for test in self._ledger.of_school(school_id)
            if test.state is SlotState.OPEN and test.planned_at <= now
        ]
        for test in open_now:
            if test.occasion is Occasion.RETEST:
                return test
        if occasion is Occasion.RETEST:
            today = now.astimezone(self._hours.zone).date()
            return SlotTest(today, school_id, Occasion.RETEST, "", now, now)
        return open_now[0] if open_now else None

    def _forbidden(
        self, test: SlotTest, now: datetime, line_used_ratio: float | None
    ) -> Refusal | None:
        school_id = test.school_id
        own = self._records.slot_settings().get(school_id, SlotSettings(school_id))
        pause = pause_at(self._records.slot_pauses(now), school_id, now)
        if pause is not None:
            return Refusal("slot_exam", seconds_until(pause.until, now), pause.until, pause.note)
        wait_s = seconds_until(self._midnight(now), now)
        if self._used_bytes(school_id, now) + self._rules.max_bytes > (
            own.daily_bytes or self._rules.daily_bytes
        ):
            return Refusal("slot_budget_spent", wait_s)
        if test.occasion is Occasion.RETEST:
            spent = self._retests(school_id, now) >= self._rules.retests_per_day
            return Refusal("slot_retests_spent", wait_s) if spent else None
        return self._lessons(test, own.quiet_hours, now, line_used_ratio)

    def _lessons(
        self,
        test: SlotTest,
        quiet_hours: Sequence[tuple[time, time]],
        now: datetime,
        line_used_ratio: float | None,
    ) -> Refusal | None:
        """Return why lessons forbid a planned test now."""
        begins = self._ledger.school_hours_from(now)
        if begins != now:
            begins = begins or self._midnight(now)
            return Refusal("slot_outside_hours", seconds_until(begins, now), begins)
        quiet = quiet_until(quiet_hours, self._hours.zone, now)
        if quiet is not None:
            return Refusal("slot_quiet_hours", seconds_until(quiet, now), quiet)
        if line_used_ratio is not None and line_used_ratio > self._rules.line_used_limit_ratio:
            wait_s = self._rules.line_busy_retry_s
            self._not_before[test.id] = now + timedelta(seconds=wait_s)
            return Refusal("slot_line_busy", wait_s)
        not_before = self._not_before.get(test.id)
        if line_used_ratio is None and not_before is not None and now < not_before:
            return Refusal("slot_line_busy", seconds_until(not_before, now))
        return None

    def _not_yet(self, school_id: str, now: datetime) -> Refusal:
        times = [
            test.planned_at
            for test in self._ledger.of_school(school_id)
            if test.state is SlotState.OPEN and test.planned_at > now
        ]
        at = min(times, default=self._midnight(now))
        return Refusal("slot_not_yet", seconds_until(at, now), at)

    def _used_bytes(self, school_id: str, now: datetime) -> int:
        return sum(
            test.reserved_bytes if test.used_bytes is None else test.used_bytes
            for test in self._started_today(school_id, now)
        )

    def _retests(self, school_id: str, now: datetime) -> int:
        return sum(test.occasion is Occasion.RETEST for test in self._started_today(school_id, now))

    def _started_today(self, school_id: str, now: datetime) -> list[SlotTest]:
        begun = self._midnight(now) - timedelta(days=1)
        tests = self._ledger.of_school(school_id)
        return [test for test in tests if test.started_at and test.started_at >= begun]

    def _midnight(self, now: datetime) -> datetime:
        """Return when the local day ends."""
        day = now.astimezone(self._hours.zone).date() + timedelta(days=1)
        return datetime.combine(day, time(), self._hours.zone)
