"""Slots: one school per server, a daily amount of data, and a visible reason for every no."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from collector.domain import (
    Agent,
    EnrolmentCode,
    Key,
    Occasion,
    School,
    SchoolKind,
    Scope,
    SlotPause,
    SlotSettings,
    SlotState,
)
from collector.errors import CollectorError, NotFoundError
from collector.scoring.calendar import SchoolCalendar
from collector.speedtest.slots import SlotBook, SlotRules, SlotServer
from collector.speedtest.slots.overview import overview, school_tests
from collector.speedtest.tokens import TokenSpender
from collector.storage.sql_records import SqlRecordStore, open_records

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - made up for this test
CHINA = ZoneInfo("Asia/Shanghai")
FRIDAY = date(2026, 11, 20)


def at(hour: int, minute: int = 0, day: date = FRIDAY) -> datetime:
    """Return an instant of a day in China."""
    return datetime.combine(day, time(hour, minute), CHINA).astimezone(UTC)


@dataclass
class Bureau:
    """A real record store with schools and agents, and a clock that a test moves."""

    records: SqlRecordStore
    now: datetime = field(default_factory=lambda: at(7))

    def clock(self) -> datetime:
        """Tell the time."""
        return self.now

    def enrol(self, school_id: str, heads: int | None = None) -> None:
        """Add a school with an agent."""
        self.records.put_school(
            School(school_id, school_id, SchoolKind.GENERAL, students=heads, staff=0)
        )
        code = school_id.encode().ljust(32, b"\0")
        valid = self.now + timedelta(days=1)
        self.records.add_code(EnrolmentCode(code, school_id, self.now, valid, 1))
        agent = Agent(f"a-{school_id}", school_id, "host", "linux", self.now)
        key = Key(f"k-{school_id}", Scope.AGENT, bytes(32), self.now, school_id, agent.id)
        assert self.records.enrol(code, agent, key, self.now)

    def book(self, servers: int = 1, ports: tuple[float, ...] = (), **rules: float) -> SlotBook:
        """Return the slots of a collector that starts now."""
        listed = [
            SlotServer(
                f"http://10.0.0.{n}:8989", f"s{n}", SECRET, ports[n] if n < len(ports) else None
            )
            for n in range(servers)
        ]
        given = SlotRules(**rules)  # type: ignore[arg-type]  # ints are given where they belong
        return SlotBook(listed, given, self.records, SchoolCalendar(), self.clock)

    def refusal(self, book: SlotBook, school_id: str, **asked: object) -> CollectorError:
        """Return the error that a school gets."""
        with pytest.raises(CollectorError) as caught:
            book.grant(school_id, **asked)  # type: ignore[arg-type]  # by name
        return caught.value

    def come_for(self, book: SlotBook, school_id: str) -> None:
        """Move the clock to the school's next planned test."""
        planned = book.next_test(school_id, None).planned_at
        assert planned is not None
        self.now = planned.astimezone(UTC)


@pytest.fixture
def bureau(tmp_path: Path) -> Iterator[Bureau]:
    """Yield a bureau with two schools at seven on a Friday morning."""
    records = open_records(f"sqlite:///{tmp_path / 'records.sqlite3'}", lambda _: None)
    made = Bureau(records)
    made.enrol("zx-001")
    made.enrol("zx-002")
    yield made
    records.close()


RETEST = Occasion.RETEST


def test_a_slot_opens_a_session_at_its_server(bureau: Bureau) -> None:
    """The token is accepted by the server that holds the same secret, once."""
    spender = TokenSpender(SECRET, lambda: bureau.now.timestamp())
    slot = bureau.book().grant("zx-001", RETEST)
    grant = spender.spend(slot.token)
    assert grant.school_id == "zx-001"
    assert grant.max_bytes == slot.max_bytes
    assert slot.token not in repr(slot)


