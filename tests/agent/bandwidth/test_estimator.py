"""The estimator: recorded traces of known lines, and properties over made-up ones."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.bandwidth.estimator import find_burst, fit, rough_fit, steady_stretch, variation_ratio
from agent.bandwidth.slices import Slice
from agent.bandwidth.stopping import Known, Plan, judge

TRACES = sorted((Path(__file__).parent / "traces").glob("*.json"))
PAYLOAD_SHARE = 1448 / 1514


def line(
    rate: float, seconds: float, *, start_s: float = 0.0, jitter: float = 0.0, seed: int = 1
) -> list[Slice]:
    """Return slices of a line that carries `rate` bytes/s, up to `jitter` bytes late each."""
    chance = random.Random(seed)
    count = int(seconds / 0.008)
    points: list[Slice] = []
    for i in range(count):
        t = i * 0.008
        total = round(rate * t - chance.random() * jitter + jitter)
        floor = points[-1].total_bytes if points else 0
        points.append(Slice(start_s + t, max(total, floor)))
    return points


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_recorded_lines_are_told_within_half_a_percent(path: Path) -> None:
    """A short test of each recorded line stops early and is right."""
    record = json.loads(path.read_text())
    trace = [Slice(*point) for point in record["slices"]]
    truth = record["line_mbps"] * 1e6 / 8 * PAYLOAD_SHARE
    plan = Plan(20.0, 10**10, Known(truth))
    for end in range(12, len(trace), 4):
        verdict = judge(trace[:end], record["rtt_s"], plan)
        if verdict.stop:
            break
    assert verdict.stop
    assert verdict.converged
    assert verdict.steady is not None
    assert verdict.steady.rate_bytes_s == pytest.approx(truth, rel=0.006)
    assert trace[end].t_s <= 2.0


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_recorded_lines_need_no_prior_knowledge(path: Path) -> None:
    """The whole recording gives the rate without being told what to expect."""
    record = json.loads(path.read_text())
    found = steady_stretch([Slice(*point) for point in record["slices"]], 0.25)
    truth = record["line_mbps"] * 1e6 / 8 * PAYLOAD_SHARE
    assert found is not None
    assert found.rate_bytes_s == pytest.approx(truth, rel=0.006)


@given(
    rate=st.floats(2e5, 1.2e9),
    seconds=st.floats(0.5, 4.0),
    start_s=st.floats(0.0, 1e6),
    seed=st.integers(0, 9999),
)
@settings(max_examples=60, deadline=None)
def test_a_straight_line_is_found_whatever_its_rate(
    rate: float, seconds: float, start_s: float, seed: int
) -> None:
    """Late packets of a tenth of a slice change nothing; neither does the clock's zero."""
    jitter = rate * 0.0008
    found = steady_stretch(line(rate, seconds, start_s=start_s, jitter=jitter, seed=seed), 0.25)
    assert found is not None
    assert found.rate_bytes_s == pytest.approx(rate, rel=0.01)


@given(rate=st.floats(1e6, 1e8), factor=st.floats(0.1, 10.0))
@settings(max_examples=40, deadline=None)
def test_the_estimate_scales_with_the_bytes(rate: float, factor: float) -> None:
    """Twice the bytes in the same time is twice the rate."""
    trace = line(rate, 1.0, jitter=20_000)
    scaled = [Slice(p.t_s, round(p.total_bytes * factor)) for p in trace]
    one, other = fit(trace), fit(scaled)
    assert one is not None
    assert other is not None
    assert other.rate_bytes_s == pytest.approx(one.rate_bytes_s * factor, rel=0.02)


@given(
    points=st.lists(
        st.tuples(st.floats(0, 0.05), st.integers(0, 200_000)), min_size=0, max_size=200
    )
)
@settings(max_examples=80, deadline=None)
def test_no_trace_breaks_it_and_no_rate_exceeds_what_arrived(
    points: list[tuple[float, int]],
) -> None:
    """Any monotonic trace gives None or a positive rate no higher than its steepest part."""
    trace: list[Slice] = []
    t, total = 0.0, 0
    for step_s, step_bytes in points:
        t, total = t + step_s, total + step_bytes
        trace.append(Slice(t, total))
    found = steady_stretch(trace, 0.25)
    if found is not None:
        assert found.rate_bytes_s > 0
        assert found.margin_ratio >= 0
        assert found.start_s >= trace[0].t_s


