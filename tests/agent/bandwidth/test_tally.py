"""Counts of both ends held against each other, and a server that lies about its own."""

from __future__ import annotations

import pytest

from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.estimator import steady_stretch
from agent.bandwidth.slices import Slice
from agent.bandwidth.stopping import Plan, Verdict
from agent.bandwidth.tally import require_sent, settle
from agent.bandwidth.tcp_sums import TcpSums
from agent.bandwidth.transfer import Transfer

RATE_BYTES_S = 12_500_000
RTT_S = 0.02
PLAN = Plan(20.0, 2_500_000_000)


def counted(
    seconds: float, *, factor: float = 1.0, clock: float = 1.0, stalls: bool = False
) -> list[Slice]:
    """Return a count of a steady line, off by a factor, by a slow clock, or stalling for repairs.

    A stall: nothing comes for 20 ms, and then all that had waited.
    """
    step_bytes = RATE_BYTES_S * 0.002
    return [
        Slice(n * 0.002 * clock, round(factor * step_bytes * (n - n % 10 if stalls else n)))
        for n in range(1, round(seconds / 0.002))
    ]


def transfer(received: list[Slice], judged: list[Slice], sent_bytes: int = 0) -> Transfer:
    """Return a transfer that was judged by `judged`, with pings of 50 ms under load."""
    seconds = received[-1].t_s
    steady = steady_stretch(judged, 0.25)
    return Transfer(
        trace=judged, received=received, verdict=Verdict(stop=True, steady=steady, converged=True),
        seconds=seconds, bytes=received[-1].total_bytes, pings_s=[0.05], congestion="cubic",
        sums=TcpSums(delivered_bytes=sent_bytes), side_bytes=0, is_pressed=True,
        last_pressed_s=seconds, ended_s=seconds,
    )  # fmt: skip


@pytest.mark.parametrize(("factor", "clock"), [(1.2, 1.0), (0.8, 1.0), (1.0, 0.8)])
def test_a_sender_that_counts_wrongly_is_not_believed(factor: float, clock: float) -> None:
    """Too many bytes, too few, or a slow clock: the receiver's own count gives the rate."""
    own = counted(4.0, stalls=True)
    done = settle(transfer(own, counted(4.0, factor=factor, clock=clock)), RTT_S, PLAN)
    assert done.trace is own
    assert done.verdict.steady is not None
    assert done.verdict.steady.rate_bytes_s == pytest.approx(RATE_BYTES_S, rel=0.01)


def test_a_smoother_sender_that_tells_the_truth_decides() -> None:
    """Bytes that wait for a repair at the receiver are no disagreement."""
    done = transfer(counted(0.4, stalls=True), counted(0.4))
    assert settle(done, RTT_S, PLAN) is done


@pytest.mark.parametrize("rtt_s", [0.02, 0.08, 0.3])
def test_a_long_path_s_slow_start_is_no_disagreement(rtt_s: float) -> None:
    """The sender notes nothing for a round trip, and learns of each byte one later."""

    def arrived(t_s: float) -> float:
        ramp_s = 8 * rtt_s  # doubling each round trip until the line is full
        if t_s >= ramp_s:
            return RATE_BYTES_S * (rtt_s * 1.44 + t_s - ramp_s)
        return RATE_BYTES_S * rtt_s * 1.44 * 2 ** ((t_s - ramp_s) / rtt_s)

    times = [n * 0.005 for n in range(1, round((10 * rtt_s + 0.3) / 0.005))]
    received = [Slice(t, round(arrived(t - rtt_s / 2))) for t in times if t > rtt_s]
    judged = [Slice(t, round(arrived(t - rtt_s)) if t > rtt_s else 0) for t in times]
    done = transfer(received, judged)._replace(pings_s=[1.5 * rtt_s])
    assert settle(done, rtt_s, PLAN) is done
    require_sent(done._replace(sums=TcpSums(delivered_bytes=judged[-1].total_bytes)), rtt_s)


def test_a_count_too_rough_for_a_rate_is_not_called_sure() -> None:
    """Where only a liar's count looked steady there is no steady stretch."""
    own = [Slice(n * 0.5, n * n * 1_000_000) for n in range(1, 9)]
    done = settle(transfer(own, counted(4.0, factor=3.0)), RTT_S, PLAN)
    assert done.verdict.steady is None
    assert not done.verdict.converged


def test_more_cannot_arrive_than_was_sent() -> None:
    """An upload of which the server counts 20 % more than this host's kernel sent is refused."""
    honest, inflated = counted(4.0), counted(4.0, factor=1.2)
    sent = honest[-1].total_bytes
    with pytest.raises(MeasurementError) as caught:
        require_sent(transfer(inflated, inflated, sent), RTT_S)
    assert caught.value.reason == "counts_disagree"
    with pytest.raises(MeasurementError):
        require_sent(transfer(honest, counted(4.0), sent * 4 // 5), RTT_S)


@pytest.mark.parametrize("seconds", [0.3, 4.0])
def test_an_honest_upload_passes(seconds: float) -> None:
    """What is on its way, or said late, is no disagreement; unknown is none either."""
    received = counted(seconds)
    late = received[: -round(0.06 / 0.002)]
    sent = received[-1].total_bytes
    require_sent(transfer(late, late, sent), RTT_S)
    require_sent(transfer(received, received, round(sent - 0.05 * RATE_BYTES_S)), RTT_S)
    require_sent(transfer(received, received, 0), RTT_S)
    assert sent > 0
