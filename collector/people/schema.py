"""What the JSON interface of people takes and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from collector.domain import Assignment, Caller, Person, Role, Token, TokenScope
from collector.people.passwords import LENGTH_MAX
from collector.people.tokens import DAYS_MAX

Name = Annotated[str, Field(max_length=64, examples=["wang.li"])]
SchoolId = Annotated[str, Field(max_length=64)]
Secret = Annotated[str, Field(max_length=LENGTH_MAX)]


class Strict(BaseModel):
    """A body in which a misspelt field is an error."""

    model_config = ConfigDict(extra="forbid")


class SignInIn(Strict):
    """Name and password."""

    name: Name
    password: Secret


class CodeIn(Strict):
    """A one-time code and the password it sets."""

    code: Annotated[str, Field(max_length=64, examples=["7K2M-0QXR-94TD-HC5V"])]
    password: Secret


class PasswordIn(Strict):
    """The old and the new password."""

    old: Secret
    new: Secret


class AssignmentIn(Strict):
    """A school to judge, in one round or (left out) in all."""

    school_id: SchoolId
    round_id: Annotated[str, Field(max_length=64)] | None = None


class PersonIn(Strict):
    """A new person."""

    name: Name
    display_name: Annotated[str, Field(max_length=100)] = ""
    role: Role
    school_id: SchoolId | None = None


class PersonChange(Strict):
    """What to change; what is left out stays."""

    display_name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    role: Role | None = None
    school_id: SchoolId | None = None
    disabled: bool | None = None
    oidc_subject: Annotated[str, Field(max_length=500)] | None = None
    """`<issuer>#<subject>`; an empty text ends the link."""


class TokenIn(Strict):
    """A new token."""

    label: Annotated[str, Field(min_length=1, max_length=200)]
    scope: TokenScope = TokenScope.READ
    days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = 90


class AssignmentOut(BaseModel):
    """An assigned school."""

    school_id: str
    round_id: str | None


class PersonOut(BaseModel):
    """A person; never anything about the password but whether one is set."""

    id: str
    name: str
    display_name: str
    role: Role
    school_id: str | None
    created_at: datetime
    disabled_at: datetime | None
    oidc_subject: str | None
    assignments: list[AssignmentOut]

    @classmethod
    def of(cls, person: Person, assigned: list[Assignment] | tuple[Assignment, ...]) -> PersonOut:
        """Return the answer about a person."""
        return cls(
            id=person.id,
            name=person.name,
            display_name=person.display_name,
            role=person.role,
            school_id=person.school_id,
            created_at=person.created_at,
            disabled_at=person.disabled_at,
            oidc_subject=person.oidc_subject,
            assignments=[
                AssignmentOut(school_id=each.school_id, round_id=each.round_id) for each in assigned
            ],
        )


class NewPersonOut(BaseModel):
    """A new person with the one-time code for the first password, shown once."""

    person: PersonOut
    code: str


class NewCodeOut(BaseModel):
    """A one-time code, shown once."""

    code: str


class PeopleOut(BaseModel):
    """One page of people; ask for the next one with `after`."""

    people: list[PersonOut]
    next: str | None


class SessionOut(BaseModel):
    """Who is signed in, what that allows, and what changing requests must carry."""

    person_id: str | None
    name: str
    role: Role | None
    schools: list[AssignmentOut]
    rights_anywhere: list[str]
    rights_at_schools: list[str]
    csrf_token: str | None

    @classmethod
    def of(cls, caller: Caller, csrf: str | None) -> SessionOut:
        """Return the answer about a caller."""
        schools = sorted(caller.schools, key=str)
        return cls(
            person_id=caller.person.id if caller.person else None,
            name=caller.name,
            role=caller.person.role if caller.person else None,
            schools=[AssignmentOut(school_id=s, round_id=r) for s, r in schools],
            rights_anywhere=sorted(caller.anywhere),
            rights_at_schools=sorted(caller.at_schools),
            csrf_token=csrf,
        )


class TokenOut(BaseModel):
    """A token without its secret."""

    id: str
    label: str
    scope: TokenScope
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, token: Token) -> TokenOut:
        """Return the answer about a token."""
        return cls(
            id=token.id,
            label=token.label,
            scope=token.scope,
            created_at=token.created_at,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
        )


class NewTokenOut(BaseModel):
    """A new token with its text, shown once."""

    token: TokenOut
    text: str


class TokensOut(BaseModel):
    """A person's tokens."""

    tokens: list[TokenOut]
