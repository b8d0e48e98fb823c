"""Evidence in SQL. The store knows hashes and names; the files are `collector.evidence.files`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from collector.domain import Act, Evidence, EvidenceKind, FlagNote, Support
from collector.storage.ports.evidence import EvidenceUse
from collector.storage.sql_records.audit import append_audit
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.schema import evidence, evidence_supports, flag_notes


class SqlEvidence:
    """The part `EvidenceRecords` of the record store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_evidence(self, piece: Evidence, act: Act) -> bool:
        """Record a piece. False if the school handed in this very content before."""
        with self._database.writing() as connection:
            known = _find(connection, piece.school_id, piece.sha256)
            if known is not None and known.withdrawn_at is None:
                return False
            if known is not None:
                connection.execute(delete(evidence).where(_is(piece.school_id, piece.sha256)))
            connection.execute(insert(evidence).values(_columns(piece)))
            append_audit(connection, act, evidence, (piece.school_id, piece.sha256))
        return True

    def evidence(self, school_id: str, sha256: str) -> Evidence | None:
        """Return a piece of a school, withdrawn ones included."""
        with self._database.reading() as connection:
            return _find(connection, school_id, sha256)

    def evidence_of(self, school_id: str) -> Sequence[Evidence]:
        """Return all pieces of a school, oldest first."""
        statement = select(evidence).where(evidence.c.school_id == school_id)
        with self._database.reading() as connection:
            rows = connection.execute(statement.order_by("added_at", "sha256"))
            return [_evidence(row) for row in rows]

    def evidence_use(self, school_id: str) -> EvidenceUse:
        """Return how much a school has handed in."""
        statement = select(func.count(), func.coalesce(func.sum(evidence.c.size_bytes), 0))
        with self._database.reading() as connection:
            row = connection.execute(statement.where(evidence.c.school_id == school_id)).one()
        return EvidenceUse(int(row[0]), int(row[1]))

    def withdraw_evidence(self, school_id: str, sha256: str, act: Act) -> bool:
        """Take a piece back, and from the lists it is in."""
        lists = evidence_supports.c
        with self._database.writing() as connection:
            done = connection.execute(
                update(evidence)
                .where(_is(school_id, sha256), evidence.c.withdrawn_at.is_(None))
                .values(withdrawn_at=act.at)
            )
            if not done.rowcount:
                return False
            on = (lists.school_id == school_id) & (lists.sha256 == sha256)
            listed = connection.execute(select(lists.rubric_id, lists.item_id).where(on)).all()
            connection.execute(delete(evidence_supports).where(on))
            keys = [(school_id, row.rubric_id, row.item_id, sha256) for row in listed]
            append_audit(connection, act, evidence_supports, *keys)
            append_audit(connection, act, evidence, (school_id, sha256))
        return True

    def other_schools_with(self, school_id: str) -> dict[str, tuple[str, ...]]:
        """Return, by hash, the other schools that handed in the same content."""
        own = select(evidence.c.sha256).where(
            evidence.c.school_id == school_id, evidence.c.withdrawn_at.is_(None)
        )
        statement = (
            select(evidence.c.sha256, evidence.c.school_id)
            .where(
                evidence.c.sha256.in_(own),
                evidence.c.school_id != school_id,
                evidence.c.withdrawn_at.is_(None),
            )
            .order_by("sha256", "school_id")
        )
        others: dict[str, list[str]] = defaultdict(list)
        with self._database.reading() as connection:
            for sha256, other in connection.execute(statement):
                others[sha256].append(other)
        return {sha256: tuple(schools) for sha256, schools in others.items()}

    def add_support(self, support: Support, act: Act) -> Support:
        """Put a piece at the end of an item's list; one that is there stays where it is."""
        lists = evidence_supports.c
        key = (support.school_id, support.rubric_id, support.item_id, support.sha256)
        same_item = _on_list(*key[:3])
        with self._database.writing() as connection:
            known = select(lists.place).where(same_item, lists.sha256 == support.sha256)
            if connection.scalar(known) is None:
                last = connection.scalar(select(func.max(lists.place)).where(same_item)) or 0
                connection.execute(
                    insert(evidence_supports).values(
                        school_id=support.school_id,
                        rubric_id=support.rubric_id,
                        item_id=support.item_id,
                        sha256=support.sha256,
                        place=last + 1,
                        added_by=support.added_by,
                        added_at=support.added_at,
                    )
                )
                append_audit(connection, act, evidence_supports, key)
            rows = connection.execute(
                select(evidence_supports).where(same_item).order_by("place")
            ).all()
        return next(one for one in _numbered(rows) if one.sha256 == support.sha256)

    def drop_support(
        self, school_id: str, rubric_id: str, item_id: str, sha256: str, act: Act
    ) -> bool:
        """Take a piece off an item's list."""
        on = _on_list(school_id, rubric_id, item_id) & (evidence_supports.c.sha256 == sha256)
        with self._database.writing() as connection:
            dropped = connection.execute(delete(evidence_supports).where(on)).rowcount
            if dropped:
                key = (school_id, rubric_id, item_id, sha256)
                append_audit(connection, act, evidence_supports, key)
        return bool(dropped)

    def supports(self, school_id: str, rubric_id: str | None = None) -> Sequence[Support]:
        """Return what supports the items of a school, numbered from 1 within each item."""
        lists = evidence_supports.c
        statement = select(evidence_supports).where(lists.school_id == school_id)
        if rubric_id is not None:
            statement = statement.where(lists.rubric_id == rubric_id)
        with self._database.reading() as connection:
            rows = connection.execute(
                statement.order_by(lists.rubric_id, lists.item_id, lists.place)
            ).all()
        return _numbered(rows)

    def add_flag_note(self, note: FlagNote, act: Act) -> None:
        """Record what somebody said about a flag."""
        with self._database.writing() as connection:
            position = connection.scalar(
                insert(flag_notes)
                .values(
                    round_id=note.round_id,
                    school_id=note.school_id,
                    rubric_id=note.rubric_id,
                    flag_id=note.flag_id,
                    text=note.text,
                    author=note.author,
                    recorded_at=note.recorded_at,
                )
                .returning(flag_notes.c.position)
            )
            append_audit(connection, act, flag_notes, int(position or 0))

    def flag_notes(self, round_id: str, school_id: str) -> Sequence[FlagNote]:
        """Return all notes on flags of a school in a round, oldest first."""
        notes = flag_notes.c
        statement = select(flag_notes).where(
            notes.round_id == round_id, notes.school_id == school_id
        )
        with self._database.reading() as connection:
            return [
                FlagNote(*row[1:]) for row in connection.execute(statement.order_by(notes.position))
            ]


