"""Who a request comes from: the one place where a key, token or cookie becomes an identity."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from fastapi import Request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from collector.access.cookies import (
    SESSION_COOKIE,
    SESSION_IDLE,
    SESSION_LONGEST,
    SESSION_TOUCH,
    VIEW_COOKIE,
    VIEW_COOKIE_MAX_AGE_S,
)
from collector.access.keys import NewKey, bearer, sha256, split_key
from collector.domain import AgentIdentity, Caller, Key, Right, Scope
from collector.domain.rights import (
    ANONYMOUS,
    BUREAU_KEY_RIGHTS,
    LOCAL_VIEWER,
    READ_KEY_RIGHTS,
    person_caller,
    token_caller,
)
from collector.errors import ForbiddenError, UnauthenticatedError
from collector.storage.ports import IdentityRecords, PeopleRecords

TOKEN_PREFIX = "cgt"  # noqa: S105  # not a secret: what the text of a token begins with
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_KEY_RIGHTS = {Scope.READ: READ_KEY_RIGHTS, Scope.BUREAU: BUREAU_KEY_RIGHTS}
_LOCAL_COMMAND = Caller("cli:local", "local", anywhere=frozenset(Right) - {Right.OWN_ACCOUNT})
"""A command on this host: who reads the data directory's key file owns the records anyway."""


class AccessRecords(IdentityRecords, PeopleRecords, Protocol):
    """The parts of the record store that say who somebody is."""


@dataclass(frozen=True, slots=True)
class Admission:
    """A request's caller; `session_token` is set where a session's cookie proved it."""

    caller: Caller
    session_token: str | None = None


