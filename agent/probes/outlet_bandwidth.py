"""Probe `outlet_bandwidth`: what the school's line to the bureau carries, in both directions.

What: line rate and payload rate, latency idle and under load. A planned run measures one uplink,
the one that has waited longest; a run that a person asked for measures each. The label `occasion`
(`planned`, `retest`) tells them apart.

Rights: none. Needs an enrolled agent: the collector hands out the slot, one school per server at a
time; without a slot the reading is `skipped` and says why.

Settings: `uplinks` (name -> local address whose traffic leaves through that uplink; none means one
uplink named `default`), `directions`, `max_seconds`, `max_bytes`, `slot_wait_s` (while another
school tests), `proxy`, `measurement_ca_file`; `backend`: `builtin`, `speedtest-cli` (a lower
bound), or against a `server` of its own `iperf3` (`host:port`) or `librespeed` (URL). All need a
slot. For the built-in engine, by uplink: `second_sources` (another local address that leaves
through it, by which a limit per address shows), and what counts all its traffic:
`outlet_interfaces` (an interface of this host, where the agent runs on the gateway), or `devices`
with `credentials_file`, `community`, `answer_within_s`, `retries`, `rows_per_request` as in
`wan_counters`.

Metrics: see `OutletBandwidth.metrics`. With such counters and a full line, a line rate is what the
line carried, other traffic included; without them, what was left for the test.

What makes it invalid: `limited_by` names it. A lower bound is reported as `limited`, a server on
this same host as `limited` with reason `same_host`. A captive portal, a cache or a compressing
middlebox, a server that went away: `failed`, without any rate.

Evidence kept: backend and its version, server, source address, connections, steady seconds, margin,
CPU, interface, retransmissions, overhead used.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from agent.bandwidth.errors import MeasurementError
from agent.probes.base import CollectorAccess, Context, Cost, Metric, Probe
from agent.probes.wan_counters import Gateway
from agent.reading import Json, Outcome, Reading
from agent.slots import SKIPS, Occasion, Slot, release_slot, wait_for_slot
from agent.snmp.settings import AskSettings, require_distinct
from agent.uplinks import Uplinks

if TYPE_CHECKING:
    from agent.bandwidth.link_counters import LinkCounters
    from agent.bandwidth.result import DirectionResult, Result

DEFAULT_UPLINK = "default"
CLOCK_JUMP_S = 5.0


@dataclass(frozen=True, kw_only=True)
class OutletBandwidthSettings(AskSettings):
    """See the module's text. `max_seconds` and `max_bytes` hold per direction."""

    uplinks: dict[str, str] = field(default_factory=dict)
    directions: tuple[Literal["download", "upload"], ...] = ("download", "upload")
    max_seconds: float = 20.0
    max_bytes: int = 2_500_000_000
    slot_wait_s: float = 50.0
    backend: Literal["builtin", "iperf3", "speedtest-cli", "librespeed"] = "builtin"
    server: str | None = None
    proxy: str | None = None
    measurement_ca_file: Path | None = None
    second_sources: dict[str, str] = field(default_factory=dict)
    outlet_interfaces: dict[str, str] = field(default_factory=dict)
    devices: tuple[Gateway, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        require_distinct(self.devices)
        configured = self.uplinks or {DEFAULT_UPLINK: ""}
        named = [
            self.second_sources,
            self.outlet_interfaces,
            *(one.uplinks for one in self.devices),
        ]
        strangers = sorted(
            {uplink for part in named for uplink in part if uplink not in configured}
        )
        if strangers:
            raise ValueError(f"{strangers[0]} is none of the uplinks {', '.join(configured)}")
        if not self.directions:
            raise ValueError("directions must name download, upload or both")
        if not 1 <= self.max_seconds <= 60:
            raise ValueError("max_seconds must be between 1 and 60")
        if not 0 <= self.slot_wait_s <= 600:
            raise ValueError("slot_wait_s must be between 0 and 600")
        if (self.backend in ("iperf3", "librespeed")) != (self.server is not None):
            raise ValueError("server is for backend iperf3 or librespeed, and needed there")


class OutletBandwidth(Probe[OutletBandwidthSettings]):
    """Measures the uplink whose turn it is, or each of them on demand."""

    name = "outlet_bandwidth"
    title = "出口带宽"
    interval_s = 4 * 3600.0
    timeout_s = 150.0
    cost = Cost.HEAVY
    needs_slot = True
    settings_type = OutletBandwidthSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("download_line_rate_mbps", "Mbit/s", "Download, Ethernet frames without preamble"),
        Metric("download_goodput_mbps", "Mbit/s", "Download, TCP payload"),
        Metric("upload_line_rate_mbps", "Mbit/s", "Upload, Ethernet frames without preamble"),
        Metric("upload_goodput_mbps", "Mbit/s", "Upload, TCP payload counted by the server"),
        Metric("download_cross_traffic_mbps", "Mbit/s", "Download of others meanwhile, if counted"),
        Metric("upload_cross_traffic_mbps", "Mbit/s", "Upload of others meanwhile, if counted"),
        Metric("idle_rtt_ms", "ms", "Round trip to the server before the transfer"),
        Metric("loaded_rtt_ms", "ms", "Round trip under load, the slower direction's median"),
        Metric("transferred_bytes", "B", "Payload moved by this test"),
        Metric("duration_s", "s", "Time that the transfers took"),
    )

    def collect(self, settings: OutletBandwidthSettings, context: Context) -> Iterable[Reading]:
        """Yield one reading per uplink that is measured."""
        configured = settings.uplinks or {DEFAULT_UPLINK: ""}
        uplinks = Uplinks(context.state_dir / "uplinks.json" if context.state_dir else None)
        chosen = list(configured) if context.on_demand else [uplinks.longest_waiting(configured)]
        for uplink in chosen:
            yield self._measure(uplink, configured[uplink] or None, settings, context, uplinks)

    def _measure(
        self,
        uplink: str,
        source: str | None,
        settings: OutletBandwidthSettings,
        context: Context,
        uplinks: Uplinks,
    ) -> Reading:
        occasion = Occasion.RETEST if context.on_demand else Occasion.PLANNED
        if context.collector is None:
            return self._without(uplink, context, occasion, Outcome.SKIPPED, "not_enrolled", {})
        wall, monotonic = context.now(), context.monotonic()
        try:
            slot = wait_for_slot(
                context.collector,
                occasion,
                None
                if context.on_demand
                else uplinks.used_ratio(uplink, context.monotonic, time.sleep),
                wait_s=settings.slot_wait_s,
                monotonic=context.monotonic,
                sleep=time.sleep,
            )
            occasion = slot.occasion
            result = self._use(slot, uplink, source, settings, context, context.collector)
        except MeasurementError as error:
            if error.reason not in SKIPS:
                uplinks.note(uplink, wall.timestamp(), None, None)
            details: dict[str, Json] = {"detail": error.detail}
            if error.retry_after_s is not None:
                details["retry_after_s"] = error.retry_after_s
            outcome = Outcome.SKIPPED if error.reason in SKIPS else Outcome.FAILED
            return self._without(uplink, context, occasion, outcome, error.reason, details)
        rate = result.download.goodput_mbps * 125_000 if result.download else None
        uplinks.note(uplink, wall.timestamp(), rate, result.interface)
        jump_s = (context.now() - wall).total_seconds() - (context.monotonic() - monotonic)
        return self.report(uplink, result, context, occasion, jump_s)

    def _use(
        self,
        slot: Slot,
        uplink: str,
        source: str | None,
        settings: OutletBandwidthSettings,
        context: Context,
        collector: CollectorAccess,
    ) -> Result:
        """Measure within the slot, and give it back with what was really used."""
        # Only the child that measures needs the engine; whoever reads settings does without.
        from agent.bandwidth.backends import measure_with
        from agent.bandwidth.backends.base import Request
        from agent.bandwidth.engine import Caps, Direction
        from agent.bandwidth.line_memory import LineMemory

        used_bytes = None
        file = context.state_dir / "lines.json" if context.state_dir else None
        try:
            result = measure_with(
                settings.backend,
                Request(
                    settings.server or slot.server,
                    directions=tuple(Direction(name) for name in settings.directions),
                    caps=Caps(
                        min(settings.max_seconds, slot.max_seconds / len(settings.directions)),
                        min(settings.max_bytes, slot.max_bytes // len(settings.directions)),
                    ),
                    source=source,
                    proxy=settings.proxy,
                    ca_file=settings.measurement_ca_file or collector.ca_file,
                    token=slot.token,
                    memory=LineMemory(file, context.now().timestamp()),
                    second_source=settings.second_sources.get(uplink),
                    link=link_counters(settings, uplink),
                ),
            )
            used_bytes = sum(part.bytes for _, part in result.directions())
        except (ValueError, OSError) as error:
            raise MeasurementError("bad_server_address", str(error)) from error
        finally:
            release_slot(collector, slot, used_bytes)
        return result

    def _without(
        self,
        uplink: str,
        context: Context,
        occasion: Occasion,
        outcome: Outcome,
        reason: str,
        details: dict[str, Json],
    ) -> Reading:
        return Reading(
            probe=self.name,
            target=uplink,
            time=context.now(),
            outcome=outcome,
            reason=reason,
            labels={"occasion": occasion.value},
            details=details,
        )

    def report(
        self, uplink: str, result: Result, context: Context, occasion: Occasion, jump_s: float
    ) -> Reading:
        """Return the reading of a result; `jump_s`: by how much the clock was set meanwhile."""
        parts = result.directions()
        values: dict[str, float] = {}
        if result.idle_rtt_s is not None:
            values["idle_rtt_ms"] = result.idle_rtt_s * 1000
        for name, part in parts:
            values[f"{name}_line_rate_mbps"] = part.capacity_line_rate_mbps or part.line_rate_mbps
            values[f"{name}_goodput_mbps"] = part.goodput_mbps
            if part.cross_traffic_mbps is not None:
                values[f"{name}_cross_traffic_mbps"] = part.cross_traffic_mbps
        loaded = [part.loaded_rtt_s for _, part in parts if part.loaded_rtt_s is not None]
        if loaded:
            values["loaded_rtt_ms"] = max(loaded) * 1000
        values["transferred_bytes"] = float(sum(part.bytes for _, part in parts))
        values["duration_s"] = sum(part.seconds for _, part in parts)
        causes = held_back([part for _, part in parts])
        details = result.as_json()
        if abs(jump_s) > CLOCK_JUMP_S:
            # Rates rest on the monotonic clock; only the time stamp is in doubt.
            details["clock_jump_s"] = round(jump_s, 3)
        return Reading(
            probe=self.name,
            target=uplink,
            time=context.now(),
            outcome=Outcome.LIMITED if causes else Outcome.OK,
            reason=("same_host" if "same_host" in causes else "bandwidth_limited")
            if causes
            else None,
            values=values,
            labels={"occasion": occasion.value},
            limited_by=causes,
            details=details,
        )


COUNTED_ANYWAY = frozenset({"line", "cross_traffic", "unstable"})
"""What does not matter to a capacity that counters of the whole, full line have shown."""


def held_back(parts: list[DirectionResult]) -> tuple[str, ...]:
    """Return what made any direction a lower bound; the line itself being full is no such thing.

    A rate of the engine's own with no full line behind it has not been shown to last: `unstable`.
    """
    causes: list[str] = []
    for part in parts:
        counted = part.capacity_line_rate_mbps is not None
        if counted and COUNTED_ANYWAY.issuperset(part.limited_by):
            continue
        unexplained = not part.limited_by and part.margin_ratio is not None
        causes += ["unstable"] if unexplained else [c for c in part.limited_by if c != "line"]
    return tuple(dict.fromkeys(causes))


def link_counters(settings: OutletBandwidthSettings, uplink: str) -> LinkCounters | None:
    """Return what counts the whole traffic of `uplink`, where that is set."""
    interface = settings.outlet_interfaces.get(uplink)
    if interface is not None:
        from agent.bandwidth.link_counters import InterfaceCounters

        return InterfaceCounters(interface)
    for device in settings.devices:
        if uplink in device.uplinks:
            from agent.bandwidth.outlet_device import DeviceCounters

            return DeviceCounters(device, device.uplinks[uplink], settings)
    return None
