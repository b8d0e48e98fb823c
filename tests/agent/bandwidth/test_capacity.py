"""The whole line's rate from its counters, however coarse, or no rate."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.bandwidth.capacity import MAX_MARGIN_RATIO, link_rate, look_s
from agent.bandwidth.link_counters import InterfaceCounters, LinkCount, LinkSample, LinkWatch


def polled(rate: float, seconds: float, *, poll_s: float, renewed_s: float) -> list[LinkSample]:
    """Return what polling a counter shows that is renewed every so often."""
    samples = []
    for step in range(int(seconds / poll_s)):
        at_s = 100.0 + step * poll_s
        counted_s = at_s - at_s % renewed_s if renewed_s else at_s
        count = LinkCount(round(rate * counted_s), round(rate * counted_s / 10))
        samples.append(LinkSample(at_s, count))
    return samples


@given(
    st.floats(1e5, 2e9),
    st.floats(0.5, 15.0),
    st.sampled_from((0.01, 0.02, 0.05)),
    st.sampled_from((0.0, 0.25, 1.0, 3.0, 5.0)),
)
def test_a_rate_is_within_its_margin_or_is_not_given(
    rate: float, seconds: float, poll_s: float, renewed_s: float
) -> None:
    """Also for devices that renew their counters every few seconds."""
    samples = polled(rate, seconds, poll_s=poll_s, renewed_s=renewed_s)
    for download, true_rate in ((True, rate), (False, rate / 10)):
        found = link_rate(samples, download=download)
        if found is not None:
            assert found.margin_ratio <= MAX_MARGIN_RATIO
            allowed = true_rate * max(found.margin_ratio, 1e-3)
            assert found.rate_bytes_s == pytest.approx(true_rate, abs=allowed)


def test_counters_renewed_every_three_seconds_suffice_for_a_long_test() -> None:
    """Net-SNMP does so; 6.5 s always see two renewals."""
    samples = polled(12.5e6, 6.5, poll_s=0.02, renewed_s=3.0)
    assert link_rate(samples, download=True) is not None


def test_a_late_reading_between_renewals_leaves_no_doubt() -> None:
    """A busy host reads late now and then; only at a renewal does that blur its moment."""
    samples = polled(12.5e6, 6.5, poll_s=0.02, renewed_s=3.0)
    late = [sample for sample in samples if not 104.0 < sample.at_s < 104.5]
    at_renewal = [sample for sample in samples if not 104.9 < sample.at_s < 105.4]
    found = link_rate(late, download=True)
    assert found is not None
    assert found == link_rate(samples, download=True)
    assert link_rate(at_renewal, download=True) is None


def test_a_counter_that_stands_or_falls_gives_no_rate() -> None:
    """An idle port, a device that restarted, a counter too coarse for a short test."""
    assert link_rate(polled(0.0, 3.0, poll_s=0.02, renewed_s=0.0), download=True) is None
    assert link_rate(polled(1e6, 0.4, poll_s=0.02, renewed_s=3.0), download=True) is None
    samples = polled(1e6, 3.0, poll_s=0.02, renewed_s=0.0)
    reset = [LinkSample(s.at_s + 3.0, LinkCount(0, 0)) for s in samples[:1]]
    assert link_rate([*samples, *reset], download=True) is None
    assert link_rate([], download=True) is None


def test_an_interface_of_this_host_is_read_until_it_goes(tmp_path: Path) -> None:
    """Samples come with times; an interface that disappears ends them with the reason."""
    folder = tmp_path / "class/net/eth9/statistics"
    folder.mkdir(parents=True)
    (folder / "rx_bytes").write_text("1000\n")
    (folder / "tx_bytes").write_text("50\n")
    watch = LinkWatch(InterfaceCounters("eth9", tmp_path, poll_s=0.001))
    began_s = time.monotonic()
    watch.start()
    (folder / "rx_bytes").unlink()
    watch.stop()
    samples = watch.between(began_s, time.monotonic())
    assert samples[0].count == LinkCount(1000, 50)
    assert watch.trouble is None or "rx_bytes" in watch.trouble
    gone = LinkWatch(InterfaceCounters("eth9", tmp_path))
    gone.start()
    gone.stop()
    assert "rx_bytes" in str(gone.trouble)
    assert not gone.between(0.0, time.monotonic())


@pytest.mark.parametrize(
    ("steady_s", "seconds", "watch_s", "expected"),
    [(0.25, 4.0, 0.0, 1.0), (0.25, 0.4, 0.0, 0.25), (3.0, 4.0, 0.0, 3.0), (0.25, 7.0, 6.5, 6.2)],
)
def test_counters_are_read_long_enough_and_never_in_the_slow_start(
    steady_s: float, seconds: float, watch_s: float, expected: float
) -> None:
    """Competing flows leave short steady stretches; a short test has nothing else."""
    assert look_s(steady_s, seconds, watch_s) == pytest.approx(expected)
