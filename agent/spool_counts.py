"""What the spool holds and what it lost: counters that are kept in its file beside the readings."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.spool_file import used_bytes


@dataclass(frozen=True, slots=True)
class SpoolCounts:
    """What the spool holds, and what it lost since its file was made."""

    queued: int
    claimed: int
    rejected: int
    used_bytes: int
    dropped_total: int
    rejected_total: int
    oldest: datetime | None
    damaged_total: int = 0
    """Readings that could not be read back, because the disk had changed them."""


def add_to_counter(database: sqlite3.Connection, name: str, more: int) -> int:
    """Add to a persistent counter and return it."""
    if more:
        database.execute("UPDATE counters SET value = value + ? WHERE name = ?", (more, name))
    row = database.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
    return int(row[0])


def read_counts(database: sqlite3.Connection) -> SpoolCounts:
    """Return what is held and what was lost."""
    # Readings leave the queue from its head only, so its sequences have no gaps and the count
    # costs nothing however long the backlog is.
    (queued,) = database.execute(
        "SELECT coalesce((SELECT max(sequence) FROM queue)"
        " - (SELECT min(sequence) FROM queue) + 1, 0)"
    ).fetchone()
    head = database.execute("SELECT time FROM queue ORDER BY sequence LIMIT 1").fetchone()
    (claimed,) = database.execute("SELECT coalesce(sum(readings), 0) FROM batches").fetchone()
    (rejected,) = database.execute("SELECT count(*) FROM rejected").fetchone()
    return SpoolCounts(
        queued=queued,
        claimed=claimed,
        rejected=rejected,
        used_bytes=used_bytes(database),
        dropped_total=add_to_counter(database, "dropped_total", 0),
        rejected_total=add_to_counter(database, "rejected_total", 0),
        damaged_total=add_to_counter(database, "damaged_total", 0),
        oldest=datetime.fromtimestamp(head[0], UTC) if head else None,
    )
