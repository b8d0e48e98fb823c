"""Which server a test gets, and how long it waits for one.

A planned test may start in its own cell as soon as its server is idle, and later only into a gap
of the plan, so that one late school does not push the others. A re-test that a person waits for
goes before planned tests, which then start late; it never interrupts one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from collector.domain import Occasion, SlotState, SlotTest
from collector.speedtest.slots.ledger import Ledger
from collector.speedtest.slots.plan import Port, suitable
from collector.speedtest.slots.rules import Refusal, SlotRules, SlotServer, seconds_until

RETURN_S = 10.0
"""A waiting re-test that is this late to ask again has given up its turn."""


class ServerChoice:
    """Chooses among the servers. Not thread-safe: the book holds its lock."""

    def __init__(
        self,
        ledger: Ledger,
        rules: SlotRules,
        servers: Mapping[str, SlotServer],
        ports: tuple[Port, ...],
    ) -> None:
        self._ledger = ledger
        self._rules = rules
        self._servers = servers
        self._ports = ports
        self._waiting: dict[str, datetime] = {}

    def choose(self, test: SlotTest, now: datetime) -> SlotServer | Refusal:
        """Return an idle server for the test, or how long to wait for one."""
        school_id = test.school_id
        running = [t for t in self._ledger.tests() if t.state is SlotState.RUNNING]
        busy = {t.server for t in running}
        fitting = suitable(self._ledger.needed_mbps(school_id), self._ports)
        idle = [port.url for port in fitting if port.url not in busy]
        if any(t.school_id == school_id for t in running):
            idle = []
        ahead = self._ahead(test, now)
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

    def _ahead(self, test: SlotTest, now: datetime) -> int:
        """Count the re-tests that are to be served before this test."""
        self._waiting = {key: until for key, until in self._waiting.items() if until > now}
        others = list(self._waiting)
        if test.occasion is Occasion.RETEST and test.school_id in others:
            return others.index(test.school_id)
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

    @property
    def _hold(self) -> timedelta:
        return timedelta(seconds=self._rules.hold_s)
