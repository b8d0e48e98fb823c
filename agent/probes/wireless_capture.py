"""Probe `wireless_capture`: coverage at a point from captured beacons.

What: one reading per interface and run, and one per new file. A file is a point: a technician walks
with a card in monitor mode and saves `教学楼-301.pcap` for each room.

Rights: a capture on an interface needs CAP_NET_RAW, tuning the card CAP_NET_ADMIN; files need none.
The interface has to be in monitor mode already (`iw dev wlan0 set type monitor`). Needs
`campusgauge[capture]`; scapy is only ever imported in this probe's child.

Settings: `own_ssids`; `interface` and `point` (`building-room` where it stays), `point_kind`,
`seconds`, `channels` (visited in turn; none: where the card stands); `folder` of capture files
(`*.pcap`, `*.pcapng`, also `.gz`), `files_per_run`; `thresholds` as in `wireless_survey`.

Metrics: see `WirelessCapture.metrics`. `covered` as in `wireless_survey`, by the median signal of
each radio's beacons. `channel_busy_ratio` and `stations_count` are what the school's strongest
radio announces (BSS Load). `devices_count` are addresses that looked for a network: phones change
theirs, so it is no head count.

What makes it invalid: a capture without radiotap headers has no signal; frames with a wrong
checksum are left out; a channel that was not listened to has no radio, so a miss in a capture of
few channels is no proof. A file whose time lies ahead, or more than 62 days back, proves nothing.

Evidence kept: the school's own radios with channel and signal, frames and broken frames. No address
of a device leaves the probe; while it runs, they are salted digests.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from agent.probes.base import Context, Cost, Metric, Probe, ProbeError
from agent.reading import Json, Outcome, Reading
from agent.wireless.survey_points import PointKind, Thresholds, parse_point

if TYPE_CHECKING:
    from agent.wireless.capture_source import Captured
    from agent.wireless.survey_points import Finding, Point

SUFFIXES = (".pcap", ".pcapng", ".cap", ".pcap.gz", ".pcapng.gz")
OLDEST = timedelta(days=62)
AHEAD = timedelta(minutes=10)
FILES_REMEMBERED = 5000


@dataclass(frozen=True, kw_only=True)
class WirelessCaptureSettings:
    """See the module's text."""

    own_ssids: tuple[str, ...] = ()
    interface: str = ""
    point: str = ""
    point_kind: PointKind = "teaching"
    seconds: float = 10.0
    channels: tuple[int, ...] = ()
    folder: Path | None = None
    files_per_run: int = 20
    thresholds: Thresholds = field(default_factory=Thresholds)

    def __post_init__(self) -> None:
        if self.point:
            parse_point(self.point)
        if not 1 <= self.seconds <= 60:
            raise ValueError("seconds must be between 1 and 60")
        if not 1 <= self.files_per_run <= 200:
            raise ValueError("files_per_run must be between 1 and 200")
        if bool(self.interface) != bool(self.point):
            raise ValueError("interface and point go together: where does the card stand?")


class WirelessCapture(Probe[WirelessCaptureSettings]):
    """Coverage by captured beacons; the target is `building/room`."""

    name = "wireless_capture"
    title = "无线抓包测点"
    interval_s = 900.0
    timeout_s = 180.0
    cost = Cost.HEAVY
    settings_type = WirelessCaptureSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("covered", "bool", "Whether signal and signal-to-noise ratio suffice: 1 yes, 0 no"),
        Metric("signal_dbm", "dBm", "Median signal of the school's strongest radio"),
        Metric("snr_db", "dB", "Signal above the noise, where the card tells its noise"),
        Metric("own_access_points_count", "count", "Radios of the school's own networks heard"),
        Metric("other_radios_count", "count", "Radios of other networks heard"),
        Metric("same_channel_count", "count", "Other radios on the strongest one's channel"),
        Metric("channel_busy_ratio", "ratio", "Share of time that radio's channel is busy"),
        Metric("stations_count", "count", "Stations that radio announces"),
        Metric("devices_count", "count", "Distinct addresses that looked for a network"),
        Metric("frames_count", "count", "Frames captured"),
    )

    def idle_reason(self, settings: WirelessCaptureSettings) -> str | None:
        """Without the school's names, or anything to capture from, there is nothing to do."""
        if not settings.own_ssids:
            return "wireless_own_ssids_missing"
        if not settings.interface and settings.folder is None:
            return "capture_no_source"
        return None

    def collect(self, settings: WirelessCaptureSettings, context: Context) -> Iterable[Reading]:
        """Yield what the interface heard, then what new files hold. Raises ProbeError."""
        idle = self.idle_reason(settings)
        if idle is not None:
            raise ProbeError(idle, f"[probes.{self.name}]", outcome=Outcome.SKIPPED)
        if find_spec("scapy") is None:
            raise ProbeError("capture_not_installed")
        if settings.interface:
            yield self._live(settings, context)
        if settings.folder is not None:
            yield from self._files(settings.folder, settings, context)

    def _live(self, settings: WirelessCaptureSettings, context: Context) -> Reading:
        from agent.trouble import TroubleError
        from agent.wireless.capture_source import link_type_of, listen

        point = parse_point(settings.point, settings.point_kind)
        try:
            captured = listen(
                settings.interface,
                link_type_of(settings.interface, context.sys_root),
                settings.seconds,
                settings.channels,
                lambda: context.now().timestamp(),
            )
        except TroubleError as error:
            return _failure(point.target, error.reason, error.detail, context)
        return report(point, captured, settings, {"interface": settings.interface})

    def _files(
        self, folder: Path, settings: WirelessCaptureSettings, context: Context
    ) -> Iterator[Reading]:
        done = _Done(context.state_dir / "files.json" if context.state_dir else None)
        try:
            found = sorted(p for p in folder.iterdir() if p.name.lower().endswith(SUFFIXES))
        except OSError as error:
            yield _failure("files", "capture_folder_unreadable", str(error), context)
            return
        new = [path for path in found if not done.knows(path)]
        for path in new[: settings.files_per_run]:
            yield self._file(path, settings, context)
            done.note(path)
        done.save()

    def _file(self, path: Path, settings: WirelessCaptureSettings, context: Context) -> Reading:
        from agent.trouble import TroubleError
        from agent.wireless.capture_source import read_file

        try:
            point = parse_point(path.name.partition(".")[0], settings.point_kind)
        except ValueError:
            return _failure("files", "capture_file_unnamed", path.name, context)
        try:
            captured = read_file(path)
        except TroubleError as error:
            return _failure(point.target, error.reason, error.detail, context)
        taken = datetime.fromtimestamp(captured.last_s, UTC)
        if taken > context.now() + AHEAD:
            return _failure(point.target, "capture_clock_wrong", taken.isoformat(), context)
        if taken < context.now() - OLDEST:
            return _failure(point.target, "capture_too_old", taken.isoformat(), context)
        return report(point, captured, settings, {"file": path.name})


