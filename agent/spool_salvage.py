"""What a damaged spool still holds: rows that can be read and whose checksum is right.

SQLite checks the shape of its pages and not their content, so every queued reading carries its own
checksum (CRC-32, which finds every burst up to 32 bits and misses one random change in 4 billion).
Rows written before there was one count as sound where they are valid JSON.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_UNREADABLE = 2000
"""Places of a table that cannot be read before the rest of it is given up."""


def seal(text: str) -> str:
    """Return the text with its checksum in front, as the queue keeps it."""
    return f"{zlib.crc32(text.encode()):08x}{text}"


def unseal(stored: object) -> str | None:
    """Return the text that was sealed; None where it was changed since."""
    if not isinstance(stored, str):
        return None
    if stored.startswith("{"):
        return stored if _is_json(stored) else None
    text = stored[8:]
    return text if stored == seal(text) else None


def _is_json(text: str | bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@dataclass(slots=True)
class Salvaged:
    """Queue rows (time, sealed body) and batches, in their order; `unreadable` counts the rest."""

    queue: list[tuple[float, str]] = field(default_factory=list)
    batches: list[tuple[str, int, bytes, int]] = field(default_factory=list)
    unreadable: int = 0


def salvage(damaged: Path, layout: int) -> Salvaged:
    """Read what is sound of a file of this layout that was set aside.

    Never raises for what is in it.
    """
    found = Salvaged()
    try:
        with closing(sqlite3.connect(f"{damaged.as_uri()}?mode=ro", uri=True)) as database:
            if database.execute("PRAGMA user_version").fetchone() != (layout,):
                return found  # another agent's: its columns may mean something else
            for batch_id, sequence, body, readings in _rows(
                database, found, "batches", "sequence", "batch_id, sequence, body, readings"
            ):
                if isinstance(body, bytes) and _is_json(body) and isinstance(batch_id, str):
                    found.batches.append((batch_id, sequence, body, readings))
                else:
                    found.unreadable += 1
            for _, time, body in _rows(
                database, found, "queue", "sequence", "sequence, time, body"
            ):
                if unseal(body) is not None and isinstance(time, float):
                    found.queue.append((time, body))
                else:
                    found.unreadable += 1
    except (sqlite3.Error, OSError):  # not even a database
        return found
    return found


def _rows(
    database: sqlite3.Connection, found: Salvaged, table: str, key: str, columns: str
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table by key, stepping over places that cannot be read."""
    database.text_factory = lambda raw: raw.decode("utf-8", errors="replace")
    after, step, failures = 0, 1, 0
    position = columns.split(", ").index(key)
    while failures < MAX_UNREADABLE:
        try:
            for row in database.execute(
                f"SELECT {columns} FROM {table} WHERE {key} > ? ORDER BY {key}",  # noqa: S608 - names of ours
                (after,),
            ):
                after, step = _next_key(row[position], after), 1
                yield row
        except sqlite3.DatabaseError:
            found.unreadable += 1
            failures += 1
            after += step
            step = min(step * 2, 64)
            continue
        return


def _next_key(key: object, after: int) -> int:
    """Return the key, which must come after the one before, lest a damaged tree lead in circles."""
    if not isinstance(key, int) or key <= after:
        raise sqlite3.DatabaseError(f"{key!r} follows {after}")
    return key
