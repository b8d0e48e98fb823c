"""Probe `wireless_survey`: whether the school's wireless network is strong enough at each point.

What: one reading per point and visit. A technician walks the points with
`campusgauge-agent survey`; this probe hands those visits over. A host that stays in one room
(`point` set) listens by itself at every interval.

Rights: listening with `iw` needs CAP_NET_ADMIN; NetworkManager and Windows need none. Without
either the card's remembered scan is read.

Settings: `own_ssids` (the school's network names; nothing is done without), `point`
(`building-room` of this host, empty on a host that moves), `point_kind` (`teaching`, `other`),
`interface` (empty: the first wireless one), `points_file` (a line a point, for progress),
`thresholds` (`teaching_dbm`, `other_dbm`, `snr_db`, `assumed_noise_dbm`).

Metrics: see `WirelessSurvey.metrics`. `covered` is 1 where the school's strongest radio has the
signal and the signal-to-noise ratio asked for (Q8); a point where none is heard is 0.

What makes it invalid: a card whose noise is not told is judged with a careful noise of -85 dBm; a
percentage of NetworkManager, whose scale changed between versions, is `limited` by `signal_scale`
where the scale decides. Another kind of card hears differently; a survey of empty rooms with open
doors flatters. A room without a point is unknown.

Evidence kept: the school's own radios with channel and signal, the tool, whence the noise. Networks
of others are counted, never named.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import psutil

from agent.probes.base import Context, Metric, Probe, require_supported_system
from agent.reading import Outcome, Reading
from agent.wireless.survey_points import PointKind, Thresholds, parse_point

if TYPE_CHECKING:
    from agent.wireless.listen import Scan
    from agent.wireless.survey_points import Point

NO_OWN_SSID = "wireless_own_ssids_missing"


@dataclass(frozen=True, kw_only=True)
class WirelessSurveySettings:
    """See the module's text."""

    own_ssids: tuple[str, ...] = ()
    point: str = ""
    point_kind: PointKind = "teaching"
    interface: str = ""
    points_file: Path | None = None
    thresholds: Thresholds = field(default_factory=Thresholds)

    def __post_init__(self) -> None:
        if self.point:
            parse_point(self.point)


class WirelessSurvey(Probe[WirelessSurveySettings]):
    """Coverage at each survey point; the target is `building/room`."""

    name = "wireless_survey"
    title = "无线覆盖测点"
    interval_s = 600.0
    timeout_s = 90.0
    settings_type = WirelessSurveySettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("covered", "bool", "Whether signal and signal-to-noise ratio suffice: 1 yes, 0 no"),
        Metric("signal_dbm", "dBm", "Signal of the school's strongest radio"),
        Metric("snr_db", "dB", "Signal above the noise, where the card tells its noise"),
        Metric("own_access_points_count", "count", "Radios of the school's own networks heard"),
        Metric("other_radios_count", "count", "Radios of other networks heard"),
        Metric("same_channel_count", "count", "Other radios on the strongest one's channel"),
        Metric("channel_busy_ratio", "ratio", "Share of time that radio's channel is busy"),
    )

    def __init__(self, system: str = sys.platform) -> None:
        self._system = system

    def idle_reason(self, settings: WirelessSurveySettings) -> str | None:
        """Without the school's network names nothing can be told apart."""
        return None if settings.own_ssids else NO_OWN_SSID

    def collect(self, settings: WirelessSurveySettings, context: Context) -> Iterable[Reading]:
        """Yield the visits that were left, and what this host hears at its own point."""
        require_supported_system(self._system)
        yield from self._hand_over(context)
        if settings.point:
            yield self._listen(settings, context)
        elif context.on_demand:
            yield Reading(
                probe=self.name,
                target="host",
                time=context.now(),
                outcome=Outcome.SKIPPED,
                reason="wireless_point_not_set",
            )

    def _hand_over(self, context: Context) -> Iterator[Reading]:
        """Yield what a technician left; not to a person who only looks."""
        from agent.wireless.visits import hand_over

        if context.state_dir is not None and not context.on_demand:
            yield from hand_over(context.state_dir, self.name, psutil.Process().create_time())

    def _listen(self, settings: WirelessSurveySettings, context: Context) -> Reading:
        from agent.trouble import TroubleError
        from agent.wireless.listen import scan

        point = parse_point(settings.point, settings.point_kind)
        try:
            found = scan(settings.interface, context.sys_root, self._system)
        except TroubleError as error:
            return Reading(
                probe=self.name,
                target=point.target,
                time=context.now(),
                outcome=Outcome.FAILED,
                reason=error.reason,
                labels=labels(point),
                details={"detail": error.detail},
            )
        return point_reading(point, found, settings, context)


def labels(point: Point) -> dict[str, str]:
    """Return what a reading says of its place."""
    return {"building": point.building, "room": point.room, "point_kind": point.kind}


def point_reading(
    point: Point, found: Scan, settings: WirelessSurveySettings, context: Context
) -> Reading:
    """Return the reading of one visit to a point."""
    from agent.wireless.heard import channel_of_mhz
    from agent.wireless.survey_points import evidence, judge_point

    noise = {
        channel: level
        for mhz, level in found.noise_dbm.items()
        if (channel := channel_of_mhz(mhz)) is not None
    }
    finding = judge_point(point, found.heard, settings.own_ssids, settings.thresholds, noise)
    values = {"covered": float(finding.covered), **finding.values}
    if finding.reason == "wireless_signal_unknown":
        del values["covered"]
    limited = finding.uncertain and "covered" in values
    failed = "covered" not in values
    outcome = Outcome.FAILED if failed else Outcome.LIMITED if limited else Outcome.OK
    return Reading(
        probe=WirelessSurvey.name,
        target=point.target,
        time=context.now(),
        outcome=outcome,
        reason="wireless_signal_scale" if limited else finding.reason,
        values={} if failed else values,
        labels=labels(point),
        limited_by=("signal_scale",) if limited else (),
        details={
            "tool": found.tool,
            "noise_from": finding.noise_from,
            "own_radios": [dict(one) for one in evidence(finding)],
        },
    )
