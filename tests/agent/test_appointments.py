"""Appointments: the steady agent obeys the collector's plan and tells what was skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.appointments import AFTER_RUN_S, MAX_WAIT_S, MIN_WAIT_S, Appointments
from agent.collector_client import CollectorClient
from agent.probes.base import CollectorAccess
from agent.reading import Outcome, Reading

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
SKIPPED = {
    "occasion": "planned",
    "planned_at": "2026-11-20T09:15:00+08:00",
    "ended_at": "2026-11-20T09:55:00+08:00",
    "server": "http://10.0.0.1:8989",
    "reason": "slot_exam",
}


def answer(**changes: Any) -> dict[str, Any]:
    """Return what the collector says."""
    return {"due": False, "wait_s": 90.0, "skipped": [], "as_of": "2026-11-20T01:00:00Z", **changes}


class Clock:
    """A clock that a test moves."""

    now = NOW

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now


@pytest.fixture
def make(scripted: Any, tmp_path: Path) -> Iterator[Callable[..., Appointments]]:
    """Return a maker of appointments with the scripted collector; all share one memory."""
    client = CollectorClient(CollectorAccess(scripted.url, "the-key"), timeout_s=2)

    def begin(
        *, enrolled: bool = True, clock: Callable[[], datetime] = lambda: NOW
    ) -> Appointments:
        return Appointments(
            "outlet_bandwidth",
            lambda: client if enrolled else None,
            memory=tmp_path / "appointments.json",
            retell_s=3600,
            now=clock,
            jitter=lambda: 0.5,
        )

    yield begin
    client.close()


def test_it_waits_as_told_within_bounds(scripted: Any, make: Callable[..., Appointments]) -> None:
    """Neither a zero nor a week is obeyed; the key travels in the header."""
    appointments = make()
    for told, obeyed in ((90.0, 90.0), (0.0, MIN_WAIT_S), (604_800.0, MAX_WAIT_S)):
        scripted.say(200, answer(wait_s=told))
        appointment = appointments.ask()
        assert (appointment.due, appointment.wait_s) == (False, obeyed)
    assert scripted.requests[0]["headers"]["Authorization"] == "Bearer the-key"


def test_a_due_test_is_run_and_then_some_time_passes(
    scripted: Any, make: Callable[..., Appointments]
) -> None:
    """So that a probe that breaks is not started again and again."""
    scripted.say(200, answer(due=True, wait_s=0.0))
    appointment = make().ask()
    assert (appointment.due, appointment.wait_s) == (True, AFTER_RUN_S)


def test_each_skipped_test_is_told_once_also_after_a_restart(
    scripted: Any, make: Callable[..., Appointments]
) -> None:
    """The reading carries the planned time; the cursor is kept once the reading was handed on."""
    scripted.say(200, answer(skipped=[SKIPPED], as_of="2026-11-20T02:00:00Z"))
    appointments = make()
    (reading,) = appointments.ask().readings
    assert (reading.outcome, reading.reason) == (Outcome.SKIPPED, "slot_exam")
    assert reading.time == datetime(2026, 11, 20, 1, 15, tzinfo=UTC)
    assert reading.labels == {"occasion": "planned"}
    scripted.say(200, answer(as_of="2026-11-20T03:00:00Z"))
    appointments.ask()
    scripted.say(200, answer())
    make().ask()
    paths = [request["path"] for request in scripted.requests]
    assert paths[0] == "/api/v1/slots/next"
    assert "skipped_after=2026-11-20T02%3A00%3A00Z" in paths[1]
    assert "skipped_after=2026-11-20T02%3A00%3A00Z" in paths[2]


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, {"detail": "revoked"}, "push_key_refused"),
        (503, {"detail": "later"}, "slot_refused"),
        (200, {"due": True}, "slot_refused"),
        (200, b"<html>", "slot_refused"),
        (0, {}, "collector_unreachable"),
    ],
)
def test_trouble_is_a_reading_and_never_a_run(
    scripted: Any, make: Callable[..., Appointments], status: int, body: Any, reason: str
) -> None:
    """Whatever comes back, the agent waits about a minute and says why nothing is measured."""
    for _ in range(2):  # a kept connection is tried twice
        scripted.say(status, body)
    appointment = make().ask()
    assert not appointment.due
    assert appointment.wait_s == 60.0
    assert [reading.reason for reading in appointment.readings] == [reason]


def test_lasting_trouble_is_told_again_only_after_a_while(
    make: Callable[..., Appointments],
) -> None:
    """Not once a minute; an hour later it is still said."""
    clock = Clock()
    appointments = make(enrolled=False, clock=clock)
    assert [r.reason for r in appointments.ask().readings] == ["not_enrolled"]
    clock.now += timedelta(minutes=59)
    assert appointments.ask().readings == ()
    clock.now += timedelta(minutes=1)
    assert len(appointments.ask().readings) == 1


def test_what_the_collector_accounts_for_is_not_reported_twice(
    make: Callable[..., Appointments],
) -> None:
    """A planned run that got no slot is left to the plan; anything else is kept."""
    readings = [
        Reading("outlet_bandwidth", "a", NOW, Outcome.SKIPPED, "slot_line_busy"),
        Reading("outlet_bandwidth", "b", NOW, Outcome.SKIPPED, "server_busy"),
        Reading("outlet_bandwidth", "c", NOW, Outcome.FAILED, "slot_token_expired"),
    ]
    assert make().accounted(readings) == readings[1:]
