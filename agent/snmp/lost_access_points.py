"""Remembers which access points a controller had, where it drops the row of a lost one.

One file per device in the probe's state folder. An access point that was seen within the last
`REMEMBER` and is gone now counts as down; after that it is taken for dismantled.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

REMEMBER = timedelta(days=30)
_VERSION = 1


def lost_since_last(
    folder: Path, device: str, present: Mapping[str, str], now: datetime
) -> dict[str, str] | None:
    """Note who is `present` (id -> name) and return who is lost; None where nothing was known.

    A file that cannot be read is begun anew: what is lost is then unknown, not none.
    """
    path = folder / f"access-points-{re.sub(r'[^A-Za-z0-9._-]', '_', device)}.json"
    known = _read(path)
    recent = {
        key: entry
        for key, entry in (known or {}).items()
        if now - datetime.fromisoformat(entry["seen"]) <= REMEMBER
    }
    lost = {key: entry["name"] for key, entry in recent.items() if key not in present}
    for key, name in present.items():
        recent[key] = {"name": name, "seen": now.isoformat()}
    _write(path, recent)
    return None if known is None else lost


def _read(path: Path) -> dict[str, dict[str, str]] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        points = document["access_points"]
        for entry in points.values():
            datetime.fromisoformat(entry["seen"])
            str(entry["name"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return dict(points)


def _write(path: Path, points: Mapping[str, Mapping[str, str]]) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"version": _VERSION, "access_points": points}), encoding="utf-8")
    new.replace(path)
