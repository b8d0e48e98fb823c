"""People, what is assigned to them, passwords and one-time codes in SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from collector.domain import Act, Assignment, OneTimeCode, Password, Person, Role
from collector.errors import ConflictError
from collector.storage.sql_records.audit import append_audit
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.schema import (
    assignments,
    one_time_codes,
    passwords,
    people,
    sessions,
    tokens,
)


class SqlPeople:
    """The part `PeopleRecords` of the record store about people and their passwords."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_person(self, person: Person, code: OneTimeCode | None, act: Act) -> None:
        """Add a person, with a code to set the first password."""
        with name_taken(), self._database.writing() as connection:
            connection.execute(insert(people).values(person_columns(person)))
            if code is not None:
                connection.execute(insert(one_time_codes).values(asdict(code)))
            append_audit(connection, act, people, person.id)
            if code is not None:
                append_audit(connection, act, one_time_codes, code.person_id)

    def put_person(self, person: Person, act: Act) -> bool:
        """Replace the person with this id; disabling one ends sessions and revokes tokens."""
        statement = update(people).where(people.c.id == person.id).values(person_columns(person))
        with name_taken(), self._database.writing() as connection:
            if connection.execute(statement).rowcount == 0:
                return False
            revoked: list[str] = []
            if person.disabled_at is not None:
                end_sessions_of(connection, person.id, act.at)
                revoked = _revoke_tokens(connection, person.id, act.at)
            append_audit(connection, act, people, person.id)
            append_audit(connection, act, tokens, *revoked)
        return True

    def person(self, person_id: str) -> Person | None:
        """Return the person with this id, disabled ones included."""
        return self._person(people.c.id == person_id)

    def person_named(self, name: str) -> Person | None:
        """Return the person with this sign-in name, whatever its case."""
        return self._person(people.c.name_folded == name.casefold())

    def person_of_subject(self, oidc_subject: str) -> Person | None:
        """Return the person whom the bureau's sign-in service knows by this subject."""
        return self._person(people.c.oidc_subject == oidc_subject)

    def _person(self, condition: Any) -> Person | None:
        with self._database.reading() as connection:
            row = connection.execute(select(people).where(condition)).first()
        return _person(row) if row else None

    def people(self, after: str = "", limit: int = 100) -> Sequence[Person]:
        """Return people by sign-in name, those above `after`."""
        folded = people.c.name_folded
        statement = select(people).where(folded > after.casefold()).order_by(folded).limit(limit)
        with self._database.reading() as connection:
            return [_person(row) for row in connection.execute(statement)]

    def admins(self) -> Sequence[Person]:
        """Return the bureau admins who are not disabled."""
        statement = select(people).where(
            people.c.role == Role.ADMIN.value, people.c.disabled_at.is_(None)
        )
        with self._database.reading() as connection:
            return [_person(row) for row in connection.execute(statement)]

    def assignments(self, person_id: str) -> Sequence[Assignment]:
        """Return the schools and rounds assigned to a person."""
        statement = (
            select(assignments)
            .where(assignments.c.person_id == person_id)
            .order_by(assignments.c.position)
        )
        with self._database.reading() as connection:
            return [
                Assignment(row.person_id, row.school_id, row.round_id)
                for row in connection.execute(statement)
            ]

    def set_assignments(self, person_id: str, assigned: Sequence[Assignment], act: Act) -> None:
        """Replace what is assigned to a person."""
        mine = assignments.c.person_id == person_id
        with self._database.writing() as connection:
            held = connection.execute(select(assignments).where(mine)).all()
            wanted = {(each.school_id, each.round_id) for each in assigned}
            gone = [r.position for r in held if (r.school_id, r.round_id) not in wanted]
            new = wanted - {(row.school_id, row.round_id) for row in held}
            if gone:
                connection.execute(delete(assignments).where(assignments.c.position.in_(gone)))
            added = [
                connection.execute(
                    insert(assignments)
                    .values(person_id=person_id, school_id=school_id, round_id=round_id)
                    .returning(assignments.c.position)
                ).scalar_one()
                for school_id, round_id in sorted(new, key=str)
            ]
            append_audit(connection, act, assignments, *gone, *added)

    def password(self, person_id: str) -> Password | None:
        """Return the stored password; None if none was ever set."""
        statement = select(passwords).where(passwords.c.person_id == person_id)
        with self._database.reading() as connection:
            row = connection.execute(statement).first()
        return Password(row.person_id, row.hash, row.changed_at) if row else None

    def set_password(self, password: Password, act: Act) -> None:
        """Replace the password and end all sessions of the person."""
        with self._database.writing() as connection:
            self._put_password(connection, password)
            end_sessions_of(connection, password.person_id, act.at)
            append_audit(connection, act, passwords, password.person_id)

    def _put_password(self, connection: Connection, password: Password) -> None:
        statement = self._database.insert(passwords).values(asdict(password))
        changed = {"hash": password.hash, "changed_at": password.changed_at}
        connection.execute(
            statement.on_conflict_do_update(index_elements=["person_id"], set_=changed)
        )

    def put_code(self, code: OneTimeCode, act: Act) -> None:
        """Replace a person's one-time code; the old password and all sessions end at once."""
        values = asdict(code)
        statement = self._database.insert(one_time_codes).values(values)
        mine = passwords.c.person_id == code.person_id
        with self._database.writing() as connection:
            connection.execute(
                statement.on_conflict_do_update(index_elements=["person_id"], set_=values)
            )
            removed = connection.execute(delete(passwords).where(mine)).rowcount
            end_sessions_of(connection, code.person_id, act.at)
            append_audit(connection, act, one_time_codes, code.person_id)
            if removed:
                append_audit(connection, act, passwords, code.person_id)

    def code_for_password(self, code_sha256: bytes) -> OneTimeCode | None:
        """Return the one-time code with this hash, used and expired ones included."""
        statement = select(one_time_codes).where(one_time_codes.c.code_sha256 == code_sha256)
        with self._database.reading() as connection:
            row = connection.execute(statement).mappings().first()
        return OneTimeCode(**row) if row else None

    def spend_code(self, code_sha256: bytes, password: Password, now: datetime, act: Act) -> bool:
        """Set the password with a code; False if it expired or was used meanwhile."""
        columns = one_time_codes.c
        spend = (
            update(one_time_codes)
            .where(
                columns.code_sha256 == code_sha256,
                columns.person_id == password.person_id,
                columns.used_at.is_(None),
                columns.expires_at > now,
            )
            .values(used_at=now)
        )
        with self._database.writing() as connection:
            if connection.execute(spend).rowcount == 0:
                return False
            self._put_password(connection, password)
            end_sessions_of(connection, password.person_id, act.at)
            append_audit(connection, act, one_time_codes, password.person_id)
            append_audit(connection, act, passwords, password.person_id)
        return True


