"""A durable, bounded queue of readings between the probes and the pusher.

A reading is *queued* by `put`, *claimed* into a batch whose body is stored before it is first
sent, and gone once the batch is *settled*; what the collector refuses for good moves to the
*rejected* table with its reason. What has to survive, and why:

* `put` is on disk when it returns (SQLite WAL, synchronous=FULL): a reading survives kill -9 and a
  power cut.
* A claimed batch is stored as the very bytes that are sent, and never changes or is dropped: the
  collector may hold it although its answer was lost, so the same id must carry the same content.
* Reading sequences come from an AUTOINCREMENT key and are never used twice, also after drops.
* A batch's id is the hash of its content, so that a cloned disk sends what it was cloned with
  under the ids of the original, and the collector stores it once.
* `settle` may be lost in a power cut, so it does not wait for the disk: the batch is then sent
  again and answered `duplicate`.

Bounded: by the bytes that the database really uses and by age, oldest queued readings first; the
rejected table by count. Everything that goes missing is counted. A damaged file is set aside, never
erased: it is evidence. A new spool is a new stream, so sequences cannot be confused.

Where to go: `spool_file` (layout), `spool_database` (locks, transactions, damage), `spool_queue`
(bounds), `spool_batches` (claims), `spool_rejected`, `spool_counts`, `spool_salvage`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from agent.probes.base import utc_now
from agent.reading import Reading
from agent.settings import SpoolSettings
from agent.spool_batches import Claims, StoredBatch, batch_after, remove_batch
from agent.spool_counts import SpoolCounts, read_counts
from agent.spool_database import SpoolBusyError, SpoolDatabase
from agent.spool_queue import append, drop_over_bounds
from agent.spool_salvage import seal
from agent.wire import encode_reading

__all__ = ["Spool", "SpoolBusyError", "SpoolCounts", "StoredBatch"]


class Spool:
    """The queue in one folder; safe to share between threads, locked against other processes."""

    def __init__(
        self,
        folder: Path,
        settings: SpoolSettings,
        *,
        system: str,
        now: Callable[[], datetime] = utc_now,
        beside: bool = False,
    ) -> None:
        """Open or create. Raises SpoolBusyError; a damaged file is quarantined and replaced.

        `beside` opens it without the lock, next to an agent that may be running: enough to claim
        and to settle. A damaged file then raises sqlite3.DatabaseError and is left to the agent.
        """
        self._settings = settings
        self._now = now
        self._claims = Claims(system, now)
        self._database = SpoolDatabase(folder, now, beside=beside)

    @property
    def stream(self) -> str:
        """The id of the stream that sequences belong to; a new file or identity has a new one."""
        return self._database.stream

    @property
    def quarantined(self) -> list[Path]:
        """Damaged files that were set aside since this was opened."""
        return self._database.quarantined

    @property
    def salvaged_readings(self) -> int:
        """Readings taken over from files that were set aside since this was opened."""
        return self._database.salvaged_readings

    def put(self, readings: Iterable[Reading]) -> None:
        """Queue readings; they are on disk when this returns. Drops the oldest over the bounds.

        Raises what `encode_reading` raises, before anything is stored, and sqlite3.Error where
        the disk is full or broken.
        """
        rows = [(reading.time.timestamp(), seal(encode_reading(reading))) for reading in readings]

        def insert(database: sqlite3.Connection) -> None:
            append(database, rows)
            drop_over_bounds(database, self._settings, self._now())

        self._database.durably(insert)

    def next_batch(self, max_readings: int, max_bytes: int) -> StoredBatch | None:
        """Return the oldest claimed batch, else claim one from the queue; None when empty.

        The batch is durable before this returns, so that it may be sent.
        """
        found: StoredBatch | None = None

        def find(database: sqlite3.Connection) -> None:
            nonlocal found
            found = self._claims.oldest(database)
            if found is None:
                found, _ = self._claims.claim(database, self.stream, max_readings, max_bytes)

        self._database.durably(find)
        return found

    def claim_all(self, max_readings: int, max_bytes: int) -> None:
        """Claim everything that is queued, in batches within the limits."""
        more = True

        def claim(database: sqlite3.Connection) -> None:
            nonlocal more
            _, more = self._claims.claim(database, self.stream, max_readings, max_bytes)

        while more:
            self._database.durably(claim)

    def belong_to(self, agent_id: str, max_readings: int, max_bytes: int) -> None:
        """Begin a new stream when the host has a new identity; safe to repeat after a crash.

        What the stream holds so far is claimed as it is and goes out under the new identity. Hosts
        that were cloned and then enrolled one by one so share their past, and never a stream.
        """
        if self._database.belongs_to(agent_id):
            return
        self.claim_all(max_readings, max_bytes)
        self._database.begin_stream(agent_id)

    def batch_after(self, sequence: int) -> StoredBatch | None:
        """Return the claimed batch that follows `sequence`, None after the last."""
        with self._database.reading() as database:
            return batch_after(database, sequence)

    def settle(self, batch: StoredBatch) -> None:
        """Forget a batch that the collector has made durable."""
        self._database.soon(lambda database: remove_batch(database, batch))

    def split(self, batch: StoredBatch) -> None:
        """Replace a batch that is too large by its halves, under new ids.

        A batch of one reading cannot be split: reject it instead.
        """
        self._database.durably(lambda database: self._claims.split(database, self.stream, batch))

    def reject(self, batch: StoredBatch, reasons: dict[int, str] | str) -> None:
        """Move readings to the rejected table; what is left of the batch is sent under a new id.

        `reasons` maps the row number (from 0) to why; one text rejects the whole batch.
        """
        self._database.durably(
            lambda database: self._claims.reject(database, self.stream, batch, reasons)
        )

    def counts(self) -> SpoolCounts:
        """Return what is held and what was lost."""
        with self._database.reading() as database:
            return read_counts(database)

    def close(self) -> None:
        """Close the file and give the lock back."""
        self._database.close()
