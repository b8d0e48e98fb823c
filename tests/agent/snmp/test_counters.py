"""Rates from counters: what may be believed of two samples."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.snmp.counters import Discarded, Rate, Sample, peak, rate_between

START = Sample(at_s=1_000.0, up_ticks=5_000_000, in_octets=0, out_octets=0, bits=64)


def later(before: Sample, seconds: float, in_octets: int = 0, out_octets: int = 0) -> Sample:
    """Return the sample after `seconds`, with octets added as a counter of its width does."""
    width = 2**before.bits
    return replace(
        before,
        at_s=before.at_s + seconds,
        up_ticks=(before.up_ticks + int(seconds * 100)) % 2**32 if before.up_ticks else None,
        in_octets=(before.in_octets + in_octets) % width,
        out_octets=(before.out_octets + out_octets) % width,
    )


def megabits(mbps: float, seconds: float) -> int:
    """Return the octets of a rate over a time."""
    return int(mbps * 1e6 / 8 * seconds)


@given(
    start=st.integers(0, 2**64 - 1),
    up=st.integers(1, 2**32 - 1),
    mbps=st.floats(0, 10_000),
    seconds=st.integers(1, 3600),
)
def test_the_rate_is_that_of_the_line(start: int, up: int, mbps: float, seconds: int) -> None:
    """Whatever the counters begin with, also across a wrap of counter or sysUpTime."""
    before = replace(START, up_ticks=up, in_octets=start, out_octets=start)
    after = later(before, seconds, megabits(mbps, seconds), megabits(mbps / 2, seconds))
    rate = rate_between(before, after, 10_000)
    assert isinstance(rate, Rate)
    assert math.isclose(rate.in_mbps, mbps, rel_tol=1e-3, abs_tol=1e-3)
    assert math.isclose(rate.out_mbps, mbps / 2, rel_tol=1e-3, abs_tol=1e-3)


@given(
    before_octets=st.integers(10**9, 2**63),
    after_octets=st.integers(0, 10**9 - 1),
    seconds=st.integers(30, 600),
)
def test_cleared_counters_are_no_traffic(
    before_octets: int, after_octets: int, seconds: int
) -> None:
    """A counter that went back without a wrap gives no rate, whatever it had."""
    before = replace(START, in_octets=before_octets)
    after = replace(later(before, seconds), in_octets=after_octets)
    assert rate_between(before, after, 1000) is Discarded.RESET


def test_a_restart_discards_the_interval() -> None:
    """The device has been up for ten seconds only, and its counters began at zero."""
    before = replace(START, in_octets=10**12)
    after = replace(later(before, 300), up_ticks=1_000, in_octets=10**6)
    assert rate_between(before, after, 1000) is Discarded.RESTARTED


def test_a_restart_shows_even_where_the_counters_grew() -> None:
    """Up for 60 s when 300 s passed: more octets than before prove nothing."""
    before = replace(START, up_ticks=1_000)
    after = replace(later(before, 300, 10**9), up_ticks=6_000)
    assert rate_between(before, after, 1000) is Discarded.RESTARTED


def test_497_days_of_uptime_are_no_restart() -> None:
    """Wrapping sysUpTime is 32 bits of hundredths of a second, and the device went on."""
    before = replace(START, up_ticks=2**32 - 10_000)
    after = later(before, 300, megabits(100, 300))
    assert after.up_ticks is not None
    assert after.up_ticks < 2**32 - 10_000
    rate = rate_between(before, after, 1000)
    assert isinstance(rate, Rate)
    assert math.isclose(rate.in_mbps, 100)


@pytest.mark.parametrize(
    ("speed", "seconds", "believed"),
    [(1000, 30, True), (1000, 40, False), (100, 300, True), (100, 360, False), (None, 40, False)],
)
def test_narrow_counters_are_used_while_they_cannot_wrap_twice(
    speed: float | None, seconds: int, believed: bool
) -> None:
    """32 bits wrap in 34 s at 1 Gbit/s: after that nobody knows how often they did."""
    before = replace(START, bits=32)
    after = later(before, seconds, megabits(50, seconds))
    rate = rate_between(before, after, speed)
    assert isinstance(rate, Rate) if believed else rate is Discarded.TOO_NARROW


def test_a_wrap_of_a_narrow_counter_is_counted() -> None:
    """Going back by a whole turn is traffic, as long as the port can carry it."""
    before = replace(START, bits=32, in_octets=2**32 - 1_000_000)
    after = later(before, 10, megabits(500, 10))
    rate = rate_between(before, after, 1000)
    assert isinstance(rate, Rate)
    assert math.isclose(rate.in_mbps, 500)


def test_a_discontinuity_that_the_device_tells_is_respected() -> None:
    """A line card that was replaced says so in ifCounterDiscontinuityTime."""
    before = replace(START, discontinuity=0)
    after = replace(later(before, 300, 10**9), discontinuity=4_711)
    assert rate_between(before, after, 1000) is Discarded.RESET


def test_more_than_the_port_carries_is_not_believed() -> None:
    """5 Gbit/s through a gigabit port is a counter gone wrong."""
    assert rate_between(START, later(START, 10, megabits(5000, 10)), 1000) is Discarded.IMPOSSIBLE


def test_a_clock_set_back_is_replaced_by_the_devices() -> None:
    """The clock of this host went back an hour; the device's says 300 s."""
    after = replace(later(START, 300, megabits(80, 300)), at_s=START.at_s - 3300)
    rate = rate_between(START, after, 1000)
    assert isinstance(rate, Rate)
    assert math.isclose(rate.in_mbps, 80)


def test_counters_that_are_refreshed_in_steps_make_no_peak() -> None:
    """A device that refreshes every 30 s on a steady 100 Mbit/s: the peak is 100, not 300."""
    samples = []
    for second in range(0, 100, 10):
        refreshed = (second + 17) // 30 * 30
        samples.append(replace(later(START, second), in_octets=megabits(100, refreshed)))
    highest = peak(samples, 1000)
    assert highest is not None
    assert math.isclose(highest.in_mbps, 100)


def test_the_peak_is_the_busiest_step() -> None:
    """With counters that move at every reading, each step counts by itself."""
    samples = [START]
    for mbps in (100, 700, 300):
        samples.append(later(samples[-1], 10, megabits(mbps, 10), megabits(mbps / 10, 10)))
    highest = peak(samples, 1000)
    assert highest is not None
    assert math.isclose(highest.in_mbps, 700)
    assert math.isclose(highest.out_mbps, 70)


def test_an_idle_line_has_a_peak_of_zero() -> None:
    """Nothing moved: that was observed, so it is a zero and not unknown."""
    highest = peak([START, later(START, 10), later(START, 20)], 1000)
    assert highest == Rate(0, 0, 20)
