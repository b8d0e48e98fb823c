"""Signing in and out, and what people do about their own password."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from collector.access import new_session_token, sha256
from collector.access.codes import code_hash
from collector.domain import Act, Password, Person, Session
from collector.errors import CollectorError, GoneError, UnauthenticatedError
from collector.people.lockout import Lockout
from collector.people.passwords import check_rules, hash_password, is_password, needs_rehash
from collector.refusals import refusal
from collector.storage.ports import AuditRecords, PeopleRecords


class SignInRecords(PeopleRecords, AuditRecords, Protocol):
    """The parts of the record store that signing in needs."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person with the token that goes into the cookie and nowhere else."""

    person: Person
    token: str


class SignIn:
    """Every success gives a new session with a new token, so none can be planted beforehand."""

    def __init__(self, records: SignInRecords, clock: Callable[[], datetime]) -> None:
        self._records = records
        self._clock = clock
        self._lockout = Lockout(records, clock)

    def with_password(self, name: str, password: str, address: str) -> SignedIn:
        """Sign in. Raises TooManyError (blocked) or UnauthenticatedError.

        The answer does not tell an unknown name from a wrong password, by time either.
        """
        self._lockout.check(name, address)
        person = self._records.person_named(name)
        stored = self._records.password(person.id) if person else None
        right = is_password(stored.hash if stored else None, password)
        if person is None or stored is None or not right or person.disabled_at is not None:
            raise self._failure(name, address)
        self._lockout.succeeded(name)
        if needs_rehash(stored.hash):
            self._set(person, password, "password.rehash", address)
        return self.start(person, address)

    def with_code(self, code: str, password: str, address: str) -> SignedIn:
        """Set a password with a one-time code and sign in.

        Raises TooManyError, UnauthenticatedError (no such code), GoneError (used, expired) or
        UnprocessableError (password rules; the code stays good).
        """
        self._lockout.check("one-time code", address)
        now, digest = self._clock(), code_hash(code)
        held = self._records.code_for_password(digest)
        person = self._records.person(held.person_id) if held else None
        if held is None or person is None or person.disabled_at is not None:
            self._lockout.failed("one-time code", address)
            raise UnauthenticatedError(
                "code_unknown",
                "一次性代码不正确，请逐字核对，或请管理员重新发放。",
                detail_en="This code is not known. Check it letter by letter, or ask for another.",
            )
        check_rules(password, person.name)
        made = Password(person.id, hash_password(password), now)
        act = self._act(person, "password.set", address)
        if not self._records.spend_code(digest, made, now, act):
            raise GoneError(
                "code_expired",
                "这个一次性代码已用过或已过期，请管理员重新发放。",
                detail_en="This code was used or has expired. Ask the admin for another.",
            )
        return self.start(person, address)

    def change_password(self, person: Person, old: str, new: str, address: str) -> SignedIn:
        """Replace the password, end every session, and start a new one here.

        Raises TooManyError, UnauthenticatedError (old one wrong) or UnprocessableError.
        """
        self._lockout.check(person.name, address)
        stored = self._records.password(person.id)
        if not is_password(stored.hash if stored else None, old):
            raise self._failure(person.name, address)
        check_rules(new, person.name)
        self._set(person, new, "password.change", address)
        return self.start(person, address)

    def start(self, person: Person, address: str, how: str = "") -> SignedIn:
        """Begin a session of a person whose identity was just proven."""
        token, now = new_session_token(), self._clock()
        session = Session(sha256(token), person.id, now, now, address)
        act = Act(f"person:{person.id}", now, "session.start", how, address)
        self._records.add_session(session, act)
        return SignedIn(person, token)

    def out(self, token: str, act: Act) -> None:
        """End the session of this cookie."""
        self._records.end_session(sha256(token), act)

    def _set(self, person: Person, password: str, action: str, address: str) -> None:
        made = Password(person.id, hash_password(password), self._clock())
        self._records.set_password(made, self._act(person, action, address))

    def _act(self, person: Person, action: str, address: str) -> Act:
        return Act(f"person:{person.id}", self._clock(), action, "", address)

    def _failure(self, name: str, address: str) -> CollectorError:
        if self._lockout.failed(name, address):
            act = Act("anonymous", self._clock(), "session.blocked", name[:64], address)
            self._records.append_act(act)
        return refusal(UnauthenticatedError, "sign_in_wrong")
