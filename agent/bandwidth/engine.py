"""One measurement from start to end: session, directions, result."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from agent.bandwidth.bounds import BOTH, Caps, Direction, Progress
from agent.bandwidth.connection import Endpoint
from agent.bandwidth.direction_run import DirectionRun
from agent.bandwidth.leg import MOVERS, NewMover
from agent.bandwidth.line_memory import LineMemory
from agent.bandwidth.result import DirectionResult, Result
from agent.bandwidth.session import Session, end_session, open_session

if TYPE_CHECKING:
    from agent.bandwidth.link_counters import LinkCounters, LinkWatch

__all__ = ["BOTH", "Caps", "Direction", "Progress", "measure"]


def measure(
    where: Endpoint,
    *,
    directions: tuple[Direction, ...] = BOTH,
    token: str | None = None,
    caps: Caps | None = None,
    memory: LineMemory | None = None,
    connections: int | None = None,
    second_source: str | None = None,
    link: LinkCounters | None = None,
    progress: Progress | None = None,
    session: Session | None = None,
    movers: Mapping[Direction, NewMover] = MOVERS,
) -> Result:
    """Measure the line to the server at `where`.

    `second_source` is another local address that leaves through the same line: with it a limit
    per address is told from the line. `link` counts what all hosts move over the line: with it
    other traffic is told from a lack of capacity.

    A server that opens no sessions comes with a `session` made by the caller, and with `movers`
    that know its ways.

    Raises MeasurementError with the reason where no rate could be measured in a direction; a
    number is never made up.
    """
    memory = memory or LineMemory(None, time.time())
    session = session or open_session(where, token)
    idle_rtt_s = session.rtt_s
    parts: dict[Direction, DirectionResult] = {}
    source, interface = "", None
    try:
        with _watching(link) as watch:
            for direction in directions:
                run = DirectionRun(
                    session,
                    direction,
                    caps or Caps(),
                    memory,
                    movers[direction],
                    connections=connections,
                    second_source=second_source,
                    watch=watch,
                    progress=progress,
                )
                parts[direction] = run.measure()
                idle_rtt_s = min(idle_rtt_s, run.path.idle_rtt_s)
                source, interface = run.path.source, run.path.interface
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


@contextlib.contextmanager
def _watching(link: LinkCounters | None) -> Iterator[LinkWatch | None]:
    if link is None:
        yield None
        return
    from agent.bandwidth.link_counters import LinkWatch

    watch = LinkWatch(link)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()
