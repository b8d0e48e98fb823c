"""Two hosts under one identity: seeing it, keeping apart what they send, ending it.

An agent numbers the batches of a stream and sends them in order, one at a time. A number that is
known with another batch, or one below everything that is still remembered of its stream, comes
from a second writer: a clone, or a disk that was set back. From then on nothing of that agent is
data, because nobody can tell which of the two is meant, until a person decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from collector.domain import Act, QuarantinedBatch, QuarantineSource
from collector.storage.ports import Delivery
from collector.storage.sql_records.audit import append_act
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.schema import agents, inbox, quarantine

REASON = "two_writers"
KEPT_PER_AGENT = 1000
KEPT_BYTES_PER_AGENT = 64 << 20
"""Beyond either bound nothing more is kept: the hosts hold it, since it was not acknowledged."""
REMEMBERED_PER_STREAM = 16
"""How many of a stream's newest batches stay known for good; see `inbox`."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of the agent that a delivery names; None for a foreign client's key."""

    quarantined_at: datetime | None
    trusted_after: int


def standing(connection: Connection, agent_id: str) -> Standing | None:
    """Return whether the agent is in quarantine, and from which inbox row on it is trusted."""
    row = connection.execute(
        select(agents.c.quarantined_at, agents.c.trusted_after).where(agents.c.id == agent_id)
    ).first()
    return Standing(row.quarantined_at, row.trusted_after or 0) if row else None


def is_second_writer(connection: Connection, delivery: Delivery, known: Standing) -> bool:
    """Tell whether a batch that is new by its id cannot come from the stream's one writer."""
    stream = _stream(delivery, known)
    taken = select(inbox.c.position).where(stream, inbox.c.sequence == delivery.sequence).limit(1)
    return connection.scalar(taken) is not None or is_outdated(connection, delivery, known)


def is_outdated(connection: Connection, delivery: Delivery, known: Standing) -> bool:
    """Tell whether the batch is older than all that is remembered of a long stream."""
    # One end of the index at a time: both in one query would read all of the stream's rows.
    ends = select(inbox.c.sequence).where(_stream(delivery, known)).limit(1)
    newest = connection.scalar(ends.order_by(inbox.c.sequence.desc()))
    if newest is None or delivery.sequence > newest - REMEMBERED_PER_STREAM:
        return False
    oldest = connection.scalar(ends.order_by(inbox.c.sequence))
    return oldest is not None and delivery.sequence < oldest


def _stream(delivery: Delivery, known: Standing) -> ColumnElement[bool]:
    return (
        (inbox.c.agent_id == delivery.agent_id)
        & (inbox.c.stream == delivery.stream)
        & (inbox.c.position > known.trusted_after)
    )


def keep_apart(connection: Connection, database: Database, delivery: Delivery) -> bool:
    """Keep the batch within the bounds; True if this began the quarantine."""
    first = connection.execute(
        update(agents)
        .where(agents.c.id == delivery.agent_id, agents.c.quarantined_at.is_(None))
        .values(quarantined_at=delivery.received_at, quarantine_reason=REASON)
    )
    count, size = connection.execute(
        select(func.count(), func.coalesce(func.sum(func.length(quarantine.c.body)), 0)).where(
            quarantine.c.agent_id == delivery.agent_id
        )
    ).one()
    if count < KEPT_PER_AGENT and size + len(delivery.body) <= KEPT_BYTES_PER_AGENT:
        connection.execute(
            database.insert(quarantine)
            .values(
                school_id=delivery.school_id,
                agent_id=delivery.agent_id,
                batch_id=delivery.batch_id,
                stream=delivery.stream,
                sequence=delivery.sequence,
                received_at=delivery.received_at,
                address=delivery.address,
                readings=delivery.readings,
                content_sha256=delivery.content_sha256,
                body=delivery.body,
            )
            .on_conflict_do_nothing(index_elements=["agent_id", "batch_id"])
        )
    return first.rowcount == 1


class SqlQuarantine:
    """The part of `IdentityRecords` about agents in quarantine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def quarantined(self, school_id: str, limit: int) -> Sequence[QuarantinedBatch]:
        """Return batches in quarantine of a school, newest first."""
        columns = quarantine.c
        statement = (
            select(
                columns.agent_id,
                columns.batch_id,
                columns.stream,
                columns.sequence,
                columns.received_at,
                columns.address,
                columns.readings,
                columns.body,
            )
            .where(columns.school_id == school_id)
            .order_by(columns.position.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [QuarantinedBatch(*row) for row in connection.execute(statement)]

    def quarantine_sources(self) -> Sequence[QuarantineSource]:
        """Return by address what is kept of agents in quarantine."""
        columns, newest_at = quarantine.c, func.max(quarantine.c.received_at)
        statement = (
            select(
                columns.agent_id,
                columns.address,
                func.count(),
                func.sum(columns.readings),
                newest_at,
            )
            .join(agents, agents.c.id == columns.agent_id)
            .where(agents.c.quarantined_at.is_not(None), agents.c.revoked_at.is_(None))
            .group_by(columns.agent_id, columns.address)
            .order_by(columns.agent_id, newest_at.desc())
        )
        with self._database.reading() as connection:
            return [QuarantineSource(*row) for row in connection.execute(statement)]

    def release_agent(self, agent_id: str, act: Act, *, accept: bool) -> bool:
        """End a quarantine; whoever sends next is the agent's one host from here on."""
        mine = quarantine.c.agent_id == agent_id
        with self._database.writing() as connection:
            found = standing(connection, agent_id)
            if found is None or found.quarantined_at is None:
                return False
            if accept:
                _accept_kept(connection, self._database, agent_id)
            newest = connection.scalar(select(func.coalesce(func.max(inbox.c.position), 0)))
            connection.execute(
                update(agents)
                .where(agents.c.id == agent_id)
                .values(quarantined_at=None, quarantine_reason=None, trusted_after=newest)
            )
            connection.execute(delete(quarantine).where(mine))
            append_act(connection, act, "agents", agent_id)
        return True


def _accept_kept(connection: Connection, database: Database, agent_id: str) -> None:
    """Move what is kept apart into the inbox, oldest first."""
    names = ["agent_id", "batch_id", "school_id", "stream", "sequence"]
    names += ["received_at", "content_sha256", "body"]
    kept = (
        select(*(quarantine.c[name] for name in names))
        .where(quarantine.c.agent_id == agent_id)
        .order_by(quarantine.c.position)
    )
    for row in connection.execute(kept).all():
        connection.execute(
            database.insert(inbox)
            .values(dict(zip(names, row, strict=True)))
            .on_conflict_do_nothing(index_elements=["agent_id", "batch_id"])
        )
