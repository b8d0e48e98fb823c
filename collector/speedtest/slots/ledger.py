"""Today's tests: planned once, kept in the record store, given up when their time has passed.

The store is the truth and every change goes to it first; what is in memory only spares reading it
at every question. Rows that another process adds (a bureau's command) are picked up. Not
thread-safe: the book holds its lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Protocol

from collector.domain import Occasion, School, SlotDay, SlotState, SlotTest
from collector.speedtest.slots.plan import Demand, Placed, Port, cells_of, place_late, plan_day
from collector.speedtest.slots.rules import (
    SchoolHours,
    SlotRules,
    is_test_day,
    needed_mbps,
    pause_at,
    quiet_until,
    spans_of,
)
from collector.storage.ports import IdentityRecords, SchoolRecords, SlotRecords

DAYS_KEPT = 800
CONTRACT_FACT = "contracted_mbps"


class Records(SchoolRecords, IdentityRecords, SlotRecords, Protocol):
    """The parts of the record store that slots need."""


class Ledger:
    """The tests of today, and those of yesterday that can still run."""

    def __init__(
        self,
        records: Records,
        rules: SlotRules,
        ports: tuple[Port, ...],
        hours: SchoolHours,
        started_at: datetime,
    ) -> None:
        self._records = records
        self._rules = rules
        self._ports = ports
        self._hours = hours
        self._started_at = started_at
        self._tests: dict[int, SlotTest] = {}
        self._last_id = 0
        self._cells: list[datetime] = []
        self.day: SlotDay | None = None

    def refresh(self, now: datetime) -> None:
        """Plan the day if nobody has, read what is new, give up what is too late."""
        today = now.astimezone(self._hours.zone).date()
        if self.day is None or self.day.day != today:
            self._turn_to(today, now)
        self._read(since=today)
        self._settle(now)

    def tests(self) -> Iterator[SlotTest]:
        """Yield all tests of today, and older ones that were open when the day began."""
        yield from self._tests.values()

    def of_school(self, school_id: str) -> list[SlotTest]:
        """Return the tests of one school, by planned time."""
        found = (test for test in self._tests.values() if test.school_id == school_id)
        return sorted(found, key=lambda test: (test.planned_at, test.id))

    def put(self, test: SlotTest) -> SlotTest:
        """Store a test, new (id 0) or changed; return it with its id."""
        if test.id:
            self._records.put_slot_test(test)
            self._tests[test.id] = test
            return test
        self._records.add_slot_tests([test])
        known = set(self._tests)
        self._read(since=test.day)
        return next(t for t in self._tests.values() if t.id not in known and _same(t, test))

    def needed_mbps(self, school_id: str) -> float | None:
        """Return what the school's line must or may carry, None if unknown or of no use."""
        if all(port.port_mbps is None for port in self._ports):
            return None
        own = self._records.slot_settings().get(school_id)
        school = self._records.school(school_id)
        if own is not None and own.needed_mbps is not None:
            return own.needed_mbps
        return self._need(school) if school else None

    def include(self, school_id: str, now: datetime) -> None:
        """Plan the rest of the day for a school that was enrolled after it was planned."""
        day = self.day
        if day is None or day.reason == "slot_holiday" or not self._ports:
            return
        if any(t.day == day.day and t.occasion is Occasion.PLANNED for t in self._tests.values()
               if t.school_id == school_id):  # fmt: skip
            return
        first = sum(cell < now for cell in self._cells)
        per_school = day.planned_per_school or min(self._rules.tests_per_day, len(self._cells))
        placed = place_late(
            day.day,
            len(self._cells),
            first,
            Demand(school_id, self.needed_mbps(school_id)),
            self._ports,
            {port.url: self._taken(port.url) for port in self._ports},
            per_school,
        )
        rows = [self._row(day.day, test, per_school) for test in placed]
        if not rows:
            over = first >= len(self._cells)
            reason = "slot_enrolled_late" if over else "slot_overload"
            rows = [self._never(day.day, school_id, reason, now)]
        self._records.add_slot_tests(rows)
        self._read(since=day.day)

    def school_hours_from(self, now: datetime) -> datetime | None:
        """Return now within school hours, else when they begin again today; None if over."""
        local = now.astimezone(self._hours.zone)
        for start, stop in spans_of(self._hours, local.date()):
            if now < stop:
                return max(now, start)
        return None

    def _turn_to(self, today: date, now: datetime) -> None:
        self._tests = {}
        self._last_id = 0
        self._cells = cells_of(spans_of(self._hours, today), self._rules.cell_s)
        self._read(since=today - timedelta(days=2), only_unfinished=True)
        self.day = self._records.slot_day(today)
        if self.day is None and self._ports:
            self.day = self._plan(today, now)

    def _plan(self, today: date, now: datetime) -> SlotDay:
        schools = sorted({a.school_id for a in self._records.agents() if a.revoked_at is None})
        wanted = self._rules.tests_per_day
        if not is_test_day(self._hours, today):
            day = SlotDay(today, 0, 0, "slot_holiday")
            rows = [self._never(today, school_id, "slot_holiday", now) for school_id in schools]
        else:
            plan = plan_day(today, len(self._cells), self._demands(schools), self._ports, wanted)
            short = schools and plan.per_school < wanted
            day = SlotDay(today, wanted, plan.per_school, "slot_overload" if short else None)
            rows = [self._row(today, test, plan.per_school) for test in plan.tests]
            for school_id in schools if schools and plan.per_school else ():
                lacking = wanted - (0 if school_id in plan.left_out else plan.per_school)
                rows += [self._never(today, school_id, "slot_overload", now)] * lacking
        if not self._records.add_slot_day(day, sorted(rows, key=lambda row: row.planned_at)):
            return self._records.slot_day(today) or day
        self._records.forget_slot_tests(today - timedelta(days=DAYS_KEPT))
        return day

    def _demands(self, school_ids: list[str]) -> list[Demand]:
        own = self._records.slot_settings()
        needs = {school.id: self._need(school) for school in self._records.schools()}
        for school_id, settings in own.items():
            if settings.needed_mbps is not None:
                needs[school_id] = settings.needed_mbps
        return [Demand(school_id, needs.get(school_id)) for school_id in school_ids]

    def _need(self, school: School) -> float | None:
        fact = self._records.facts(school.id).get(CONTRACT_FACT)
        try:
            contracted = float(fact.value) if fact else None
        except ValueError:
            contracted = None
        return needed_mbps(school, contracted)

    def _row(self, day: date, placed: Placed, per_school: int) -> SlotTest:
        part = len(self._cells) // per_school
        latest = min(placed.cell + part // 2, len(self._cells) - 1)
        return SlotTest(
            day,
            placed.school_id,
            Occasion.PLANNED,
            placed.server,
            planned_at=self._cells[placed.cell],
            latest_at=max(
                self._cells[latest],
                self._cells[placed.cell] + timedelta(seconds=self._rules.cell_s),
            ),
        )

    def _never(self, day: date, school_id: str, reason: str, now: datetime) -> SlotTest:
        """Return a test that could not even be planned; its planned time is the day's first."""
        start = spans_of(self._hours, day)[0][0]
        return SlotTest(
            day, school_id, Occasion.PLANNED, "", start, start,
            SlotState.SKIPPED, reason, ended_at=now,
        )  # fmt: skip

    def _taken(self, url: str) -> frozenset[int]:
        cell = timedelta(seconds=self._rules.cell_s)
        planned = [t.planned_at for t in self._tests.values() if t.server == url]
        return frozenset(
            chain.from_iterable(
                (n for n, start in enumerate(self._cells) if abs(start - at) < cell)
                for at in planned
            )
        )

    def _read(self, since: date, *, only_unfinished: bool = False) -> None:
        for test in self._records.slot_tests(since, after=self._last_id):
            self._last_id = max(self._last_id, test.id)
            unfinished = test.state in (SlotState.OPEN, SlotState.RUNNING)
            if unfinished or not only_unfinished or test.day >= since + timedelta(days=2):
                self._tests[test.id] = test

    def _settle(self, now: datetime) -> None:
        hold = timedelta(seconds=self._rules.hold_s)
        for test in list(self._tests.values()):
            if test.state is SlotState.RUNNING and test.started_at and test.started_at + hold < now:
                self.put(
                    replace(
                        test,
                        state=SlotState.DONE,
                        reason="slot_not_released",
                        ended_at=test.started_at + hold,
                    )
                )
            elif test.state is SlotState.OPEN and test.latest_at < now:
                self.put(
                    replace(
                        test, state=SlotState.SKIPPED, reason=self._why_missed(test), ended_at=now
                    )
                )

    def _why_missed(self, test: SlotTest) -> str:
        if test.reason is not None:
            return test.reason
        if pause_at(self._records.slot_pauses(test.planned_at), test.school_id, test.planned_at):
            return "slot_exam"
        own = self._records.slot_settings().get(test.school_id)
        if own and quiet_until(own.quiet_hours, self._hours.zone, test.planned_at):
            return "slot_quiet_hours"
        if test.latest_at < self._started_at:
            return "slot_collector_down"
        return "slot_agent_absent"


def _same(stored: SlotTest, given: SlotTest) -> bool:
    return replace(stored, id=0) == given
