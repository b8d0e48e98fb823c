"""One direction of a measurement: transfers, what limited them, what to remember."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from agent.bandwidth import estimator, leg, tally, verdict
from agent.bandwidth.bounds import Caps, Direction, Progress
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.leg import Leg, NewMover, Path, was_full
from agent.bandwidth.line_memory import LineMemory
from agent.bandwidth.result import DirectionResult
from agent.bandwidth.session import Session
from agent.bandwidth.slices import Slice, Trace
from agent.bandwidth.stopping import FIRST_MIN_S, Known, Plan, may_be_burst
from agent.reading import Json

if TYPE_CHECKING:
    from agent.bandwidth.capacity import LinkRate
    from agent.bandwidth.link_counters import LinkWatch

SLOW_START_SHARE = 0.4
DRAIN_S = 0.2
"""Besides the queue's own length, until what was sent is through."""
CHALLENGE_S, MIN_CHALLENGE_S = 2.5, 1.0
"""The longest repeated transfer, and how much time has to be left for one."""


def connections_for(rtt_s: float) -> int:
    """Return how many parallel connections: enough that slow starts together fill a long path."""
    if rtt_s < 0.005:
        return 6
    return 8 if rtt_s < 0.03 else 16


class DirectionRun:
    """Measures one direction; `path` is known after `measure`."""

    path: Path

    def __init__(
        self,
        session: Session,
        direction: Direction,
        caps: Caps,
        memory: LineMemory,
        new_mover: NewMover,
        *,
        connections: int | None,
        second_source: str | None,
        watch: LinkWatch | None,
        progress: Progress | None,
    ) -> None:
        self._session = session
        self._direction = direction
        self._memory = memory
        self._new_mover = new_mover
        self._connections = connections or connections_for(session.rtt_s)
        self._second_source = second_source
        self._watch = watch
        self._progress = progress
        self._left_s = min(caps.max_seconds, session.max_seconds)
        # Less than half: the bounds are looked at every few milliseconds, and a server that has
        # given its share ends the test without an answer.
        self._left_bytes = min(caps.max_bytes, session.max_bytes * 9 // 20)

    def measure(self) -> DirectionResult:
        """Transfer and conclude. Raises MeasurementError."""
        first = self._transfer(self._plan, {None: self._connections})
        self.path = first.path
        if self._direction is Direction.UPLOAD:
            # Not the repeated ones: what was on its way of the one before is counted as theirs.
            tally.require_sent(first.done, first.path.idle_rtt_s)
        part = self._conclude(first)
        if part.limited_by == ("line",) and not _confirms(first):
            part = self._challenge(first, part)
        if first.done.verdict.converged and part.limited_by == ("line",):
            self._remember(first)
        return part

    def _plan(self, path: Path) -> Plan:
        known = self._memory.recall(self._session.where.authority, path.source, self._direction)
        watch_s = self._watch.watch_s if self._watch else 0.0
        return Plan(
            self._left_s, self._left_bytes, known, first_min_seconds=max(FIRST_MIN_S, watch_s)
        )

    def _transfer(self, plan_for: leg.PlanFor, connections: Mapping[str | None, int]) -> Leg:
        progress, name = self._progress, self._direction.value

        def show(slices: list[Slice]) -> None:
            if progress:
                progress(name, slices)

        moved = leg.run_leg(self._session, self._new_mover, plan_for, connections, show)
        self._left_s -= moved.done.seconds
        self._left_bytes -= moved.done.bytes
        return moved

    def _challenge(self, first: Leg, part: DirectionResult) -> DirectionResult:
        """Ask by other connections whether it is the line; the best rate seen is the result."""
        # Only the first test of a line asks; the short ones after it do without the questions.
        from agent.bandwidth.questions import Questions

        asking = Questions(first, self._ask, self._listen)
        found = asking.find(self._second_source, self._idle_rtt_s(first))
        legs = asking.legs
        best = max(legs, key=lambda one: one.steady.rate_bytes_s) if found else first
        result = self._conclude(best) if found else part
        evidence: dict[str, Json] = {
            **result.evidence,
            "challenged_by": [*asking.asked],
            "challenge_mbps": [round(one.steady.rate_bytes_s * 8e-6, 3) for one in legs[1:]],
        }
        if found and found.per:
            evidence["limit_per"] = found.per
        limited_by = result.limited_by
        if found:
            limited_by = (found.cause,)
        elif asking.unanswered:
            evidence["unanswered"] = [*asking.unanswered]
            limited_by = ()  # unchallenged: a lower bound
        return result._replace(
            limited_by=limited_by,
            seconds=sum(one.done.seconds for one in legs),
            bytes=sum(one.done.bytes for one in legs),
            evidence=evidence,
        )

    def _ask(self, first: Leg, connections: Mapping[str | None, int]) -> Leg | None:
        """Repeat `first` with other connections; None where the bounds or the path forbid it."""
        rate = first.steady.rate_bytes_s
        seconds = min(CHALLENGE_S, self._left_s, self._left_bytes / rate)
        if seconds < MIN_CHALLENGE_S:
            return None
        plan = Plan(seconds, self._left_bytes, Known(rate), first_min_seconds=1.0, credit_bytes=0)
        try:
            return self._transfer(lambda _: plan, connections)
        except MeasurementError:
            return None  # the first transfer stands, unchallenged

    def _listen(self, moved: Leg) -> list[float]:
        """Return round trips without own traffic; none where the server has no more connections."""
        pings_s = sorted(moved.done.pings_s)
        queue_s = pings_s[len(pings_s) // 2] if pings_s else moved.path.idle_rtt_s
        from agent.bandwidth.quiet import quiet_pings_s

        try:
            return quiet_pings_s(self._session, queue_s + DRAIN_S)
        except MeasurementError:
            return []

    def _remember(self, first: Leg) -> None:
        known = first.plan.known
        burst = estimator.find_burst(first.done.trace, first.steady)
        self._memory.learn(
            self._session.where.authority,
            first.path.source,
            self._direction,
            Known(
                first.steady.rate_bytes_s,
                burst.credit_bytes if burst else (known.credit_bytes if known else 0),
                burst.peak_bytes_s if burst else (known.peak_bytes_s if known else 0),
            ),
        )

    def _idle_rtt_s(self, moved: Leg) -> float:
        """Return the shortest round trip before `moved`: one handshake may meet a busy host."""
        return min(moved.path.idle_rtt_s, self._session.rtt_s)

    def _conclude(self, moved: Leg) -> DirectionResult:
        done, steady, factor = moved.done, moved.steady, moved.path.overhead.factor
        line_rate_mbps = steady.rate_bytes_s * 8e-6 * factor
        link = self._link_rate(moved)
        link_mbps = link.rate_bytes_s * 8e-6 if link else None
        seen = self._evidence(moved, line_rate_mbps, link_mbps)
        limited_by = verdict.limits(seen)
        if "unstable" in limited_by:
            steady = _what_lasted(done.trace, steady)
            line_rate_mbps = steady.rate_bytes_s * 8e-6 * factor
        burst = estimator.find_burst(done.trace, steady)
        return DirectionResult(
            goodput_mbps=steady.rate_bytes_s * 8e-6,
            line_rate_mbps=line_rate_mbps,
            seconds=done.seconds,
            bytes=done.bytes,
            limited_by=limited_by,
            margin_ratio=steady.margin_ratio,
            converged=done.verdict.converged,
            loaded_rtt_s=seen.loaded_rtt_s,
            burst_credit_bytes=burst.credit_bytes if burst else None,
            burst_peak_mbps=burst.peak_bytes_s * 8e-6 * factor if burst else None,
            chart_mbps=chart_mbps(done.received),
            capacity_line_rate_mbps=max(link_mbps, line_rate_mbps)
            if link_mbps is not None and verdict.is_full(seen)
            else None,
            cross_traffic_mbps=None if link_mbps is None else max(0.0, link_mbps - line_rate_mbps),
            evidence=_details(moved, seen, link, self._watch),
        )

    def _link_rate(self, moved: Leg) -> LinkRate | None:
        """Return what all hosts moved over the line at the end: in the steady stretch or longer."""
        if self._watch is None:
            return None
        from agent.bandwidth.capacity import link_rate, look_s

        done, length_s = moved.done, moved.steady.length_s
        if estimator.find_burst(done.trace, moved.steady) is None:  # what was faster does not last
            length_s = look_s(length_s, done.seconds, self._watch.watch_s)
        samples = self._watch.between(done.ended_s - length_s, done.ended_s)
        return link_rate(samples, download=self._direction is Direction.DOWNLOAD)

    def _evidence(
        self, moved: Leg, line_rate_mbps: float, link_mbps: float | None
    ) -> verdict.Evidence:
        done, path = moved.done, moved.path
        pings_s = sorted(done.pings_s)
        # The count that ended the test may have been the sender's, ahead of the receiver's.
        counted = max(done.bytes, done.trace[-1].total_bytes - done.trace[0].total_bytes)
        return verdict.Evidence(
            line_rate_mbps=line_rate_mbps,
            margin_ratio=moved.steady.margin_ratio,
            converged=done.verdict.converged,
            same_host=path.is_same_host,
            interface_kind=path.interface.kind if path.interface else None,
            interface_mbps=path.interface.speed_mbps if path.interface else None,
            server_port_mbps=self._session.port_mbps,
            busiest_core_ratio=leg.busiest_core(moved),
            own_core_ratio=leg.own_core(moved),
            own_wait_ratio=leg.own_wait(moved),
            sender_busy_ratio=leg.sender_busy(moved, self._direction),
            other_traffic_share=leg.other_share(moved, self._direction),
            link_other_share=None if link_mbps is None else 1 - line_rate_mbps / link_mbps,
            idle_rtt_s=self._idle_rtt_s(moved),
            loaded_rtt_s=pings_s[len(pings_s) // 2] if pings_s else None,
            lowest_loaded_rtt_s=pings_s[0] if pings_s else None,
            retransmit_share=done.sums.retransmit_share,
            is_pressed=was_full(moved),
            server_core_ratio=done.server_busy_ratio,
            in_burst=may_be_burst(moved.plan, moved.steady.rate_bytes_s, counted, done.seconds),
            wavering_ratio=_wavered(moved),
            variation_ratio=estimator.variation_ratio(done.trace, moved.steady.start_s),
        )


def _confirms(first: Leg) -> bool:
    """Whether the transfer only found again what is known of the line."""
    known = first.plan.known
    if known is None:
        return False
    off = abs(first.steady.rate_bytes_s / known.sustained_bytes_s - 1)
    return off <= first.plan.agreement_ratio


def _what_lasted(trace: Trace, steady: estimator.Fit) -> estimator.Fit:
    """Return the mean where it is below the last straight piece: only so is it a lower bound."""
    mean = estimator.rough_fit(trace)
    return mean if mean and mean.rate_bytes_s < steady.rate_bytes_s else steady


def _wavered(moved: Leg) -> float | None:
    """Return how much the rate varied in a test that its bounds ended, slow start left out."""
    done, plan = moved.done, moved.plan
    if done.seconds < plan.max_seconds and done.bytes < plan.max_bytes:
        return None
    start_s = done.trace[0].t_s + SLOW_START_SHARE * (done.trace[-1].t_s - done.trace[0].t_s)
    return estimator.variation_ratio(done.trace, start_s)


def chart_mbps(received: list[Slice], steps: int = 40) -> tuple[float, ...]:
    """Return the payload rate over a whole transfer, in at most `steps` equal steps."""
    step_s = max((received[-1].t_s - received[0].t_s) / steps, 0.02)
    return tuple(rate * 8e-6 for rate in estimator.rates_bytes_s(received, step_s))


def _details(
    moved: Leg, seen: verdict.Evidence, link: LinkRate | None, watch: LinkWatch | None
) -> dict[str, Json]:
    how = moved.path.overhead
    details: dict[str, Json] = {
        "connections": moved.connections,
        "steady_s": round(moved.steady.length_s, 3),
        "payload_bytes_per_frame": how.payload_bytes,
        "frame_bytes": how.frame_bytes,
        "frame_assumed": how.assumed,
        "congestion_control": moved.done.congestion,
        "line_was_known": moved.plan.known is not None,
    }
    for name in (
        "busiest_core_ratio", "own_core_ratio", "own_wait_ratio", "sender_busy_ratio",
        "other_traffic_share", "link_other_share", "retransmit_share", "server_core_ratio",
        "variation_ratio", "wavering_ratio", "interface_mbps", "server_port_mbps",
    ):  # fmt: skip
        value = getattr(seen, name)
        if value is not None:
            details[name] = round(value, 5)
    if watch is not None:
        details["link_counters"] = watch.trouble or ("used" if link else "too coarse")
        if link is not None:
            details["link_margin_ratio"] = round(link.margin_ratio, 5)
    return details
