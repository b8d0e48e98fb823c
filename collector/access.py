"""Who may do what: the one place where a request's key or cookie becomes an identity.

A route declares its rule: a parameter of type `AgentCaller`, `PushCaller` or `BureauCaller`, or
`VIEWER` or `PUBLIC` among its dependencies. A test fails on a route that declares none. A key is
`cg_<key id>_<secret>`: the id finds it, the secret is compared by its SHA-256 in constant time.
256 random bits need no slow hash; slow hashes are for passwords that people choose.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer

from collector.domain import AgentIdentity, Key, Scope
from collector.errors import ForbiddenError, UnauthenticatedError
from collector.storage.ports import IdentityRecords

VIEW_COOKIE = "campusgauge_view"
VIEW_COOKIE_MAX_AGE_S = 12 * 3600
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_KEY_PARTS = 3
_KEY_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class NewKey:
    """A fresh key: `text` is shown to its holder once, `secret_sha256` is what is kept."""

    id: str
    text: str
    secret_sha256: bytes


def make_key() -> NewKey:
    """Make a key with 256 random bits of secret."""
    key_id = secrets.token_hex(8)
    secret = secrets.token_hex(32)
    return NewKey(key_id, f"cg_{key_id}_{secret}", _sha256(secret))


class Access:
    """Checks keys and viewing cookies against the records.

    `open_viewing` is true only where the server listens on a loopback address; it still does not
    open anything to what a reverse proxy forwards or to a foreign host name (DNS rebinding).
    `session_secret`
    signs viewing cookies; the cookie names a key and never contains it, so revoking the key ends
    the session too. `local_key` lets commands on the same host ask this very process.
    """

    def __init__(
        self,
        records: IdentityRecords,
        *,
        open_viewing: bool,
        session_secret: str,
        local_key: NewKey | None = None,
    ) -> None:
        self._records = records
        self._open_viewing = open_viewing
        self._sessions = URLSafeTimedSerializer(session_secret, salt="campusgauge-view")
        self._local_key = local_key

    def key(self, text: str) -> Key:
        """Return the valid key with this text. Raises UnauthenticatedError."""
        parts = text.split("_")
        if len(text) <= _KEY_CHARACTERS_MAX and len(parts) == _KEY_PARTS and parts[0] == "cg":
            given = _sha256(parts[2])
            key = self._records.key(parts[1])
            expected = key.secret_sha256 if key else bytes(32)
            if hmac.compare_digest(given, expected) and key is not None:
                if key.revoked_at is None:
                    return key
                raise UnauthenticatedError(
                    "key_revoked", "This key was revoked. Ask the bureau for a new one."
                )
        raise UnauthenticatedError(
            "key_unknown", "The key is not known here. Check that it was copied whole."
        )

    def pusher(self, authorization: str | None, *scopes: Scope) -> AgentIdentity:
        """Return whose data a bearer key of one of these scopes may push.

        Raises UnauthenticatedError or ForbiddenError.
        """
        key = self.key(_bearer(authorization))
        if key.scope not in scopes or key.school_id is None:
            raise ForbiddenError(
                "key_scope", f"A key with scope {key.scope} cannot do this; use an agent's key."
            )
        return AgentIdentity(agent_id=key.agent_id or f"key-{key.id}", school_id=key.school_id)

    def check_viewer(self, request: Request) -> None:
        """Return if this request may view pages and the read API.

        Raises UnauthenticatedError (no key, no session) or ForbiddenError (wrong scope).
        """
        authorization = request.headers.get("authorization")
        if authorization is not None:
            text = _bearer(authorization)
            if self._local_key is not None and hmac.compare_digest(
                text.encode(), self._local_key.text.encode()
            ):
                return
            if self.key(text).scope is not Scope.READ:
                raise ForbiddenError("key_scope", "Viewing needs a key with scope read.")
            return
        if self._open_viewing and _is_local(request):
            return
        if self._has_session(request.cookies.get(VIEW_COOKIE)):
            return
        raise UnauthenticatedError(
            "viewing_needs_key",
            "Viewing from other hosts needs a key with scope read: sign in, or send it as bearer.",
        )

    def bureau(self, authorization: str | None) -> str:
        """Return who decides for the bureau: the key's label, or `local` for this very host.

        Open viewing opens nothing here. Raises UnauthenticatedError or ForbiddenError.
        """
        text = _bearer(authorization)
        if self._local_key is not None and hmac.compare_digest(
            text.encode(), self._local_key.text.encode()
        ):
            return "local"
        key = self.key(text)
        if key.scope is not Scope.BUREAU:
            raise ForbiddenError("key_scope", "Deciding needs a key with scope bureau.")
        return key.label or key.id

    def sign_in(self, key_text: str) -> str:
        """Return the value of a viewing cookie for a read key.

        Raises UnauthenticatedError or ForbiddenError.
        """
        key = self.key(key_text.strip())
        if key.scope is not Scope.READ:
            raise ForbiddenError("key_scope", "Signing in needs a key with scope read.")
        return self._sessions.dumps(key.id)

    def _has_session(self, cookie: str | None) -> bool:
        if cookie is None:
            return False
        try:
            key_id = self._sessions.loads(cookie, max_age=VIEW_COOKIE_MAX_AGE_S)
        except BadSignature:
            return False
        key = self._records.key(str(key_id))
        return key is not None and key.revoked_at is None and key.scope is Scope.READ


def set_view_cookie(request: Request, response: Response, value: str) -> None:
    """Attach the viewing cookie: not readable by scripts, not sent along from other sites."""
    response.set_cookie(
        VIEW_COOKIE,
        value,
        max_age=VIEW_COOKIE_MAX_AGE_S,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def _bearer(authorization: str | None) -> str:
    scheme, _, text = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise UnauthenticatedError("key_missing", "Send the key as `Authorization: Bearer <key>`.")
    return text.strip()


def _is_local(request: Request) -> bool:
    if any(name in request.headers for name in _FORWARDED):
        return False
    return is_loopback(request.url.hostname or "")


def is_loopback(host: str) -> bool:
    """Say whether a host name or address can only mean this very machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _access(request: Request) -> Access:
    return cast("Access", request.app.state.access)


def require_agent(request: Request) -> AgentIdentity:
    """Admit an enrolled agent."""
    return _access(request).pusher(request.headers.get("authorization"), Scope.AGENT)


def require_pusher(request: Request) -> AgentIdentity:
    """Admit an enrolled agent or a foreign client with scope write."""
    return _access(request).pusher(request.headers.get("authorization"), Scope.AGENT, Scope.WRITE)


def require_viewer(request: Request) -> None:
    """Admit whoever may look: everybody on a loopback server, otherwise holders of a read key."""
    _access(request).check_viewer(request)


def require_bureau(request: Request) -> str:
    """Admit whoever decides for the bureau; returns a name for the records."""
    return _access(request).bureau(request.headers.get("authorization"))


def public() -> None:
    """Admit everybody; declared so that no route is open by oversight."""


AgentCaller = Annotated[AgentIdentity, Depends(require_agent)]
PushCaller = Annotated[AgentIdentity, Depends(require_pusher)]
BureauCaller = Annotated[str, Depends(require_bureau)]
VIEWER = Depends(require_viewer)
PUBLIC = Depends(public)