def _is(school_id: str, sha256: str) -> ColumnElement[bool]:
    return (evidence.c.school_id == school_id) & (evidence.c.sha256 == sha256)


def _on_list(school_id: str, rubric_id: str, item_id: str) -> ColumnElement[bool]:
    lists = evidence_supports.c
    return (
        (lists.school_id == school_id) & (lists.rubric_id == rubric_id) & (lists.item_id == item_id)
    )


def _find(connection: Connection, school_id: str, sha256: str) -> Evidence | None:
    row = connection.execute(select(evidence).where(_is(school_id, sha256))).first()
    return _evidence(row) if row else None


def _evidence(row: Row[Any]) -> Evidence:
    return Evidence(
        school_id=row.school_id,
        sha256=row.sha256,
        name=row.name,
        kind=EvidenceKind(row.kind),
        size_bytes=row.size_bytes,
        added_by=row.added_by,
        added_at=row.added_at,
        since=row.since,
        until=row.until,
        note=row.note,
        withdrawn_at=row.withdrawn_at,
    )


def _columns(piece: Evidence) -> dict[str, Any]:
    return {
        "school_id": piece.school_id,
        "sha256": piece.sha256,
        "name": piece.name,
        "kind": piece.kind.value,
        "size_bytes": piece.size_bytes,
        "added_by": piece.added_by,
        "added_at": piece.added_at,
        "since": piece.since,
        "until": piece.until,
        "note": piece.note,
        "withdrawn_at": None,
    }


def _numbered(rows: Sequence[Row[Any]]) -> list[Support]:
    """Give each line its number in the item's list; rows come by item and place."""
    found: list[Support] = []
    for row in rows:
        support = Support(
            row.school_id, row.rubric_id, row.item_id, row.sha256, 1, row.added_by, row.added_at
        )
        before = found[-1] if found else None
        if before and (before.rubric_id, before.item_id) == (row.rubric_id, row.item_id):
            support = replace(support, number=before.number + 1)
        found.append(support)
    return found
