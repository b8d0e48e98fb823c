"""Slots: one school per server, a daily amount of data, and a visible reason for every no."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest

from collector.domain import Occasion, SlotPause, SlotSettings, SlotState
from collector.errors import NotFoundError
from collector.speedtest.slots.overview import overview, school_tests
from collector.speedtest.tokens import TokenSpender

RETEST = Occasion.RETEST


def test_a_slot_opens_a_session_at_its_server(bureau: Any) -> None:
    """The token is accepted by the server that holds the same secret, once."""
    spender = TokenSpender(bureau.secret, lambda: bureau.now.timestamp())
    slot = bureau.book().grant("zx-001", RETEST)
    grant = spender.spend(slot.token)
    assert grant.school_id == "zx-001"
    assert grant.max_bytes == slot.max_bytes
    assert slot.token not in repr(slot)


def test_planned_tests_come_when_planned(bureau: Any) -> None:
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


def test_one_school_per_server_at_a_time(bureau: Any) -> None:
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


def test_a_released_slot_is_free_at_once_and_costs_what_it_used(bureau: Any) -> None:
    """Release returns the reserved data; another school cannot release it."""
    book = bureau.book()
    slot = book.grant("zx-001", RETEST)
    with pytest.raises(NotFoundError):
        book.release(slot.id, "zx-002", 0)
    book.release(slot.id, "zx-001", 7_000_000)
    assert school_tests(book.view(), "zx-001").summary.used_bytes == 7_000_000
    assert book.grant("zx-002", RETEST)


def test_the_daily_data_is_bounded_and_renewed_at_midnight_in_china(bureau: Any) -> None:
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


def test_a_school_may_set_a_smaller_budget(bureau: Any) -> None:
    """Its own setting counts, for it alone."""
    bureau.records.put_slot_settings(SlotSettings("zx-001", daily_bytes=50))
    book = bureau.book(max_bytes=100, daily_bytes=250)
    assert bureau.refusal(book, "zx-001", occasion=RETEST).code == "slot_budget_spent"
    assert book.grant("zx-002", RETEST)


def test_without_a_server_the_bureau_is_told_what_to_do(bureau: Any) -> None:
    """No server set up is a state of the bureau, not of the school."""
    book = bureau.book(servers=0)
    error = bureau.refusal(book, "zx-001")
    assert (error.status, error.code) == (503, "slot_none_configured")
    assert "speedtest-server" in error.detail
    assert overview(book.view()).reason == "slot_none_configured"


def test_a_restart_keeps_the_plan_and_who_is_testing(bureau: Any) -> None:
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


def test_what_was_missed_while_the_collector_was_down_says_so(bureau: Any) -> None:
    """It is no fault of the school's agent; tests after the start are still run."""
    bureau.book().view()
    bureau.now = bureau.at(12, 30)
    skipped = school_tests(bureau.book().view(), "zx-001").summary.skipped
    assert set(skipped) == {"slot_collector_down"}
    bureau.now = bureau.at(23)
    total = school_tests(bureau.book().view(), "zx-001").summary
    assert sum(total.skipped.values()) == 6


def test_an_agent_that_does_not_come_is_named(bureau: Any) -> None:
    """Each of its tests is skipped with the reason, and told to it once when it is back."""
    book = bureau.book()
    asked_at = book.next_test("zx-001", None).as_of
    bureau.now = bureau.at(20)
    told = book.next_test("zx-001", asked_at)
    assert [test.reason for test in told.skipped] == ["slot_agent_absent"] * 6
    assert book.next_test("zx-001", told.as_of).skipped == []


@pytest.mark.parametrize("school_id", [None, "zx-001"])
def test_an_examination_stops_all_tests(bureau: Any, school_id: str | None) -> None:
    """Planned or not; county-wide or for one school; ending it early lets tests run."""
    pause = SlotPause(bureau.at(7), bureau.at(18), "高考", "教委", bureau.now, school_id)
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


def test_lessons_come_first(bureau: Any) -> None:
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


def test_a_person_may_test_while_lessons_use_the_line(bureau: Any) -> None:
    """Who asks for a re-test knows what he does; the measurement itself notes other traffic."""
    assert bureau.book().grant("zx-001", RETEST, line_used_ratio=0.9)


