"""Guessing codes: free failures, growing locks, bounded memory."""

from __future__ import annotations

import pytest

from collector.enrolment.guessing import (
    ADDRESSES_MAX,
    FIRST_LOCK_S,
    FREE_FAILURES,
    LONGEST_LOCK_S,
    GuessGuard,
)
from collector.errors import TooManyError


class Time:
    """Seconds that a test moves."""

    now_s = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now_s


@pytest.fixture
def time() -> Time:
    """Return a clock that stands still."""
    return Time()


@pytest.fixture
def guard(time: Time) -> GuessGuard:
    """Return a guard on that clock."""
    return GuessGuard(time)


def lock_s(guard: GuessGuard, address: str) -> float:
    """Return how long an address is locked, 0 if it may try."""
    try:
        guard.check(address)
    except TooManyError as error:
        return error.retry_after_s or 0.0
    return 0.0


def test_a_few_typing_errors_are_free(guard: GuessGuard) -> None:
    """Five wrong codes lock nobody out."""
    for _ in range(FREE_FAILURES):
        guard.failed("192.0.2.1")
    assert lock_s(guard, "192.0.2.1") == 0


def test_locks_double_up_to_an_hour(guard: GuessGuard, time: Time) -> None:
    """Each further failure doubles the wait; it ends by itself and never exceeds the bound."""
    for _ in range(FREE_FAILURES):
        guard.failed("192.0.2.1")
    waits = []
    for _ in range(12):
        guard.failed("192.0.2.1")
        waits.append(lock_s(guard, "192.0.2.1"))
        time.now_s += waits[-1]
        assert lock_s(guard, "192.0.2.1") == 0
    assert waits[:4] == [FIRST_LOCK_S, 2 * FIRST_LOCK_S, 4 * FIRST_LOCK_S, 8 * FIRST_LOCK_S]
    assert waits[-1] == LONGEST_LOCK_S


def test_other_addresses_are_not_locked(guard: GuessGuard) -> None:
    """One school's guessing does not stop another school."""
    for _ in range(20):
        guard.failed("192.0.2.1")
    assert lock_s(guard, "192.0.2.1") > 0
    assert lock_s(guard, "192.0.2.2") == 0


def test_an_ipv6_network_counts_as_one(guard: GuessGuard) -> None:
    """A host owns a whole /64; hopping inside it does not help."""
    for n in range(20):
        guard.failed(f"2001:db8::{n:x}")
    assert lock_s(guard, "2001:db8::ffff") > 0
    assert lock_s(guard, "2001:db8:0:1::1") == 0


def test_a_right_code_clears_the_address(guard: GuessGuard) -> None:
    """Whoever knows a code is not a guesser."""
    for _ in range(FREE_FAILURES):
        guard.failed("192.0.2.1")
    guard.succeeded("192.0.2.1")
    guard.failed("192.0.2.1")
    assert lock_s(guard, "192.0.2.1") == 0


def test_memory_is_bounded_and_the_newest_guesser_stays_locked(guard: GuessGuard) -> None:
    """Many addresses push out the oldest record, not the one that is guessing now."""
    for n in range(ADDRESSES_MAX + 10):
        guard.failed(f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}")
    for _ in range(20):
        guard.failed("192.0.2.1")
    assert lock_s(guard, "192.0.2.1") > 0
    assert len(guard._records) == ADDRESSES_MAX  # noqa: SLF001  # the bound is what is tested
