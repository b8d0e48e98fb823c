"""Grants and refuses slots, and remembers why."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from collector.domain import Occasion, SlotDay, SlotPause, SlotState, SlotTest
from collector.errors import NotFoundError
from collector.speedtest.slots.choice import ServerChoice
from collector.speedtest.slots.ledger import Ledger, Records
from collector.speedtest.slots.moved import MovedBytes, nothing_known
from collector.speedtest.slots.permission import Held, Permission
from collector.speedtest.slots.plan import Port
from collector.speedtest.slots.rules import (
    Refusal,
    SchoolHours,
    SlotRules,
    SlotServer,
)
from collector.speedtest.tokens import Grant, sign

SKIPPED_TOLD = 100
QUESTIONS_MAX = 3
"""How often a measurement server is asked about one slot before its reserve is left charged."""
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
        moved_bytes: MovedBytes = nothing_known,
    ) -> None:
        self._moved_bytes = moved_bytes
        self._asked: Counter[int] = Counter()
        self._servers = {server.url: server for server in servers}
        ports = tuple(Port(server.url, server.port_mbps) for server in servers)
        self._rules = rules
        self._records = records
        self._hours = hours
        self._clock = clock
        self._ledger = Ledger(records, rules, ports, hours, clock())
        self._permission = Permission(self._ledger, records, rules, hours)
        self._choice = ServerChoice(self._ledger, rules, self._servers, ports)
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
        self._charge(school_id)
        with self._lock:
            now = self._clock()
            decided = self._decide(school_id, occasion, now, line_used_ratio)
            if isinstance(decided, Refusal):
                self._refused[school_id] = Refused(now, decided.reason, decided.wait_s)
                raise decided.error()
            test, server = decided
            return self._hand_out(test, server, now)

    def release(self, slot_id: str, school_id: str, used_bytes: int | None) -> None:
        """Free a slot early and count what it really used. Raises NotFoundError.

        None after a test that failed midway: then the measurement server's count is asked for,
        and until it is known the whole reserve counts.
        """
        with self._lock:
            now = self._clock()
            self._ledger.refresh(now)
            for test in self._ledger.of_school(school_id):
                if test.slot_id == slot_id and test.state is SlotState.RUNNING:
                    used = None if used_bytes is None else min(used_bytes, test.reserved_bytes)
                    self._ledger.put(
                        replace(test, state=SlotState.DONE, ended_at=now, used_bytes=used)
                    )
                    return
        raise NotFoundError("slot_unknown", "This slot is over; nothing is left to release.")

    def next_test(self, school_id: str, skipped_after: datetime | None) -> NextTest:
        """Tell an agent what to do, and what was skipped meanwhile. Never raises for a refusal."""
        self._charge(school_id)
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
        test = self._permission.due_test(school_id, occasion, now, line_used_ratio)
        if isinstance(test, Held):
            self._note(test.test, test.refusal)
            return test.refusal
        chosen = self._choice.choose(test, now)
        if isinstance(chosen, Refusal):
            self._note(test, chosen)
            return chosen
        return test, chosen

    def _charge(self, school_id: str) -> None:
        """Ask the servers what tests moved whose agents did not say; without holding the lock."""
        with self._lock:
            self._ledger.refresh(self._clock())
            unknown = [
                test
                for test in self._ledger.of_school(school_id)
                if test.state is SlotState.DONE
                and test.used_bytes is None
                and test.server in self._servers
                and self._asked[test.id] < QUESTIONS_MAX
            ]
            self._asked.update(test.id for test in unknown)
        for test in unknown:
            moved = self._moved_bytes(self._servers[test.server], test)
            if moved is not None:
                with self._lock:
                    used = min(moved, test.reserved_bytes)
                    self._ledger.put(replace(test, used_bytes=used))

    def _hand_out(self, test: SlotTest, server: SlotServer, now: datetime) -> GrantedSlot:
        rules = self._rules
        expires_at = now + timedelta(seconds=rules.token_valid_s)
        slot_id = secrets.token_hex(16)
        grant = Grant(
            jti=slot_id,
            school_id=test.school_id,
            max_seconds=rules.max_seconds,
            max_bytes=rules.max_bytes,
            expires_at=expires_at.timestamp(),
        )
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
