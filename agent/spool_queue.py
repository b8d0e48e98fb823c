"""The spool's queue: readings that wait for a batch, in the order they came, within bounds."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.settings import SpoolSettings
from agent.spool_counts import add_to_counter
from agent.spool_file import used_bytes
from agent.spool_salvage import unseal

_DROP_STEP = 200
_ALL = 2**63 - 1


@dataclass(frozen=True, slots=True)
class QueuedRow:
    """A row of the queue: as it is kept, and the reading's text; None where the disk changed it."""

    sequence: int
    stored: str
    text: str | None


def append(database: sqlite3.Connection, rows: Sequence[tuple[float, str]]) -> None:
    """Put (time, sealed text) at the end; AUTOINCREMENT never gives a sequence twice."""
    database.executemany("INSERT INTO queue (time, body) VALUES (?, ?)", rows)


def drop_over_bounds(database: sqlite3.Connection, settings: SpoolSettings, now: datetime) -> None:
    """Drop what is older than allowed, then the oldest while the file is too large; count it."""
    oldest_allowed_s = (now - timedelta(days=settings.max_age_days)).timestamp()
    dropped = 0
    head = database.execute("SELECT time FROM queue ORDER BY sequence LIMIT 1").fetchone()
    if head and head[0] < oldest_allowed_s:
        young = database.execute(
            "SELECT sequence FROM queue WHERE time >= ? ORDER BY sequence LIMIT 1",
            (oldest_allowed_s,),
        ).fetchone()
        dropped = database.execute(
            "DELETE FROM queue WHERE sequence < ?", (young[0] if young else _ALL,)
        ).rowcount
    while used_bytes(database) > settings.max_bytes:
        step = database.execute(
            "DELETE FROM queue WHERE sequence IN"
            " (SELECT sequence FROM queue ORDER BY sequence LIMIT ?)",
            (_DROP_STEP,),
        ).rowcount
        if step == 0:
            break
        dropped += step
    if dropped:
        add_to_counter(database, "dropped_total", dropped)


def take_head(database: sqlite3.Connection, max_readings: int, max_bytes: int) -> list[QueuedRow]:
    """Remove and return the oldest rows within the limits, and at least one where there is one."""
    rows: list[QueuedRow] = []
    size = 0
    for sequence, body in database.execute(
        "SELECT sequence, body FROM queue ORDER BY sequence LIMIT ?", (max_readings,)
    ):
        size += len(str(body).encode())
        if rows and size > max_bytes:
            break
        rows.append(QueuedRow(sequence, str(body), unseal(body)))
    if rows:
        database.execute("DELETE FROM queue WHERE sequence <= ?", (rows[-1].sequence,))
    return rows
