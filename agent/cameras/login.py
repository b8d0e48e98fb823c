"""Proving who asks, to cameras: Basic (RFC 7617) and Digest (RFC 7616, RFC 2617) headers. Pure.

Digest is written here because RTSP needs it and no maintained library makes the header without
owning the HTTP request around it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.logins import Login

_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_HASHES: Mapping[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a device asks for: `scheme` in lower case, and its parameters."""

    scheme: str
    parameters: Mapping[str, str]


def read_challenges(headers: Sequence[str]) -> list[Challenge]:
    """Return the challenges of WWW-Authenticate headers, one a header, the strongest first."""
    found = []
    for header in headers:
        scheme, _, rest = header.strip().partition(" ")
        parameters = {
            m[1].lower(): m[2] if m[2] is not None else m[3] for m in _PARAMETER.finditer(rest)
        }
        found.append(Challenge(scheme.lower(), parameters))
    order = ("SHA-256", "MD5", "")
    known = [one for one in found if _algorithm(one) in order]
    return sorted(known, key=lambda one: order.index(_algorithm(one)))


def _algorithm(challenge: Challenge) -> str:
    """Return the hash of a Digest challenge, empty for Basic, a dash for what is not known."""
    if challenge.scheme == "basic":
        return ""
    if challenge.scheme != "digest" or "nonce" not in challenge.parameters:
        return "-"
    return challenge.parameters.get("algorithm", "MD5").upper()


def answer_challenge(
    challenge: Challenge, login: Login, method: str, uri: str, nonce_of_client: str | None = None
) -> str:
    """Return the Authorization header for one request."""
    if challenge.scheme == "basic":
        pair = f"{login.user}:{login.password}".encode()
        return "Basic " + base64.b64encode(pair).decode()
    digest = _HASHES[_algorithm(challenge)]
    told = challenge.parameters
    realm, nonce = told.get("realm", ""), told["nonce"]
    secret = digest(f"{login.user}:{realm}:{login.password}".encode())
    asked = digest(f"{method}:{uri}".encode())
    fields = {"username": login.user, "realm": realm, "nonce": nonce, "uri": uri}
    plain = {"algorithm": told["algorithm"]} if "algorithm" in told else {}
    if "auth" in [word.strip() for word in told.get("qop", "").split(",")]:
        client = nonce_of_client or secrets.token_hex(8)
        response = digest(f"{secret}:{nonce}:00000001:{client}:auth:{asked}".encode())
        fields["cnonce"] = client
        plain |= {"qop": "auth", "nc": "00000001"}
    else:
        response = digest(f"{secret}:{nonce}:{asked}".encode())
    fields["response"] = response
    if "opaque" in told:
        fields["opaque"] = told["opaque"]
    quoted = [f'{name}="{value}"' for name, value in fields.items()]
    return "Digest " + ", ".join(quoted + [f"{name}={value}" for name, value in plain.items()])
