"""Probe `wireless_rate`: what one wireless terminal gets, to a server inside the school.

What: one reading per room and test. A host that stays in a room (`room` set) measures by itself; a
technician measures with `campusgauge-agent survey --rate`, and this probe hands those visits over.

Rights: none. `server` is a host of the school on a cable: `campusgauge speedtest-server --open`, or
`iperf3 -s`.

Settings: `server` (URL, or `host:port` for iperf3), `room` (`building-room` of this host, empty on
one that moves), `max_seconds`, `max_bytes` per direction, `token_file`, `ca_file`,
`assume_wireless` (where the system does not tell a card's kind, as Windows).

Metrics: see `WirelessRate.metrics`. `goodput_mbps` is the download, TCP payload: what the
documents' 4 Mbit/s are held against, by the 5th percentile of a room (Q6).

What makes it invalid: a test over a cable is refused. A card of a single stream of 802.11n, a busy
processor or server make the value a lower bound. What slows the air (others' traffic, distance) is
what is measured. An empty room flatters: measure in lessons; outside them it does not count.

Evidence kept: as `lan_rate`, and channel, signal and PHY rate of the association.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import psutil

from agent.bandwidth.errors import MeasurementError
from agent.probes.base import Context, Cost, Metric, Probe, ProbeError
from agent.probes.lan_rate import address_towards, measure_inside, require_seconds
from agent.reading import Outcome, Reading
from agent.system.interfaces import Kind
from agent.wireless.survey_points import parse_point

if TYPE_CHECKING:
    from agent.bandwidth.result import Result
    from agent.wireless.association import Association
    from agent.wireless.survey_points import Point

NO_SERVER = "wireless_rate_no_server"
OF_THE_AIR = frozenset({"line", "wifi", "cross_traffic", "unstable", "burst"})
"""Causes that belong to the wireless link in a lesson, which is what is measured."""


@dataclass(frozen=True, kw_only=True)
class WirelessRateSettings:
    """See the module's text. `max_seconds` and `max_bytes` hold per direction."""

    server: str = ""
    room: str = ""
    max_seconds: float = 4.0
    max_bytes: int = 200_000_000
    token_file: Path | None = None
    ca_file: Path | None = None
    assume_wireless: bool = False

    def __post_init__(self) -> None:
        require_seconds(self.max_seconds)
        if self.room:
            parse_point(self.room)


class WirelessRate(Probe[WirelessRateSettings]):
    """Rate of a wireless terminal in a room; the target is `building/room`."""

    name = "wireless_rate"
    title = "无线终端速率"
    interval_s = 3600.0
    timeout_s = 90.0
    cost = Cost.HEAVY
    settings_type = WirelessRateSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("goodput_mbps", "Mbit/s", "From the server inside the school, TCP payload"),
        Metric("upload_goodput_mbps", "Mbit/s", "To the server inside the school, TCP payload"),
        Metric("signal_dbm", "dBm", "Signal of the access point, where the card tells"),
        Metric("phy_rate_mbps", "Mbit/s", "Rate of the air interface, where the card tells"),
        Metric("loaded_rtt_ms", "ms", "Round trip under load, the slower direction's"),
        Metric("transferred_bytes", "B", "Payload moved by this test"),
    )

    def idle_reason(self, settings: WirelessRateSettings) -> str | None:
        """Without a server inside the school there is nothing to measure against."""
        return None if settings.server else NO_SERVER

    def collect(self, settings: WirelessRateSettings, context: Context) -> Iterable[Reading]:
        """Yield the visits that were left, and the rate in this host's own room."""
        from agent.wireless.visits import hand_over

        if not settings.server:
            raise ProbeError(NO_SERVER, f"[probes.{self.name}] server", outcome=Outcome.SKIPPED)
        if context.state_dir is not None and not context.on_demand:
            started_s = psutil.Process().parent()
            yield from hand_over(
                context.state_dir, self.name, started_s.create_time() if started_s else 0.0
            )
        if settings.room:
            yield measure_room(parse_point(settings.room), settings, context)
        elif context.on_demand:
            yield self._without_room(context)

    def _without_room(self, context: Context) -> Reading:
        return Reading(
            probe=self.name,
            target="host",
            time=context.now(),
            outcome=Outcome.SKIPPED,
            reason="wireless_point_not_set",
        )


def measure_room(room: Point, settings: WirelessRateSettings, context: Context) -> Reading:
    """Measure once and return the reading, a failed one with its reason included."""
    from agent.bandwidth.host import interface_of
    from agent.wireless.association import Association, read_association

    try:
        source = address_towards(settings.server)
        interface = interface_of(source, context.sys_root)
        kind = interface.kind if interface else Kind.UNKNOWN
        if kind is not Kind.WIRELESS and not settings.assume_wireless:
            name = interface.name if interface else source
            return _failure(room, "wireless_rate_over_cable", f"{name} ({kind})", context)
        result = measure_inside(
            settings.server,
            settings.max_seconds,
            settings.max_bytes,
            settings.token_file,
            settings.ca_file,
        )
    except MeasurementError as error:
        return _failure(room, error.reason, error.detail, context)
    link = read_association(interface.name) if interface else Association()
    return report(room, result, link, context)


def report(room: Point, result: Result, link: Association, context: Context) -> Reading:
    """Return the reading of a result."""
    values: dict[str, float] = {}
    if result.download is not None:
        values["goodput_mbps"] = result.download.goodput_mbps
    if result.upload is not None:
        values["upload_goodput_mbps"] = result.upload.goodput_mbps
    if link.signal_dbm is not None:
        values["signal_dbm"] = link.signal_dbm
    if link.phy_mbps is not None:
        values["phy_rate_mbps"] = link.phy_mbps
    parts = [part for _, part in result.directions()]
    loaded = [part.loaded_rtt_s for part in parts if part.loaded_rtt_s is not None]
    if loaded:
        values["loaded_rtt_ms"] = max(loaded) * 1000
    values["transferred_bytes"] = float(sum(part.bytes for part in parts))
    # The download is what is judged; a void cause of either direction voids the test.
    held = [*(result.download.limited_by if result.download else ())]
    held += ["same_host"] if any("same_host" in part.limited_by for part in parts) else []
    held += ["client_radio"] if link.is_modern is False else []
    causes = tuple(dict.fromkeys(cause for cause in held if cause not in OF_THE_AIR))
    reason = "same_host" if "same_host" in causes else "wireless_rate_limited"
    return Reading(
        probe=WirelessRate.name,
        target=room.target,
        time=context.now(),
        outcome=Outcome.LIMITED if causes else Outcome.OK,
        reason=reason if causes else None,
        values=values,
        labels={"building": room.building, "room": room.room},
        limited_by=causes,
        details={**result.as_json(), "association": asdict(link)},
    )


def _failure(room: Point, reason: str, detail: str, context: Context) -> Reading:
    return Reading(
        probe=WirelessRate.name,
        target=room.target,
        time=context.now(),
        outcome=Outcome.FAILED,
        reason=reason,
        labels={"building": room.building, "room": room.room},
        details={"detail": detail[:300]},
    )
