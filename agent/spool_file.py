"""The spool's file: how it is laid out, opened, checked and set aside when damaged."""

from __future__ import annotations

import os
import sqlite3
from datetime import datetime
from pathlib import Path


class DamagedSpoolError(sqlite3.DatabaseError):
    """The file cannot serve as a spool, though the library itself might open it."""


LAYOUT_VERSION = 1
MAX_QUARANTINED = 3
"""Damaged files kept beside the spool; the oldest goes when there are more."""

_LAYOUT = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters VALUES
  ('batch_sequence', 0), ('dropped_total', 0), ('rejected_total', 0), ('damaged_total', 0);
CREATE TABLE queue (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  time REAL NOT NULL,
  body TEXT NOT NULL
);
CREATE TABLE batches (
  batch_id TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL UNIQUE,
  body BLOB NOT NULL,
  readings INTEGER NOT NULL
);
CREATE TABLE rejected (
  sequence INTEGER PRIMARY KEY,
  body TEXT NOT NULL,
  reason TEXT NOT NULL,
  rejected_at REAL NOT NULL
);
PRAGMA user_version = 1;
"""
_TABLES = frozenset({"meta", "counters", "queue", "batches", "rejected"})


def open_database(path: Path) -> sqlite3.Connection:
    """Open the spool file, or make it. Raises sqlite3.DatabaseError for a file that is unusable.

    The whole file is checked, because a torn page found in a month would cost a month.
    """
    if path.is_dir():
        raise DamagedSpoolError(f"{path} is a folder")
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    database = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        _prepare(database)
    except BaseException:
        database.close()
        raise
    return database


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", errors="replace")


def _prepare(database: sqlite3.Connection) -> None:
    # A byte that the disk has changed is found by its row's checksum, not by the driver.
    database.text_factory = _text
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA journal_size_limit = 4194304")
    database.execute("PRAGMA cache_size = -512")  # KiB: the queue is written and read in order
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if version == 0 and tables == 0:
        database.executescript("BEGIN IMMEDIATE;" + _LAYOUT)
        database.execute("INSERT INTO meta VALUES ('stream', ?)", (os.urandom(16).hex(),))
        database.execute("COMMIT")
        return
    if version != LAYOUT_VERSION:
        raise DamagedSpoolError(f"spool layout {version} is not {LAYOUT_VERSION}")
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise DamagedSpoolError(f"damaged: {verdict}")
    found = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    if not found >= _TABLES:
        raise DamagedSpoolError(f"not a spool: {', '.join(sorted(_TABLES - found))} missing")
    stream_row = database.execute("SELECT value FROM meta WHERE name = 'stream'").fetchone()
    if stream_row is None:
        raise DamagedSpoolError("not a spool: it has no stream id")
    # A spool of an older agent has no such counter.
    database.execute("INSERT OR IGNORE INTO counters VALUES ('damaged_total', 0)")


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Tell a damaged file from a full or busy disk, which a new file would not help."""
    if isinstance(error, DamagedSpoolError):
        return True
    code = getattr(error, "sqlite_errorcode", 0)  # wrong use, such as after close, has none
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_full(error: sqlite3.DatabaseError) -> bool:
    """Tell that the disk has no room."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def used_bytes(database: sqlite3.Connection) -> int:
    """Return the bytes of the pages that hold something; freed pages are used again."""
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    (free,) = database.execute("PRAGMA freelist_count").fetchone()
    (size,) = database.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * size)


def quarantine(path: Path, now: datetime) -> Path:
    """Move a damaged spool and its journals aside and return its new place; keep the newest few."""
    stamp = now.strftime("%Y%m%dT%H%M%S%fZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    kept = sorted(p for p in path.parent.glob(f"{path.name}.damaged-*Z"))
    for old in kept[:-MAX_QUARANTINED]:
        for suffix in ("", "-wal", "-shm"):
            part = old.with_name(old.name + suffix)
            if part.is_file():
                part.unlink()
    return aside
