"""Rounds in SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import Row, insert, select, update

from collector.domain import (
    Act,
    Case,
    Deadlines,
    Document,
    Hours,
    PinnedRubric,
    Round,
    RoundCalendar,
    RoundState,
)
from collector.storage.sql_records.audit import append_audit
from collector.storage.sql_records.case_rows import case_values, key_of
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.documents import add_documents, read_document
from collector.storage.sql_records.schema import cases, rounds


class SqlRounds:
    """The part `RoundRecords` of the record store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_round(self, held: Round, act: Act) -> bool:
        """Keep a new round. False if one has this id."""
        statement = self._database.insert(rounds).values(round_values(held))
        with self._database.writing() as connection:
            added = connection.execute(statement.on_conflict_do_nothing(index_elements=["id"]))
            if not added.rowcount:
                return False
            append_audit(connection, act, rounds, held.id)
        return True

    def put_round(
        self,
        held: Round,
        act: Act,
        cases_added: Sequence[Case] = (),
        documents: Sequence[Document] = (),
    ) -> bool:
        """Replace a round, and add its cases and the documents it pins."""
        same = (rounds.c.id == held.id) & (rounds.c.revision == held.revision - 1)
        with self._database.writing() as connection:
            statement = update(rounds).where(same).values(round_values(held))
            if not connection.execute(statement).rowcount:
                return False
            add_documents(self._database, connection, documents)
            if cases_added:
                connection.execute(insert(cases), [case_values(case) for case in cases_added])
                append_audit(connection, act, cases, *[key_of(case.key) for case in cases_added])
            append_audit(connection, act, rounds, held.id)
        return True

    def round(self, round_id: str) -> Round | None:
        """Return the round with this id."""
        with self._database.reading() as connection:
            row = connection.execute(select(rounds).where(rounds.c.id == round_id)).first()
        return _round(row) if row else None

    def rounds(self, limit: int = 100, after: str | None = None) -> Sequence[Round]:
        """Return rounds, newest first, those older than `after`."""
        statement = select(rounds).order_by(rounds.c.created_at.desc(), rounds.c.id.desc())
        if after is not None:
            made = select(rounds.c.created_at).where(rounds.c.id == after).scalar_subquery()
            older = rounds.c.created_at < made
            statement = statement.where(
                older | ((rounds.c.created_at == made) & (rounds.c.id < after))
            )
        with self._database.reading() as connection:
            return [_round(row) for row in connection.execute(statement.limit(limit))]

    def document(self, sha256: str) -> Document | None:
        """Return the document with this hash, as stored."""
        with self._database.reading() as connection:
            return read_document(connection, sha256)


def round_values(held: Round) -> dict[str, Any]:
    """Return the columns of a round."""
    return {
        "id": held.id,
        "title": held.title,
        "as_of": held.as_of,
        "since": held.since,
        "until": held.until,
        "rubrics_json": _json([asdict(one) for one in held.rubrics]),
        "calendar_json": _json(asdict(held.calendar)),
        "deadlines_json": _json(asdict(held.deadlines)),
        "schools_json": _json(held.school_ids),
        "state": held.state.value,
        "calendar_hash": held.calendar_hash,
        "catalogue_hash": held.catalogue_hash,
        "created_at": held.created_at,
        "opened_at": held.opened_at,
        "closed_at": held.closed_at,
        "published_at": held.published_at,
        "revision": held.revision,
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=_iso)


def _iso(value: Any) -> str:
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not stored")


def _round(row: Row[Any]) -> Round:
    return Round(
        id=row.id,
        title=row.title,
        as_of=row.as_of,
        since=row.since,
        until=row.until,
        rubrics=tuple(PinnedRubric(**one) for one in json.loads(row.rubrics_json)),
        school_ids=tuple(json.loads(row.schools_json)),
        calendar=_calendar(json.loads(row.calendar_json)),
        deadlines=_deadlines(json.loads(row.deadlines_json)),
        state=RoundState(row.state),
        calendar_hash=row.calendar_hash,
        catalogue_hash=row.catalogue_hash,
        created_at=row.created_at,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        published_at=row.published_at,
        revision=row.revision,
    )


def _calendar(raw: Mapping[str, Any]) -> RoundCalendar:
    return RoundCalendar(
        terms=tuple((_day(since), _day(until)) for since, until in raw["terms"]),
        closed=tuple(map(_day, raw["closed"])),
        open=tuple(map(_day, raw["open"])),
        exams=tuple(map(_day, raw["exams"])),
        hours=_hours(raw["hours"]),
        school_hours={name: _hours(hours) for name, hours in raw["school_hours"].items()},
    )


def _deadlines(raw: Mapping[str, Any]) -> Deadlines:
    return Deadlines(
        submit_by=_instant(raw["submit_by"]),
        review_by=_instant(raw["review_by"]),
        appeal_working_days=raw["appeal_working_days"],
    )


def _hours(raw: Sequence[Sequence[str]]) -> Hours:
    return tuple((time.fromisoformat(start), time.fromisoformat(stop)) for start, stop in raw)


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
