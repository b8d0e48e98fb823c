"""Slot tokens: signed, for one server, for a short time, for one use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from collector.speedtest.tokens import Grant, TokenError, TokenSpender, read_secret, server_id, sign

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - made up for this test
OTHER = "fedcba9876543210fedcba9876543210"


def grant(jti: str = "a", expires_at: float = 130.0) -> Grant:
    """Return a grant that is valid at 100."""
    return Grant(jti, "zx-001", 45.0, 10**9, expires_at)


def reason(spender: TokenSpender, token: str) -> str:
    """Return why `token` is refused."""
    with pytest.raises(TokenError) as caught:
        spender.spend(token)
    return caught.value.reason


def test_a_token_works_once() -> None:
    """The first use gives what was granted, the second is refused."""
    spender = TokenSpender(SECRET, lambda: 100.0)
    token = sign(SECRET, grant(), issued_at=100.0)
    assert spender.spend(token) == grant()
    assert reason(spender, token) == "slot_token_used"


def test_an_expired_token_is_refused() -> None:
    """At its expiry a token is over."""
    clock = [100.0]
    spender = TokenSpender(SECRET, lambda: clock[0])
    token = sign(SECRET, grant(expires_at=130.0), issued_at=100.0)
    clock[0] = 130.0
    assert reason(spender, token) == "slot_token_expired"


def test_a_token_for_another_server_is_refused() -> None:
    """Each server has its own secret and identity."""
    assert server_id(SECRET) != server_id(OTHER)
    token = sign(OTHER, grant(), issued_at=100.0)
    assert reason(TokenSpender(SECRET, lambda: 100.0), token) == "slot_token_refused"


def test_a_restarted_server_takes_no_token_from_before() -> None:
    """Spent tokens are forgotten at a restart, therefore old ones are not accepted at all."""
    token = sign(SECRET, grant(expires_at=500.0), issued_at=100.0)
    assert reason(TokenSpender(SECRET, lambda: 120.0), token) == "slot_token_expired"


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: "x" + t, lambda _: "", lambda _: "a.b"]
)
def test_a_changed_token_is_refused(change: object) -> None:
    """Every edit breaks the signature."""
    assert callable(change)
    token = sign(SECRET, grant(), issued_at=100.0)
    assert reason(TokenSpender(SECRET, lambda: 100.0), change(token)) == "slot_token_refused"


def test_the_secret_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """A missing file is made with mode 0600 and read back the same."""
    file = tmp_path / "sub" / "token"
    secret = read_secret(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_secret(file) == secret
    assert len(secret) >= 32


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """The error says how to mend it."""
    file = tmp_path / "token"
    read_secret(file)
    file.chmod(0o644)
    with pytest.raises(ValueError, match="chmod 600"):
        read_secret(file)


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    """A guessable secret is no secret."""
    file = tmp_path / "token"
    file.write_text("hunter2\n")
    file.chmod(0o600)
    with pytest.raises(ValueError, match="too short"):
        read_secret(file)
