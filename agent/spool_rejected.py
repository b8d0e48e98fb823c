"""The spool's rejected table: readings that will not be sent again, with why, for a person."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime

from agent.spool_counts import add_to_counter

MAX_REJECTED = 1000
"""Rejected readings kept for a person to look at; older ones are dropped and counted."""
_DAMAGED = "spool_row_damaged"


def keep_refused(
    database: sqlite3.Connection, rows: Iterable[tuple[int, str, str]], now: datetime
) -> None:
    """Keep (sequence, text, reason) of what the collector refused for good; the newest remain."""
    refused = list(rows)
    _insert(database, refused, now)
    database.execute(
        "DELETE FROM rejected WHERE sequence NOT IN"
        " (SELECT sequence FROM rejected ORDER BY rejected_at DESC, sequence DESC LIMIT ?)",
        (MAX_REJECTED,),
    )
    add_to_counter(database, "rejected_total", len(refused))


def keep_damaged(
    database: sqlite3.Connection, rows: Iterable[tuple[int, str]], readings: int, now: datetime
) -> None:
    """Keep (sequence, what is left) of what the disk has changed; it held so many `readings`."""
    _insert(database, [(*row, _DAMAGED) for row in rows], now)
    add_to_counter(database, "damaged_total", readings)


def _insert(
    database: sqlite3.Connection, rows: Iterable[tuple[int, str, str]], now: datetime
) -> None:
    database.executemany(
        "INSERT OR REPLACE INTO rejected (sequence, body, reason, rejected_at) VALUES (?, ?, ?, ?)",
        [(*row, now.timestamp()) for row in rows],
    )