def test_planned_tests_come_when_planned(bureau: Bureau) -> None:
    """Before its time the agent is told when to come; at its time it gets the slot."""
    book = bureau.book()
    error = bureau.refusal(book, "zx-001")
    assert (error.status, error.code) == (409, "slot_not_yet")
    planned = book.next_test("zx-001", None)
    assert planned.planned_at is not None
    assert error.retry_after_s == (planned.planned_at - bureau.now).total_seconds()
    bureau.come_for(book, "zx-001")
    assert book.next_test("zx-001", None).wait_s is None
    slot = book.grant("zx-001")
    assert slot.occasion is Occasion.PLANNED
    book.release(slot.id, "zx-001", 1)
    assert bureau.refusal(book, "zx-001").code == "slot_not_yet"


def test_one_school_per_server_at_a_time(bureau: Bureau) -> None:
    """The second school waits and is told how long; a second server takes it at once."""
    book = bureau.book()
    book.grant("zx-001", RETEST)
    error = bureau.refusal(book, "zx-002", occasion=RETEST)
    assert (error.status, error.code) == (409, "slot_busy")
    bureau.now += timedelta(seconds=61)
    assert book.grant("zx-002", RETEST).server == "http://10.0.0.0:8989"
    bureau.now += timedelta(seconds=61)
    two = bureau.book(servers=2)
    assert two.grant("zx-001", RETEST).server != two.grant("zx-002", RETEST).server
    assert bureau.refusal(two, "zx-001", occasion=RETEST).code == "slot_busy"


def test_a_released_slot_is_free_at_once_and_costs_what_it_used(bureau: Bureau) -> None:
    """Release returns the reserved data; another school cannot release it."""
    book = bureau.book()
    slot = book.grant("zx-001", RETEST)
    with pytest.raises(NotFoundError):
        book.release(slot.id, "zx-002", 0)
    book.release(slot.id, "zx-001", 7_000_000)
    assert school_tests(book.view(), "zx-001").summary.used_bytes == 7_000_000
    assert book.grant("zx-002", RETEST)


def test_the_daily_data_is_bounded_and_renewed_at_midnight_in_china(bureau: Bureau) -> None:
    """A spent budget names the seconds to midnight, and then there is a slot again."""
    book = bureau.book(max_bytes=100, daily_bytes=250)
    for _ in range(2):
        slot = book.grant("zx-001", RETEST)
        book.release(slot.id, "zx-001", 100)
    error = bureau.refusal(book, "zx-001", occasion=RETEST)
    assert (error.status, error.code, error.retry_after_s) == (429, "slot_budget_spent", 17 * 3600)
    assert book.grant("zx-002", RETEST)
    bureau.now += timedelta(hours=17)
    assert book.grant("zx-001", RETEST)


def test_a_school_may_set_a_smaller_budget(bureau: Bureau) -> None:
    """Its own setting counts, for it alone."""
    bureau.records.put_slot_settings(SlotSettings("zx-001", daily_bytes=50))
    book = bureau.book(max_bytes=100, daily_bytes=250)
    assert bureau.refusal(book, "zx-001", occasion=RETEST).code == "slot_budget_spent"
    assert book.grant("zx-002", RETEST)


def test_without_a_server_the_bureau_is_told_what_to_do(bureau: Bureau) -> None:
    """No server set up is a state of the bureau, not of the school."""
    book = bureau.book(servers=0)
    error = bureau.refusal(book, "zx-001")
    assert (error.status, error.code) == (503, "slot_none_configured")
    assert "speedtest-server" in error.detail
    assert overview(book.view()).reason == "slot_none_configured"


def test_a_restart_keeps_the_plan_and_who_is_testing(bureau: Bureau) -> None:
    """A collector that is killed and started again goes on with the same day."""
    before = bureau.book()
    bureau.come_for(before, "zx-001")
    running = before.grant("zx-001")
    plan = {t.id: t.planned_at for t in before.view().tests}
    after = bureau.book()
    assert {t.id: t.planned_at for t in after.view().tests} == plan
    assert bureau.refusal(after, "zx-002", occasion=RETEST).code == "slot_busy"
    after.release(running.id, "zx-001", 5)
    assert after.grant("zx-002", RETEST)