def test_a_slow_start_is_left_out() -> None:
    """The ramp before the line is full does not pull the estimate down."""
    ramp = [Slice(i * 0.008, int(1000 * 1.12**i)) for i in range(60)]
    base = ramp[-1].total_bytes
    full = [Slice(0.48 + p.t_s, base + p.total_bytes) for p in line(1e7, 0.6, jitter=8000)]
    found = steady_stretch(ramp + full, 0.25)
    assert found is not None
    assert found.rate_bytes_s == pytest.approx(1e7, rel=0.01)


def test_bytes_held_back_by_a_lost_packet_do_not_pull_the_estimate_down() -> None:
    """A hole that closes again leaves the upper edge where it was."""
    trace = line(1.2e7, 1.0, jitter=6000)
    held = [Slice(p.t_s, trace[60].total_bytes) if 0.48 < p.t_s < 0.62 else p for p in trace]
    found = steady_stretch(held, 0.25)
    assert found is not None
    assert found.rate_bytes_s == pytest.approx(1.2e7, rel=0.005)


def test_a_rate_that_halves_is_reported_as_it_is_now() -> None:
    """After the step only the new rate counts."""
    fast = line(1.2e7, 1.0, jitter=6000)
    slow = [
        Slice(1.0 + p.t_s, fast[-1].total_bytes + p.total_bytes)
        for p in line(6e6, 0.8, jitter=6000, seed=2)
    ]
    found = steady_stretch(fast + slow, 0.25)
    assert found is not None
    assert found.rate_bytes_s == pytest.approx(6e6, rel=0.01)


@pytest.mark.parametrize("credit", [5e6, 25e6])
def test_burst_credit_is_found_and_named(credit: float) -> None:
    """Twice the rate until the bucket is empty: credit, peak and sustained rate come out."""
    sustained = 1.2e7
    burst_s = credit / sustained
    fast = line(2 * sustained, burst_s, jitter=6000)
    slow = [
        Slice(burst_s + p.t_s, fast[-1].total_bytes + p.total_bytes)
        for p in line(sustained, 1.5, jitter=6000, seed=2)
    ]
    trace = fast + slow
    found = steady_stretch(trace, 0.25)
    assert found is not None
    assert found.rate_bytes_s == pytest.approx(sustained, rel=0.01)
    burst = find_burst(trace, found)
    assert burst is not None
    assert burst.credit_bytes == pytest.approx(credit, rel=0.05)
    assert burst.peak_bytes_s == pytest.approx(2 * sustained, rel=0.1)


def test_a_plain_line_has_no_burst() -> None:
    """An ordinary start is not called burst credit."""
    trace = line(1.2e7, 3.0, jitter=20_000)
    found = steady_stretch(trace, 0.25)
    assert found is not None
    assert find_burst(trace, found) is None


def test_nothing_is_estimated_from_almost_nothing() -> None:
    """Few points, no time or no bytes give no rate."""
    assert fit([]) is None
    assert fit([Slice(0.0, 0)] * 50) is None
    assert fit([Slice(i * 0.01, 5) for i in range(50)]) is None
    assert steady_stretch(line(1e7, 0.06), 0.25) is None


def test_an_unsteady_transfer_has_a_mean_with_a_wide_margin() -> None:
    """The mean of the last two thirds; their difference is the margin, never a false precision."""
    trace = [Slice(n * 0.01, int(1e5 * n**1.5)) for n in range(40)]
    rough = rough_fit(trace)
    assert rough is not None
    assert rough.margin_ratio > 0.1
    assert trace[13].total_bytes / 0.13 < rough.rate_bytes_s
    assert rough_fit(trace[:3]) is None
    assert rough_fit([Slice(n * 0.01, 7) for n in range(40)]) is None


def test_variation_tells_calm_from_rough() -> None:
    """The coefficient of variation is small on a calm line and large on a rough one."""
    calm = variation_ratio(line(1e7, 1.5, jitter=2000), 0.0)
    rough = variation_ratio(
        [Slice(i * 0.1, int(1e6 * (i + (i % 2) * 0.8))) for i in range(12)], 0.0
    )
    assert calm is not None
    assert rough is not None
    assert calm < 0.01 < 0.5 < rough
