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
* `settle` may be lost in a power cut: the batch is then sent again and answered `duplicate`.

Bounded: by the bytes that the database really uses and by age, oldest queued readings first; the
rejected table by count. Everything that goes missing is counted. A damaged file is set aside, never
erased: it is evidence. A new spool is a new stream, so sequences cannot be confused.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent import __version__
from agent.file_lock import FileLock, LockHeldError
from agent.probes.base import utc_now
from agent.reading import Reading
from agent.settings import SpoolSettings
from agent.spool_file import (
    LAYOUT_VERSION,
    is_damage,
    is_full,
    open_database,
    quarantine,
    used_bytes,
)
from agent.spool_salvage import salvage, seal, unseal
from agent.wire import Envelope, batch_rows, encode_batch, encode_reading

MAX_REJECTED = 1000
"""Rejected readings kept for a person to look at; older ones are dropped and counted."""
_DROP_STEP = 200
_ALL = 2**63 - 1


class SpoolBusyError(RuntimeError):
    """Another agent runs on this state folder."""


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A claimed batch: the bytes to send, unchanged until it is settled."""

    batch_id: str
    sequence: int
    body: bytes
    readings: int


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
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._file_lock = None if beside else FileLock(folder / "spool.lock")
        except LockHeldError as error:
            raise SpoolBusyError(f"another agent is running on {folder}") from error
        self._path = folder / "spool.db"
        self._settings = settings
        self._system = system
        self._now = now
        self._mutex = threading.Lock()
        self.quarantined: list[Path] = []
        self.salvaged_readings = 0
        """Readings taken over from files that were set aside since this was opened."""
        try:
            self._open()
        except BaseException:
            self._release()
            raise

    def _open(self) -> None:
        try:
            self._database = open_database(self._path)
        except sqlite3.DatabaseError as error:
            if not is_damage(error) or self._file_lock is None:
                raise
            self._begin_anew()
        self._open_stream()

    def _open_stream(self) -> None:
        row = self._database.execute("SELECT value FROM meta WHERE name = 'stream'").fetchone()
        self.stream: str = row[0]

    def _begin_anew(self) -> None:
        """Set the damaged file aside, start a new one, and take over what is sound."""
        aside = quarantine(self._path, self._now())
        self.quarantined.append(aside)
        self._database = open_database(self._path)
        found = salvage(aside, LAYOUT_VERSION)
        self._database.execute("BEGIN IMMEDIATE")
        self._database.executemany("INSERT INTO queue (time, body) VALUES (?, ?)", found.queue)
        self._database.executemany(
            "INSERT OR IGNORE INTO batches (batch_id, sequence, body, readings)"
            " VALUES (?, ?, ?, ?)",
            found.batches,
        )
        last = max((sequence for _, sequence, _, _ in found.batches), default=0)
        _count(self._database, "batch_sequence", last)
        _count(self._database, "damaged_total", found.unreadable)
        self._database.commit()
        self.salvaged_readings += len(found.queue) + sum(n for _, _, _, n in found.batches)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Serialise threads, and commit or roll back."""
        with self._mutex:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.rollback()
                raise
            self._database.commit()

    def _durably(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Do `work` in a transaction; where that fails and can be helped, help and do it again.

        A file that turns out damaged is replaced; on a full disk the log is taken over first, whose
        megabytes may be what is missing.
        """
        try:
            with self._transaction() as database:
                work(database)
        except sqlite3.DatabaseError as error:
            if is_full(error):
                with self._mutex:
                    self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            elif is_damage(error) and self._file_lock is not None:
                with self._mutex:
                    self._database.close()
                    self._begin_anew()
                    self._open_stream()
            else:
                raise
            with self._transaction() as database:
                work(database)

    def put(self, readings: Iterable[Reading]) -> None:
        """Queue readings; they are on disk when this returns. Drops the oldest over the bounds.

        Raises what `encode_reading` raises, before anything is stored, and sqlite3.Error where
        the disk is full or broken.
        """
        rows = [(reading.time.timestamp(), seal(encode_reading(reading))) for reading in readings]

        def insert(database: sqlite3.Connection) -> None:
            database.executemany("INSERT INTO queue (time, body) VALUES (?, ?)", rows)
            self._drop_over_bounds(database)

        self._durably(insert)

    def _drop_over_bounds(self, database: sqlite3.Connection) -> None:
        oldest_allowed = self._now() - timedelta(days=self._settings.max_age_days)
        young = database.execute(
            "SELECT sequence FROM queue WHERE time >= ? ORDER BY sequence LIMIT 1",
            (oldest_allowed.timestamp(),),
        ).fetchone()
        dropped = database.execute(
            "DELETE FROM queue WHERE sequence < ?", (young[0] if young else _ALL,)
        ).rowcount
        while used_bytes(database) > self._settings.max_bytes:
            step = database.execute(
                "DELETE FROM queue WHERE sequence IN"
                " (SELECT sequence FROM queue ORDER BY sequence LIMIT ?)",
                (_DROP_STEP,),
            ).rowcount
            if step == 0:
                break
            dropped += step
        if dropped:
            _count(database, "dropped_total", dropped)

    def next_batch(self, max_readings: int, max_bytes: int) -> StoredBatch | None:
        """Return the oldest claimed batch, else claim one from the queue; None when empty.

        The batch is durable before this returns, so that it may be sent.
        """
        found: list[StoredBatch] = []

        def find(database: sqlite3.Connection) -> None:
            while row := database.execute(
                "SELECT batch_id, sequence, body, readings FROM batches ORDER BY sequence LIMIT 1"
            ).fetchone():
                batch = StoredBatch(*row)
                if _is_as_claimed(batch):
                    found.append(batch)
                    return
                self._give_up(database, batch)
            found.extend(self._claim(database, max_readings, max_bytes)[0])

        self._durably(find)
        return found[-1] if found else None

    def _claim(
        self, database: sqlite3.Connection, max_readings: int, max_bytes: int
    ) -> tuple[list[StoredBatch], bool]:
        """Move the head of the queue into a batch; return it and whether there was a head.

        Readings that the disk has changed go to the rejected table, and cost no other reading.
        """
        head = _head_of_queue(database, max_readings, max_bytes)
        if not head:
            return [], False
        rows = [(sequence, text) for sequence, _, text in head if text is not None]
        damaged = [(sequence, str(body)) for sequence, body, text in head if text is None]
        self._note_damaged(database, damaged)
        _count(database, "damaged_total", len(damaged))
        database.execute("DELETE FROM queue WHERE sequence <= ?", (head[-1][0],))
        return [self._store_batch(database, rows)] if rows else [], True

    def _give_up(self, database: sqlite3.Connection, batch: StoredBatch) -> None:
        """Drop a claimed batch that the disk has changed: it may not go out as another one."""
        self._note_damaged(database, [(-batch.sequence, repr(batch.body)[: 64 * 1024])])
        _count(database, "damaged_total", batch.readings)
        _remove_batch(database, batch)

    def _note_damaged(self, database: sqlite3.Connection, rows: Sequence[tuple[int, str]]) -> None:
        at = self._now().timestamp()
        database.executemany(
            "INSERT OR REPLACE INTO rejected (sequence, body, reason, rejected_at)"
            " VALUES (?, ?, 'spool_row_damaged', ?)",
            [(*row, at) for row in rows],
        )

    def _store_batch(
        self, database: sqlite3.Connection, rows: Sequence[tuple[int, str]]
    ) -> StoredBatch:
        sequence = _count(database, "batch_sequence", 1)
        batch_id = _content_id(self.stream, sequence, rows)
        body = encode_batch(
            Envelope(self.stream, batch_id, sequence, self._now(), __version__, self._system), rows
        )
        database.execute(
            "INSERT INTO batches (batch_id, sequence, body, readings) VALUES (?, ?, ?, ?)",
            (batch_id, sequence, body, len(rows)),
        )
        return StoredBatch(batch_id, sequence, body, len(rows))

    def claim_all(self, max_readings: int, max_bytes: int) -> None:
        """Claim everything that is queued, in batches within the limits."""
        more = True

        def claim(database: sqlite3.Connection) -> None:
            nonlocal more
            _, more = self._claim(database, max_readings, max_bytes)

        while more:
            self._durably(claim)

    def belong_to(self, agent_id: str, max_readings: int, max_bytes: int) -> None:
        """Begin a new stream when the host has a new identity; safe to repeat after a crash.

        What the stream holds so far is claimed as it is and goes out under the new identity. Hosts
        that were cloned and then enrolled one by one so share their past, and never a stream.
        """
        if self._meta("agent") == agent_id:
            return
        self.claim_all(max_readings, max_bytes)

        def begin(database: sqlite3.Connection) -> None:
            database.executemany(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                [("stream", os.urandom(16).hex()), ("agent", agent_id)],
            )

        self._durably(begin)
        self.stream = self._meta("stream")

    def _meta(self, name: str) -> str:
        with self._mutex:
            row = self._database.execute("SELECT value FROM meta WHERE name = ?", (name,))
            return str((row.fetchone() or ("",))[0])

    def batch_after(self, sequence: int) -> StoredBatch | None:
        """Return the claimed batch that follows `sequence`, None after the last."""
        with self._mutex:
            row = self._database.execute(
                "SELECT batch_id, sequence, body, readings FROM batches"
                " WHERE sequence > ? ORDER BY sequence LIMIT 1",
                (sequence,),
            ).fetchone()
        return StoredBatch(*row) if row else None

    def settle(self, batch: StoredBatch) -> None:
        """Forget a batch that the collector has made durable."""
        self._durably(lambda database: _remove_batch(database, batch))

    def split(self, batch: StoredBatch) -> None:
        """Replace a batch that is too large by its halves, under new ids.

        A batch of one reading cannot be split: reject it instead.
        """
        rows = batch_rows(batch.body)
        middle = len(rows) // 2

        def halve(database: sqlite3.Connection) -> None:
            _remove_batch(database, batch)
            for part in (rows[:middle], rows[middle:]):
                if part:
                    self._store_batch(database, part)

        self._durably(halve)

    def reject(self, batch: StoredBatch, reasons: dict[int, str] | str) -> None:
        """Move readings to the rejected table; what is left of the batch is sent under a new id.

        `reasons` maps the row number (from 0) to why; one text rejects the whole batch.
        """
        rows = batch_rows(batch.body)
        why = dict.fromkeys(range(len(rows)), reasons) if isinstance(reasons, str) else reasons
        refused = [(*row, why[i]) for i, row in enumerate(rows) if i in why]
        kept = [row for i, row in enumerate(rows) if i not in why]
        at = self._now().timestamp()

        def move(database: sqlite3.Connection) -> None:
            _remove_batch(database, batch)
            database.executemany(
                "INSERT OR REPLACE INTO rejected (sequence, body, reason, rejected_at)"
                " VALUES (?, ?, ?, ?)",
                [(sequence, body, reason, at) for sequence, body, reason in refused],
            )
            database.execute(
                "DELETE FROM rejected WHERE sequence NOT IN"
                " (SELECT sequence FROM rejected ORDER BY rejected_at DESC, sequence DESC LIMIT ?)",
                (MAX_REJECTED,),
            )
            _count(database, "rejected_total", len(refused))
            if kept:
                self._store_batch(database, kept)

        self._durably(move)

    def counts(self) -> SpoolCounts:
        """Return what is held and what was lost."""
        with self._mutex:
            database = self._database
            # Readings leave the queue from its head only, so its sequences have no gaps and the
            # count costs nothing however long the backlog is.
            (queued,) = database.execute(
                "SELECT coalesce((SELECT max(sequence) FROM queue)"
                " - (SELECT min(sequence) FROM queue) + 1, 0)"
            ).fetchone()
            head = database.execute("SELECT time FROM queue ORDER BY sequence LIMIT 1").fetchone()
            (claimed,) = database.execute(
                "SELECT coalesce(sum(readings), 0) FROM batches"
            ).fetchone()
            (rejected,) = database.execute("SELECT count(*) FROM rejected").fetchone()
            return SpoolCounts(
                queued=queued,
                claimed=claimed,
                rejected=rejected,
                used_bytes=used_bytes(database),
                dropped_total=_count(database, "dropped_total", 0),
                rejected_total=_count(database, "rejected_total", 0),
                damaged_total=_count(database, "damaged_total", 0),
                oldest=datetime.fromtimestamp(head[0], UTC) if head else None,
            )

    def close(self) -> None:
        """Close the file and give the lock back."""
        with self._mutex:
            self._database.close()
        self._release()

    def _release(self) -> None:
        if self._file_lock is not None:
            self._file_lock.release()


def _count(database: sqlite3.Connection, name: str, more: int) -> int:
    """Add to a persistent counter and return it."""
    if more:
        database.execute("UPDATE counters SET value = value + ? WHERE name = ?", (more, name))
    row = database.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
    return int(row[0])


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


def _remove_batch(database: sqlite3.Connection, batch: StoredBatch) -> None:
    database.execute("DELETE FROM batches WHERE batch_id = ?", (batch.batch_id,))


def _head_of_queue(
    database: sqlite3.Connection, max_readings: int, max_bytes: int
) -> list[tuple[int, object, str | None]]:
    """Return the oldest rows within the limits, and at least one: as kept, and as they were put.

    The latter is None where the disk has changed it.
    """
    rows: list[tuple[int, object, str | None]] = []
    size = 0
    for sequence, body in database.execute(
        "SELECT sequence, body FROM queue ORDER BY sequence LIMIT ?", (max_readings,)
    ):
        size += len(str(body).encode())
        if rows and size > max_bytes:
            break
        rows.append((sequence, body, unseal(body)))
    return rows