class Access:
    """Checks keys, tokens and cookies against the records.

    `open_viewing` is true only where the server listens on a loopback address; it still does not
    open anything to what a reverse proxy forwards or to a foreign host name (DNS rebinding).
    `session_secret` signs the viewing cookies of read keys; such a cookie names a key and never
    contains it, so revoking the key ends the session too. `local_key` lets commands on the same
    host ask this very process.
    """

    def __init__(
        self,
        records: AccessRecords,
        *,
        open_viewing: bool,
        session_secret: str,
        clock: Callable[[], datetime],
        local_key: NewKey | None = None,
    ) -> None:
        self._records = records
        self._open_viewing = open_viewing
        self._view_cookies = URLSafeTimedSerializer(session_secret, salt="campusgauge-view")
        self._local_key = local_key
        self._clock = clock

    def admit(self, request: Request) -> Admission:
        """Return who calls; nobody known is `ANONYMOUS`.

        Raises UnauthenticatedError for a key or token that is sent and not valid.
        """
        authorization = request.headers.get("authorization")
        if authorization is not None:
            return Admission(self._bearer_caller(bearer(authorization)))
        token = request.cookies.get(SESSION_COOKIE)
        person = self._session_caller(token) if token else None
        if person is not None:
            return Admission(person, token)
        viewer = self._view_cookie_caller(request.cookies.get(VIEW_COOKIE))
        if viewer is not None:
            return Admission(viewer)
        if self._open_viewing and _is_local(request):
            return Admission(LOCAL_VIEWER)
        return Admission(ANONYMOUS)

    def key(self, text: str) -> Key:
        """Return the valid key with this text. Raises UnauthenticatedError."""
        parts = split_key(text)
        if parts is not None:
            key = self._records.key(parts[0])
            expected = key.secret_sha256 if key else bytes(32)
            if hmac.compare_digest(parts[1], expected) and key is not None:
                if key.superseded_at is not None:
                    raise UnauthenticatedError(
                        "key_superseded",
                        "这个密钥已由更新的密钥取代。如果本机没有新密钥，说明本机是克隆的或被还原过，"
                        "请重新注册。",
                        detail_en="A newer key took the place of this one. If this host does not "
                        "have it, it is a clone or was set back: enrol it anew.",
                    )
                if key.revoked_at is None:
                    return key
                raise UnauthenticatedError(
                    "key_revoked",
                    "这个密钥已停用，请向教育局索取新的。",
                    detail_en="This key was revoked. Ask the bureau for a new one.",
                )
        raise UnauthenticatedError(
            "key_unknown",
            "这里没有这个密钥，请检查是否复制完整。",
            detail_en="The key is not known here. Check that it was copied whole.",
        )

    def pusher(self, authorization: str | None, *scopes: Scope) -> AgentIdentity:
        """Return whose data a bearer key of one of these scopes may push.

        Raises UnauthenticatedError or ForbiddenError.
        """
        key = self.key(bearer(authorization))
        if key.scope not in scopes or key.school_id is None:
            raise ForbiddenError(
                "key_scope",
                f"{key.scope} 类密钥不能做这件事，请使用采集端的密钥。",
                detail_en=f"A key with scope {key.scope} cannot do this; use an agent's key.",
            )
        if key.replaces is not None:
            self._records.confirm_key(key.id, self._clock())
        return AgentIdentity(
            agent_id=key.agent_id or f"key-{key.id}", school_id=key.school_id, key_id=key.id
        )

    def view_cookie(self, key_text: str) -> str:
        """Return the value of a viewing cookie for a read key.

        Raises UnauthenticatedError or ForbiddenError.
        """
        key = self.key(key_text.strip())
        if key.scope is not Scope.READ:
            raise ForbiddenError("key_scope", "Signing in needs a key with scope read.")
        return self._view_cookies.dumps(key.id)

    def _bearer_caller(self, text: str) -> Caller:
        if self._local_key is not None and hmac.compare_digest(
            text.encode(), self._local_key.text.encode()
        ):
            return _LOCAL_COMMAND
        parts = split_key(text, TOKEN_PREFIX)
        if parts is not None:
            return self._token_caller(*parts)
        return _key_caller(self.key(text))

    def _token_caller(self, token_id: str, secret_sha256: bytes) -> Caller:
        token = self._records.token(token_id)
        expected = token.secret_sha256 if token else bytes(32)
        if not hmac.compare_digest(secret_sha256, expected) or token is None:
            raise UnauthenticatedError(
                "key_unknown",
                "这里没有这个密钥，请检查是否复制完整。",
                detail_en="The key is not known here. Check that it was copied whole.",
            )
        owner = self._person_caller(token.person_id)
        if token.revoked_at is not None or token.expires_at <= self._clock() or owner is None:
            raise UnauthenticatedError(
                "token_ended",
                "这个令牌已过期或已停用，请重新生成。",
                detail_en="This token expired or was revoked. Make a new one.",
            )
        return token_caller(owner, token.id, token.scope)

    def _session_caller(self, token: str) -> Caller | None:
        digest, now = sha256(token), self._clock()
        session = self._records.session(digest)
        if (
            session is None
            or session.ended_at is not None
            or now - session.last_seen_at > SESSION_IDLE
            or now - session.created_at > SESSION_LONGEST
        ):
            return None
        caller = self._person_caller(session.person_id)
        if caller is not None and now - session.last_seen_at > SESSION_TOUCH:
            self._records.touch_session(digest, now)
        return caller

    def _person_caller(self, person_id: str) -> Caller | None:
        person = self._records.person(person_id)
        if person is None or person.disabled_at is not None:
            return None
        return person_caller(person, self._records.assignments(person_id))

    def _view_cookie_caller(self, cookie: str | None) -> Caller | None:
        if cookie is None:
            return None
        try:
            key_id = self._view_cookies.loads(cookie, max_age=VIEW_COOKIE_MAX_AGE_S)
        except BadSignature:
            return None
        key = self._records.key(str(key_id))
        if key is None or key.revoked_at is not None or key.scope is not Scope.READ:
            return None
        return _key_caller(key)


def _key_caller(key: Key) -> Caller:
    rights = _KEY_RIGHTS.get(key.scope, frozenset())
    actor = f"agent:{key.agent_id}" if key.agent_id else f"key:{key.id}"
    return Caller(actor, key.label or key.id, anywhere=rights)


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
