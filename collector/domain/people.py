"""People who sign in, and what proves who they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What a person is in the county's assessment."""

    ADMIN = "admin"
    """教育局管理员: the whole county."""
    INSPECTOR = "inspector"
    """督查人员: the schools and rounds assigned."""
    EDITOR = "editor"
    """学校填报员: one school."""
    HEADMASTER = "headmaster"
    """校长: one school; signs and appeals."""
    VIEWER = "viewer"
    """查看者: reads; one school if bound to one, otherwise the county."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in. `name` is the sign-in name, unique whatever its case."""

    id: str
    name: str
    display_name: str
    role: Role
    created_at: datetime
    school_id: str | None = None
    disabled_at: datetime | None = None
    oidc_subject: str | None = None
    """`<issuer>#<subject>` of the bureau's own sign-in service, where the person uses it."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A school that an inspector judges, in one round or (None) in all."""

    person_id: str
    school_id: str
    round_id: str | None = None


@dataclass(frozen=True, slots=True)
class Password:
    """A password as stored: its argon2id hash with parameters and salt."""

    person_id: str
    hash: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class OneTimeCode:
    """Lets a person set a password once: the first time, or after a reset. One per person."""

    person_id: str
    code_sha256: bytes
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser, known by the SHA-256 of its cookie's token."""

    token_sha256: bytes
    person_id: str
    created_at: datetime
    last_seen_at: datetime
    address: str
    ended_at: datetime | None = None


class TokenScope(StrEnum):
    """How much of its owner's rights a token carries."""

    READ = "read"
    WRITE = "write"
    """Everything its owner may do with schools and rounds; never people, passwords or tokens."""


@dataclass(frozen=True, slots=True)
class Token:
    """A key that a person made for a program: at most its owner's rights, until it expires."""

    id: str
    person_id: str
    label: str
    scope: TokenScope
    secret_sha256: bytes
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
