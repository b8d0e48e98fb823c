"""Probe `outlet_bandwidth`: what the school's line to the bureau carries, in both directions.

What: one reading per uplink: line rate and payload rate, latency idle and under load.

Rights: none. Needs an enrolled agent: the collector hands out the slot, one school per server at a
time; without a slot the reading is `skipped` and says why.

Settings: `uplinks` (name -> local address whose traffic leaves through that uplink; none means one
uplink named `default`), `directions`, `max_seconds`, `max_bytes`, `proxy`, `measurement_ca_file`.

Metrics: see `OutletBandwidth.metrics`.

What makes it invalid: `limited_by` names it. A lower bound is reported as `limited`, a server on
this same host as `limited` with reason `same_host`. A captive portal, a cache or a compressing
middlebox, a server that went away: `failed`, without any rate.

Evidence kept: server, source address, connections, steady seconds, margin, CPU, interface,
retransmissions, overhead used.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from agent.bandwidth.connection import Answer, Endpoint, endpoint, exchange
from agent.bandwidth.engine import Caps, Direction, measure
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.line_memory import LineMemory
from agent.bandwidth.result import DirectionResult, Result
from agent.probes.base import CollectorAccess, Context, Cost, Metric, Probe
from agent.reading import Json, Outcome, Reading

DEFAULT_UPLINK = "default"
CLOCK_JUMP_S = 5.0


@dataclass(frozen=True)
class OutletBandwidthSettings:
    """See the module's text. `max_seconds` and `max_bytes` hold per direction."""

    uplinks: dict[str, str] = field(default_factory=dict)
    directions: tuple[Literal["download", "upload"], ...] = ("download", "upload")
    max_seconds: float = 20.0
    max_bytes: int = 2_500_000_000
    proxy: str | None = None
    measurement_ca_file: Path | None = None

    def __post_init__(self) -> None:
        if not self.directions:
            raise ValueError("directions must name download, upload or both")
        if not 1 <= self.max_seconds <= 60:
            raise ValueError("max_seconds must be between 1 and 60")


@dataclass(frozen=True, slots=True)
class Slot:
    """The permission to test now. `token` is spent by the first use."""

    id: str
    server: str
    token: str = field(repr=False)
    max_seconds: float
    max_bytes: int


class OutletBandwidth(Probe[OutletBandwidthSettings]):
    """Measures each uplink once."""

    name = "outlet_bandwidth"
    title = "出口带宽"
    interval_s = 4 * 3600.0
    timeout_s = 150.0
    cost = Cost.HEAVY
    settings_type = OutletBandwidthSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("download_line_rate_mbps", "Mbit/s", "Download, Ethernet frames without preamble"),
        Metric("download_goodput_mbps", "Mbit/s", "Download, TCP payload"),
        Metric("upload_line_rate_mbps", "Mbit/s", "Upload, Ethernet frames without preamble"),
        Metric("upload_goodput_mbps", "Mbit/s", "Upload, TCP payload counted by the server"),
        Metric("idle_rtt_ms", "ms", "Round trip to the server before the transfer"),
        Metric("loaded_rtt_ms", "ms", "Round trip under load, the slower direction's median"),
        Metric("transferred_bytes", "B", "Payload moved by this test"),
        Metric("duration_s", "s", "Time that the transfers took"),
    )

    def collect(self, settings: OutletBandwidthSettings, context: Context) -> Iterable[Reading]:
        """Yield one reading per uplink."""
        uplinks = settings.uplinks or {DEFAULT_UPLINK: ""}
        for uplink, source in uplinks.items():
            yield from self._measure(uplink, source or None, settings, context)

    def _measure(
        self,
        uplink: str,
        source: str | None,
        settings: OutletBandwidthSettings,
        context: Context,
    ) -> Iterator[Reading]:
        if context.collector is None:
            yield self._without(uplink, context, Outcome.SKIPPED, "not_enrolled", {})
            return
        wall, monotonic = context.now(), context.monotonic()
        try:
            slot = ask_for_slot(context.collector)
            result = self._use(slot, source, settings, context, context.collector)
        except MeasurementError as error:
            outcome = Outcome.SKIPPED if error.reason in SKIPS else Outcome.FAILED
            details: dict[str, Json] = {"detail": error.detail}
            if error.retry_after_s is not None:
                details["retry_after_s"] = error.retry_after_s
            yield self._without(uplink, context, outcome, error.reason, details)
            return
        jump_s = (context.now() - wall).total_seconds() - (context.monotonic() - monotonic)
        yield self._reading(uplink, result, context, jump_s)

    def _use(
        self,
        slot: Slot,
        source: str | None,
        settings: OutletBandwidthSettings,
        context: Context,
        collector: CollectorAccess,
    ) -> Result:
        """Measure within the slot, and give it back with what was really used."""
        used_bytes = slot.max_bytes
        file = context.state_dir / "lines.json" if context.state_dir else None
        try:
            result = measure(
                self._endpoint(slot, source, settings, collector),
                directions=tuple(Direction(name) for name in settings.directions),
                token=slot.token,
                caps=Caps(
                    min(settings.max_seconds, slot.max_seconds / len(settings.directions)),
                    min(settings.max_bytes, slot.max_bytes // len(settings.directions)),
                ),
                memory=LineMemory(file, context.now().timestamp()),
            )
            used_bytes = sum(part.bytes for _, part in result.directions())
        finally:
            release_slot(collector, slot, used_bytes)
        return result

    def _endpoint(
        self,
        slot: Slot,
        source: str | None,
        settings: OutletBandwidthSettings,
        collector: CollectorAccess,
    ) -> Endpoint:
        try:
            return endpoint(
                slot.server,
                source=source,
                proxy=settings.proxy,
                ca_file=settings.measurement_ca_file or collector.ca_file,
            )
        except (ValueError, OSError) as error:
            raise MeasurementError("bad_server_address", str(error)) from error

    def _without(
        self, uplink: str, context: Context, outcome: Outcome, reason: str, details: dict[str, Json]
    ) -> Reading:
        return Reading(
            probe=self.name,
            target=uplink,
            time=context.now(),
            outcome=outcome,
            reason=reason,
            details=details,
        )

    def _reading(self, uplink: str, result: Result, context: Context, jump_s: float) -> Reading:
        parts = result.directions()
        values: dict[str, float] = {}
        if result.idle_rtt_s is not None:
            values["idle_rtt_ms"] = result.idle_rtt_s * 1000
        for name, part in parts:
            values[f"{name}_line_rate_mbps"] = part.line_rate_mbps
            values[f"{name}_goodput_mbps"] = part.goodput_mbps
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
            limited_by=causes,
            details=details,
        )


