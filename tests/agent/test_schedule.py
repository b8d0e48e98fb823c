"""The schedule: spread over devices, the same on one device, no doubled runs."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.schedule import phase_s, seconds_to_next

intervals = st.floats(1, 86400)
clocks = st.floats(0, 4e9)


def test_devices_are_spread_evenly() -> None:
    """A thousand devices fill the interval: no tenth of it holds far more than its share."""
    tenths = Counter(int(phase_s(f"device-{n}", "anchors", 60.0) // 6) for n in range(1000))
    assert set(tenths) == set(range(10))
    assert max(tenths.values()) < 150


def test_a_device_keeps_its_slots() -> None:
    """The same device and probe always get the same offset, other probes another."""
    assert phase_s("a", "anchors", 60.0) == phase_s("a", "anchors", 60.0)
    assert phase_s("a", "anchors", 60.0) != phase_s("a", "link_speed", 60.0)


@given(st.text(), st.sampled_from([15.0, 30.0]), st.integers(1, 400))
def test_slots_under_one_name_meet(device: str, often_s: float, times: int) -> None:
    """A slot of a longer interval is one of the shorter that divides it: one wake-up, not two."""
    apart_s = phase_s(device, "light", times * often_s) - phase_s(device, "light", often_s)
    assert apart_s / often_s == pytest.approx(round(apart_s / often_s), abs=1e-6)


@given(st.text(), st.text(), intervals)
def test_offset_lies_in_the_interval(device: str, probe: str, interval_s: float) -> None:
    """Any device gets an offset within [0, interval)."""
    assert 0 <= phase_s(device, probe, interval_s) < interval_s


@given(clocks, intervals, st.floats(0, 1), st.none() | st.floats(0, 1e6))
def test_next_slot_is_ahead_and_near(
    now_s: float, interval_s: float, share: float, since_s: float | None
) -> None:
    """Whatever the clock says, the wait is never negative and never above one and a half slots."""
    wait_s = seconds_to_next(now_s, interval_s, share * interval_s, since_s)
    assert 0 <= wait_s < 1.5 * interval_s
    if since_s is not None:
        assert since_s + wait_s >= interval_s / 2


@pytest.mark.parametrize(
    ("now_s", "since_s", "wait_s"),
    [
        (100.0, None, 5.0),  # slots at 15, 30, … 105
        (105.0, 0.0, 15.0),  # the slot just used is not used again
        (104.9, 0.1, 15.1),  # woke a little early: neither
        (112.0, 7.0, 8.0),  # a slow run, still on the grid
        (3.0, 14.0, 12.0),  # the clock was set back: meet the grid again
    ],
)
def test_slots_by_example(now_s: float, since_s: float | None, wait_s: float) -> None:
    """The grid of 15 s at offset 0, by hand."""
    assert seconds_to_next(now_s, 15.0, 0.0, since_s) == pytest.approx(wait_s)
