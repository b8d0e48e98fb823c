"""Reading what `iperf3 -J` prints: pure, for versions 3.7 to 3.19.

A failed run prints JSON with the key `error`, and versions before 3.17 then exit with 0: the key
decides, never the exit code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from agent.bandwidth.engine import Direction
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.slices import Slice

PAYLOAD_BYTES = 1448
_ERRORS = (
    ("busy running a test", "server_busy", True),
    ("refused", "server_unreachable", True),
    ("timed out", "server_unreachable", True),
    ("no route to host", "server_unreachable", True),
    ("network is unreachable", "server_unreachable", True),
    ("unable to connect", "server_unreachable", True),
    ("unable to cookie", "not_http", False),
    ("closed unexpectedly", "server_gone", True),
    ("server has terminated", "server_gone", True),
    ("unable to receive", "server_gone", True),
    ("unable to send", "server_gone", True),
    ("authorization", "server_refused", False),
)
"""Part of iperf3's message -> reason, whether trying again can help."""
_STOPPED = "the client has terminated"


@dataclass(frozen=True, slots=True)
class Run:
    """One direction of one run. Rates and bytes are TCP payload.

    `slices` are this end's count; `receives` says whether this end received. `server_bytes_s` is
    the server's mean while it received, None where it sent or did not tell.
    """

    version: str | None
    receives: bool
    slices: list[Slice]
    seconds: float
    moved_bytes: int
    streams: int
    mss_bytes: int | None
    server_bytes_s: float | None
    retransmit_share: float | None
    mean_rtt_s: float | None
    server_cpu_ratio: float | None
    congestion: str | None
    stopped_early: bool


def parse(output: bytes, errors: str, direction: Direction) -> Run:
    """Read one run's output. Raises MeasurementError with iperf3's own words as detail."""
    try:
        document = json.loads(output)
        intervals = [interval["sum"] for interval in document["intervals"]]
        start, end = document["start"], document["end"]
    except (ValueError, KeyError, TypeError) as error:
        said = errors or output[:200].decode(errors="replace") or "nothing"
        raise MeasurementError("tool_failed", f"iperf3 printed no result: {said}") from error
    said = document.get("error", "")
    stopped_early = _STOPPED in said
    if said and not stopped_early:
        raise _refusal(said)
    counts = [int(interval["bytes"]) for interval in intervals]
    slices = [Slice(0.0, 0)] if intervals else []
    slices += [
        Slice(float(interval["end"]), total)
        for interval, total in zip(intervals, accumulate(counts), strict=True)
    ]
    receives = direction is Direction.DOWNLOAD
    streams = end.get("streams", [])
    mean_rtts_us = [stream.get("sender", {}).get("mean_rtt", 0) for stream in streams]
    received = end.get("sum_received", {})
    seconds = slices[-1].t_s if slices else 0.0
    return Run(
        version=_version(start),
        receives=receives,
        slices=slices,
        seconds=seconds,
        moved_bytes=slices[-1].total_bytes if slices else 0,
        streams=len(start.get("connected", [])),
        mss_bytes=start.get("tcp_mss_default") or start.get("tcp_mss"),
        server_bytes_s=None if receives or stopped_early else _rate(received),
        retransmit_share=_retransmit_share(end),
        mean_rtt_s=max(mean_rtts_us, default=0) * 1e-6 or None,
        server_cpu_ratio=_cpu_ratio(end),
        congestion=end.get("sender_tcp_congestion"),
        stopped_early=stopped_early,
    )


def _refusal(said: str) -> MeasurementError:
    for part, reason, transient in _ERRORS:
        if part in said.lower():
            return MeasurementError(reason, f"iperf3: {said}", transient=transient)
    return MeasurementError("tool_failed", f"iperf3: {said}")


def _version(start: dict[str, Any]) -> str | None:
    words = str(start.get("version", "")).split()
    return words[-1] if words else None


def _rate(received: dict[str, Any]) -> float | None:
    bits = received.get("bits_per_second")
    return bits / 8 if bits else None


def _retransmit_share(end: dict[str, Any]) -> float | None:
    """Return retransmitted ÷ sent segments; None where the sender's kernel does not tell."""
    sent = end.get("sum_sent", {})
    if "retransmits" not in sent or not sent.get("bytes"):
        return None
    return float(sent["retransmits"] * PAYLOAD_BYTES / sent["bytes"])


def _cpu_ratio(end: dict[str, Any]) -> float | None:
    """Return the share of one core that the server's process used."""
    percent = end.get("cpu_utilization_percent", {}).get("remote_total")
    return None if not percent else percent / 100
