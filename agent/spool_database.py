"""The spool's open database: locked, shared between threads, and replaced when it is damaged."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

from agent.file_lock import FileLock, LockHeldError
from agent.spool_counts import add_to_counter
from agent.spool_file import LAYOUT_VERSION, is_damage, is_full, open_database, quarantine
from agent.spool_queue import append
from agent.spool_salvage import salvage

Synchronous = Literal["FULL", "NORMAL"]
"""When SQLite waits for the disk: at every commit, or only before it copies its log (WAL)."""


class SpoolBusyError(RuntimeError):
    """Another agent runs on this state folder."""


class SpoolDatabase:
    """One spool file. A damaged one is set aside, and what is sound of it is taken over."""

    def __init__(self, folder: Path, now: Callable[[], datetime], *, beside: bool) -> None:
        """Open or create. Raises SpoolBusyError.

        `beside` opens it without the lock; a damaged file then raises sqlite3.DatabaseError and is
        left to the agent that holds the lock.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._file_lock = None if beside else FileLock(folder / "spool.lock")
        except LockHeldError as error:
            raise SpoolBusyError(f"another agent is running on {folder}") from error
        self._path = folder / "spool.db"
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
            self._connection = open_database(self._path)
        except sqlite3.DatabaseError as error:
            if not is_damage(error) or self._file_lock is None:
                raise
            self._begin_anew()
        self._read_stream()

    def _read_stream(self) -> None:
        row = self._connection.execute("SELECT value FROM meta WHERE name = 'stream'").fetchone()
        self.stream: str = row[0]

    def _begin_anew(self) -> None:
        """Set the damaged file aside, start a new one, and take over what is sound."""
        aside = quarantine(self._path, self._now())
        self.quarantined.append(aside)
        self._connection = open_database(self._path)
        found = salvage(aside, LAYOUT_VERSION)
        self._connection.execute("BEGIN IMMEDIATE")
        append(self._connection, found.queue)
        self._connection.executemany(
            "INSERT OR IGNORE INTO batches (batch_id, sequence, body, readings)"
            " VALUES (?, ?, ?, ?)",
            found.batches,
        )
        last = max((sequence for _, sequence, _, _ in found.batches), default=0)
        add_to_counter(self._connection, "batch_sequence", last)
        add_to_counter(self._connection, "damaged_total", found.unreadable)
        self._connection.commit()
        self.salvaged_readings += len(found.queue) + sum(n for _, _, _, n in found.batches)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection to one thread, for reading only."""
        with self._mutex:
            yield self._connection

    @contextmanager
    def _transaction(self, synchronous: Synchronous) -> Iterator[sqlite3.Connection]:
        """Serialise threads, and commit or roll back."""
        with self._mutex:
            self._connection.execute(f"PRAGMA synchronous = {synchronous}")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.commit()

    def soon(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """As `durably`, but a power cut before the next durable transaction may undo it.

        The end of the process does not, and nobody waits for the disk.
        """
        self.durably(work, "NORMAL")

    def durably(
        self, work: Callable[[sqlite3.Connection], None], synchronous: Synchronous = "FULL"
    ) -> None:
        """Do `work` in a transaction; where that fails and can be helped, help and do it again.

        A file that turns out damaged is replaced; on a full disk the log is taken over first, whose
        megabytes may be what is missing.
        """
        try:
            with self._transaction(synchronous) as database:
                work(database)
        except sqlite3.DatabaseError as error:
            if is_full(error):
                with self._mutex:
                    self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            elif is_damage(error) and self._file_lock is not None:
                with self._mutex:
                    self._connection.close()
                    self._begin_anew()
                    self._read_stream()
            else:
                raise
            with self._transaction(synchronous) as database:
                work(database)

    def belongs_to(self, agent_id: str) -> bool:
        """Tell whether the stream was begun under this identity."""
        with self.reading() as database:
            row = database.execute("SELECT value FROM meta WHERE name = 'agent'").fetchone()
        return row is not None and str(row[0]) == agent_id

    def begin_stream(self, agent_id: str) -> None:
        """Give the file a new stream id, under an identity."""

        def begin(database: sqlite3.Connection) -> None:
            database.executemany(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                [("stream", os.urandom(16).hex()), ("agent", agent_id)],
            )

        self.durably(begin)
        with self._mutex:
            self._read_stream()

    def close(self) -> None:
        """Close the file and give the lock back."""
        with self._mutex:
            self._connection.close()
        self._release()

    def _release(self) -> None:
        if self._file_lock is not None:
            self._file_lock.release()