def test_what_was_missed_while_the_collector_was_down_says_so(bureau: Bureau) -> None:
    """It is no fault of the school's agent; tests after the start are still run."""
    bureau.book().view()
    bureau.now = at(12, 30)
    skipped = school_tests(bureau.book().view(), "zx-001").summary.skipped
    assert set(skipped) == {"slot_collector_down"}
    bureau.now = at(23)
    total = school_tests(bureau.book().view(), "zx-001").summary
    assert sum(total.skipped.values()) == 6


def test_an_agent_that_does_not_come_is_named(bureau: Bureau) -> None:
    """Each of its tests is skipped with the reason, and told to it once when it is back."""
    book = bureau.book()
    asked_at = book.next_test("zx-001", None).as_of
    bureau.now = at(20)
    told = book.next_test("zx-001", asked_at)
    assert [test.reason for test in told.skipped] == ["slot_agent_absent"] * 6
    assert book.next_test("zx-001", told.as_of).skipped == []


@pytest.mark.parametrize("school_id", [None, "zx-001"])
def test_an_examination_stops_all_tests(bureau: Bureau, school_id: str | None) -> None:
    """Planned or not; county-wide or for one school; ending it early lets tests run."""
    pause = SlotPause(at(7), at(18), "高考", "教委", bureau.now, school_id)
    pause_id = bureau.records.add_slot_pause(pause)
    book = bureau.book()
    error = bureau.refusal(book, "zx-001", occasion=RETEST)
    assert (error.status, error.code) == (409, "slot_exam")
    assert "高考" in error.detail
    if school_id:
        assert book.grant("zx-002", RETEST)
    bureau.come_for(book, "zx-001")
    assert bureau.refusal(book, "zx-001").code == "slot_exam"
    assert bureau.records.end_slot_pause(pause_id, bureau.now)
    assert book.grant("zx-001").occasion is Occasion.PLANNED


def test_lessons_come_first(bureau: Bureau) -> None:
    """A busy line holds a planned test back for a while, and is its reason if it stays so."""
    book = bureau.book()
    bureau.come_for(book, "zx-001")
    begun = bureau.now
    assert bureau.refusal(book, "zx-001", line_used_ratio=0.61).code == "slot_line_busy"
    assert book.next_test("zx-001", None).reason == "slot_line_busy"
    bureau.now += timedelta(seconds=301)
    assert book.grant("zx-001", line_used_ratio=0.6)
    bureau.now = begun + timedelta(minutes=80)
    assert bureau.refusal(book, "zx-001", line_used_ratio=0.9).code == "slot_line_busy"
    bureau.now = begun + timedelta(minutes=140)
    assert school_tests(book.view(), "zx-001").summary.skipped == {"slot_line_busy": 1}


def test_a_person_may_test_while_lessons_use_the_line(bureau: Bureau) -> None:
    """Who asks for a re-test knows what he does; the measurement itself notes other traffic."""
    assert bureau.book().grant("zx-001", RETEST, line_used_ratio=0.9)


def test_quiet_hours_of_a_school_hold_planned_tests_back(bureau: Bureau) -> None:
    """Only those of this school, and only planned ones."""
    bureau.records.put_slot_settings(SlotSettings("zx-001", ((time(7), time(18)),)))
    book = bureau.book()
    bureau.come_for(book, "zx-001")
    error = bureau.refusal(book, "zx-001")
    assert error.code == "slot_quiet_hours"
    assert error.retry_after_s == (at(18) - bureau.now).total_seconds()
    assert book.grant("zx-001", RETEST)
    bureau.now = at(20)
    assert school_tests(book.view(), "zx-001").summary.skipped == {"slot_quiet_hours": 6}


