"""Probe `lan_rate`: what the school's own network carries between two of its hosts.

What: one reading per peer, both directions. Negotiated speed is not throughput: this is the load
test that a backbone of 10 Gbit/s is accepted by.

Rights: none. The other host runs `iperf3 -s`, `campusgauge-agent bandwidth --listen PORT`, or
`campusgauge speedtest-server`.

Settings: `peers` (name -> `host:port` of iperf3, or an http(s) URL of a measurement server), of
private addresses only; `max_seconds`, `max_bytes` per direction; `token_file` of a measurement
server that is not open; `ca_file`.

Metrics: see `LanRate.metrics`.

What makes it invalid: `limited_by` names it (a slower card, a busy processor); a peer on this same
host is no network. A value that anything but the line limited is a lower bound.

Evidence kept: backend and version, connections, interface, retransmissions, CPU of both ends.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from agent.bandwidth.errors import MeasurementError
from agent.probes.base import Context, Cost, Metric, Probe, ProbeError
from agent.reading import Outcome, Reading

if TYPE_CHECKING:
    from agent.bandwidth.result import Result

NO_PEER = "lan_no_peer"


@dataclass(frozen=True, kw_only=True)
class LanRateSettings:
    """See the module's text. `max_seconds` and `max_bytes` hold per direction."""

    peers: dict[str, str] = field(default_factory=dict)
    max_seconds: float = 5.0
    max_bytes: int = 8_000_000_000
    token_file: Path | None = None
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        require_seconds(self.max_seconds)


def require_seconds(max_seconds: float) -> None:
    """Raise ValueError for a test that would be too short or would disturb lessons."""
    if not 1 <= max_seconds <= 30:
        raise ValueError("max_seconds must be between 1 and 30")


class LanRate(Probe[LanRateSettings]):
    """Rate between this host and others of the school; the target is the peer's name."""

    name = "lan_rate"
    title = "校内速率"
    interval_s = 24 * 3600.0
    timeout_s = 300.0
    cost = Cost.HEAVY
    settings_type = LanRateSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("download_line_rate_mbps", "Mbit/s", "From the peer, Ethernet frames"),
        Metric("download_goodput_mbps", "Mbit/s", "From the peer, TCP payload"),
        Metric("upload_line_rate_mbps", "Mbit/s", "To the peer, Ethernet frames"),
        Metric("upload_goodput_mbps", "Mbit/s", "To the peer, TCP payload"),
        Metric("loaded_rtt_ms", "ms", "Round trip under load, the slower direction's"),
        Metric("transferred_bytes", "B", "Payload moved by this test"),
    )

    def idle_reason(self, settings: LanRateSettings) -> str | None:
        """Without a peer there is nobody to measure with."""
        return None if settings.peers else NO_PEER

    def collect(self, settings: LanRateSettings, context: Context) -> Iterable[Reading]:
        """Yield one reading per peer, one after the other."""
        if not settings.peers:
            raise ProbeError(NO_PEER, f"[probes.{self.name}] peers", outcome=Outcome.SKIPPED)
        for name, server in settings.peers.items():
            try:
                result = measure_inside(
                    server,
                    settings.max_seconds,
                    settings.max_bytes,
                    settings.token_file,
                    settings.ca_file,
                )
            except MeasurementError as error:
                yield Reading(
                    probe=self.name,
                    target=name,
                    time=context.now(),
                    outcome=Outcome.FAILED,
                    reason=error.reason,
                    details={"detail": error.detail},
                )
                continue
            yield report(name, result, context)


def report(target: str, result: Result, context: Context) -> Reading:
    """Return the reading of a result."""
    values: dict[str, float] = {}
    causes: list[str] = []
    for name, part in result.directions():
        values[f"{name}_line_rate_mbps"] = part.line_rate_mbps
        values[f"{name}_goodput_mbps"] = part.goodput_mbps
        unexplained = not part.limited_by
        causes += ["unstable"] if unexplained else [c for c in part.limited_by if c != "line"]
    loaded = [p.loaded_rtt_s for _, p in result.directions() if p.loaded_rtt_s is not None]
    if loaded:
        values["loaded_rtt_ms"] = max(loaded) * 1000
    values["transferred_bytes"] = float(sum(part.bytes for _, part in result.directions()))
    limited_by = tuple(dict.fromkeys(causes))
    reason = "same_host" if "same_host" in limited_by else "bandwidth_limited"
    return Reading(
        probe=LanRate.name,
        target=target,
        time=context.now(),
        outcome=Outcome.LIMITED if limited_by else Outcome.OK,
        reason=reason if limited_by else None,
        values=values,
        limited_by=limited_by,
        details=result.as_json(),
    )


def measure_inside(
    server: str,
    max_seconds: float,
    max_bytes: int,
    token_file: Path | None = None,
    ca_file: Path | None = None,
) -> Result:
    """Measure against a host of the school: iperf3 for `host:port`, else our own engine.

    No slot of the bureau is asked for, so an address outside the school is refused. Raises
    MeasurementError, `lan_server_not_inside` or `bad_server_address` among its reasons.
    """
    from agent.bandwidth.backends import measure_with
    from agent.bandwidth.backends.base import Request
    from agent.bandwidth.bounds import Caps

    backend = "builtin" if server.startswith(("http://", "https://")) else "iperf3"
    try:
        require_inside(server)
        token = token_file.read_text(encoding="ascii").strip() if token_file else None
        caps = Caps(max_seconds, max_bytes)
        return measure_with(backend, Request(server, caps=caps, token=token, ca_file=ca_file))
    except (ValueError, OSError) as error:
        raise MeasurementError("bad_server_address", str(error)) from error


def require_inside(server: str) -> None:
    """Raise MeasurementError `lan_server_not_inside` for an address that is not private."""
    for address in _resolve(server):
        if not ipaddress.ip_address(address.partition("%")[0]).is_private:
            raise MeasurementError("lan_server_not_inside", f"{server}: {address}")


def address_towards(server: str) -> str:
    """Return this host's address on the way to the server; nothing is sent.

    Raises MeasurementError `lan_server_not_inside`, `bad_server_address`.
    """
    require_inside(server)
    address = _resolve(server)[0]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((address, 9))
            return str(sock.getsockname()[0])
    except OSError as error:
        raise MeasurementError("bad_server_address", f"{server}: {error}") from error


def _resolve(server: str) -> list[str]:
    host = urlsplit(server if "://" in server else f"iperf3://{server}").hostname
    try:
        if not host:
            raise MeasurementError("bad_server_address", server)
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None)]
    except OSError as error:
        raise MeasurementError("bad_server_address", f"{server}: {error}") from error
