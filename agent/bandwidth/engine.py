"""One measurement from start to end: session, connections, transfer, estimate, verdict."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.bandwidth import estimator, tcp_info, verdict
from agent.bandwidth.connection import Endpoint, abort
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.flows import Flow, open_flows
from agent.bandwidth.host import Interface, Meters, host_id, interface_of, is_same_host, read_meters
from agent.bandwidth.line_memory import LineMemory
from agent.bandwidth.overhead import Overhead, overhead
from agent.bandwidth.pinger import Pinger
from agent.bandwidth.result import DirectionResult, Result
from agent.bandwidth.session import Session, end_session, open_session
from agent.bandwidth.slices import Slice
from agent.bandwidth.stopping import Known, Plan, may_be_burst
from agent.bandwidth.transfer import Download, Mover, Transfer, Upload
from agent.reading import Json

Progress = Callable[[str, list[Slice]], None]
"""Called with the direction and the slices so far, some twenty times a second."""


class Direction(StrEnum):
    """As seen from the school."""

    DOWNLOAD = "download"
    UPLOAD = "upload"


ROUGH_S = 0.1
"""A shorter transfer over a real line says nothing: a token bucket alone carries it."""
BOTH = (Direction.DOWNLOAD, Direction.UPLOAD)
NewMover = Callable[[Session, list[Flow], Pinger, socket.socket], Mover]
"""Makes a mover over flows, with one connection for pings and one spare."""
MOVERS: Mapping[Direction, NewMover] = {
    Direction.DOWNLOAD: Download,
    Direction.UPLOAD: Upload,
}


@dataclass(frozen=True, slots=True)
class Caps:
    """Hard bounds of one direction."""

    max_seconds: float = 20.0
    max_bytes: int = 2_500_000_000


def measure(
    where: Endpoint,
    *,
    directions: tuple[Direction, ...] = BOTH,
    token: str | None = None,
    caps: Caps | None = None,
    memory: LineMemory | None = None,
    connections: int | None = None,
    progress: Progress | None = None,
    session: Session | None = None,
    movers: Mapping[Direction, NewMover] = MOVERS,
) -> Result:
    """Measure the line to the server at `where`.

    A server that opens no sessions comes with a `session` made by the caller, and with `movers`
    that know its ways.

    Raises MeasurementError with the reason where no rate could be measured in a direction; a
    number is never made up.
    """
    caps = caps or Caps()
    memory = memory or LineMemory(None, time.time())
    session = session or open_session(where, token)
    idle_rtt_s = session.rtt_s
    parts: dict[Direction, DirectionResult] = {}
    source, interface = "", None
    try:
        for direction in directions:
            run = _Run(session, direction, caps, memory, connections, progress, movers)
            parts[direction] = run.measure()
            idle_rtt_s = min(idle_rtt_s, run.idle_rtt_s)
            source, interface = run.source, run.interface
    finally:
        end_session(session)
    return Result(
        parts.get(Direction.DOWNLOAD),
        parts.get(Direction.UPLOAD),
        idle_rtt_s,
        where.authority,
        source,
        interface.name if interface else None,
    )


def _chart_mbps(received: list[Slice], steps: int = 40) -> tuple[float, ...]:
    step_s = max((received[-1].t_s - received[0].t_s) / steps, 0.02)
    return tuple(rate * 8e-6 for rate in estimator.rates_bytes_s(received, step_s))


def connections_for(rtt_s: float) -> int:
    """Return how many parallel connections: enough that slow starts together fill a long path."""
    if rtt_s < 0.005:
        return 6
    return 8 if rtt_s < 0.03 else 16


class _Run:
    """One direction of one measurement."""

    def __init__(
        self,
        session: Session,
        direction: Direction,
        caps: Caps,
        memory: LineMemory,
        connections: int | None,
        progress: Progress | None,
        movers: Mapping[Direction, NewMover],
    ) -> None:
        self._session = session
        self._direction = direction
        self._caps = caps
        self._memory = memory
        self._connections = connections or connections_for(session.rtt_s)
        self._progress = progress
        self._mover = movers[direction]
        self.idle_rtt_s = session.rtt_s
        self.source = ""
        self.interface: Interface | None = None

    def measure(self) -> DirectionResult:
        """Transfer and conclude; raises MeasurementError."""
        # Two more than for the test itself: one for pings, one for the server's view.
        flows = open_flows(self._session, self._connections + 2)
        side, flows = flows[:2], flows[2:]
        try:
            self._look_at([flow.sock for flow in flows])
            pinger = Pinger(self._session, side[0].sock)
            plan = self._plan()
            before = read_meters(time.monotonic(), self._device)
            mover = self._mover(self._session, flows, pinger, side[1].sock)
            progress, name = self._progress, self._direction.value
            done = mover.run(
                plan, self.idle_rtt_s, (lambda s: progress(name, s)) if progress else None
            )
            after = read_meters(time.monotonic(), self._device)
            infos = [info for flow in flows if (info := tcp_info.of(flow.sock))]
        finally:
            for flow in (*flows, *side):
                abort(flow.sock)
        return self._conclude(done, plan, before, after, infos)

    def _plan(self) -> Plan:
        return Plan(
            min(self._caps.max_seconds, self._session.max_seconds),
            min(self._caps.max_bytes, self._session.max_bytes // 2),
            self._memory.recall(self._session.where.authority, self.source, self._direction),
        )

    @property
    def _device(self) -> str | None:
        return self.interface.name if self.interface else None

    def _look_at(self, sockets: list[socket.socket]) -> None:
        self.source = sockets[0].getsockname()[0]
        peer = sockets[0].getpeername()[0]
        self._same_host = is_same_host(self.source, peer, self._session.host_id, host_id())
        self.interface = interface_of(self.source)
        infos = [info for s in sockets if (info := tcp_info.of(s))]
        rtts = [info.min_rtt_s for info in infos if info.min_rtt_s]
        if rtts:
            self.idle_rtt_s = min(rtts)
        version = (
            6 if sockets[0].family == socket.AF_INET6 and not peer.startswith("::ffff:") else 4
        )
        self._overhead: Overhead = overhead(infos[0] if infos else None, version)

    def _conclude(
        self,
        done: Transfer,
        plan: Plan,
        before: Meters,
        after: Meters,
        infos: list[tcp_info.TcpInfo],
    ) -> DirectionResult:
        steady = done.verdict.steady or estimator.rough_fit(done.trace)
        if steady is None or (steady.length_s < ROUGH_S and not self._same_host):
            # Inside one host the caps are reached in a blink; that is what has to be said.
            reason = "same_host" if self._same_host else "too_few_data"
            raise MeasurementError(
                reason, f"only {done.bytes} bytes in {done.seconds:.1f} s", transient=True
            )
        burst = estimator.find_burst(done.trace, steady)
        goodput_mbps = steady.rate_bytes_s * 8e-6
        line_rate_mbps = goodput_mbps * self._overhead.factor
        pings_s = sorted(done.pings_s)
        loaded = pings_s[len(pings_s) // 2] if pings_s else None
        in_burst = may_be_burst(plan, steady.rate_bytes_s, done.bytes, done.seconds)
        seen = self._evidence(
            done, steady, (before, after), infos, line_rate_mbps, loaded, in_burst=in_burst
        )
        limited_by = verdict.limits(seen)
        if done.verdict.converged and limited_by == ("line",):
            self._memory.learn(
                self._session.where.authority,
                self.source,
                self._direction,
                Known(
                    steady.rate_bytes_s,
                    burst.credit_bytes if burst else (plan.known.credit_bytes if plan.known else 0),
                    burst.peak_bytes_s if burst else (plan.known.peak_bytes_s if plan.known else 0),
                ),
            )
        return DirectionResult(
            goodput_mbps=goodput_mbps,
            line_rate_mbps=line_rate_mbps,
            seconds=done.seconds,
            bytes=done.bytes,
            limited_by=limited_by,
            margin_ratio=steady.margin_ratio,
            converged=done.verdict.converged,
            loaded_rtt_s=loaded,
            burst_credit_bytes=burst.credit_bytes if burst else None,
            burst_peak_mbps=burst.peak_bytes_s * 8e-6 * self._overhead.factor if burst else None,
            chart_mbps=_chart_mbps(done.received),
            evidence=self._details(seen, steady, plan, done.congestion),
        )

    def _evidence(
        self,
        done: Transfer,
        steady: estimator.Fit,
        meters: tuple[Meters, Meters],
        infos: list[tcp_info.TcpInfo],
        line_rate_mbps: float,
        loaded_rtt_s: float | None,
        *,
        in_burst: bool,
    ) -> verdict.Evidence:
        before, after = meters
        elapsed_s = after.at_s - before.at_s
        down = self._direction is Direction.DOWNLOAD
        first = before.received_bytes if down else before.sent_bytes
        last = after.received_bytes if down else after.sent_bytes
        segments = sum((i.data_segments_in if down else i.data_segments_out) or 0 for i in infos)
        other = None
        if first is not None and last is not None and last > first and segments:
            own = segments * self._overhead.frame_bytes + done.side_bytes
            other = max(0.0, 1 - own / (last - first))
        busiest = None
        if before.core_busy_s and after.core_busy_s:
            pairs = zip(before.core_busy_s, after.core_busy_s, strict=True)
            busiest = max(b - a for a, b in pairs) / elapsed_s
        return verdict.Evidence(
            line_rate_mbps=line_rate_mbps,
            margin_ratio=steady.margin_ratio,
            converged=done.verdict.converged,
            same_host=self._same_host,
            interface_kind=self.interface.kind if self.interface else None,
            interface_mbps=self.interface.speed_mbps if self.interface else None,
            server_port_mbps=self._session.port_mbps,
            busiest_core_ratio=busiest,
            own_core_ratio=(after.own_cpu_s - before.own_cpu_s) / elapsed_s,
            other_traffic_share=other,
            idle_rtt_s=self.idle_rtt_s,
            loaded_rtt_s=loaded_rtt_s,
            retransmit_share=done.sums.retransmit_share,
            is_pressed=done.is_pressed,
            server_core_ratio=done.server_busy_ratio,
            in_burst=in_burst,
            variation_ratio=estimator.variation_ratio(done.trace, steady.start_s),
        )

    def _details(
        self, seen: verdict.Evidence, steady: estimator.Fit, plan: Plan, congestion: str
    ) -> dict[str, Json]:
        return {
            "connections": self._connections,
            "steady_s": round(steady.length_s, 3),
            "payload_bytes_per_frame": self._overhead.payload_bytes,
            "frame_bytes": self._overhead.frame_bytes,
            "frame_assumed": self._overhead.assumed,
            "congestion_control": congestion,
            "line_was_known": plan.known is not None,
            **{
                name: round(value, 5)
                for name in (
                    "busiest_core_ratio", "own_core_ratio", "other_traffic_share",
                    "retransmit_share", "server_core_ratio", "variation_ratio", "interface_mbps",
                    "server_port_mbps",
                )
                if (value := getattr(seen, name)) is not None
            },
        }  # fmt: skip
