"""Passwords: which are taken, and how they are kept (argon2id, RFC 9106)."""

from __future__ import annotations

import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from collector.errors import RowError, UnprocessableError

LENGTH_MIN = 10
LENGTH_MAX = 200
_DISTINCT_MIN = 5
_COMMON = (
    *("password", "qwerty", "asdfgh", "zxcvbn", "1q2w3e", "12345", "54321", "11111", "00000"),
    *("admin", "campusgauge", "welcome", "iloveyou", "woaini", "letmein", "abcdef", "xiaozhang"),
)
"""What guessing begins with; a password may not consist of one of these and a few characters."""
_AROUND_COMMON = 5
_TOGETHER = threading.BoundedSemaphore(4)
"""Each hash takes 64 MiB for a moment: more at once would let sign-ins eat the memory."""
_hasher = PasswordHasher()


@cache
def _nobodys_hash() -> str:
    """Return what is compared for a name that nobody has; made once, and by no command."""
    return _hasher.hash("nobody has this password")


def check_rules(password: str, name: str) -> None:
    """Return if the password may be used.

    Length counts, composition does not (NIST SP 800-63B). Raises UnprocessableError that names
    the rule.
    """
    lowered = password.casefold()
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        _refuse(f"密码要有 {LENGTH_MIN}–{LENGTH_MAX} 个字符 · {LENGTH_MIN}–{LENGTH_MAX} characters")
    if len(set(lowered)) < _DISTINCT_MIN:
        _refuse("密码的字符太单一 · too few different characters")
    if name.casefold() in lowered:
        _refuse("密码不能包含登录名 · must not contain the sign-in name")
    if any(len(lowered) - len(word) < _AROUND_COMMON for word in _COMMON if word in lowered):
        _refuse("密码太常见 · too common")


def _refuse(reason: str) -> None:
    raise UnprocessableError(
        "password_rules",
        "这个密码不能用，请按提示换一个。",
        detail_en="This password cannot be used; see the reason and choose another.",
        errors=(RowError(None, "password", reason),),
    )


def hash_password(password: str) -> str:
    """Return the argon2id hash with its parameters and salt."""
    with _TOGETHER:
        return _hasher.hash(password)


def is_password(stored: str | None, password: str) -> bool:
    """Say whether this is the password; takes as long when there is none stored."""
    with _TOGETHER:
        try:
            _hasher.verify(stored or _nobodys_hash(), password)
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None


def needs_rehash(stored: str) -> bool:
    """Say whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(stored)
