"""Accounts as the bureau keeps them: add, change, disable, assign, reset."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from collector.access.codes import code_hash, new_code_text
from collector.domain import Act, Assignment, OneTimeCode, Person, Role
from collector.errors import NotFoundError, RowError, UnprocessableError
from collector.refusals import conflict, fields_wrong, refusal
from collector.storage.ports import PeopleRecords

CODE_VALID = timedelta(days=7)
NAME = re.compile(r"[\w.@-]{2,64}")
_AT_ONE_SCHOOL = (Role.EDITOR, Role.HEADMASTER)
_AT_NO_SCHOOL = (Role.ADMIN, Role.INSPECTOR)


class Accounts:
    """What an admin does about people. Every method records its act."""

    def __init__(self, records: PeopleRecords) -> None:
        self._records = records

    def add(
        self, name: str, display_name: str, role: Role, school_id: str | None, act: Act
    ) -> tuple[Person, str]:
        """Add a person; returns it with the one-time code for the first password.

        Raises UnprocessableError, ConflictError (name taken) or NotFoundError (no such school).
        """
        person, code, text = prepare_person(name, display_name, role, school_id, act.at)
        self._records.add_person(person, code, act)
        return person, text

    def person(self, person_id: str) -> Person:
        """Return a person. Raises NotFoundError."""
        return _found(self._records.person(person_id))

    def named(self, name: str) -> Person:
        """Return the person with this sign-in name. Raises NotFoundError."""
        return _found(self._records.person_named(name))

    def put(self, person: Person, act: Act) -> Person:
        """Replace a person's name, role, school, state or single sign-on subject.

        Raises ConflictError if nobody could manage people any more.
        """
        before = self.person(person.id)
        _check(person.name, person.role, person.school_id)
        loses_admin = before.role is Role.ADMIN and (
            person.role is not Role.ADMIN or person.disabled_at is not None
        )
        if loses_admin and not self._others_manage(person.id):
            raise conflict("last_admin")
        self._records.put_person(person, act)
        if before.role is not person.role or before.school_id != person.school_id:
            self._records.end_sessions(person.id, act)
        return person

    def disable(self, person_id: str, act: Act) -> Person:
        """End every session and token of a person; the account can be enabled again."""
        return self.put(replace(self.person(person_id), disabled_at=act.at), act)

    def enable(self, person_id: str, act: Act) -> Person:
        """Let a person sign in again; revoked tokens stay revoked."""
        return self.put(replace(self.person(person_id), disabled_at=None), act)

    def reset_password(self, person_id: str, act: Act) -> str:
        """End the password and every session; returns a one-time code for a new one."""
        code, text = _new_code(self.person(person_id).id, act.at)
        self._records.put_code(code, act)
        return text

    def assign(self, person_id: str, assigned: Iterable[Assignment], act: Act) -> None:
        """Replace an inspector's schools and rounds. Raises UnprocessableError for other roles."""
        person = self.person(person_id)
        if person.role is not Role.INSPECTOR:
            raise _wrong(
                "schools", "只有督查人员可以指派学校 · only inspectors are assigned schools"
            )
        self._records.set_assignments(person_id, tuple(assigned), act)

    def _others_manage(self, person_id: str) -> bool:
        return any(
            self._records.password(admin.id) is not None or admin.oidc_subject is not None
            for admin in self._records.admins()
            if admin.id != person_id
        )


def prepare_person(
    name: str, display_name: str, role: Role, school_id: str | None, now: datetime
) -> tuple[Person, OneTimeCode, str]:
    """Return a new person, the one-time code and its text, without keeping any of them.

    Raises UnprocessableError naming the wrong field.
    """
    _check(name, role, school_id)
    shown = display_name.strip() or name
    person = Person(secrets.token_hex(8), name, shown, role, now, school_id)
    return person, *_new_code(person.id, now)


def _new_code(person_id: str, now: datetime) -> tuple[OneTimeCode, str]:
    text = new_code_text()
    return OneTimeCode(person_id, code_hash(text), now, now + CODE_VALID), text


def _found(person: Person | None) -> Person:
    if person is None:
        raise refusal(NotFoundError, "person_unknown")
    return person


def _check(name: str, role: Role, school_id: str | None) -> None:
    if not NAME.fullmatch(name):
        raise _wrong("name", "登录名为 2–64 个字母、数字、汉字或 . _ @ - · 2–64 letters or digits")
    if role in _AT_ONE_SCHOOL and school_id is None:
        raise _wrong("school_id", "填报员和校长要指明学校 · editors and headmasters have a school")
    if role in _AT_NO_SCHOOL and school_id is not None:
        raise _wrong("school_id", "管理员和督查人员不属于某一所学校 · belongs to no school")


def _wrong(field: str, reason: str) -> UnprocessableError:
    return fields_wrong(RowError(None, field, reason))
