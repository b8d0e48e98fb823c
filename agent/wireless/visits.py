"""Hands what a technician measured over to the steady agent, which alone writes the spool.

One file a visit in `visits/` of a probe's state folder, put there whole by a rename. A visit that
was handed over is removed at the next run of the same agent, when its reading is safe in the spool.
An agent that died in between has started anew since: the visit is handed over once more, and a
reading of the same time and value changes no statistic of a point.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from agent.reading import Outcome, Reading
from agent.wire import reading_fields, reading_from_fields

VISITS_KEPT = 2000
"""More than a survey of any school; a technician is told when they are not collected."""
_WAITING, _HANDED, _DAMAGED = ".json", ".handed", ".damaged"


class TooManyVisitsError(Exception):
    """Nobody has collected the visits for a long time: the steady agent does not run here."""


def leave_visit(folder: Path, reading: Reading) -> Path:
    """Write one visit. Raises OSError, TooManyVisitsError."""
    visits = folder / "visits"
    visits.mkdir(parents=True, exist_ok=True, mode=0o700)
    if len(list(visits.glob(f"*{_WAITING}"))) >= VISITS_KEPT:
        raise TooManyVisitsError(str(visits))
    path = visits / f"{time.time_ns():020d}{_WAITING}"
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as stream:
        json.dump(reading_fields(reading), stream, ensure_ascii=False)
        stream.flush()
        os.fsync(stream.fileno())
    _give_to_owner(folder, visits, new)
    new.replace(path)
    return path


def _give_to_owner(folder: Path, *paths: Path) -> None:
    """Let the agent's own user read what root wrote, since scanning needs rights."""
    if not hasattr(os, "chown") or os.geteuid() != 0:
        return
    owner = folder.parent.stat()
    for path in (folder, *paths):
        with contextlib.suppress(OSError):
            os.chown(path, owner.st_uid, owner.st_gid)


def hand_over(folder: Path, probe: str, agent_started_s: float) -> Iterator[Reading]:
    """Yield the visits that wait; for a damaged one a failed reading of the target `visits`.

    `agent_started_s` is the Unix time at which the steady agent began.
    """
    visits = folder / "visits"
    for path in sorted(visits.glob(f"*{_HANDED}")):
        if path.stat().st_mtime < agent_started_s:
            path.rename(path.with_suffix(_WAITING))
        else:
            path.unlink()
    for path in sorted(visits.glob(f"*{_WAITING}")):
        visit = _read(path)
        if visit is None or visit.probe != probe:
            path.rename(path.with_suffix(_DAMAGED))
            yield Reading(
                probe=probe,
                target="visits",
                time=_now_of(path.with_suffix(_DAMAGED)),
                outcome=Outcome.FAILED,
                reason="wireless_visit_damaged",
                details={"file": path.name},
            )
            continue
        yield visit
        handed = path.with_suffix(_HANDED)
        path.rename(handed)
        os.utime(handed)


def _read(path: Path) -> Reading | None:
    try:
        return reading_from_fields(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _now_of(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
