"""Opening the record database: engine, durability settings, schema version."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import Table

from collector.errors import NotFoundError, UnavailableError
from collector.storage.sql_records.schema import SCHEMA_VERSION

BUSY_TIMEOUT_S = 10
_MIGRATION_LOCK = 0x63616D707573
"""Any number that other programs on the same server do not lock."""
AUDITED_SINCE = "0003"
"""The migration that began the audit chain."""
_MIGRATIONS = Path(__file__).parents[1] / "migrations"


class Database:
    """An engine with one way to read and one way to write.

    Writing takes SQLite's write lock at BEGIN, because a transaction that reads first and upgrades
    later fails at once, without waiting, if another one committed in between.
    """

    def __init__(self, url: str | URL) -> None:
        self.engine = _create_engine(make_url(url))
        self._writer = self.engine.execution_options(campusgauge_writes=True)
        # SQLite makes writers poll for its one write lock; under many at once some starve until
        # the busy timeout. The threads of this process queue instead, and poll other processes.
        alone = self.engine.dialect.name == "sqlite"
        self._turn: AbstractContextManager[object] = threading.Lock() if alone else nullcontext()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection with a consistent view."""
        with _explained(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Yield a connection on which all queries see the same moment."""
        engine = self.engine
        if engine.dialect.name == "postgresql":
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with _explained(), engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection whose changes are durable when the block ends, or none of them."""
        with _explained(), self._turn, self._writer.begin() as connection:
            yield connection

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Return an INSERT that can say what to do on a conflict."""
        if self.engine.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)

    def close(self) -> None:
        """Close all connections; safe to call twice."""
        self.engine.dispose()

    def migrate(self, progress: Callable[[str], None], adopt: Callable[[Connection], None]) -> None:
        """Bring the schema to `SCHEMA_VERSION`; `progress` gets a line if there is work.

        `adopt` takes the rows of a database that is older than the audit chain into it.

        Raises UnavailableError if the data was written by a newer version of the program.
        """
        found = self._schema_version()
        if found == SCHEMA_VERSION:
            return
        # Alembic takes 0.35 s to import: only when there is something to do.
        from alembic import command
        from alembic.config import Config
        from alembic.script import ScriptDirectory

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        script = ScriptDirectory.from_config(config)
        known = {revision.revision for revision in script.walk_revisions()}
        if found is not None and found not in known:
            raise UnavailableError(
                "schema_newer",
                f"The records were written by a newer version (schema {found}, this program knows "
                f"{SCHEMA_VERSION}). Install that version or restore a backup.",
            )
        steps = [r.revision for r in script.iterate_revisions(SCHEMA_VERSION, found or "base")]
        progress(
            f"数据库升级 migrating records: {found or 'empty'} → {SCHEMA_VERSION} ({len(steps)})"
        )
        with self.writing() as connection:
            if self.engine.dialect.name == "postgresql":
                # Two collectors that start at once: the second waits, then finds all done.
                connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            config.attributes["connection"] = connection
            command.upgrade(config, SCHEMA_VERSION)
            if found is not None and found < AUDITED_SINCE:
                adopt(connection)
        progress("数据库升级完成 migration done")

    def _schema_version(self) -> str | None:
        with self.reading() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return version


def _create_engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    del entry
    # The driver's own BEGIN logic would start transactions too late; `_begin_sqlite` does it.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # FULL: a commit returns after fsync. This is the promise behind every acknowledged batch.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("campusgauge_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _explained() -> Iterator[None]:
    """Turn the driver's errors into ours, which say what to do."""
    try:
        yield
    except IntegrityError as error:
        if _is_foreign_key(error.orig):
            raise NotFoundError(
                "unknown_school",
                "There is no such school here. Add it first: campusgauge school add --help",
            ) from error
        raise
    except DBAPIError as error:
        raise UnavailableError(
            "records_unavailable",
            f"The record store does not answer ({error.orig}). Check disk space and permissions "
            "of the data directory.",
        ) from error


def _is_foreign_key(error: Any) -> bool:
    if isinstance(error, sqlite3.IntegrityError):
        return error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
    return getattr(error, "sqlstate", None) == "23503"
