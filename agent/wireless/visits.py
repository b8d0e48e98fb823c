"""Hands what a technician measured over to the steady agent, which alone writes the spool.

One file a visit in `visits/` of the probe's state folder, put there whole by a rename. The steady
agent yields each and removes it at its next run, when the reading is safe in the spool; a crash in
between repeats a reading of the same time, which changes no statistic of a point.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

from agent.reading import Reading
from agent.wire import reading_fields, reading_from_fields

VISITS_KEPT = 2000
"""More than a survey of any school; a technician is told when they are not collected."""


class TooManyVisitsError(Exception):
    """Nobody has collected the visits for a long time: the steady agent does not run here."""


def leave_visit(folder: Path, reading: Reading) -> Path:
    """Write one visit. Raises OSError, TooManyVisitsError."""
    visits = folder / "visits"
    visits.mkdir(parents=True, exist_ok=True, mode=0o700)
    if len(waiting_visits(folder)) >= VISITS_KEPT:
        raise TooManyVisitsError(str(visits))
    path = visits / f"{time.time_ns():020d}.json"
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


def waiting_visits(folder: Path) -> list[Path]:
    """Return the visits not yet collected, oldest first."""
    try:
        return sorted((folder / "visits").glob("*.json"))
    except OSError:
        return []


def read_visit(path: Path) -> Reading | None:
    """Return one visit's reading, None where the file is no visit."""
    try:
        return reading_from_fields(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
