"""Slots: one school per server, a daily amount of data, and a visible reason for every no."""

from __future__ import annotations

import pytest

from collector.errors import CollectorError, NotFoundError
from collector.speedtest.slots import SlotBook, SlotRules, SlotServer
from collector.speedtest.tokens import TokenSpender

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - made up for this test
NOON_S = 1_795_233_600.0
"""2026-11-21 12:00 in China."""


class Clock:
    """Unix time that a test moves."""

    now_s = NOON_S

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


def book(clock: Clock, *, servers: int = 1, **rules: float) -> SlotBook:
    """Return slots for some servers."""
    listed = [SlotServer(f"http://10.0.0.{n}:8989", f"s{n}", SECRET) for n in range(servers)]
    return SlotBook(listed, SlotRules(**rules), clock)  # type: ignore[arg-type]  # ints are given


def refusal(slots: SlotBook, school: str) -> CollectorError:
    """Return the error that `school` gets."""
    with pytest.raises(CollectorError) as caught:
        slots.grant(school)
    return caught.value


def test_a_slot_opens_a_session_at_its_server(clock: Clock) -> None:
    """The token is accepted by the server that holds the same secret."""
    spender = TokenSpender(SECRET, clock)
    slot = book(clock).grant("zx-001")
    grant = spender.spend(slot.token)
    assert grant.school_id == "zx-001"
    assert grant.max_bytes == slot.max_bytes
    assert slot.token not in repr(slot)


def test_one_school_per_server_at_a_time(clock: Clock) -> None:
    """The second school waits and is told how long; a second server takes it at once."""
    slots = book(clock)
    slots.grant("zx-001")
    error = refusal(slots, "zx-002")
    assert (error.status, error.code) == (409, "slot_busy")
    assert error.retry_after_s is not None
    clock.now_s += error.retry_after_s
    assert slots.grant("zx-002").server == "http://10.0.0.0:8989"
    two = book(clock, servers=2)
    assert two.grant("zx-001").server != two.grant("zx-002").server


def test_a_released_slot_is_free_at_once_and_costs_what_it_used(clock: Clock) -> None:
    """Release returns the reserved data; another school cannot release it."""
    slots = book(clock)
    slot = slots.grant("zx-001")
    with pytest.raises(NotFoundError):
        slots.release(slot.id, "zx-002", 0)
    slots.release(slot.id, "zx-001", 7_000_000)
    assert slots.schools()["zx-001"].used_bytes == 7_000_000
    assert slots.grant("zx-002")


def test_the_daily_data_is_bounded_and_renewed_at_midnight_in_china(clock: Clock) -> None:
    """A spent budget names the seconds to midnight, and then there is a slot again."""
    slots = book(clock, max_bytes=100, daily_bytes=250)
    for _ in range(2):
        slot = slots.grant("zx-001")
        slots.release(slot.id, "zx-001", 100)
    error = refusal(slots, "zx-001")
    assert (error.status, error.code, error.retry_after_s) == (429, "slot_budget_spent", 12 * 3600)
    assert slots.grant("zx-002")
    clock.now_s += 12 * 3600
    assert slots.grant("zx-001")


def test_without_a_server_the_bureau_is_told_what_to_do(clock: Clock) -> None:
    """No server set up is a state of the bureau, not of the school."""
    error = refusal(book(clock, servers=0), "zx-001")
    assert (error.status, error.code) == (503, "slot_none_configured")
    assert "speedtest-server" in error.detail


def test_the_last_refusal_stays_visible(clock: Clock) -> None:
    """Whoever asks why no test ran sees the reason."""
    slots = book(clock)
    slots.grant("zx-001")
    refusal(slots, "zx-002")
    last = slots.schools()["zx-002"].last_refusal
    assert last is not None
    assert last.reason == "slot_busy"
    assert slots.servers()[0].school_id == "zx-001"