def report(
    point: Point, captured: Captured, settings: WirelessCaptureSettings, source: dict[str, Json]
) -> Reading:
    """Return the reading of one capture at one point."""
    from agent.wireless.survey_points import evidence, judge_point

    capture = captured.capture
    heard, noise = capture.heard(), capture.noise_dbm_by_channel()
    finding = judge_point(point, heard, settings.own_ssids, settings.thresholds, noise)
    outcome, reason, causes = _verdict(finding, captured, settings)
    values = {
        **finding.values,
        "devices_count": float(capture.devices),
        "frames_count": float(capture.frames),
    }
    if outcome is not Outcome.FAILED:
        values["covered"] = float(finding.covered)
    best = finding.own[0] if finding.own else None
    if best is not None and best.stations is not None:
        values["stations_count"] = float(best.stations)
    return Reading(
        probe=WirelessCapture.name,
        target=point.target,
        time=datetime.fromtimestamp(captured.last_s, UTC),
        outcome=outcome,
        reason=reason,
        values={} if outcome is Outcome.FAILED else values,
        labels={"building": point.building, "room": point.room, "point_kind": point.kind},
        limited_by=causes,
        details={
            **source,
            "frames": capture.frames,
            "beacons": capture.beacons,
            "broken_frames": capture.broken,
            "torn_end": captured.torn,
            "noise_from": finding.noise_from,
            "channels": list(settings.channels),
            "own_radios": [dict(one) for one in evidence(finding)],
        },
    )


def _verdict(
    finding: Finding, captured: Captured, settings: WirelessCaptureSettings
) -> tuple[Outcome, str | None, tuple[str, ...]]:
    """Return outcome, reason and causes: what was not heard on every channel is no proof."""
    if finding.reason == "wireless_signal_unknown":
        return Outcome.FAILED, finding.reason, ()
    if not finding.covered and len(settings.channels) <= 1:
        return Outcome.LIMITED, "capture_few_channels", ("few_channels",)
    return Outcome.OK, "capture_torn" if captured.torn else finding.reason, ()


def _failure(target: str, reason: str, detail: str, context: Context) -> Reading:
    return Reading(
        probe=WirelessCapture.name,
        target=target,
        time=context.now(),
        outcome=Outcome.FAILED,
        reason=reason,
        details={"detail": detail[:300]},
    )


class _Done:
    """Which files were read already, by name, size and time of change."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, str] = {}
        if path is not None and path.exists():
            try:
                self._known = dict(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError):
                self._known = {}  # read them once more: a point's statistics do not change

    def knows(self, path: Path) -> bool:
        return self._known.get(path.name) == _mark(path)

    def note(self, path: Path) -> None:
        self._known[path.name] = _mark(path)

    def save(self) -> None:
        if self._path is not None:
            kept = dict(list(self._known.items())[-FILES_REMEMBERED:])
            new = self._path.with_suffix(".new")
            new.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")
            new.replace(self._path)


def _mark(path: Path) -> str:
    try:
        about = path.stat()
    except OSError:
        return "gone"
    return f"{about.st_size}:{about.st_mtime_ns}"
