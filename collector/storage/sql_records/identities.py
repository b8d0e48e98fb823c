"""Agents, keys and enrolment codes in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from collector.domain import Act, Agent, Contact, EnrolmentCode, Key, Scope
from collector.storage.sql_records.audit import append_act
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.schema import agents, enrolment_codes, keys


class SqlIdentities:
    """The part `IdentityRecords` of the record store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_code(self, code: EnrolmentCode) -> None:
        """Keep an enrolment code."""
        with self._database.writing() as connection:
            connection.execute(insert(enrolment_codes).values(asdict(code)))

    def code(self, code_sha256: bytes) -> EnrolmentCode | None:
        """Return the code with this hash, expired and used-up ones included."""
        statement = select(enrolment_codes).where(enrolment_codes.c.code_sha256 == code_sha256)
        with self._database.reading() as connection:
            row = connection.execute(statement).first()
        return EnrolmentCode(**row._mapping) if row else None  # noqa: SLF001  # its public name

    def enrol(self, code_sha256: bytes, agent: Agent, key: Key, now: datetime) -> bool:
        """Spend one use of the code and add agent and key, all or nothing."""
        with self._database.writing() as connection:
            if not _spend(connection, code_sha256, now):
                return False
            connection.execute(insert(agents).values(asdict(agent)))
            connection.execute(insert(keys).values(asdict(key)))
        return True

    def take_over(self, code_sha256: bytes, agent: Agent, key: Key, act: Act) -> bool:
        """Spend the code of a successor; the agent goes on under another host's name and key."""
        with self._database.writing() as connection:
            if not _spend(connection, code_sha256, act.at):
                return False
            _supersede(connection, agent.id, act.at)
            connection.execute(
                update(agents)
                .where(agents.c.id == agent.id)
                .values(
                    host_name=agent.host_name,
                    system=agent.system,
                    revoked_at=None,
                    quarantined_at=None,
                    quarantine_reason=None,
                    key_wanted_at=None,
                )
            )
            connection.execute(insert(keys).values(asdict(key)))
            append_act(connection, act, "agents", agent.id)
        return True

    def agent(self, agent_id: str) -> Agent | None:
        """Return the agent with this id, revoked ones included."""
        with self._database.reading() as connection:
            row = connection.execute(select(agents).where(agents.c.id == agent_id)).first()
        return _agent(row) if row else None

    def agents(self, school_id: str | None = None) -> Sequence[Agent]:
        """Return agents of one school, or all; ordered by school, then by time of enrolment."""
        statement = select(agents).order_by("school_id", "enrolled_at", "id")
        if school_id is not None:
            statement = statement.where(agents.c.school_id == school_id)
        with self._database.reading() as connection:
            return [_agent(row) for row in connection.execute(statement)]

    def contacts(self) -> Mapping[str, Contact]:
        """Return by school its agents that are not revoked, in short; schools with none lack."""
        columns = agents.c
        statement = (
            select(columns.school_id, func.count(), func.max(columns.last_seen_at))
            .where(columns.revoked_at.is_(None))
            .group_by(columns.school_id)
        )
        with self._database.reading() as connection:
            rows = connection.execute(statement)
            return {school_id: Contact(number, seen) for school_id, number, seen in rows}

    def revoke_agent(self, agent_id: str, act: Act) -> bool:
        """Revoke the agent and all its keys; its data stays."""
        live = (keys.c.agent_id == agent_id) & keys.c.revoked_at.is_(None)
        revoked = update(agents).where(agents.c.id == agent_id).values(revoked_at=act.at)
        with self._database.writing() as connection:
            if connection.execute(revoked).rowcount != 1:
                return False
            connection.execute(update(keys).where(live).values(revoked_at=act.at))
            append_act(connection, act, "agents", agent_id)
        return True

    def want_key(self, agent_id: str, act: Act) -> bool:
        """Ask the agent to change its key at its next look."""
        wanted = update(agents).where(agents.c.id == agent_id).values(key_wanted_at=act.at)
        with self._database.writing() as connection:
            if connection.execute(wanted).rowcount != 1:
                return False
            append_act(connection, act, "agents", agent_id)
        return True

    def propose_key(self, key: Key) -> bool:
        """Keep a key that replaces another one once it is used."""
        waiting = (keys.c.agent_id == key.agent_id) & keys.c.replaces.is_not(None)
        with self._database.writing() as connection:
            known = connection.execute(select(keys).where(keys.c.id == key.id)).first()
            if known is not None:
                return bool(
                    known.agent_id == key.agent_id and known.secret_sha256 == key.secret_sha256
                )
            connection.execute(
                update(keys).where(waiting).values(superseded_at=key.created_at, replaces=None)
            )
            connection.execute(insert(keys).values(asdict(key)))
        return True

    def confirm_key(self, key_id: str, now: datetime) -> None:
        """Note the first use of a proposed key."""
        first_use = (
            update(keys)
            .where(keys.c.id == key_id, keys.c.replaces.is_not(None))
            .values(replaces=None)
            .returning(keys.c.agent_id)
        )
        with self._database.writing() as connection:
            agent_id = connection.scalar(first_use)
            if agent_id is None:
                return
            _supersede(connection, agent_id, now, but=key_id)
            connection.execute(
                update(agents).where(agents.c.id == agent_id).values(key_wanted_at=None)
            )

    def add_key(self, key: Key) -> None:
        """Keep a key."""
        with self._database.writing() as connection:
            connection.execute(insert(keys).values(asdict(key)))

    def key(self, key_id: str) -> Key | None:
        """Return the key with this id, revoked ones included."""
        with self._database.reading() as connection:
            row = connection.execute(select(keys).where(keys.c.id == key_id)).first()
        return _key(row) if row else None

    def all_keys(self) -> Sequence[Key]:
        """Return all keys, oldest first."""
        with self._database.reading() as connection:
            return [
                _key(row) for row in connection.execute(select(keys).order_by("created_at", "id"))
            ]

    def revoke_key(self, key_id: str, now: datetime) -> bool:
        """Revoke one key."""
        with self._database.writing() as connection:
            statement = update(keys).where(keys.c.id == key_id).values(revoked_at=now)
            return connection.execute(statement).rowcount == 1


def _spend(connection: Connection, code_sha256: bytes, now: datetime) -> bool:
    spend = (
        update(enrolment_codes)
        .where(
            enrolment_codes.c.code_sha256 == code_sha256,
            enrolment_codes.c.uses < enrolment_codes.c.max_uses,
            enrolment_codes.c.expires_at > now,
        )
        .values(uses=enrolment_codes.c.uses + 1)
    )
    return connection.execute(spend).rowcount == 1


def _supersede(connection: Connection, agent_id: str, now: datetime, but: str = "") -> None:
    """End all keys of an agent that are in force or proposed, except one."""
    in_force = keys.c.superseded_at.is_(None) & keys.c.revoked_at.is_(None)
    connection.execute(
        update(keys)
        .where(keys.c.agent_id == agent_id, keys.c.id != but, in_force)
        .values(superseded_at=now, replaces=None)
    )


def _agent(row: Row[Any]) -> Agent:
    return Agent(**row._mapping)  # noqa: SLF001  # SQLAlchemy's public name for a row as a mapping


def _key(row: Row[Any]) -> Key:
    values = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's public name for a row as a mapping
    return Key(**{**values, "scope": Scope(values["scope"])})