def test_quiet_hours_of_a_school_hold_planned_tests_back(bureau: Any) -> None:
    """Only those of this school, and only planned ones."""
    bureau.records.put_slot_settings(SlotSettings("zx-001", ((time(7), time(18)),)))
    book = bureau.book()
    bureau.come_for(book, "zx-001")
    error = bureau.refusal(book, "zx-001")
    assert error.code == "slot_quiet_hours"
    assert error.retry_after_s == (bureau.at(18) - bureau.now).total_seconds()
    assert book.grant("zx-001", RETEST)
    bureau.now = bureau.at(20)
    assert school_tests(book.view(), "zx-001").summary.skipped == {"slot_quiet_hours": 6}


def test_a_waiting_retest_goes_before_planned_tests(bureau: Any) -> None:
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


def test_a_retest_that_nobody_comes_back_for_blocks_nobody(bureau: Any) -> None:
    """Its place in the queue is given up after some seconds."""
    book = bureau.book()
    first = book.grant("zx-002", RETEST)
    bureau.enrol("zx-003")
    bureau.refusal(book, "zx-003", occasion=RETEST)
    book.release(first.id, "zx-002", 1)
    assert bureau.refusal(book, "zx-001", occasion=RETEST).code == "slot_busy"
    bureau.now += timedelta(seconds=16)
    assert book.grant("zx-001", RETEST)


def test_retests_are_bounded(bureau: Any) -> None:
    """More of them tomorrow; planned tests of the day are not touched."""
    book = bureau.book(retests_per_day=1)
    slot = book.grant("zx-001", RETEST)
    book.release(slot.id, "zx-001", 1)
    error = bureau.refusal(book, "zx-001", occasion=RETEST)
    assert (error.status, error.code) == (429, "slot_retests_spent")


def test_a_school_enrolled_during_the_day_gets_the_rest_of_it(bureau: Any) -> None:
    """Evenly, and never on top of what is planned."""
    book = bureau.book()
    book.view()
    bureau.now = bureau.at(10)
    bureau.enrol("zx-003")
    book.next_test("zx-003", None)
    tests = book.view().tests
    times = [t.planned_at for t in tests if t.school_id == "zx-003"]
    assert len(times) in {4, 5}
    assert min(times) >= bureau.now
    assert len({t.planned_at for t in tests}) == len(tests)
    bureau.now = bureau.at(19)
    bureau.enrol("zx-004")
    book.next_test("zx-004", None)
    assert school_tests(book.view(), "zx-004").summary.skipped == {"slot_enrolled_late": 1}


def test_a_school_is_sent_to_a_port_wider_than_its_need(bureau: Any) -> None:
    """2,500 people need 1,280 Mbit/s: the 1 Gbit/s server would be the limit."""
    bureau.enrol("zx-big", heads=2500)
    book = bureau.book(servers=2, ports=(1000.0, 10_000.0))
    view = book.view()
    used = {t.server for t in view.tests if t.school_id == "zx-big"}
    assert used == {"http://10.0.0.1:8989"}
    assert book.grant("zx-big", RETEST).server == "http://10.0.0.1:8989"


def test_more_tests_than_the_day_holds_are_said(bureau: Any) -> None:
    """Both schools get equally many, and each missing test has its reason."""
    book = bureau.book(tests_per_day=48, max_seconds=900.0)
    shown = overview(book.view())
    assert shown.reason == "slot_overload"
    assert shown.planned_per_school == 14
    for school in shown.schools:
        assert (school.planned, school.skipped) == (14, {"slot_overload": 34})


def test_the_last_refusal_stays_visible(bureau: Any) -> None:
    """Whoever asks why no test ran sees the reason."""
    book = bureau.book()
    book.grant("zx-001", RETEST)
    bureau.refusal(book, "zx-002", occasion=RETEST)
    shown = overview(book.view())
    refused = next(s for s in shown.schools if s.school_id == "zx-002").last_refusal
    assert refused is not None
    assert refused.reason == "slot_busy"
    assert shown.servers[0].school_id == "zx-001"
