"""Which points of a survey were visited and how they came out: the technician's progress."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from agent.bandwidth.charts import pad
from agent.reading import Reading
from agent.wireless.survey_points import Point

BAR_COLUMNS = 24
LEFT_SHOWN = 8


class Visit(TypedDict):
    """The newest visit of a point."""

    time: str
    covered: bool | None
    signal_dbm: float | None


class SurveyRecord:
    """A small file beside the visits. One that is damaged is begun anew: only progress is lost."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._visits: dict[str, Visit] = self._read()

    def _read(self) -> dict[str, Visit]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))["points"]
            return {
                str(target): Visit(
                    time=str(one["time"]), covered=one["covered"], signal_dbm=one["signal_dbm"]
                )
                for target, one in found.items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def visited(self) -> Mapping[str, Visit]:
        """Return the newest visit by target."""
        return self._visits

    def note(self, reading: Reading) -> None:
        """Remember a visit. Raises OSError."""
        covered = reading.values.get("covered")
        self._visits[reading.target] = Visit(
            time=reading.time.isoformat(),
            covered=None if covered is None or reading.limited_by else bool(covered),
            signal_dbm=reading.values.get("signal_dbm"),
        )
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = self._path.with_suffix(".new")
        new.write_text(
            json.dumps({"version": 1, "points": self._visits}, ensure_ascii=False), encoding="utf-8"
        )
        new.replace(self._path)

    def progress(self, points: Sequence[Point]) -> dict[str, object]:
        """Return what is done and what is left, as data."""
        listed = [point.target for point in points] or list(self._visits)
        done = [target for target in listed if target in self._visits]
        return {
            "points": len(listed),
            "visited": len(done),
            "covered": sum(self._visits[target]["covered"] is True for target in done),
            "left": [target for target in listed if target not in self._visits],
            "not_covered": [t for t in done if self._visits[t]["covered"] is False],
        }

    def progress_line(self, points: Sequence[Point]) -> str:
        """Return one line with a bar."""
        total = len(points)
        done = sum(point.target in self._visits for point in points)
        filled = round(BAR_COLUMNS * done / total) if total else 0
        bar = "█" * filled + "·" * (BAR_COLUMNS - filled)
        return f"进度 progress {bar} {done}/{total}"

    def progress_table(self, points: Sequence[Point]) -> list[str]:
        """Return a line a building, then the points that are left."""
        lines = [self.progress_line(points)] if points else []
        targets = [point.target for point in points] or list(self._visits)
        buildings: dict[str, list[str]] = {}
        for target in targets:
            buildings.setdefault(target.partition("/")[0], []).append(target)
        for building, inside in buildings.items():
            seen = [self._visits[one] for one in inside if one in self._visits]
            covered = sum(one["covered"] is True for one in seen)
            lines.append(
                f"  {pad(building, 20)} 已测 visited {len(seen)}/{len(inside)}"
                f"  已覆盖 covered {covered}/{len(seen)}"
            )
        left = [target for target in targets if target not in self._visits]
        if left:
            shown = "、".join(left[:LEFT_SHOWN]) + ("…" if len(left) > LEFT_SHOWN else "")
            lines.append(f"还没测 left: {shown}")
        return lines
