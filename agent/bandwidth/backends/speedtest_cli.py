"""speedtest-cli: known to everybody, and a lower bound at best.

It fetches a fixed list of files over connections that all start slowly, and divides bytes by time:
at 500 Mbit/s and 20 ms it read 8 % too little down and 16 % up, at 1000 Mbit/s 13 % and 46 %. So
its result always carries the cause `method`: at least so much is there; less is no finding, and a
line is never failed by it.

It measures against the bureau's measurement server (which answers as a "mini" server) or another
mini server, never against a server on the internet: that would measure another path, and tell
strangers about the school.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

from agent.bandwidth import estimator, verdict
from agent.bandwidth.backends.base import Request
from agent.bandwidth.backends.child_tool import (
    CHART_STEPS,
    Path,
    Watch,
    find_path,
    numbers,
    run_tool,
)
from agent.bandwidth.connection import Endpoint, endpoint, exchange
from agent.bandwidth.engine import Direction
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.overhead import Overhead, overhead
from agent.bandwidth.result import DirectionResult, Result
from agent.bandwidth.session import Session, end_session, open_session
from agent.bandwidth.slices import Trace

MODULE = "agent.bandwidth.backends.speedtest_cli_child"
METHOD = "method"
"""The cause: the tool itself reads less than the line carries."""
FILL_S = 0.5
CHECK_FILE = "/speedtest/latency.txt"


@dataclass(frozen=True, slots=True)
class Counted:
    """What speedtest-cli says of one direction."""

    version: str
    rate_bytes_s: float
    bytes: int


def measure(request: Request) -> Result:
    """Run speedtest-cli once for each direction.

    Raises MeasurementError: tool_missing, not_a_mini_server where the server offers no such files,
    and those of a session. Raises ValueError for a proxy.
    """
    if request.proxy:
        raise ValueError("speedtest-cli is not run through a proxy; use the builtin backend")
    if find_spec("speedtest") is None:
        raise MeasurementError(
            "tool_missing", "speedtest-cli is not installed: pip install speedtest-cli"
        )
    where = endpoint(request.server, source=request.source, ca_file=request.ca_file)
    path = find_path(where.host, where.port, request.source)
    session = open_session(where, request.token)
    runs: dict[Direction, tuple[Counted, Watch]] = {}
    arrived: dict[str, Any] = {}
    try:
        check_server(session)
        if session.id is None and Direction.UPLOAD in request.directions:
            raise MeasurementError("upload_not_counted", "a mini server does not say what arrived")
        for direction in request.directions:
            watch = Watch(path, direction)
            runs[direction] = (_run(session, request, direction, watch), watch)
    finally:
        arrived = end_session(session)
    parts = {
        direction: conclude(without_unsent(counted, direction, arrived), direction, path, watch)
        for direction, (counted, watch) in runs.items()
    }
    return Result(
        parts.get(Direction.DOWNLOAD),
        parts.get(Direction.UPLOAD),
        session.rtt_s,
        where.authority,
        path.source,
        path.interface.name if path.interface else None,
        backend="speedtest-cli",
        backend_version=next(iter(runs.values()))[0].version,
    )


def check_server(session: Session) -> None:
    """Ask for a mini server's file; raises MeasurementError when it is not there.

    speedtest-cli takes every error for an empty file: without this a refusal would be a rate of 0.
    """
    answer = exchange(session.where, "GET", CHECK_FILE, session.headers)
    if answer.status != 200 or not answer.body.startswith(b"test=test"):
        raise MeasurementError(
            "not_a_mini_server", f"GET {CHECK_FILE} was answered with HTTP {answer.status}"
        )


def _run(session: Session, request: Request, direction: Direction, watch: Watch) -> Counted:
    asked = {
        "server": base_url(session.where),
        "direction": direction.value,
        "source": request.source,
        "max_seconds": request.caps.max_seconds,
        "headers": session.headers,
        "ca_file": str(request.ca_file) if request.ca_file else None,
    }
    finished = run_tool(
        [sys.executable, "-m", MODULE],
        watch,
        request,
        direction,
        timeout_s=request.caps.max_seconds + 30.0,
        say=json.dumps(asked).encode(),
    )
    if finished.stopped_early:
        raise MeasurementError(
            "bytes_used_up", f"more than max_bytes = {request.caps.max_bytes} before it was done"
        )
    return parse(finished.output, finished.errors, direction)


def without_unsent(counted: Counted, direction: Direction, arrived: Mapping[str, Any]) -> Counted:
    """Return an upload as far as it arrived at the server.

    speedtest-cli counts what it wrote; when time is up megabytes of that still wait in buffers.
    """
    reached = arrived.get("uploaded_bytes")
    if direction is Direction.DOWNLOAD or not isinstance(reached, int) or reached >= counted.bytes:
        return counted
    if reached <= 0:
        raise MeasurementError("too_few_data", "nothing of the upload arrived", transient=True)
    return replace(
        counted, bytes=reached, rate_bytes_s=counted.rate_bytes_s * reached / counted.bytes
    )


def base_url(where: Endpoint) -> str:
    """Return the server's folder as a URL without a final slash."""
    return f"{'https' if where.tls else 'http'}://{where.authority}{where.path}"