KNOWN_REFUSALS = frozenset(
    {"slot_busy", "slot_budget_spent", "slot_none_configured", "push_key_refused"}
)
SKIPS = KNOWN_REFUSALS | {"server_busy", "collector_unreachable", "slot_refused"}
"""Reasons for which nothing was tried, as opposed to tried in vain."""


def held_back(parts: list[DirectionResult]) -> tuple[str, ...]:
    """Return what made any direction a lower bound; the line itself being full is no such thing."""
    causes = [cause for part in parts for cause in part.limited_by if cause != "line"]
    return tuple(dict.fromkeys(causes))


def ask_for_slot(collector: CollectorAccess, timeout_s: float = 15.0) -> Slot:
    """Ask the collector for a slot now. Raises MeasurementError with the collector's reason."""
    try:
        where = endpoint(collector.url, ca_file=collector.ca_file)
    except (ValueError, OSError) as error:
        raise MeasurementError("bad_server_address", str(error)) from error
    try:
        answer = exchange(
            where,
            "POST",
            "/api/v1/slots",
            {"Authorization": f"Bearer {collector.key}", "Content-Type": "application/json"},
            body=json.dumps({"purpose": "outlet_bandwidth"}).encode(),
            timeout_s=timeout_s,
        )
    except MeasurementError as error:
        raise MeasurementError(
            "collector_unreachable", error.detail, transient=error.transient
        ) from error
    if answer.status != 200:
        raise _slot_refusal(answer)
    body = answer.json()
    try:
        return Slot(
            str(body["id"]),
            str(body["server"]),
            str(body["token"]),
            float(body["max_seconds"]),
            int(body["max_bytes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MeasurementError("slot_refused", f"the slot lacks {error}") from error


def release_slot(collector: CollectorAccess, slot: Slot, used_bytes: int) -> None:
    """Let the next school test at once. Without this the slot ends by itself a little later."""
    try:
        exchange(
            endpoint(collector.url, ca_file=collector.ca_file),
            "POST",
            f"/api/v1/slots/{slot.id}/release",
            {"Authorization": f"Bearer {collector.key}", "Content-Type": "application/json"},
            body=json.dumps({"used_bytes": used_bytes}).encode(),
            timeout_s=5.0,
        )
    except (MeasurementError, ValueError, OSError):
        return


def _slot_refusal(answer: Answer) -> MeasurementError:
    body = answer.json()
    code = body.get("code", "")
    if answer.status in (401, 403):
        code = "push_key_refused"
    retry_after = answer.headers.get("retry-after", "")
    return MeasurementError(
        code if code in KNOWN_REFUSALS else "slot_refused",
        f"HTTP {answer.status}: {body.get('detail', '')}",
        transient=answer.status in (409, 429, 503),
        retry_after_s=float(retry_after) if retry_after.isdigit() else None,
    )
