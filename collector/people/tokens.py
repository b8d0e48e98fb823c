"""Tokens that people make for programs."""

from __future__ import annotations

from datetime import timedelta

from collector.access import TOKEN_PREFIX, make_key
from collector.domain import Act, Token, TokenScope
from collector.errors import ConflictError, NotFoundError
from collector.refusals import refusal
from collector.storage.ports import PeopleRecords

DAYS_MAX = 366
TOKENS_PER_PERSON = 20


def make_token(
    records: PeopleRecords, person_id: str, label: str, scope: TokenScope, days: int, act: Act
) -> tuple[Token, str]:
    """Make a token; its text is shown once. Raises ConflictError if the person has too many."""
    alive = [
        token
        for token in records.tokens(person_id)
        if token.revoked_at is None and token.expires_at > act.at
    ]
    if len(alive) >= TOKENS_PER_PERSON:
        raise ConflictError(
            "too_many_tokens",
            f"每人最多 {TOKENS_PER_PERSON} 个有效令牌，请先停用不用的。",
            detail_en=f"At most {TOKENS_PER_PERSON} valid tokens each; revoke one first.",
        )
    key = make_key(TOKEN_PREFIX)
    ends = act.at + timedelta(days=days)
    token = Token(key.id, person_id, label, scope, key.secret_sha256, act.at, ends)
    records.add_token(token, act)
    return token, key.text


def revoke_token(records: PeopleRecords, person_id: str, token_id: str, act: Act) -> None:
    """Revoke one of a person's tokens. Raises NotFoundError if it has no such token."""
    token = records.token(token_id)
    if token is None or token.person_id != person_id or not records.revoke_token(token_id, act):
        raise refusal(NotFoundError, "token_unknown")
