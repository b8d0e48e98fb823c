"""The record store on a SQL database: SQLite now, the same files on PostgreSQL when outgrown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.engine import URL

from collector.storage.sql_records.audit import adopt_rows
from collector.storage.sql_records.audit_check import SqlAuditCheck
from collector.storage.sql_records.cases import SqlCases
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.evidence import SqlEvidence
from collector.storage.sql_records.facts import SqlFacts
from collector.storage.sql_records.identities import SqlIdentities
from collector.storage.sql_records.imports import SqlImports
from collector.storage.sql_records.inbox import SqlInbox
from collector.storage.sql_records.people import SqlPeople
from collector.storage.sql_records.publications import SqlPublications
from collector.storage.sql_records.quarantine import SqlQuarantine
from collector.storage.sql_records.reading_effects import SqlReadingEffects
from collector.storage.sql_records.rounds import SqlRounds
from collector.storage.sql_records.schools import SqlSchools
from collector.storage.sql_records.sessions import SqlSessions
from collector.storage.sql_records.sheets import SqlSheets
from collector.storage.sql_records.slots import SqlSlots
from collector.storage.sql_records.summaries import SqlSummaries

__all__ = ["SqlRecordStore", "open_records"]


class SqlRecordStore(
    SqlSchools,
    SqlFacts,
    SqlRounds,
    SqlCases,
    SqlIdentities,
    SqlQuarantine,
    SqlInbox,
    SqlSheets,
    SqlSummaries,
    SqlSlots,
    SqlPeople,
    SqlSessions,
    SqlAuditCheck,
    SqlEvidence,
    SqlPublications,
    SqlImports,
    SqlReadingEffects,
):
    """All parts of `collector.storage.ports.RecordStore` on one database."""

    def check(self) -> None:
        """Return if the database answers. Raises UnavailableError."""
        with self._database.reading() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Release connections; safe to call twice."""
        self._database.close()


def open_records(url: str | URL, progress: Callable[[str], None]) -> SqlRecordStore:
    """Open the store at a SQLAlchemy URL and bring its schema up to date.

    Raises UnavailableError if it cannot be opened or belongs to a newer version.
    """
    database = Database(url)
    try:
        database.migrate(progress, lambda connection: adopt_rows(connection, datetime.now(UTC)))
    except BaseException:
        database.close()
        raise
    return SqlRecordStore(database)
