"""How long the rooms' devices were on in the lessons of a day, from looks every few minutes. Pure.

Two looks in a row at which a room's device answered count with the time between them; looks further
apart than `LOOKS_APART_MAX` say nothing about what lay between.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path

LOOKS_APART_MAX = timedelta(minutes=11)
"""Two slots of five minutes and some delay: one look may be missed."""

Spans = tuple[tuple[time, time], ...]


@dataclass
class RoomDay:
    """One day: the last look, watched minutes of lessons, and minutes each room was in use."""

    last_look: datetime
    watched_min: float = 0.0
    used_min: dict[str, float] = field(default_factory=dict)
    on_now: frozenset[str] = frozenset()

    def note(self, moment: datetime, rooms: Iterable[str], on: frozenset[str]) -> None:
        """Take a look: these are the rooms, and in these of them a device answers."""
        apart = moment - self.last_look
        is_same_lesson_time = timedelta(0) < apart <= LOOKS_APART_MAX
        minutes = apart.total_seconds() / 60 if is_same_lesson_time else 0.0
        self.watched_min += minutes
        for room in rooms:
            used = minutes if room in on and room in self.on_now else 0.0
            self.used_min[room] = self.used_min.get(room, 0.0) + used
        self.last_look, self.on_now = moment, on


def is_lesson(moment: datetime, lessons: Spans) -> bool:
    """Whether the local moment lies in one of the spans."""
    return any(since <= moment.time() < until for since, until in lessons)


def lesson_minutes(lessons: Spans) -> float:
    """Return how long the lessons of a day are."""
    return sum(
        (until.hour - since.hour) * 60 + until.minute - since.minute for since, until in lessons
    )


def is_over(day: RoomDay, now: datetime, lessons: Spans) -> bool:
    """Whether the day's last lesson has ended by the local time `now`."""
    last = max(until for _, until in lessons)
    return now.date() > day.last_look.date() or now.time() >= last


def load_day(path: Path) -> RoomDay | None:
    """Return the day under way; None where there is none, or its file is broken."""
    try:
        found: Mapping[str, object] = json.loads(path.read_text(encoding="utf-8"))
        used = found["used_min"]
        on = found["on_now"]
        if not isinstance(used, dict) or not isinstance(on, list):
            return None
        return RoomDay(
            datetime.fromisoformat(str(found["last_look"])),
            float(str(found["watched_min"])),
            {str(room): float(minutes) for room, minutes in used.items()},
            frozenset(map(str, on)),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save_day(path: Path, day: RoomDay | None) -> None:
    """Keep the day under way, or forget the last one. Raises OSError."""
    if day is None:
        path.unlink(missing_ok=True)
        return
    document = {
        "version": 1,
        "last_look": day.last_look.isoformat(),
        "watched_min": day.watched_min,
        "used_min": day.used_min,
        "on_now": sorted(day.on_now),
    }
    new = path.with_suffix(".new")
    new.write_text(json.dumps(document), encoding="utf-8")
    new.replace(path)
