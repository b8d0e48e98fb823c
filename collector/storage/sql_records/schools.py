"""Schools, facts and entries in SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select

from collector.domain import Entry, Fact, School, SchoolKind, Stage
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.schema import entries, facts, schools


class SqlSchools:
    """The part `SchoolRecords` of the record store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_school(self, school: School) -> None:
        """Add the school, or update the one with this id."""
        values = {
            "name": school.name,
            "kind": school.kind.value,
            "stages": ",".join(school.stages),
            "students": school.students,
            "staff": school.staff,
            "classes": school.classes,
            "as_of": school.as_of,
            "award_level": school.award_level,
            "is_example": school.is_example,
        }
        statement = self._database.insert(schools).values(id=school.id, **values)
        with self._database.writing() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))

    def school(self, school_id: str) -> School | None:
        """Return the school with this id."""
        with self._database.reading() as connection:
            row = connection.execute(select(schools).where(schools.c.id == school_id)).first()
        return _school(row) if row else None

    def schools(self) -> Sequence[School]:
        """Return all schools, ordered by id."""
        with self._database.reading() as connection:
            return [_school(row) for row in connection.execute(select(schools).order_by("id"))]

    def add_fact(self, fact: Fact) -> None:
        """Record a declared value; earlier ones stay in the history."""
        with self._database.writing() as connection:
            connection.execute(
                insert(facts).values(
                    school_id=fact.school_id,
                    name=fact.name,
                    value=fact.value,
                    as_of=fact.as_of,
                    author=fact.author,
                    recorded_at=fact.recorded_at,
                )
            )

    def facts(self, school_id: str) -> Mapping[str, Fact]:
        """Return the fact in force per name: newest `as_of`, then newest recorded."""
        return {fact.name: fact for fact in self._facts(school_id, facts.c.as_of)}

    def fact_history(self, school_id: str, name: str) -> Sequence[Fact]:
        """Return every value ever declared under this name, oldest first."""
        return [fact for fact in self._facts(school_id) if fact.name == name]

    def _facts(self, school_id: str, *order: ColumnElement[Any]) -> Sequence[Fact]:
        statement = select(facts).where(facts.c.school_id == school_id)
        with self._database.reading() as connection:
            rows = connection.execute(statement.order_by(*order, facts.c.position)).all()
        return [
            Fact(row.school_id, row.name, row.value, row.as_of, row.author, row.recorded_at)
            for row in rows
        ]

    def add_entry(self, entry: Entry) -> None:
        """Record an entry; earlier ones stay in the history."""
        with self._database.writing() as connection:
            connection.execute(
                insert(entries).values(
                    school_id=entry.school_id,
                    rubric_id=entry.rubric_id,
                    item_id=entry.item_id,
                    name=entry.name,
                    value_json=json.dumps(entry.value, ensure_ascii=False),
                    author=entry.author,
                    recorded_at=entry.recorded_at,
                )
            )

    def entries(self, school_id: str, rubric_id: str) -> Sequence[Entry]:
        """Return the newest entry per item and name."""
        newest = (
            select(func.max(entries.c.position))
            .where(entries.c.school_id == school_id, entries.c.rubric_id == rubric_id)
            .group_by(entries.c.item_id, entries.c.name)
        )
        return self._entries(entries.c.position.in_(newest))

    def entry_history(
        self, school_id: str, rubric_id: str, item_id: str, name: str
    ) -> Sequence[Entry]:
        """Return every value ever given here, oldest first."""
        columns = entries.c
        here = (
            (columns.school_id == school_id)
            & (columns.rubric_id == rubric_id)
            & (columns.item_id == item_id)
            & (columns.name == name)
        )
        return self._entries(here)

    def _entries(self, condition: ColumnElement[bool]) -> Sequence[Entry]:
        statement = select(entries).where(condition).order_by(entries.c.position)
        with self._database.reading() as connection:
            rows = connection.execute(statement).all()
        return [
            Entry(
                school_id=row.school_id,
                rubric_id=row.rubric_id,
                item_id=row.item_id,
                name=row.name,
                value=json.loads(row.value_json),
                author=row.author,
                recorded_at=row.recorded_at,
            )
            for row in rows
        ]


def _school(row: Row[Any]) -> School:
    return School(
        id=row.id,
        name=row.name,
        kind=SchoolKind(row.kind),
        stages=tuple(Stage(stage) for stage in row.stages.split(",") if stage),
        students=row.students,
        staff=row.staff,
        classes=row.classes,
        as_of=row.as_of,
        award_level=row.award_level,
        is_example=row.is_example,
    )
