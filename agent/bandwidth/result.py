"""What a measurement gives back, and its one JSON form (see the command's `--format json`)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from agent.bandwidth.estimator import LEVEL
from agent.reading import Json


class DirectionResult(NamedTuple):
    """One direction. Rates in Mbit/s (10^6 bit/s).

    `goodput_mbps` is TCP payload, `line_rate_mbps` Ethernet frames without preamble, gap and FCS.
    With 95 % confidence the rate is within `margin_ratio` of the truth of that moment; None where
    the tool gives no ground to say so.
    """

    goodput_mbps: float
    line_rate_mbps: float
    seconds: float
    bytes: int
    limited_by: tuple[str, ...]
    margin_ratio: float | None
    converged: bool
    loaded_rtt_s: float | None
    burst_credit_bytes: float | None = None
    burst_peak_mbps: float | None = None
    chart_mbps: tuple[float, ...] = ()
    """Payload rate over the whole transfer, in equal steps."""
    capacity_line_rate_mbps: float | None = None
    """With counters of the whole line, and only when it was full: what it carried, own and cross
    traffic together."""
    cross_traffic_mbps: float | None = None
    """Of that, what others moved. None without counters."""
    evidence: Mapping[str, Json] = MappingProxyType({})

    def as_json(self) -> dict[str, Json]:
        """Return the object printed and kept as evidence."""
        return {
            "line_rate_mbps": round(self.line_rate_mbps, 3),
            "goodput_mbps": round(self.goodput_mbps, 3),
            "seconds": round(self.seconds, 3),
            "bytes": self.bytes,
            "limited_by": list(self.limited_by),
            "confidence": None if self.margin_ratio is None else LEVEL,
            "margin_ratio": _rounded(self.margin_ratio, 5),
            "converged": self.converged,
            "burst_credit_bytes": _rounded(self.burst_credit_bytes, None),
            "burst_peak_mbps": _rounded(self.burst_peak_mbps, 1),
            "capacity_line_rate_mbps": _rounded(self.capacity_line_rate_mbps, 3),
            "cross_traffic_mbps": _rounded(self.cross_traffic_mbps, 3),
            "series_mbps": [round(rate, 2) for rate in self.chart_mbps],
            "evidence": dict(self.evidence),
        }


class Result(NamedTuple):
    """Both directions as far as asked for.

    `backend` names what measured; `backend_version` is None for the project's own engine, whose
    version every batch carries. `idle_rtt_s` is None where that tool does not tell.
    """

    download: DirectionResult | None
    upload: DirectionResult | None
    idle_rtt_s: float | None
    server: str
    source: str
    interface: str | None
    backend: str = "builtin"
    backend_version: str | None = None

    def as_json(self) -> dict[str, Json]:
        """Return the document of `bandwidth --format json`."""
        latency: dict[str, Json] = {}
        if self.idle_rtt_s is not None:
            latency["idle"] = round(self.idle_rtt_s * 1000, 3)
        for name, part in self.directions():
            if part.loaded_rtt_s is not None:
                latency[name] = round(part.loaded_rtt_s * 1000, 3)
        return {
            **{name: part.as_json() for name, part in self.directions()},
            "latency_ms": latency,
            "server": self.server,
            "source": self.source,
            "interface": self.interface,
            "backend": self.backend,
            "backend_version": self.backend_version,
        }

    def directions(self) -> list[tuple[str, DirectionResult]]:
        """Return the measured directions by name."""
        both = (("download", self.download), ("upload", self.upload))
        return [(name, part) for name, part in both if part is not None]


def _rounded(value: float | None, places: int | None) -> float | None:
    return None if value is None else round(value, places)
