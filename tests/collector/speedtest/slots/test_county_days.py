"""Sixty schools on one server for four days: the real slot service, simulated agents, no real time.

The days of October 2026 are a public holiday, an ordinary day, an examination day and a Saturday
on which people work (调休); one school's line is busy with lessons, one has a small budget.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.domain import Occasion, SlotPause, SlotSettings
from collector.errors import CollectorError

SCHOOLS = [f"zx-{n:03}" for n in range(60)]
BUSY, POOR = SCHOOLS[7], SCHOOLS[11]
HOLIDAY, THURSDAY, EXAM, SATURDAY = (date(2026, 10, n) for n in range(7, 11))
ORDINARY = (THURSDAY, SATURDAY)
TESTS_A_DAY = 6
CHINA = ZoneInfo("Asia/Shanghai")
LUNCH = timedelta(hours=2)


@dataclass(frozen=True)
class Run:
    """One test as it really ran."""

    school_id: str
    server: str
    start: datetime
    stop: datetime

    @property
    def day(self) -> date:
        """Return the local day it ran on."""
        return self.start.astimezone(CHINA).date()


@dataclass
class County:
    """What the simulation left: the runs, and each school's skipped tests as its agent saw them."""

    runs: list[Run] = field(default_factory=list)
    skipped: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))


class Agents:
    """Steady agents as `agent/appointments.py` and the probe behave, on a virtual clock."""

    def __init__(self, bureau: Any, book: Any, seed: int) -> None:
        self._bureau = bureau
        self._book = book
        self._random = random.Random(seed)
        self._order = itertools.count()
        self._events: list[Any] = []
        self._told: dict[str, datetime] = {}
        self.county = County()

    def run(self, until: datetime) -> County:
        """Let all agents live until then."""
        for school_id in SCHOOLS:
            self._later(self._random.random() * 60, self._ask, school_id)
        while self._events and self._events[0][0] < until:
            self._bureau.now, _, action, arguments = heapq.heappop(self._events)
            action(*arguments)
        return self.county

    def _later(self, delay_s: float, action: Any, *arguments: Any) -> None:
        at = self._bureau.now + timedelta(seconds=delay_s)
        heapq.heappush(self._events, (at, next(self._order), action, arguments))

    def _ask(self, school_id: str) -> None:
        answer = self._book.next_test(school_id, self._told.get(school_id))
        self._told[school_id] = answer.as_of
        self.county.skipped[school_id] += answer.skipped
        if answer.wait_s is not None:
            self._later(answer.wait_s, self._ask, school_id)
            return
        # The child starts and watches the line for a second.
        self._later(1.2 + self._random.random(), self._start, school_id)
        self._later(45.0, self._ask, school_id)

    def _start(self, school_id: str) -> None:
        busy = 0.8 if school_id == BUSY and self._bureau.now.astimezone(CHINA).hour == 10 else 0.1
        try:
            slot = self._book.grant(school_id, line_used_ratio=busy)
        except CollectorError:
            return
        length_s = 20 + 22 * self._random.random()
        stop = self._bureau.now + timedelta(seconds=length_s)
        self.county.runs.append(Run(school_id, slot.server, self._bureau.now, stop))
        used = 2_500_000_000
        self._later(length_s, self._book.release, slot.id, school_id, used)


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory, bureau_at: Any) -> Iterator[Any]:
    """Yield the county after its days, and the book."""
    folder: Path = tmp_path_factory.mktemp("county")
    bureau = bureau_at(folder, datetime(2026, 10, 6, 15, 30, tzinfo=UTC))
    for school_id in SCHOOLS:
        bureau.enrol(school_id)
    pause = SlotPause(
        bureau.at(0, 0, EXAM), bureau.at(23, 59, EXAM), "英语听力", "教委", bureau.now
    )
    bureau.records.add_slot_pause(pause)
    bureau.records.put_slot_settings(SlotSettings(POOR, daily_bytes=7_000_000_000))
    book = bureau.book(poll_s=4 * 3600.0)
    agents = Agents(bureau, book, seed=20261007)
    yield agents.run(bureau.at(23, 59, SATURDAY)), bureau
    bureau.records.close()


