"""How long a power supply was seen to carry its load on battery.

The estimate of a device tends to be high; what it did in a power cut is proven. Time counts between
looks that both saw it on battery, so the figure is a lower bound by up to one interval.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from agent.power.supply import SECONDS_AN_HOUR
from agent.probes.base import Context
from agent.reading import Reading
from agent.system.durable_file import replace_durably

_MEMORY = "discharges.json"
_LONGEST_GAP = timedelta(minutes=15)
"""Two looks further apart may have had mains in between."""


class Discharges:
    """Remembers, per power supply, the present discharge and the longest one."""

    def __init__(self, path: Path | None) -> None:
        """`path` None remembers nothing beyond this run."""
        self._path = path
        self._known: dict[str, tuple[str, str, float]] = {}
        try:
            text = path.read_text(encoding="utf-8") if path else "{}"
            self._known = {
                str(name): (str(since), str(seen), float(longest_s))
                for name, (since, seen, longest_s) in json.loads(text).items()
            }
        except (OSError, ValueError, TypeError, AttributeError):
            self._known = {}

    def note(self, name: str, *, on_battery: bool | None, moment: datetime) -> float:
        """Note one look; return the longest time on battery so far, in seconds."""
        since, seen, longest_s = self._known.get(name, ("", "", 0.0))
        if on_battery:
            went_on = seen and timedelta() <= moment - datetime.fromisoformat(seen) <= _LONGEST_GAP
            since = since if went_on else moment.isoformat()
            seen = moment.isoformat()
            lasted_s = (moment - datetime.fromisoformat(since)).total_seconds()
            longest_s = max(longest_s, lasted_s)
        elif on_battery is False:
            since = seen = ""
        self._known[name] = (since, seen, longest_s)
        return longest_s

    def save(self) -> None:
        """Write it down; may fail silently: the estimate does not depend on it."""
        if self._path is not None:
            try:
                replace_durably(self._path, json.dumps(self._known))
            except OSError:
                return


def with_discharges(readings: Iterable[Reading], context: Context) -> list[Reading]:
    """Return the readings with `longest_discharge_hours` where there was a discharge."""
    discharges = Discharges(context.state_dir / _MEMORY if context.state_dir else None)
    told = []
    for reading in readings:
        on_battery = reading.values.get("on_battery")
        longest_s = discharges.note(
            reading.target,
            on_battery=None if on_battery is None else bool(on_battery),
            moment=reading.time,
        )
        if longest_s and reading.values:
            proven = {"longest_discharge_hours": longest_s / SECONDS_AN_HOUR}
            told.append(replace(reading, values={**reading.values, **proven}))
        else:
            told.append(reading)
    discharges.save()
    return told
