"""Is it the line? The questions in their order, and what it means that one found no answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from agent.bandwidth.estimator import Fit
from agent.bandwidth.host import Meters
from agent.bandwidth.leg import Leg, Path
from agent.bandwidth.overhead import overhead
from agent.bandwidth.questions import Questions
from agent.bandwidth.slices import Slice
from agent.bandwidth.stopping import Plan, Verdict
from agent.bandwidth.tcp_sums import TcpSums
from agent.bandwidth.transfer import Transfer

IDLE_S = 0.020
QUEUE_S = 0.070


def leg(
    rate: float, connections: int, pings_s: Sequence[float] = (QUEUE_S,), waited: float = 0.0
) -> Leg:
    """Return a transfer of 5 s over a full line, on a host that `waited` for a core so often."""
    steady = Fit(1.0, 5.0, rate, rate, 0.001, 0.0)
    trace = [Slice(0.0, 0), Slice(5.0, round(5 * rate))]
    done = Transfer(
        trace, trace, Verdict(stop=True, steady=steady, converged=True), 5.0, round(5 * rate),
        list(pings_s), TcpSums(), 0, "cubic", is_pressed=True, last_pressed_s=5.0, ended_s=5.0,
    )  # fmt: skip
    before = Meters(0.0, None, 0.0, 0.0, None, None)
    after = Meters(5.0, None, 0.5, 5.0 * waited, None, None)
    path = Path("10.0.0.2", None, is_same_host=False, idle_rtt_s=IDLE_S, overhead=overhead(None, 4))
    return Leg(path, connections, Plan(20.0, 10**9), done, steady, before, after, [])


def silence(last: Leg) -> list[float]:
    """Return the round trips of an idle line, one of them late on a busy host."""
    del last
    return [IDLE_S] * 12 + [0.035]


class Line:
    """Repeats a transfer as a line would on which `others` connections compete."""

    def __init__(self, others: int = 0, lowest_rtt_s: float = 0.06) -> None:
        self._others = others
        self._lowest_rtt_s = lowest_rtt_s
        self.asked: list[Mapping[str | None, int]] = []

    def ask(self, first: Leg, connections: Mapping[str | None, int]) -> Leg:
        """Carry 100 in all."""
        del first
        self.asked.append(dict(connections))
        own = sum(connections.values())
        return leg(100.0 * own / (own + self._others), own, [self._lowest_rtt_s, QUEUE_S])


def test_nothing_speaks_against_a_line_of_our_own() -> None:
    """The rate stays, and the queue before the test was no longer than under load."""
    line = Line(lowest_rtt_s=0.022)
    asking = Questions(leg(100.0, 8), line.ask, silence)
    assert asking.find("10.0.0.3", IDLE_S) is None
    assert asking.asked == ["more", "few", "address"]
    assert asking.unanswered == []
    assert line.asked == [{None: 16}, {None: 2}, {None: 8, "10.0.0.3": 8}]


def test_others_who_make_room_are_known_by_the_queue_they_had_kept_full() -> None:
    """They gave way within seconds, so every rate is the same; but before, round trips took 60 ms.

    Seen in 3 of 10 tests beside four TCP connections of a neighbour.
    """
    asking = Questions(leg(81.0, 16), lambda *_: leg(81.0, 32, [0.028, QUEUE_S]), silence)
    found = asking.find(None, 0.060)
    assert found is not None
    assert (found.cause, found.per) == ("cross_traffic", None)


def test_a_limit_for_each_address_stays_one_on_a_busy_line() -> None:
    """The rates have shown it; the queue is only asked where they have not."""

    def limited(first: Leg, connections: Mapping[str | None, int]) -> Leg:
        del first
        return leg(30.0 * len(connections), sum(connections.values()), [IDLE_S, QUEUE_S])

    found = Questions(leg(30.0, 8), limited, silence).find("10.0.0.3", 0.060)
    assert found is not None
    assert (found.cause, found.per) == ("per_ip_limit", "address")


def test_a_question_without_an_answer_is_kept() -> None:
    """Bounds or a refused connection: whoever concludes has to know."""
    asking = Questions(leg(100.0, 8), lambda *_: None, silence)
    assert asking.find("10.0.0.3", IDLE_S) is None
    assert asking.unanswered == ["more", "few", "address"]
    assert asking.legs == [asking.legs[0]]


def test_a_queue_after_an_uneven_rate_is_traffic_not_chance() -> None:
    """The rate rose by itself, which would be `unstable`; the queue before says why."""

    def risen(first: Leg, connections: Mapping[str | None, int]) -> Leg:
        del first
        return leg(80.0, sum(connections.values()), [0.021])

    found = Questions(leg(50.0, 8), risen, silence).find(None, 0.055)
    assert found is not None
    assert found.cause == "cross_traffic"


def test_a_queue_after_the_test_is_of_others() -> None:
    """They came back as soon as the test ended; under load nothing was ever shorter."""
    line = Line(lowest_rtt_s=0.06)
    found = Questions(leg(100.0, 8), line.ask, lambda _: [0.021] + 12 * [0.033]).find(None, 0.021)
    assert found is not None
    assert found.cause == "cross_traffic"


def test_a_busy_host_accuses_nobody() -> None:
    """While the test itself waits for a core, late answers are its own: seen at load 20."""
    line = Line(lowest_rtt_s=0.06)
    slow = [0.021] + 12 * [0.060]
    found = Questions(leg(100.0, 8, waited=0.8), line.ask, lambda _: slow).find(None, 0.021)
    assert found is not None
    assert found.cause == "host_cpu"


def test_a_queue_before_the_test_is_of_others_on_a_busy_host_too() -> None:
    """The kernel times handshakes."""
    late = leg(100.0, 8, waited=0.8)
    found = Questions(late, lambda *_: leg(100.0, 16, [0.021]), silence).find(None, 0.060)
    assert found is not None
    assert found.cause == "cross_traffic"


def test_some_late_answers_are_no_queue() -> None:
    """A busy host delays half of them; behind a queue nearly all wait."""
    line = Line(lowest_rtt_s=0.06)
    quiet = [0.020, 0.021, 0.020, 0.021, 0.040, 0.050, 0.060, 0.035, 0.045]
    assert Questions(leg(100.0, 8), line.ask, lambda _: quiet).find(None, 0.020) is None


def test_a_server_without_another_connection_leaves_the_line_to_the_rates() -> None:
    """No round trips, or too few, are no queue."""

    def answer(quiet: list[float], last: Leg) -> list[float]:
        del last
        return quiet

    for quiet in ([], [0.021, 0.09, 0.09]):
        line = Line(lowest_rtt_s=0.06)
        found = Questions(leg(100.0, 8), line.ask, partial(answer, quiet)).find(None, 0.021)
        assert found is None