def runs_of(county: County, school_id: str, day: date) -> list[Run]:
    """Return a school's tests of one day."""
    return [run for run in county.runs if run.school_id == school_id and run.day == day]


def school_time(instant: datetime) -> timedelta:
    """Return the time of day without the break at noon."""
    local = instant.astimezone(CHINA)
    since = local - local.replace(hour=8, minute=0, second=0, microsecond=0)
    return since - LUNCH if local.hour >= 13 else since


def test_never_two_schools_at_once(county: Any) -> None:
    """On one server every test ends before the next begins, over all days."""
    runs = sorted(county[0].runs, key=lambda run: run.start)
    assert len(runs) > 700
    assert [b for a, b in pairwise(runs) if b.start < a.stop] == []


def test_every_school_has_its_tests_on_school_days_only(county: Any) -> None:
    """Six on ordinary days and on the working Saturday, none on the holiday and the exam day."""
    for day in ORDINARY:
        counts = {s: len(runs_of(county[0], s, day)) for s in SCHOOLS if s not in (BUSY, POOR)}
        assert set(counts.values()) == {TESTS_A_DAY}, day
    assert {run.day for run in county[0].runs} == set(ORDINARY)


@pytest.mark.parametrize("scale", ["school_time", "wall_clock"])
def test_gaps_are_even(county: Any, scale: str) -> None:
    """The largest gap is at most twice the mean, with and without the break at noon."""
    for day, school_id in itertools.product(ORDINARY, SCHOOLS):
        if school_id in (BUSY, POOR):
            continue
        times = [
            school_time(run.start)
            if scale == "school_time"
            else run.start - datetime.min.replace(tzinfo=UTC)
            for run in runs_of(county[0], school_id, day)
        ]
        gaps = [later - earlier for earlier, later in pairwise(sorted(times))]
        assert max(gaps) <= 2 * sum(gaps, timedelta()) / len(gaps), (school_id, day)


def test_each_test_that_did_not_run_was_explained_to_its_school(county: Any) -> None:
    """Runs and explained skips together are the planned tests of every school and day."""
    found, bureau = county
    for school_id in SCHOOLS:
        told = defaultdict(list)
        for test in found.skipped[school_id]:
            told[test.day].append(test.reason)
        assert told[HOLIDAY] == ["slot_holiday"]
        assert told[EXAM] == ["slot_exam"] * TESTS_A_DAY
        for day in ORDINARY:
            assert len(runs_of(found, school_id, day)) + len(told[day]) == TESTS_A_DAY
    stored = bureau.records.slot_tests(HOLIDAY)
    assert {test.state.value for test in stored} == {"done", "skipped"}
    assert all(test.reason for test in stored if test.state.value == "skipped")


def test_a_busy_school_is_spared_and_caught_up_where_possible(county: Any) -> None:
    """It never tests while lessons use its line; what is not caught up says why."""
    found, _ = county
    own = [run for run in found.runs if run.school_id == BUSY]
    assert all(run.start.astimezone(CHINA).hour != 10 for run in own)
    reasons = Counter(t.reason for t in found.skipped[BUSY] if t.day in ORDINARY)
    assert set(reasons) <= {"slot_line_busy"}
    assert len(own) >= 2 * TESTS_A_DAY - 1


def test_a_spent_budget_is_the_reason_of_the_remaining_tests(county: Any) -> None:
    """Two tests fit into 7 GB with 3 GB reserved for each; the other four are explained."""
    found, _ = county
    for day in ORDINARY:
        assert len(runs_of(found, POOR, day)) == 2
        reasons = [test.reason for test in found.skipped[POOR] if test.day == day]
        assert reasons == ["slot_budget_spent"] * 4


def test_all_tests_were_planned_ones(county: Any) -> None:
    """Nothing but the plan made them run."""
    _, bureau = county
    assert {test.occasion for test in bureau.records.slot_tests(HOLIDAY)} == {Occasion.PLANNED}
