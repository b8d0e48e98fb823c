"""The inbox and the refused bodies in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from collector.domain import Act
from collector.storage.ports import (
    Acceptance,
    Delivery,
    ImportedBundle,
    InboxRow,
    Refusal,
    RefusalCount,
)
from collector.storage.sql_records.audit import append_act
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.quarantine import (
    REASON,
    REMEMBERED_PER_STREAM,
    Standing,
    is_outdated,
    is_second_writer,
    keep_apart,
    standing,
)
from collector.storage.sql_records.schema import (
    agents,
    bundles,
    inbox,
    refusal_counts,
    refusals,
    school_series,
)

# A body is kept exactly until it has been applied; the partial index is on that.
_UNAPPLIED = inbox.c.body.is_not(None)
_WAITING = _UNAPPLIED & inbox.c.set_aside_reason.is_(None)
_SET_ASIDE = _UNAPPLIED & inbox.c.set_aside_reason.is_not(None)

REFUSALS_KEPT_PER_SCHOOL = 200
PENDING_BYTES_AT_ONCE = 16 << 20
FORGET_EVERY = timedelta(hours=1)
REMEMBERED = timedelta(days=7)
"""How long every applied batch id stays known; the newest `REMEMBERED_PER_STREAM` for good.

An agent sends a stream in order and holds a batch until it is settled, so a batch that it sends
again, however late, is among the newest of its stream.
"""


class SqlInbox:
    """The part `Inbox` of the record store."""

    _forgot_at: datetime | None = None

    def __init__(self, database: Database) -> None:
        self._database = database

    def accept(self, deliveries: Sequence[Delivery]) -> Sequence[Acceptance]:
        """Take deliveries in one durable transaction; one answer each, in order."""
        with self._database.writing() as connection:
            return [self._accept(connection, delivery) for delivery in deliveries]

    def _accept(self, connection: Connection, delivery: Delivery) -> Acceptance:
        self._note_contact(connection, delivery)
        known = self._known(connection, delivery)
        if known is not None:
            return known
        agent = standing(connection, delivery.agent_id)
        if agent is not None:
            refused = self._refused(connection, delivery, agent)
            if refused is not None:
                return refused
        statement = self._database.insert(inbox).values(
            agent_id=delivery.agent_id,
            batch_id=delivery.batch_id,
            school_id=delivery.school_id,
            stream=delivery.stream,
            sequence=delivery.sequence,
            received_at=delivery.received_at,
            content_sha256=delivery.content_sha256,
            body=delivery.body,
        )
        # RETURNING, because psycopg does not count the rows of an insert that may do nothing.
        inserted = connection.execute(
            statement.on_conflict_do_nothing(index_elements=["agent_id", "batch_id"]).returning(
                inbox.c.position
            )
        )
        if inserted.first() is None:  # by another collector, a moment ago
            return self._known(connection, delivery) or Acceptance.CONFLICT
        self._note_series(connection, delivery)
        return Acceptance.STORED

    def _known(self, connection: Connection, delivery: Delivery) -> Acceptance | None:
        """Return what to say of a batch id that is known already, None for a new one.

        The same content is known under whichever agent of the school sent it: a host that enrolled
        anew, or a clone, sends what its disk held before.
        """
        rows = connection.execute(
            select(inbox.c.agent_id, inbox.c.content_sha256).where(
                inbox.c.batch_id == delivery.batch_id, inbox.c.school_id == delivery.school_id
            )
        ).all()
        if any(row.content_sha256 == delivery.content_sha256 for row in rows):
            return Acceptance.DUPLICATE
        own = any(row.agent_id == delivery.agent_id for row in rows)
        return Acceptance.CONFLICT if own else None

    def _refused(
        self, connection: Connection, delivery: Delivery, agent: Standing
    ) -> Acceptance | None:
        """Return why a new batch of an enrolled agent is no data, None if it is."""
        if delivery.by_bundle and is_outdated(connection, delivery, agent):
            return Acceptance.OUTDATED
        if agent.quarantined_at is None and not is_second_writer(connection, delivery, agent):
            return None
        if keep_apart(connection, self._database, delivery):
            at, who = delivery.received_at, f"agent:{delivery.agent_id}"
            act = Act(who, at, "agent.quarantine", REASON, delivery.address)
            append_act(connection, act, "agents", delivery.agent_id)
        return Acceptance.QUARANTINED

    def _note_contact(self, connection: Connection, delivery: Delivery) -> None:
        said = {"version": delivery.agent_version, "clock_skew_s": delivery.clock_skew_s}
        connection.execute(
            update(agents)
            .where(agents.c.id == delivery.agent_id)
            .values(
                last_seen_at=delivery.received_at,
                **{name: value for name, value in said.items() if value is not None},
            )
        )

    def _note_series(self, connection: Connection, delivery: Delivery) -> None:
        if not delivery.new_series:
            return
        statement = self._database.insert(school_series).on_conflict_do_nothing()
        connection.execute(
            statement,
            [{"school_id": delivery.school_id, "digest": digest} for digest in delivery.new_series],
        )

    def pending(self, limit: int) -> Sequence[InboxRow]:
        """Return the oldest rows that are neither applied nor set aside, bounded in bytes."""
        columns = inbox.c
        statement = (
            select(
                columns.position,
                columns.batch_id,
                columns.school_id,
                columns.agent_id,
                columns.received_at,
                columns.body,
            )
            .where(_WAITING)
            .order_by(columns.position)
            .limit(limit)
        )
        rows: list[InboxRow] = []
        size = 0
        with self._database.reading() as connection:
            for found in connection.execute(statement):
                row = InboxRow(*found)
                size += len(row.body)
                if rows and size > PENDING_BYTES_AT_ONCE:
                    break
                rows.append(row)
        return rows

    def pending_count(self) -> int:
        """Return how many rows wait."""
        statement = select(func.count()).where(_WAITING)
        with self._database.reading() as connection:
            return connection.execute(statement).scalar_one()

    def mark_applied(self, positions: Sequence[int], now: datetime) -> None:
        """Drop the bodies of applied rows and, once an hour, forget old batch ids."""
        mark = update(inbox).where(inbox.c.position == bindparam("applied_position"))
        with self._database.writing() as connection:
            connection.execute(
                mark.values(applied_at=now, body=None),
                [{"applied_position": position} for position in positions],
            )
            if self._forgot_at is None or now - self._forgot_at >= FORGET_EVERY:
                self._forgot_at = now
                _forget_old_batches(connection, now)

    def set_aside(self, position: int, reason: str) -> None:
        """Take a row that cannot be applied out of the queue; its body is kept."""
        with self._database.writing() as connection:
            connection.execute(
                update(inbox).where(inbox.c.position == position).values(set_aside_reason=reason)
            )

    def retry_set_aside(self) -> int:
        """Put all rows that were set aside back into the queue; returns how many."""
        with self._database.writing() as connection:
            statement = update(inbox).where(_SET_ASIDE).values(set_aside_reason=None)
            return connection.execute(statement).rowcount

    def set_aside_count(self) -> int:
        """Return how many rows are set aside."""
        with self._database.reading() as connection:
            return connection.execute(select(func.count()).where(_SET_ASIDE)).scalar_one()

    def note_bundle(self, bundle: ImportedBundle) -> None:
        """Remember an imported bundle; noting it again changes nothing."""
        statement = self._database.insert(bundles).values(asdict(bundle))
        with self._database.writing() as connection:
            connection.execute(statement.on_conflict_do_nothing(index_elements=["bundle_id"]))

    def bundle(self, bundle_id: str) -> ImportedBundle | None:
        """Return when and with what this bundle was imported."""
        with self._database.reading() as connection:
            row = connection.execute(select(bundles).where(bundles.c.bundle_id == bundle_id))
            found = row.first()
        return ImportedBundle(*found) if found else None

    def known_series(self, school_id: str) -> frozenset[bytes]:
        """Return digests of all series this school has ever had."""
        statement = select(school_series.c.digest).where(school_series.c.school_id == school_id)
        with self._database.reading() as connection:
            return frozenset(connection.scalars(statement))

    def refuse(self, refusal: Refusal) -> None:
        """Keep a refused body; over the school's bound the oldest is dropped, never the count."""
        mine = refusals.c.school_id == refusal.school_id
        oldest_kept = (
            select(refusals.c.position)
            .where(mine)
            .order_by(refusals.c.position.desc())
            .offset(REFUSALS_KEPT_PER_SCHOOL - 1)
            .limit(1)
            .scalar_subquery()
        )
        count = self._database.insert(refusal_counts).values(school_id=refusal.school_id, total=1)
        with self._database.writing() as connection:
            connection.execute(insert(refusals).values(asdict(refusal)))
            connection.execute(delete(refusals).where(mine, refusals.c.position < oldest_kept))
            connection.execute(
                count.on_conflict_do_update(
                    index_elements=["school_id"], set_={"total": refusal_counts.c.total + 1}
                )
            )

    def refusals(self, school_id: str, limit: int) -> Sequence[Refusal]:
        """Return refused bodies of a school, newest first."""
        columns = refusals.c
        statement = (
            select(
                columns.school_id,
                columns.agent_id,
                columns.received_at,
                columns.status,
                columns.reason,
                columns.body,
            )
            .where(columns.school_id == school_id)
            .order_by(columns.position.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [Refusal(*row) for row in connection.execute(statement)]

    def refusal_count(self, school_id: str) -> RefusalCount:
        """Return how many were refused in all, and how many are kept."""
        kept = select(func.count()).where(refusals.c.school_id == school_id)
        total = select(refusal_counts.c.total).where(refusal_counts.c.school_id == school_id)
        with self._database.reading() as connection:
            return RefusalCount(
                total=connection.scalar(total) or 0, kept=connection.execute(kept).scalar_one()
            )


def _forget_old_batches(connection: Connection, now: datetime) -> None:
    newer = inbox.alias("newer")
    newest = (
        select(func.max(newer.c.sequence))
        .where(newer.c.agent_id == inbox.c.agent_id, newer.c.stream == inbox.c.stream)
        .scalar_subquery()
    )
    connection.execute(
        delete(inbox).where(
            inbox.c.applied_at < now - REMEMBERED,
            inbox.c.sequence <= newest - REMEMBERED_PER_STREAM,
        )
    )
