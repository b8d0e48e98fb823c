"""Publications in SQL."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, select, update

from collector.domain import Act, Document, Publication, Round
from collector.storage.sql_records.audit import append_audit
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.documents import add_documents
from collector.storage.sql_records.rounds import round_values
from collector.storage.sql_records.schema import publications, rounds


class SqlPublications:
    """The part `PublicationRecords` of the record store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_publication(
        self, publication: Publication, manifest: Document, held: Round, act: Act
    ) -> bool:
        """Keep a publication with its manifest, and replace the round, all or nothing."""
        same = (rounds.c.id == held.id) & (rounds.c.revision == held.revision - 1)
        with self._database.writing() as connection:
            done = connection.execute(update(rounds).where(same).values(round_values(held)))
            if not done.rowcount:
                return False
            add_documents(self._database, connection, [manifest])
            connection.execute(
                insert(publications).values(
                    round_id=publication.round_id,
                    number=publication.number,
                    manifest_sha256=publication.manifest_sha256,
                    sheets=publication.sheets,
                    published_by=publication.published_by,
                    published_at=publication.published_at,
                    why=publication.why,
                )
            )
            key = (publication.round_id, publication.number)
            append_audit(connection, act, publications, key)
            append_audit(connection, act, rounds, held.id)
        return True

    def publications(self, round_id: str) -> Sequence[Publication]:
        """Return the publications of a round, oldest first."""
        statement = select(publications).where(publications.c.round_id == round_id)
        with self._database.reading() as connection:
            return [
                Publication(*row)
                for row in connection.execute(statement.order_by(publications.c.number))
            ]