def end_sessions_of(connection: Connection, person_id: str, now: datetime) -> int:
    """End all sessions of a person; returns how many."""
    alive = (sessions.c.person_id == person_id) & sessions.c.ended_at.is_(None)
    return connection.execute(update(sessions).where(alive).values(ended_at=now)).rowcount


def _revoke_tokens(connection: Connection, person_id: str, now: datetime) -> list[str]:
    alive = (tokens.c.person_id == person_id) & tokens.c.revoked_at.is_(None)
    ids = [row.id for row in connection.execute(select(tokens.c.id).where(alive))]
    connection.execute(update(tokens).where(alive).values(revoked_at=now))
    return ids


@contextmanager
def name_taken() -> Iterator[None]:
    """Turn a violated uniqueness into an error that says what to do."""
    try:
        yield
    except IntegrityError as error:
        raise ConflictError(
            "name_taken",
            "这个登录名（或统一登录帐号）已有人使用，请换一个。",
            detail_en="This sign-in name (or single sign-on account) is taken. Choose another.",
        ) from error


def person_columns(person: Person) -> dict[str, Any]:
    """Return a person as the columns of its row."""
    return {
        **asdict(person),
        "role": person.role.value,
        "name_folded": person.name.casefold(),
    }


def _person(row: Row[Any]) -> Person:
    return Person(
        id=row.id,
        name=row.name,
        display_name=row.display_name,
        role=Role(row.role),
        created_at=row.created_at,
        school_id=row.school_id,
        disabled_at=row.disabled_at,
        oidc_subject=row.oidc_subject,
    )
