"""Codes that people read to one another: 80 random bits in Crockford's alphabet, in four groups."""

from __future__ import annotations

import secrets

from collector.access.keys import sha256

# No I, L, O, U, so that a code survives being read over the telephone.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOK_ALIKES = str.maketrans("ILO", "110", "- ")
_GROUPS, _GROUP_LENGTH = 4, 4


def new_code_text() -> str:
    """Return a fresh code such as `7K2M-0QXR-94TD-HC5V`."""
    groups = range(_GROUPS)
    return "-".join(
        "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in groups
    )


def code_hash(text: str) -> bytes:
    """Hash what the code says, however it was typed: case, dashes, spaces, O for 0, I for 1."""
    return sha256(text.upper().translate(_LOOK_ALIKES))
