"""People, passwords, sessions and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from collector.domain import Act, Assignment, OneTimeCode, Password, Person, Session, Token


class PeopleRecords(Protocol):
    """Who may sign in. Secrets are known by their hash alone."""

    def add_person(self, person: Person, code: OneTimeCode | None, act: Act) -> None:
        """Add a person, with a code to set the first password.

        Raises ConflictError if the sign-in name is taken, NotFoundError for an unknown school.
        """

    def put_person(self, person: Person, act: Act) -> bool:
        """Replace the person with this id; disabling one ends sessions and revokes tokens.

        False if there is none.
        """

    def person(self, person_id: str) -> Person | None:
        """Return the person with this id, disabled ones included."""

    def person_named(self, name: str) -> Person | None:
        """Return the person with this sign-in name, whatever its case."""

    def person_of_subject(self, oidc_subject: str) -> Person | None:
        """Return the person whom the bureau's sign-in service knows by this subject."""

    def people(self, after: str = "", limit: int = 100) -> Sequence[Person]:
        """Return people by sign-in name, those above `after`."""

    def admins(self) -> Sequence[Person]:
        """Return the bureau admins who are not disabled."""

    def assignments(self, person_id: str) -> Sequence[Assignment]:
        """Return the schools and rounds assigned to a person."""

    def set_assignments(self, person_id: str, assigned: Sequence[Assignment], act: Act) -> None:
        """Replace what is assigned to a person. Raises NotFoundError for an unknown school."""

    def password(self, person_id: str) -> Password | None:
        """Return the stored password; None if none was ever set."""

    def set_password(self, password: Password, act: Act) -> None:
        """Replace the password and end all sessions of the person."""

    def put_code(self, code: OneTimeCode, act: Act) -> None:
        """Replace a person's one-time code; the old password and all sessions end at once."""

    def code_for_password(self, code_sha256: bytes) -> OneTimeCode | None:
        """Return the one-time code with this hash, used and expired ones included."""

    def spend_code(self, code_sha256: bytes, password: Password, now: datetime, act: Act) -> bool:
        """Set the password with a code; False if it expired or was used meanwhile."""

    def add_session(self, session: Session, act: Act) -> None:
        """Keep a session; over the bound of a person the one seen longest ago ends."""

    def session(self, token_sha256: bytes) -> Session | None:
        """Return the session with this hash, ended ones included while they are kept."""

    def touch_session(self, token_sha256: bytes, now: datetime) -> None:
        """Note that the session was just used."""

    def end_session(self, token_sha256: bytes, act: Act) -> bool:
        """End one session. False if there was none to end."""

    def end_sessions(self, person_id: str, act: Act) -> int:
        """End all sessions of a person; returns how many."""

    def add_token(self, token: Token, act: Act) -> None:
        """Keep a token."""

    def token(self, token_id: str) -> Token | None:
        """Return the token with this id, revoked ones included."""

    def tokens(self, person_id: str) -> Sequence[Token]:
        """Return a person's tokens, oldest first."""

    def revoke_token(self, token_id: str, act: Act) -> bool:
        """Revoke a token. False if there is none to revoke."""

    def blocked_until(self, subject: str, now: datetime) -> datetime | None:
        """Return until when sign-in from this account or address is refused."""

    def note_failure(self, subject: str, now: datetime) -> int:
        """Count a failed sign-in; returns how many in a row."""

    def block(self, subject: str, until: datetime) -> None:
        """Refuse sign-in from this account or address until then."""

    def forget_failures(self, subject: str) -> None:
        """Start counting anew after a success."""
