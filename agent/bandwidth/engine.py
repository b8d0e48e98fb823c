"""One measurement from start to end: session, connections, transfer, estimate, verdict."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from agent.bandwidth import estimator, tcp_info, verdict
from agent.bandwidth.connection import Endpoint, abort
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.host import Interface, Meters, host_id, interface_of, is_same_host, read_meters
from agent.bandwidth.line_memory import LineMemory
from agent.bandwidth.overhead import Overhead, overhead
from agent.bandwidth.result import DirectionResult, Result
from agent.bandwidth.session import Session, end_session, open_session
from agent.bandwidth.slices import Slice
from agent.bandwidth.stopping import Known, Plan
from agent.bandwidth.transfer import Pinger, Transfer, download, open_flows, upload
from agent.reading import Json

Progress = Callable[[str, list[Slice]], None]
"""Called with the direction and the slices so far, some twenty times a second."""


class Direction(StrEnum):
    """As seen from the school."""

    DOWNLOAD = "download"
    UPLOAD = "upload"


BOTH = (Direction.DOWNLOAD, Direction.UPLOAD)


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
) -> Result:
    """Measure the line to the server at `where`.

    Raises MeasurementError with the reason where no rate could be measured in a direction; a
    number is never made up.
    """
    caps = caps or Caps()
    memory = memory or LineMemory(None, time.time())
    session = open_session(where, token)
    idle_rtt_s = session.rtt_s
    parts: dict[Direction, DirectionResult] = {}
    source, interface = "", None
    try:
        for direction in directions:
            run = _Run(session, direction, caps, memory, connections, progress)
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
    ) -> None:
        self._session = session
        self._direction = direction
        self._caps = caps
        self._memory = memory
        self._connections = connections or connections_for(session.rtt_s)
        self._progress = progress
        self.idle_rtt_s = session.rtt_s
        self.source = ""
        self.interface: Interface | None = None

    def measure(self) -> DirectionResult:
        sockets = open_flows(self._session, self._connections)
        pinger = None
        try:
            self._look_at(sockets)
            pinger = Pinger(self._session)
            known = self._memory.recall(self._session.where.authority, self.source, self._direction)
            plan = Plan(
                min(self._caps.max_seconds, self._session.max_seconds),
                min(self._caps.max_bytes, self._session.max_bytes // 2),
                known,
            )
            before = read_meters(time.monotonic(), self._device)
            cpu_before = time.process_time()
            progress, name = self._progress, self._direction.value
            on_slice = (lambda s: progress(name, s)) if progress else None
            move = download if self._direction is Direction.DOWNLOAD else upload
            done = move(
                self._session, sockets, plan, self.idle_rtt_s, pinger,
                on_slice,
            )  # fmt: skip
            after = read_meters(time.monotonic(), self._device)
            infos = [info for s in sockets if (info := tcp_info.of(s))]
            own_cpu_s = time.process_time() - cpu_before
        finally:
            if pinger is not None:
                pinger.close()
            for sock in sockets:
                abort(sock)
        return self._conclude(done, plan, (before, after), infos, own_cpu_s)

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
        meters: tuple[Meters, Meters],
        infos: list[tcp_info.TcpInfo],
        own_cpu_s: float,
    ) -> DirectionResult:
        steady = done.verdict.steady or estimator.fit(done.slices[len(done.slices) // 2 :])
        if steady is None:
            raise MeasurementError(
                "too_few_data", f"only {done.bytes} bytes in {done.seconds:.1f} s", transient=True
            )
        burst = estimator.find_burst(done.slices, steady)
        goodput_mbps = steady.rate_bytes_s * 8e-6
        line_rate_mbps = goodput_mbps * self._overhead.factor
        loaded = statistics.median(done.pings_s) if done.pings_s else None
        seen = self._evidence(done, steady, meters, infos, own_cpu_s, line_rate_mbps, loaded)
        if done.verdict.converged and not self._same_host:
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
            limited_by=verdict.limits(seen),
            margin_ratio=steady.margin_ratio,
            converged=done.verdict.converged,
            loaded_rtt_s=loaded,
            burst_credit_bytes=burst.credit_bytes if burst else None,
            burst_peak_mbps=burst.peak_bytes_s * 8e-6 * self._overhead.factor if burst else None,
            evidence=self._details(seen, steady, plan),
        )

    def _evidence(
        self,
        done: Transfer,
        steady: estimator.Fit,
        meters: tuple[Meters, Meters],
        infos: list[tcp_info.TcpInfo],
        own_cpu_s: float,
        line_rate_mbps: float,
        loaded_rtt_s: float | None,
    ) -> verdict.Evidence:
        before, after = meters
        elapsed_s = after.at_s - before.at_s
        down = self._direction is Direction.DOWNLOAD
        first = before.received_bytes if down else before.sent_bytes
        last = after.received_bytes if down else after.sent_bytes
        other = None
        if first is not None and last is not None and last > first:
            other = max(0.0, 1 - done.bytes * self._overhead.factor / (last - first))
        busiest = None
        if before.core_busy_s and after.core_busy_s:
            pairs = zip(before.core_busy_s, after.core_busy_s, strict=True)
            busiest = max(b - a for a, b in pairs) / elapsed_s
        out = sum(info.data_segments_out or 0 for info in infos)
        again = sum(info.retransmitted_segments or 0 for info in infos)
        return verdict.Evidence(
            line_rate_mbps=line_rate_mbps,
            margin_ratio=steady.margin_ratio,
            converged=done.verdict.converged,
            same_host=self._same_host,
            interface_kind=self.interface.kind if self.interface else None,
            interface_mbps=self.interface.speed_mbps if self.interface else None,
            server_port_mbps=self._session.port_mbps,
            busiest_core_ratio=busiest,
            own_core_ratio=own_cpu_s / elapsed_s,
            other_traffic_share=other,
            idle_rtt_s=self.idle_rtt_s,
            loaded_rtt_s=loaded_rtt_s,
            retransmit_share=again / out if out and not down else None,
            variation_ratio=estimator.variation_ratio(done.slices, steady.start_s),
        )

    def _details(
        self, seen: verdict.Evidence, steady: estimator.Fit, plan: Plan
    ) -> dict[str, Json]:
        return {
            "connections": self._connections,
            "steady_s": round(steady.length_s, 3),
            "payload_bytes_per_frame": self._overhead.payload_bytes,
            "frame_bytes": self._overhead.frame_bytes,
            "frame_assumed": self._overhead.assumed,
            "line_was_known": plan.known is not None,
            **{
                name: round(value, 5)
                for name in (
                    "busiest_core_ratio", "own_core_ratio", "other_traffic_share",
                    "retransmit_share", "variation_ratio", "interface_mbps", "server_port_mbps",
                )
                if (value := getattr(seen, name)) is not None
            },
        }  # fmt: skip
