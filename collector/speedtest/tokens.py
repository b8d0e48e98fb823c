"""One-use slot tokens: the collector signs them, the measurement server spends them.

Both sides hold the same secret file, one file per measurement server. The server's identity is
derived from it, so a token signed for one server is worth nothing at another. Format: itsdangerous'
signed JSON (HMAC-SHA256) over the fields of `Grant` and `issued_at`.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from itsdangerous import BadSignature, URLSafeSerializer

SECRET_BYTES = 32


class TokenError(Exception):
    """A token that is not accepted. `reason` is a code of `rubrics/reasons.yaml`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Grant:
    """What one token allows: one session of one school, within these bounds."""

    jti: str
    school_id: str
    max_seconds: float
    max_bytes: int
    expires_at: float
    """Unix time after which the token opens no session."""


def read_secret(path: Path) -> str:
    """Return the secret in `path`; make the file (mode 0600) when it is not there.

    Raises ValueError when others may read the file or the secret is shorter than 32 characters.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ValueError(f"{path}: others can read this secret; run: chmod 600 {path}")
    secret = path.read_text(encoding="ascii").strip()
    if len(secret) < SECRET_BYTES:
        raise ValueError(f"{path}: the secret is too short; delete the file to get a new one")
    return secret


def server_id(secret: str) -> str:
    """Return the public identity that both holders of `secret` derive from it."""
    return hashlib.sha256(b"campusgauge measurement server\0" + secret.encode()).hexdigest()[:16]


def sign(secret: str, grant: Grant, issued_at: float) -> str:
    """Return the token that carries `grant`. `issued_at` is Unix time."""
    return str(_serializer(secret).dumps({**asdict(grant), "issued_at": issued_at}))


def sign_question(secret: str, jti: str, issued_at: float) -> str:
    """Return what the collector sends to ask what the slot `jti`, given then, has moved."""
    return str(_serializer(secret, "question").dumps({"jti": jti, "issued_at": issued_at}))


def _serializer(secret: str, purpose: str = "slot") -> URLSafeSerializer:
    return URLSafeSerializer(
        secret,
        salt=f"{purpose} {server_id(secret)}",
        signer_kwargs={"digest_method": hashlib.sha256},
    )


class TokenSpender:
    """Accepts each token at most once.

    Spent ids are kept in memory until their expiry. A restart forgets them, therefore a token
    issued before `started_at` is refused: the agent asks for a new slot.
    """

    def __init__(self, secret: str, now: Callable[[], float]) -> None:
        self._serializer = _serializer(secret)
        self._questions = _serializer(secret, "question")
        self._now = now
        self._started_at = now()
        self._spent: dict[str, float] = {}
        self._lock = threading.Lock()

    def spend(self, token: str) -> Grant:
        """Return what `token` allows and spend it; raises TokenError."""
        grant, issued_at = self._verify(token)
        now = self._now()
        if now >= grant.expires_at:
            raise TokenError("slot_token_expired", "the slot has passed; ask for a new one")
        if issued_at < self._started_at - 1:
            raise TokenError("slot_token_expired", "the server was restarted; ask for a new slot")
        with self._lock:
            self._spent = {jti: end for jti, end in self._spent.items() if end > now}
            if grant.jti in self._spent:
                raise TokenError("slot_token_used", "this slot was used already; ask for a new one")
            self._spent[grant.jti] = grant.expires_at
        return grant

    def asked_about(self, question: str) -> str:
        """Return the id of the slot that the collector asks about; raises TokenError.

        A slot given before this server started is refused: what it moved is forgotten.
        """
        try:
            fields = self._questions.loads(question)
            jti, issued_at = str(fields["jti"]), float(fields["issued_at"])
        except (BadSignature, KeyError, ValueError, TypeError) as error:
            raise TokenError(
                "slot_token_refused", "the question was not signed for this server"
            ) from error
        if issued_at < self._started_at - 1:
            raise TokenError("slot_token_expired", "the server was restarted since")
        return jti

    def _verify(self, token: str) -> tuple[Grant, float]:
        try:
            fields = self._serializer.loads(token)
            issued_at = float(fields.pop("issued_at"))
            grant = Grant(**fields)
        except (BadSignature, KeyError, ValueError, TypeError, AttributeError) as error:
            raise TokenError(
                "slot_token_refused", "the token was not signed for this server; ask for a new slot"
            ) from error
        return grant, issued_at