def test_a_waiting_retest_goes_before_planned_tests(bureau: Bureau) -> None:
    """The server is busy; the re-test gets it next, the planned test a little later."""
    bureau.enrol("zx-003")
    book = bureau.book()
    bureau.come_for(book, "zx-001")
    first = book.grant("zx-002", RETEST)
    assert bureau.refusal(book, "zx-003", occasion=RETEST).code == "slot_busy"
    book.release(first.id, "zx-002", 1)
    assert bureau.refusal(book, "zx-001").code == "slot_busy"
    second = book.grant("zx-003", RETEST)
    book.release(second.id, "zx-003", 1)
    assert book.grant("zx-001").occasion is Occasion.PLANNED
    states = {t.occasion for t in book.view().tests if t.state is SlotState.DONE}
    assert states == {RETEST}


def test_a_retest_that_nobody_comes_back_for_blocks_nobody(bureau: Bureau) -> None:
    """Its place in the queue is given up after some seconds."""
    book = bureau.book()
    first = book.grant("zx-002", RETEST)
    bureau.enrol("zx-003")
    bureau.refusal(book, "zx-003", occasion=RETEST)
    book.release(first.id, "zx-002", 1)
    assert bureau.refusal(book, "zx-001", occasion=RETEST).code == "slot_busy"
    bureau.now += timedelta(seconds=16)
    assert book.grant("zx-001", RETEST)


def test_retests_are_bounded(bureau: Bureau) -> None:
    """More of them tomorrow; planned tests of the day are not touched."""
    book = bureau.book(retests_per_day=1)
    slot = book.grant("zx-001", RETEST)
    book.release(slot.id, "zx-001", 1)
    error = bureau.refusal(book, "zx-001", occasion=RETEST)
    assert (error.status, error.code) == (429, "slot_retests_spent")


def test_a_school_enrolled_during_the_day_gets_the_rest_of_it(bureau: Bureau) -> None:
    """Evenly, and never on top of what is planned."""
    book = bureau.book()
    book.view()
    bureau.now = at(10)
    bureau.enrol("zx-003")
    book.next_test("zx-003", None)
    tests = book.view().tests
    times = [t.planned_at for t in tests if t.school_id == "zx-003"]
    assert len(times) in {4, 5}
    assert min(times) >= bureau.now
    assert len({t.planned_at for t in tests}) == len(tests)
    bureau.now = at(19)
    bureau.enrol("zx-004")
    book.next_test("zx-004", None)
    assert school_tests(book.view(), "zx-004").summary.skipped == {"slot_enrolled_late": 1}


def test_a_school_is_sent_to_a_port_wider_than_its_need(bureau: Bureau) -> None:
    """2,500 people need 1,280 Mbit/s: the 1 Gbit/s server would be the limit."""
    bureau.enrol("zx-big", heads=2500)
    book = bureau.book(servers=2, ports=(1000.0, 10_000.0))
    view = book.view()
    used = {t.server for t in view.tests if t.school_id == "zx-big"}
    assert used == {"http://10.0.0.1:8989"}
    assert book.grant("zx-big", RETEST).server == "http://10.0.0.1:8989"


def test_more_tests_than_the_day_holds_are_said(bureau: Bureau) -> None:
    """Both schools get equally many, and each missing test has its reason."""
    book = bureau.book(tests_per_day=48, max_seconds=900.0)
    shown = overview(book.view())
    assert shown.reason == "slot_overload"
    assert shown.planned_per_school == 14
    for school in shown.schools:
        assert (school.planned, school.skipped) == (14, {"slot_overload": 34})


def test_the_last_refusal_stays_visible(bureau: Bureau) -> None:
    """Whoever asks why no test ran sees the reason."""
    book = bureau.book()
    book.grant("zx-001", RETEST)
    bureau.refusal(book, "zx-002", occasion=RETEST)
    shown = overview(book.view())
    refused = next(s for s in shown.schools if s.school_id == "zx-002").last_refusal
    assert refused is not None
    assert refused.reason == "slot_busy"
    assert shown.servers[0].school_id == "zx-001"
