"""Sessions, tokens and failed sign-ins in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, RowMapping, delete, insert, select, update

from collector.domain import Act, Session, Token, TokenScope
from collector.storage.sql_records.audit import append_act, append_audit, key_text
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.people import end_sessions_of
from collector.storage.sql_records.schema import people, sessions, sign_in_failures, tokens

SESSIONS_PER_PERSON = 10
SESSIONS_KEPT = timedelta(days=7)
FAILURES_KEPT = timedelta(days=1)
FAILURES_MAX = 10_000
"""Accounts and addresses that failures are counted for; over it the oldest are forgotten."""


class SqlSessions:
    """The part `PeopleRecords` of the record store about being signed in.

    Sessions and failures change too often to be tracked row by row; their beginning and end are
    acts in the audit chain.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_session(self, session: Session, act: Act) -> None:
        """Keep a session; over the bound of a person the one seen longest ago ends."""
        mine = (sessions.c.person_id == session.person_id) & sessions.c.ended_at.is_(None)
        with self._database.writing() as connection:
            connection.execute(insert(sessions).values(asdict(session)))
            newest = select(sessions.c.token_sha256).where(mine)
            newest = newest.order_by(sessions.c.last_seen_at.desc()).limit(SESSIONS_PER_PERSON)
            kept = [row.token_sha256 for row in connection.execute(newest)]
            surplus = mine & sessions.c.token_sha256.not_in(kept)
            connection.execute(update(sessions).where(surplus).values(ended_at=act.at))
            old = sessions.c.last_seen_at < act.at - SESSIONS_KEPT
            connection.execute(delete(sessions).where(old))
            append_act(connection, act, people.name, key_text([session.person_id]))

    def session(self, token_sha256: bytes) -> Session | None:
        """Return the session with this hash, ended ones included while they are kept."""
        statement = select(sessions).where(sessions.c.token_sha256 == token_sha256)
        with self._database.reading() as connection:
            row = connection.execute(statement).mappings().first()
        return Session(**row) if row else None

    def touch_session(self, token_sha256: bytes, now: datetime) -> None:
        """Note that the session was just used."""
        mine = sessions.c.token_sha256 == token_sha256
        with self._database.writing() as connection:
            connection.execute(update(sessions).where(mine).values(last_seen_at=now))

    def end_session(self, token_sha256: bytes, act: Act) -> bool:
        """End one session. False if there was none to end."""
        alive = (sessions.c.token_sha256 == token_sha256) & sessions.c.ended_at.is_(None)
        with self._database.writing() as connection:
            ended = connection.execute(update(sessions).where(alive).values(ended_at=act.at))
            if ended.rowcount:
                append_act(connection, act, None, None)
            return ended.rowcount == 1

    def end_sessions(self, person_id: str, act: Act) -> int:
        """End all sessions of a person; returns how many."""
        with self._database.writing() as connection:
            ended = end_sessions_of(connection, person_id, act.at)
            append_act(connection, act, people.name, key_text([person_id]))
        return ended

    def add_token(self, token: Token, act: Act) -> None:
        """Keep a token."""
        with self._database.writing() as connection:
            connection.execute(insert(tokens).values({**asdict(token), "scope": token.scope.value}))
            append_audit(connection, act, tokens, token.id)

    def token(self, token_id: str) -> Token | None:
        """Return the token with this id, revoked ones included."""
        found = self._tokens(tokens.c.id == token_id)
        return found[0] if found else None

    def tokens(self, person_id: str) -> Sequence[Token]:
        """Return a person's tokens, oldest first."""
        return self._tokens(tokens.c.person_id == person_id)

    def _tokens(self, condition: ColumnElement[bool]) -> Sequence[Token]:
        statement = select(tokens).where(condition).order_by(tokens.c.created_at, tokens.c.id)
        with self._database.reading() as connection:
            return [_token(row) for row in connection.execute(statement).mappings()]

    def revoke_token(self, token_id: str, act: Act) -> bool:
        """Revoke a token. False if there is none to revoke."""
        alive = (tokens.c.id == token_id) & tokens.c.revoked_at.is_(None)
        with self._database.writing() as connection:
            done = connection.execute(update(tokens).where(alive).values(revoked_at=act.at))
            if done.rowcount:
                append_audit(connection, act, tokens, token_id)
            return done.rowcount == 1

    def blocked_until(self, subject: str, now: datetime) -> datetime | None:
        """Return until when sign-in from this account or address is refused."""
        columns = sign_in_failures.c
        statement = select(columns.blocked_until).where(
            columns.subject == subject, columns.blocked_until > now
        )
        with self._database.reading() as connection:
            until: datetime | None = connection.scalar(statement)
        return until

    def note_failure(self, subject: str, now: datetime) -> int:
        """Count a failed sign-in; returns how many in a row."""
        columns = sign_in_failures.c
        add = self._database.insert(sign_in_failures)
        add = add.values(subject=subject, failures=1, last_at=now)
        with self._database.writing() as connection:
            connection.execute(
                delete(sign_in_failures).where(columns.last_at < now - FAILURES_KEPT)
            )
            connection.execute(
                add.on_conflict_do_update(
                    index_elements=["subject"],
                    set_={"failures": columns.failures + 1, "last_at": now},
                )
            )
            newest = select(columns.subject).order_by(columns.last_at.desc()).limit(FAILURES_MAX)
            connection.execute(delete(sign_in_failures).where(columns.subject.not_in(newest)))
            failures: int = connection.execute(
                select(columns.failures).where(columns.subject == subject)
            ).scalar_one()
        return failures

    def block(self, subject: str, until: datetime) -> None:
        """Refuse sign-in from this account or address until then."""
        mine = sign_in_failures.c.subject == subject
        with self._database.writing() as connection:
            connection.execute(update(sign_in_failures).where(mine).values(blocked_until=until))

    def forget_failures(self, subject: str) -> None:
        """Start counting anew after a success."""
        mine = sign_in_failures.c.subject == subject
        with self._database.writing() as connection:
            connection.execute(delete(sign_in_failures).where(mine))


def _token(row: RowMapping) -> Token:
    return Token(**{**row, "scope": TokenScope(row["scope"])})
