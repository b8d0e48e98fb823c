"""Secrets that machines carry: made here, known by their SHA-256 alone.

256 random bits need no slow hash; slow hashes are for passwords that people choose.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from collector.errors import UnauthenticatedError

KEY_CHARACTERS_MAX = 200
_KEY_PARTS = 3


@dataclass(frozen=True, slots=True)
class NewKey:
    """A fresh key: `text` is shown to its holder once, `secret_sha256` is what is kept."""

    id: str
    text: str
    secret_sha256: bytes


def make_key(prefix: str = "cg") -> NewKey:
    """Make a key `<prefix>_<id>_<secret>` with 256 random bits of secret."""
    key_id = secrets.token_hex(8)
    secret = secrets.token_hex(32)
    return NewKey(key_id, f"{prefix}_{key_id}_{secret}", sha256(secret))


def split_key(text: str, prefix: str = "cg") -> tuple[str, bytes] | None:
    """Return id and hash of the secret of a key's text; None if it is none with this prefix."""
    parts = text.split("_")
    if len(text) > KEY_CHARACTERS_MAX or len(parts) != _KEY_PARTS or parts[0] != prefix:
        return None
    return parts[1], sha256(parts[2])


def sha256(text: str) -> bytes:
    """Return the hash under which a random secret is kept."""
    return hashlib.sha256(text.encode()).digest()


def bearer(authorization: str | None) -> str:
    """Return the key in an Authorization header. Raises UnauthenticatedError."""
    scheme, _, text = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise UnauthenticatedError("key_missing", "Send the key as `Authorization: Bearer <key>`.")
    return text.strip()
