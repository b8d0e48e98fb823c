"""iperf3: the tool network people know, for lines, LANs and backbones up to tens of Gbit/s.

The other side runs `campusgauge-agent bandwidth --listen`, or any `iperf3 -s`. Both ends count;
the traces' steady stretch is the rate (see `agent.bandwidth.estimator`), so that slow starts and
burst credit do not enter it.
"""

from __future__ import annotations

import shutil

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
from agent.bandwidth.backends.iperf3_output import Run, parse
from agent.bandwidth.engine import Direction
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.overhead import MAX_ETHERNET_MSS_BYTES, Overhead, overhead
from agent.bandwidth.result import DirectionResult, Result

DEFAULT_PORT = 5201
STREAMS = 4
"""One stream loses 8 % on a path of 80 ms, four 3 %; on short paths both fill the line."""
SECONDS = 10.0
INTERVAL_S = 0.1
CONNECT_S = 5.0
CONVERGED_MARGIN = 0.01
ARRIVED_SHARE = 0.8
"""Where the server counted less of an upload than this, its mean is the rate."""
PACKAGE = "iperf3 (apt install iperf3)"


def measure(request: Request) -> Result:
    """Run `iperf3` once for each direction against the server `host[:port]`.

    Raises MeasurementError; ValueError for a proxy, which iperf3 cannot use.
    """
    if request.proxy:
        raise ValueError("iperf3 cannot go through an HTTP proxy; use the builtin backend")
    program = shutil.which("iperf3")
    if program is None:
        raise MeasurementError("tool_missing", f"iperf3 is not installed: {PACKAGE}")
    host, port = server_address(request.server)
    path = find_path(host, port, request.source)
    parts: dict[Direction, DirectionResult] = {}
    version = None
    for direction in request.directions:
        watch = Watch(path, direction)
        finished = run_tool(
            command(program, path, request, direction),
            watch,
            request,
            direction,
            timeout_s=CONNECT_S + min(request.caps.max_seconds, SECONDS) + 10.0,
        )
        run = parse(finished.output, finished.errors, direction)
        version = run.version
        parts[direction] = conclude(run, path, watch)
    return Result(
        parts.get(Direction.DOWNLOAD),
        parts.get(Direction.UPLOAD),
        None,  # it times only the loaded line
        f"{host}:{port}",
        path.source,
        path.interface.name if path.interface else None,
        backend="iperf3",
        backend_version=version,
    )


def server_address(server: str) -> tuple[str, int]:
    """Read `host`, `host:port`, `[v6]:port` or `iperf3://host:port`; raises ValueError."""
    from urllib.parse import urlsplit

    parts = urlsplit(server if "://" in server else f"iperf3://{server}")
    if parts.scheme not in ("iperf3", "tcp") or not parts.hostname:
        raise ValueError(f"{server}: give the iperf3 server as host or host:port")
    return parts.hostname, parts.port or DEFAULT_PORT


def command(program: str, path: Path, request: Request, direction: Direction) -> list[str]:
    """Return the client's command line."""
    seconds = max(1, round(min(request.caps.max_seconds, SECONDS)))
    words = [program, "-c", path.host, "-p", str(path.port), "-J", "-i", str(INTERVAL_S)]
    words += ["-t", str(seconds), "-P", str(STREAMS)]
    words += ["--connect-timeout", str(round(CONNECT_S * 1000))]
    if request.source:
        words += ["-B", request.source]
    if direction is Direction.DOWNLOAD:
        words.append("-R")
    return words


def conclude(run: Run, path: Path, watch: Watch) -> DirectionResult:
    """Return the rate of `run` and what limited it. Raises MeasurementError too_few_data."""
    trace = run.slices
    steady = estimator.steady_stretch(trace, 1.0) or estimator.rough_fit(trace)
    if steady is None:
        raise MeasurementError(
            "too_few_data", f"only {run.moved_bytes} bytes in {run.seconds:.1f} s", transient=True
        )
    rate_bytes_s = steady.rate_bytes_s
    if run.server_bytes_s and run.server_bytes_s * run.seconds < ARRIVED_SHARE * run.moved_bytes:
        # Buffers that fill at the start do not touch the slope; more than that does.
        rate_bytes_s = min(rate_bytes_s, run.server_bytes_s)
    frame = frame_of(run.mss_bytes, path.ip_version)
    factor = frame.factor
    burst = estimator.find_burst(trace, steady) if run.receives else None
    converged = steady.margin_ratio <= CONVERGED_MARGIN
    seen = watch.evidence(
        run.moved_bytes * factor,
        line_rate_mbps=rate_bytes_s * 8e-6 * factor,
        margin_ratio=steady.margin_ratio,
        converged=converged,
    )
    seen = seen._replace(
        server_core_ratio=run.server_cpu_ratio,
        loaded_rtt_s=run.mean_rtt_s,
        retransmit_share=run.retransmit_share,
        variation_ratio=estimator.variation_ratio(trace, steady.start_s),
    )
    step_s = max(run.seconds / CHART_STEPS, INTERVAL_S)
    return DirectionResult(
        goodput_mbps=rate_bytes_s * 8e-6,
        line_rate_mbps=seen.line_rate_mbps,
        seconds=run.seconds,
        bytes=run.moved_bytes,
        limited_by=verdict.limits(seen),
        margin_ratio=steady.margin_ratio,
        converged=converged,
        loaded_rtt_s=run.mean_rtt_s,
        burst_credit_bytes=burst.credit_bytes if burst else None,
        burst_peak_mbps=burst.peak_bytes_s * 8e-6 * factor if burst else None,
        chart_mbps=tuple(rate * 8e-6 for rate in estimator.rates_bytes_s(trace, step_s)),
        evidence={
            "connections": run.streams,
            "steady_s": round(steady.length_s, 3),
            "payload_bytes_per_frame": frame.payload_bytes,
            "frame_bytes": frame.frame_bytes,
            "frame_assumed": frame.assumed,
            "congestion_control": run.congestion,
            "stopped_early": run.stopped_early,
            **numbers(seen),
        },
    )


def frame_of(mss_bytes: int | None, ip_version: int) -> Overhead:
    """Return the frame of a full segment; that it carries time stamps is assumed."""
    usual = overhead(None, ip_version)
    if not mss_bytes or mss_bytes > MAX_ETHERNET_MSS_BYTES:
        return usual
    headers = usual.frame_bytes - usual.payload_bytes
    return Overhead(mss_bytes, mss_bytes + headers, assumed=True)
