"""Where a survey listens, and whether what was heard there is coverage (Q8). Pure but for a file.

A point is `building-room` (教学楼-301); readings call it `building/room`, so that the collector can
tell buildings apart.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agent.wireless.heard import Heard, own_as_evidence, strongest_own

PointKind = Literal["teaching", "other"]
_KINDS: Mapping[str, PointKind] = {
    "": "teaching",
    "teaching": "teaching",
    "教学": "teaching",
    "other": "other",
    "其他": "other",
    "其它": "other",
}
_SEPARATOR = re.compile(r"\s*[-/－—／]\s*")
LONGEST_NAME = 80
POINTS_KEPT = 5000


@dataclass(frozen=True, slots=True)
class Point:
    """One place. `kind` sets the signal asked for: a teaching room needs more."""

    building: str
    room: str
    kind: PointKind = "teaching"

    @property
    def target(self) -> str:
        """As readings name it."""
        return f"{self.building}/{self.room}"


def parse_point(text: str, kind: PointKind = "teaching") -> Point:
    """Read `building-room`. Raises ValueError where either is missing or the name is too long."""
    building, found, room = _split(text.strip())
    if not found or not building or not room:
        raise ValueError(f"点位要写成“楼-室”，如 教学楼-301 / a point is building-room: {text!r}")
    if len(text) > LONGEST_NAME:
        raise ValueError(f"点位名过长 / name too long: {text[:20]}…")
    return Point(building, room.replace("/", "-"), kind)


def _split(text: str) -> tuple[str, str, str]:
    found = _SEPARATOR.search(text)
    return (text[: found.start()], found[0], text[found.end() :]) if found else (text, "", "")


def read_points(path: Path) -> list[Point]:
    """Read the list of points: a line each, `building-room` and, after a comma, `其他` or `other`.

    Raises ValueError naming the line, OSError.
    """
    points: dict[str, Point] = {}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for number, row in enumerate(csv.reader(stream), start=1):
            if not row or not row[0].strip() or row[0].lstrip().startswith("#"):
                continue
            word = row[1].strip() if len(row) > 1 else ""
            if word not in _KINDS:
                raise ValueError(f"{path}:{number}: {word!r}: 教学/其他 (teaching/other)")
            try:
                point = parse_point(row[0], _KINDS[word])
            except ValueError as error:
                raise ValueError(f"{path}:{number}: {error}") from error
            points[point.target] = point
            if len(points) > POINTS_KEPT:
                raise ValueError(f"{path}: more than {POINTS_KEPT} points")
    return list(points.values())


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What counts as covered: signal by kind of point, signal-to-noise ratio everywhere."""

    teaching_dbm: float = -65.0
    other_dbm: float = -70.0
    snr_db: float = 20.0
    assumed_noise_dbm: float = -85.0
    """Where the card does not tell its noise. Careful: indoors it is -95 to -90 dBm as a rule."""

    def signal_dbm(self, kind: PointKind) -> float:
        """Return the signal asked for at that kind of point."""
        return self.teaching_dbm if kind == "teaching" else self.other_dbm


@dataclass(frozen=True, slots=True)
class Finding:
    """What a point showed. `uncertain` where the tool's scale decides between yes and no."""

    covered: bool
    uncertain: bool = False
    reason: str | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    own: Sequence[Heard] = ()
    noise_from: str = "assumed"


def judge_point(
    point: Point,
    heard: Sequence[Heard],
    own_ssids: Sequence[str],
    thresholds: Thresholds,
    noise_dbm_by_channel: Mapping[int, float],
) -> Finding:
    """Judge by the school's strongest radio, as a client would choose it."""
    own = strongest_own(heard, own_ssids)
    others = len({one.bssid for one in heard} - {one.bssid for one in own})
    values = {
        "own_access_points_count": float(len({one.bssid for one in own})),
        "other_radios_count": float(others),
    }
    best = own[0] if own else None
    if best is None or best.signal_dbm is None:
        reason = "wireless_signal_unknown" if own else "wireless_not_heard"
        return Finding(covered=False, uncertain=bool(own), reason=reason, values=values, own=own)
    measured = None if best.channel is None else noise_dbm_by_channel.get(best.channel)
    noise = thresholds.assumed_noise_dbm if measured is None else measured

    def suffices(signal: float) -> bool:
        wanted = thresholds.signal_dbm(point.kind)
        return signal >= wanted and signal - noise >= thresholds.snr_db

    values["signal_dbm"] = best.signal_dbm
    if measured is not None:
        values["snr_db"] = best.signal_dbm - measured
    if best.busy_ratio is not None:
        values["channel_busy_ratio"] = best.busy_ratio
    if best.channel is not None:
        same = {one.bssid for one in heard if one.channel == best.channel}
        values["same_channel_count"] = float(len(same - {best.bssid}))
    covered = suffices(best.signal_dbm)
    best_case = best.best_case_dbm
    uncertain = best_case is not None and suffices(best_case) != covered
    return Finding(
        covered=covered,
        uncertain=uncertain,
        reason=None if covered else "wireless_signal_weak",
        values=values,
        own=own,
        noise_from="assumed" if measured is None else "measured",
    )


def evidence(finding: Finding) -> list[Mapping[str, str | float | None]]:
    """Return the school's own radios at the point, as a reading keeps them."""
    return own_as_evidence(finding.own)