def parse(output: bytes, errors: str, direction: Direction) -> Counted:
    """Read the child's JSON. Raises MeasurementError tool_failed, too_few_data."""
    try:
        document = json.loads(output)
        version = str(document["version"])
        name = "received_bytes" if direction is Direction.DOWNLOAD else "sent_bytes"
        moved = int(document[name])
        rate = float(document[f"{direction.value}_bits_per_s"]) / 8
    except (ValueError, KeyError, TypeError) as error:
        said = errors.splitlines()[-1] if errors else "nothing"
        raise MeasurementError("tool_failed", f"speedtest-cli: {said}") from error
    if moved <= 0 or rate <= 0:
        # It swallows connection errors: no byte means no answer, not a rate of zero.
        raise MeasurementError("too_few_data", "speedtest-cli moved nothing", transient=True)
    return Counted(version, rate, moved)


def fastest_bytes_s(passed: Trace, seconds: float) -> float | None:
    """Return the highest mean rate that the interface carried over `seconds`; None if unknown.

    speedtest-cli stops its clock while buffers still drain, and counts what arrives afterwards.
    The first `FILL_S` are left out: then the line's queue fills, and more passes the interface
    than the line.
    """
    moving = (point.t_s for point in passed if point.total_bytes > passed[0].total_bytes)
    began_s = next(moving, math.inf)
    passed = [point for point in passed if point.t_s >= began_s + FILL_S]
    if len(passed) < 2 or passed[-1].t_s <= passed[0].t_s:
        return None
    seconds = min(max(seconds - FILL_S, FILL_S), passed[-1].t_s - passed[0].t_s)
    best, last = 0.0, 0
    for first in passed:
        while last < len(passed) - 1 and passed[last].t_s - first.t_s < seconds:
            last += 1
        elapsed_s = passed[last].t_s - first.t_s
        if elapsed_s >= seconds:
            best = max(best, (passed[last].total_bytes - first.total_bytes) / elapsed_s)
    return best


def _useful_share(counted: Counted, direction: Direction, watch: Watch, frame: Overhead) -> float:
    """Return the payload that arrived ÷ the bytes on the interface while it moved.

    What a host sends passes its interface before the line drops it, and then once more.
    """
    sent = watch.slices[-1].total_bytes
    if direction is Direction.DOWNLOAD or not sent:
        return 1 / frame.factor
    return min(1 / frame.factor, counted.bytes / sent)


def conclude(counted: Counted, direction: Direction, path: Path, watch: Watch) -> DirectionResult:
    """Return the rate as a lower bound, with what else was seen."""
    frame = overhead(None, path.ip_version)
    rate_bytes_s = counted.rate_bytes_s
    passed = fastest_bytes_s(watch.slices, counted.bytes / counted.rate_bytes_s)
    if passed is not None:
        rate_bytes_s = min(rate_bytes_s, passed * _useful_share(counted, direction, watch, frame))
    line_rate_mbps = rate_bytes_s * 8e-6 * frame.factor
    seen = watch.evidence(
        counted.bytes * frame.factor,
        line_rate_mbps=line_rate_mbps,
        margin_ratio=1.0,
        converged=False,
    )
    # One quotient has no scatter, so nothing is said about steadiness.
    causes = tuple(c for c in verdict.limits(seen._replace(converged=True)) if c != "line")
    step_s = max(watch.seconds / CHART_STEPS, 0.2)
    return DirectionResult(
        goodput_mbps=rate_bytes_s * 8e-6,
        line_rate_mbps=line_rate_mbps,
        seconds=counted.bytes / counted.rate_bytes_s,
        bytes=counted.bytes,
        limited_by=causes if "same_host" in causes else (METHOD, *causes),
        margin_ratio=None,
        converged=False,
        loaded_rtt_s=None,
        chart_mbps=tuple(r * 8e-6 for r in estimator.rates_bytes_s(watch.slices, step_s)),
        evidence={
            "payload_bytes_per_frame": frame.payload_bytes,
            "frame_bytes": frame.frame_bytes,
            "frame_assumed": True,
            "direction": direction.value,
            **numbers(seen),
        },
    )
