"""Declared facts in SQL: appended, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from collector.domain import Act, Fact
from collector.storage.sql_records.audit import append_audit
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.schema import facts, schools


class SqlFacts:
    """The facts of the part `SchoolRecords` of the record store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_fact(self, fact: Fact, act: Act | None = None) -> None:
        """Record a declared value; earlier ones stay in the history."""
        with self._database.writing() as connection:
            add_fact_row(connection, fact, act or Act("system", fact.recorded_at, "fact.declare"))

    def facts(
        self, school_id: str, as_of: date | None = None, upto: int | None = None
    ) -> dict[str, Fact]:
        """Return the fact in force per name: newest `as_of`, then newest recorded."""
        statement = select(facts).where(facts.c.school_id == school_id)
        if as_of is not None:
            statement = statement.where(facts.c.as_of <= as_of)
        if upto is not None:
            statement = statement.where(facts.c.position <= upto)
        return {fact.name: fact for fact in self._facts(statement, facts.c.as_of)}

    def facts_of_all(self) -> dict[str, dict[str, Fact]]:
        """Return the facts in force of every school."""
        found: dict[str, dict[str, Fact]] = {}
        for fact in self._facts(select(facts), facts.c.as_of):
            found.setdefault(fact.school_id, {})[fact.name] = fact
        return found

    def fact_history(self, school_id: str, name: str) -> Sequence[Fact]:
        """Return every value ever declared under this name, oldest first."""
        here = (facts.c.school_id == school_id) & (facts.c.name == name)
        return self._facts(select(facts).where(here))

    def newest_fact(self, school_id: str) -> int:
        """Return the id of the school's newest fact; 0 without any."""
        statement = select(func.max(facts.c.position)).where(facts.c.school_id == school_id)
        with self._database.reading() as connection:
            return connection.scalar(statement) or 0

    def _facts(self, statement: Any, *order: Any) -> Sequence[Fact]:
        with self._database.reading() as connection:
            rows = connection.execute(statement.order_by(*order, facts.c.position)).all()
        return [_fact(row) for row in rows]


def add_fact_row(connection: Connection, fact: Fact, act: Act) -> None:
    """Append a fact with its record in the audit chain."""
    add_fact_rows(connection, [fact], act)


def add_fact_rows(connection: Connection, new: Sequence[Fact], act: Act) -> None:
    """Append facts, in one statement however many there are, with their audit records."""
    names = ("school_id", "name", "value", "as_of", "author", "recorded_at")
    rows = [{name: getattr(fact, name) for name in names} for fact in new]
    if rows:
        added = insert(facts).returning(facts.c.position)
        append_audit(connection, act, facts, *connection.scalars(added, rows))


def newest_fact_id(connection: Connection, fact: Fact) -> int:
    """Return the id of the newest fact of this name, 0 without any; holds the school's facts."""
    connection.execute(select(schools.c.id).where(schools.c.id == fact.school_id).with_for_update())
    here = (facts.c.school_id == fact.school_id) & (facts.c.name == fact.name)
    return connection.scalar(select(func.max(facts.c.position)).where(here)) or 0


def _fact(row: Row[Any]) -> Fact:
    return Fact(
        row.school_id, row.name, row.value, row.as_of, row.author, row.recorded_at, row.position
    )
