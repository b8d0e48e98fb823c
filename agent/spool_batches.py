"""The spool's batches: readings that were claimed, as the very bytes that are sent.

A batch's id is the hash of its content. So a cloned disk sends what it was cloned with under the
ids of the original and the collector stores it once, and a body that the disk has changed is told
from the one that was claimed.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent import __version__
from agent.spool_counts import add_to_counter
from agent.spool_queue import take_head
from agent.spool_rejected import keep_damaged, keep_refused
from agent.wire import Envelope, batch_rows, encode_batch

_MAX_DAMAGED_CHARACTERS = 64 * 1024
"""What is kept of a damaged batch for a person to look at."""
_BELOW_ALL = -(2**63)
"""Below every sequence, also one that the disk has changed."""


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A claimed batch: the bytes to send, unchanged until it is settled."""

    batch_id: str
    sequence: int
    body: bytes
    readings: int


def batch_after(database: sqlite3.Connection, sequence: int) -> StoredBatch | None:
    """Return the claimed batch that follows `sequence`, None after the last."""
    row = database.execute(
        "SELECT batch_id, sequence, body, readings FROM batches"
        " WHERE sequence > ? ORDER BY sequence LIMIT 1",
        (sequence,),
    ).fetchone()
    return StoredBatch(*row) if row else None


def remove_batch(database: sqlite3.Connection, batch: StoredBatch) -> None:
    """Forget a batch."""
    database.execute("DELETE FROM batches WHERE batch_id = ?", (batch.batch_id,))


@dataclass(frozen=True, slots=True)
class Claims:
    """Makes batches of one host; every step runs inside a transaction of its caller's."""

    system: str
    now: Callable[[], datetime]

    def oldest(self, database: sqlite3.Connection) -> StoredBatch | None:
        """Return the oldest batch that is as it was claimed.

        One that the disk has changed may not go out as another one: it is given up and counted.
        """
        while batch := batch_after(database, _BELOW_ALL):
            if _is_as_claimed(batch):
                return batch
            left = repr(batch.body)[:_MAX_DAMAGED_CHARACTERS]
            keep_damaged(database, [(-batch.sequence, left)], batch.readings, self.now())
            remove_batch(database, batch)
        return None

    def claim(
        self, database: sqlite3.Connection, stream: str, max_readings: int, max_bytes: int
    ) -> tuple[StoredBatch | None, bool]:
        """Move the head of the queue into a batch; return it and whether there was a head.

        Readings that the disk has changed go to the rejected table, and cost no other reading.
        """
        head = take_head(database, max_readings, max_bytes)
        damaged = [(row.sequence, row.stored) for row in head if row.text is None]
        keep_damaged(database, damaged, len(damaged), self.now())
        rows = [(row.sequence, row.text) for row in head if row.text is not None]
        return self._store(database, stream, rows) if rows else None, bool(head)

    def split(self, database: sqlite3.Connection, stream: str, batch: StoredBatch) -> None:
        """Replace a batch by its halves, under new ids."""
        rows = batch_rows(batch.body)
        middle = len(rows) // 2
        remove_batch(database, batch)
        for part in (rows[:middle], rows[middle:]):
            if part:
                self._store(database, stream, part)

    def reject(
        self,
        database: sqlite3.Connection,
        stream: str,
        batch: StoredBatch,
        reasons: dict[int, str] | str,
    ) -> None:
        """Keep rows (numbered from 0), or all, as refused; what is left gets a new id."""
        rows = batch_rows(batch.body)
        why = dict.fromkeys(range(len(rows)), reasons) if isinstance(reasons, str) else reasons
        remove_batch(database, batch)
        refused = [(*row, why[i]) for i, row in enumerate(rows) if i in why]
        keep_refused(database, refused, self.now())
        kept = [row for i, row in enumerate(rows) if i not in why]
        if kept:
            self._store(database, stream, kept)

    def _store(
        self, database: sqlite3.Connection, stream: str, rows: Sequence[tuple[int, str]]
    ) -> StoredBatch:
        sequence = add_to_counter(database, "batch_sequence", 1)
        batch_id = _content_id(stream, sequence, rows)
        body = encode_batch(
            Envelope(stream, batch_id, sequence, self.now(), __version__, self.system), rows
        )
        database.execute(
            "INSERT INTO batches (batch_id, sequence, body, readings) VALUES (?, ?, ?, ?)",
            (batch_id, sequence, body, len(rows)),
        )
        return StoredBatch(batch_id, sequence, body, len(rows))


def _content_id(stream: str, sequence: int, rows: Sequence[tuple[int, str]]) -> str:
    content = hashlib.sha256(f"{stream} {sequence}".encode())
    for number, body in rows:
        content.update(f"\n{number} {body}".encode())
    return content.hexdigest()[:32]


def _is_as_claimed(batch: StoredBatch) -> bool:
    """Tell whether the disk has kept the body: the id was made from its content."""
    try:
        rows = batch_rows(batch.body)
        stream = json.loads(batch.body)["stream"]
    except (ValueError, KeyError, TypeError):
        return False
    return _content_id(stream, batch.sequence, rows) == batch.batch_id
