"""Grants and refuses slots: one school per server at a time, as planned, re-tests first.

A planned test may start in its own cell as soon as its server is idle, and later only into a gap
of the plan, so that one late school does not push the others. A re-test that a person waits for
goes before planned tests, which then start late; it never interrupts one.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from collector.domain import Occasion, SlotDay, SlotPause, SlotSettings, SlotState, SlotTest
from collector.errors import NotFoundError
from collector.speedtest.slots.ledger import Ledger, Records
from collector.speedtest.slots.plan import Port, suitable
from collector.speedtest.slots.rules import (
    Refusal,
    SchoolHours,
    SlotRules,
    SlotServer,
    pause_at,
    quiet_until,
    seconds_until,
)
from collector.speedtest.tokens import Grant, sign

SKIPPED_TOLD = 100
RETURN_S = 10.0
"""A waiting re-test that is this late to ask again has given up its turn."""
_NOT_NOTED = {"slot_not_yet", "slot_none_configured"}


@dataclass(frozen=True, slots=True)
class GrantedSlot:
    """What the agent gets. `token` is a secret, good for one session."""

    id: str
    server: str
    token: str = field(repr=False)
    expires_at: datetime
    max_seconds: float
    max_bytes: int
    occasion: Occasion


@dataclass(frozen=True, slots=True)
class NextTest:
    """What an agent should do: come back after `wait_s`, or if that is None ask for the slot now.

    `skipped` are the planned tests given up since the agent last asked; `as_of` is what it should
    give as `skipped_after` the next time.
    """

    occasion: Occasion
    wait_s: float | None
    planned_at: datetime | None
    reason: str | None
    skipped: Sequence[SlotTest]
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """The newest refusal of a school: for people who ask why nothing happened."""

    at: datetime
    reason: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class BookView:
    """Everything the book knows at one moment."""

    now: datetime
    day: SlotDay | None
    tests: tuple[SlotTest, ...]
    servers: tuple[SlotServer, ...]
    pauses: Sequence[SlotPause]
    refused: dict[str, Refused]


class SlotBook:
    """Thread-safe. Decisions survive a restart; who waits for a re-test does not."""

    def __init__(
        self,
        servers: Sequence[SlotServer],
        rules: SlotRules,
        records: Records,
        hours: SchoolHours,
        clock: Callable[[], datetime],
    ) -> None:
        self._servers = {server.url: server for server in servers}
        self._ports = tuple(Port(server.url, server.port_mbps) for server in servers)
        self._rules = rules
        self._records = records
        self._hours = hours
        self._clock = clock
        self._ledger = Ledger(records, rules, self._ports, hours, clock())
        self._waiting: dict[str, datetime] = {}
        self._not_before: dict[int, datetime] = {}
        self._refused: dict[str, Refused] = {}
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the time by which the book decides."""
        return self._clock()

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone in which its days begin."""
        return self._hours.zone

    def grant(
        self,
        school_id: str,
        occasion: Occasion = Occasion.PLANNED,
        line_used_ratio: float | None = None,
    ) -> GrantedSlot:
        """Return a slot for a test that is due, or for a re-test, or raise what says why not.

        `line_used_ratio` is the share of the line that the agent sees in use. Raises
        UnavailableError, TooManyError or ConflictError with a code of the reason list and the time
        after which asking again makes sense.
        """
        with self._lock:
            now = self._clock()
            decided = self._decide(school_id, occasion, now, line_used_ratio)
            if isinstance(decided, Refusal):
                self._refused[school_id] = Refused(now, decided.reason, decided.wait_s)
                raise decided.error()
            test, server = decided
            return self._hand_out(test, server, now)

    def release(self, slot_id: str, school_id: str, used_bytes: int) -> None:
        """Free a slot early and count what it really used. Raises NotFoundError."""
        with self._lock:
            now = self._clock()
            self._ledger.refresh(now)
            for test in self._ledger.of_school(school_id):
                if test.slot_id == slot_id and test.state is SlotState.RUNNING:
                    used = min(used_bytes, test.reserved_bytes)
                    self._ledger.put(
                        replace(test, state=SlotState.DONE, ended_at=now, used_bytes=used)
                    )
                    return
        raise NotFoundError("slot_unknown", "This slot is over; nothing is left to release.")

    def next_test(self, school_id: str, skipped_after: datetime | None) -> NextTest:
        """Tell an agent what to do, and what was skipped meanwhile. Never raises for a refusal."""
        with self._lock:
            now = self._clock()
            decided = self._decide(school_id, Occasion.PLANNED, now, None)
            skipped = self._records.skipped_slot_tests(
                school_id, skipped_after or now, SKIPPED_TOLD
            )
            if isinstance(decided, Refusal):
                wait_s = max(1.0, min(decided.wait_s, self._rules.poll_s))
                reason = None if decided.reason == "slot_not_yet" else decided.reason
                return NextTest(Occasion.PLANNED, wait_s, decided.at, reason, skipped, now)
            test, _ = decided
            return NextTest(test.occasion, None, test.planned_at, None, skipped, now)

    def view(self) -> BookView:
        """Return today's tests, servers and pauses as they are now."""
        with self._lock:
            now = self._clock()
            self._ledger.refresh(now)
            return BookView(
                now,
                self._ledger.day,
                tuple(self._ledger.tests()),
                tuple(self._servers.values()),
                self._records.slot_pauses(now),
                dict(self._refused),
            )

    def _decide(
        self, school_id: str, occasion: Occasion, now: datetime, line_used_ratio: float | None
    ) -> tuple[SlotTest, SlotServer] | Refusal:
        if not self._servers:
            return Refusal("slot_none_configured", 3600)
        self._ledger.refresh(now)
        self._ledger.include(school_id, now)
        test = self._due(school_id, occasion, now)
        refusal = self._forbidden(school_id, test, occasion, now, line_used_ratio)
        chosen = refusal or self._choose(school_id, test, now)
        if isinstance(chosen, Refusal):
            self._note(test, chosen)
            return chosen
        if test is None:
            raise AssertionError("a test that is not due was let through")
        return test, chosen

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
        self,
        school_id: str,
        test: SlotTest | None,
        occasion: Occasion,
        now: datetime,
        line_used_ratio: float | None,
    ) -> Refusal | None:
        own = self._records.slot_settings().get(school_id, SlotSettings(school_id))
        pause = pause_at(self._records.slot_pauses(now), school_id, now)
        if pause is not None and (test is not None or occasion is Occasion.RETEST):
            return Refusal("slot_exam", seconds_until(pause.until, now), pause.until, pause.note)
        if test is None:
            return self._not_yet(school_id, now)
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

    def _choose(self, school_id: str, test: SlotTest | None, now: datetime) -> SlotServer | Refusal:
        """Return an idle server for the test, or how long to wait for one."""
        if test is None:
            raise AssertionError("only a test that is due needs a server")
        running = [t for t in self._ledger.tests() if t.state is SlotState.RUNNING]
        busy = {t.server for t in running}
        fitting = suitable(self._ledger.needed_mbps(school_id), self._ports)
        idle = [port.url for port in fitting if port.url not in busy]
        if any(t.school_id == school_id for t in running):
            idle = []
        ahead = self._ahead(school_id, test, now)
        if len(idle) <= ahead:
            free_s = min(
                (seconds_until((t.started_at or now) + self._hold, now) for t in running),
                default=self._rules.busy_retry_s,
            )
            wait_s = min(free_s, self._rules.busy_retry_s)
            if test.occasion is Occasion.RETEST:
                self._waiting[school_id] = now + timedelta(seconds=wait_s + RETURN_S)
            return Refusal("slot_busy", wait_s)
        gaps = [url for url in idle if self._has_gap(url, test, now)]
        if test.occasion is Occasion.RETEST:
            self._waiting.pop(school_id, None)
            return self._servers[(gaps or idle)[0]]
        in_its_cell = now < test.planned_at + timedelta(seconds=self._rules.cell_s)
        if test.server in idle and (in_its_cell or test.server in gaps):
            return self._servers[test.server]
        if gaps:
            return self._servers[gaps[0]]
        return Refusal("slot_busy", self._until_gap([port.url for port in fitting], test, now))

    def _ahead(self, school_id: str, test: SlotTest, now: datetime) -> int:
        """Count the re-tests that are to be served before this test."""
        self._waiting = {key: until for key, until in self._waiting.items() if until > now}
        others = list(self._waiting)
        if test.occasion is Occasion.RETEST and school_id in others:
            return others.index(school_id)
        return len(others)

    def _has_gap(self, url: str, test: SlotTest, now: datetime) -> bool:
        """Say whether no other planned test needs the server before this one would be over."""
        cell = timedelta(seconds=self._rules.cell_s)
        return not any(
            other.planned_at < now + self._hold and now < other.planned_at + cell
            for other in self._ledger.tests()
            if other.server == url and other.state is SlotState.OPEN and other.id != test.id
        )

    def _until_gap(self, urls: Sequence[str], test: SlotTest, now: datetime) -> float:
        """Return the seconds until the plan leaves a server free for a whole test."""
        cell = timedelta(seconds=self._rules.cell_s)
        ends = sorted(
            other.planned_at + cell
            for other in self._ledger.tests()
            if other.state is SlotState.OPEN and other.server in urls and other.id != test.id
        )
        free = (
            end for end in ends if end > now and any(self._has_gap(url, test, end) for url in urls)
        )
        return seconds_until(next(free, now), now)

    def _hand_out(self, test: SlotTest, server: SlotServer, now: datetime) -> GrantedSlot:
        rules = self._rules
        expires_at = now + timedelta(seconds=rules.token_valid_s)
        grant = Grant(
            jti=secrets.token_hex(16),
            school_id=test.school_id,
            max_seconds=rules.max_seconds,
            max_bytes=rules.max_bytes,
            expires_at=expires_at.timestamp(),
        )
        slot_id = secrets.token_hex(8)
        self._ledger.put(
            replace(
                test,
                server=server.url,
                state=SlotState.RUNNING,
                reason=None,
                slot_id=slot_id,
                started_at=now,
                reserved_bytes=rules.max_bytes,
            )
        )
        return GrantedSlot(
            slot_id,
            server.url,
            sign(server.secret, grant, now.timestamp()),
            expires_at,
            rules.max_seconds,
            rules.max_bytes,
            test.occasion,
        )

    def _note(self, test: SlotTest | None, refusal: Refusal) -> None:
        """Keep why an open test has not run, for the time it is given up.

        That the server is busy is a reason only where there is no better one: a test that lessons
        held back finds it so when it is caught up.
        """
        if test is None or refusal.reason in _NOT_NOTED:
            return
        if refusal.reason == "slot_budget_spent":
            # It is renewed at midnight only, so this is the reason of the day's other tests too.
            for other in self._ledger.of_school(test.school_id):
                if other.state is SlotState.OPEN and other.reason is None:
                    self._ledger.put(replace(other, reason=refusal.reason))
            return
        if not test.id or refusal.reason == test.reason:
            return
        if refusal.reason != "slot_busy" or test.reason is None:
            self._ledger.put(replace(test, reason=refusal.reason))

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

    @property
    def _hold(self) -> timedelta:
        return timedelta(seconds=self._rules.hold_s)

    def _midnight(self, now: datetime) -> datetime:
        """Return when the local day ends."""
        day = now.astimezone(self._hours.zone).date() + timedelta(days=1)
        return datetime.combine(day, time(), self._hours.zone)
