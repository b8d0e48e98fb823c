"""One transfer over connections of its own, with what was seen around it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from agent.bandwidth import estimator, tally, tcp_info
from agent.bandwidth.bounds import Direction
from agent.bandwidth.connection import abort
from agent.bandwidth.download import Download
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.flows import Flow, open_flows
from agent.bandwidth.host import Interface, Meters, host_id, interface_of, is_same_host, read_meters
from agent.bandwidth.overhead import Overhead, overhead
from agent.bandwidth.pinger import Pinger
from agent.bandwidth.session import Session
from agent.bandwidth.slices import Slice
from agent.bandwidth.stopping import Plan
from agent.bandwidth.transfer import Mover, Transfer
from agent.bandwidth.upload import Upload

ROUGH_S = 0.1
"""A shorter transfer over a real line says nothing: a token bucket alone carries it."""
NewMover = Callable[[Session, list[Flow], Pinger, socket.socket], Mover]
"""Makes a mover over flows, with one connection for pings and one spare."""
PlanFor = Callable[["Path"], Plan]
"""How long to go on, which may depend on the way that the connections took."""
MOVERS: Mapping[Direction, NewMover] = {
    Direction.DOWNLOAD: Download,
    Direction.UPLOAD: Upload,
}


class Path(NamedTuple):
    """The way to the server, as its connections show it."""

    source: str
    interface: Interface | None
    is_same_host: bool
    idle_rtt_s: float
    overhead: Overhead

    @property
    def device(self) -> str | None:
        """Name of the interface, where it can be told."""
        return self.interface.name if self.interface else None


def look_at(session: Session, sockets: Sequence[socket.socket]) -> Path:
    """Return the way that connected `sockets` take."""
    source = sockets[0].getsockname()[0]
    peer = sockets[0].getpeername()[0]
    infos = [info for s in sockets if (info := tcp_info.of(s))]
    rtts = [info.min_rtt_s for info in infos if info.min_rtt_s]
    is_v6 = sockets[0].family == socket.AF_INET6 and not peer.startswith("::ffff:")
    return Path(
        source=source,
        interface=interface_of(source),
        is_same_host=is_same_host(source, peer, session.host_id, host_id()),
        idle_rtt_s=min(rtts, default=session.rtt_s),
        overhead=overhead(infos[0] if infos else None, 6 if is_v6 else 4),
    )


class Leg(NamedTuple):
    """A transfer that gave a rate; `before` and `after` enclose it."""

    path: Path
    connections: int
    plan: Plan
    done: Transfer
    steady: estimator.Fit
    before: Meters
    after: Meters
    infos: Sequence[tcp_info.TcpInfo]


def run_leg(
    session: Session,
    new_mover: NewMover,
    plan_for: PlanFor,
    connections: Mapping[str | None, int],
    on_slice: Callable[[list[Slice]], None] | None = None,
) -> Leg:
    """Transfer once. `connections`: how many from each local address (None: the session's own).

    Raises MeasurementError where no rate came of it.
    """
    flows: list[Flow] = []
    side: list[Flow] = []
    try:
        for source, count in connections.items():
            # Two more than for the test itself: one for pings, one for the server's view.
            opened = open_flows(_from(session, source), count + (0 if side else 2))
            if not side:
                side, opened = opened[:2], opened[2:]
            flows += opened
        if len(side) < 2 or not flows:
            raise MeasurementError("server_unreachable", "too few connections", transient=True)
        path = look_at(session, [flow.sock for flow in flows])
        plan = plan_for(path)
        pinger = Pinger(session, side[0].sock)
        before = read_meters(time.monotonic(), path.device)
        moved = new_mover(session, flows, pinger, side[1].sock).run(plan, path.idle_rtt_s, on_slice)
        after = read_meters(time.monotonic(), path.device)
        infos = [info for flow in flows if (info := tcp_info.of(flow.sock))]
    finally:
        for flow in (*flows, *side):
            abort(flow.sock)
    done = tally.settle(moved, path.idle_rtt_s, plan)
    steady = done.verdict.steady or estimator.rough_fit(done.trace)
    if steady is None or (steady.length_s < ROUGH_S and not path.is_same_host):
        # Inside one host the caps are reached in a blink; that is what has to be said.
        reason = "same_host" if path.is_same_host else "too_few_data"
        raise MeasurementError(
            reason, f"only {done.bytes} bytes in {done.seconds:.1f} s", transient=True
        )
    return Leg(path, len(flows), plan, done, steady, before, after, infos)


def _from(session: Session, source: str | None) -> Session:
    return (
        session if source is None else replace(session, where=session.where._replace(source=source))
    )


def other_share(leg: Leg, direction: Direction) -> float | None:
    """Return which part of the bytes on this host's interface were not this test's."""
    down = direction is Direction.DOWNLOAD
    first = leg.before.received_bytes if down else leg.before.sent_bytes
    last = leg.after.received_bytes if down else leg.after.sent_bytes
    segments = sum((i.data_segments_in if down else i.data_segments_out) or 0 for i in leg.infos)
    if first is None or last is None or last <= first or not segments:
        return None
    own = segments * leg.path.overhead.frame_bytes + leg.done.side_bytes
    return max(0.0, 1 - own / (last - first))


def busiest_core(leg: Leg) -> float | None:
    """Return the load of the busiest core of this host during the transfer."""
    before, after = leg.before, leg.after
    if not before.core_busy_s or not after.core_busy_s:
        return None
    pairs = zip(before.core_busy_s, after.core_busy_s, strict=True)
    return max(b - a for a, b in pairs) / (after.at_s - before.at_s)


def own_core(leg: Leg) -> float:
    """Return which part of one core this process used."""
    return (leg.after.own_cpu_s - leg.before.own_cpu_s) / (leg.after.at_s - leg.before.at_s)


def own_wait(leg: Leg) -> float | None:
    """Return for which part of the time this process was ready to run and had no core."""
    before, after = leg.before, leg.after
    if before.own_waited_s is None or after.own_waited_s is None:
        return None
    return (after.own_waited_s - before.own_waited_s) / (after.at_s - before.at_s)


def sender_busy(leg: Leg, direction: Direction) -> float | None:
    """Return for which part of an upload its connections had something to send, on average.

    By tcpi_busy_time, which RFC 4898 has as the sum of its SndLimTime counters. None for a
    download, whose sender is the server.
    """
    busy_s = [info.busy_s for info in leg.infos if info.busy_s is not None]
    if direction is not Direction.UPLOAD or not busy_s:
        return None
    return sum(busy_s) / len(busy_s) / leg.done.seconds


def was_full(moved: Leg) -> bool | None:
    """Return whether something on the path was full in the second half of the steady stretch.

    Earlier signs may be the slow start's. None where the sender's kernel tells nothing.
    """
    done = moved.done
    if done.is_pressed is None or done.last_pressed_s is None:
        return done.is_pressed
    return done.is_pressed or done.last_pressed_s >= done.seconds - moved.steady.length_s / 2
