"""Calls that hang are left behind, and never pile up."""

from __future__ import annotations

import threading
import time

import pytest

from agent.system.bounded_calls import BoundedCalls


def test_calls_run_side_by_side() -> None:
    """Four calls that need each other all return."""
    barrier = threading.Barrier(4)
    calls = {str(n): lambda: barrier.wait(2) for n in range(4)}
    assert set(BoundedCalls[int]().run(calls, 2)) == {"0", "1", "2", "3"}


def test_a_hanging_call_delays_nobody_and_is_not_repeated() -> None:
    """The others' results come in time; the hanging one is started again only after it ended."""
    release, started = threading.Event(), []

    def hang() -> str:
        started.append(1)
        release.wait(10)
        return "late"

    calls = BoundedCalls[str]()
    begun = time.monotonic()
    for _ in range(3):
        assert calls.run({"hang": hang, "quick": lambda: "now"}, 0.05) == {"quick": "now"}
    assert time.monotonic() - begun < 1
    assert len(started) == 1
    release.set()
    again = {}
    until = time.monotonic() + 2
    while not again and time.monotonic() < until:
        again = calls.run({"hang": hang}, 1)
    assert again == {"hang": "late"}
    assert len(started) == 2


def test_what_a_call_raises_is_raised() -> None:
    """A fault in a call is the caller's to see."""

    def fail() -> None:
        raise KeyError("fault")

    with pytest.raises(KeyError, match="fault"):
        BoundedCalls[None]().run({"a": fail}, 1)
