"""Signing in through the bureau's own OpenID Connect provider (authorization code with PKCE).

The provider only proves who somebody is; what they may do stays here. A subject that no account is
linked to gets in nowhere: accounts are never made from a provider's say-so.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.integrations.httpx_client import OAuth2Client
from itsdangerous import BadSignature, URLSafeTimedSerializer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

from collector.errors import ForbiddenError, UnauthenticatedError, UnavailableError

ATTEMPT_S = 600
"""How long a visitor may take at the provider."""
DISCOVERY_S = 3600
_TIMEOUT_S = 10.0
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
_LEEWAY_S = 60


@dataclass(frozen=True, slots=True)
class Provider:
    """The bureau's sign-in service as the settings name it."""

    issuer: str
    client_id: str
    client_secret: str
    name: str
    """What people call it; stands on the button."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A visitor on the way to the provider: where to go, and what to remember meanwhile."""

    url: str
    cookie: str


class SingleSignOn:
    """The two steps of signing in at a provider. Its documents are fetched when first needed."""

    def __init__(self, provider: Provider, cookie_secret: str) -> None:
        self.provider = provider
        self._cookies = URLSafeTimedSerializer(cookie_secret, salt="campusgauge-oidc")
        self._lock = threading.Lock()
        self._metadata: Mapping[str, Any] = {}
        self._keys: KeySet | None = None
        self._fetched_s = 0.0

    def begin(self, return_to: str, wanted: str) -> Attempt:
        """Return the provider's address for this visitor. Raises UnavailableError."""
        metadata, _ = self._documents()
        verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        with self._client(return_to) as client:
            url, state = client.create_authorization_url(
                metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
            )
        remembered = {"state": state, "nonce": nonce, "verifier": verifier, "next": wanted}
        return Attempt(url, self._cookies.dumps(remembered))

    def finish(self, return_to: str, answer: str, cookie: str | None) -> tuple[str, str]:
        """Return the subject (`<issuer>#<sub>`) and where the visitor wanted to go.

        `answer` is the whole address that the provider sent the visitor back to. Raises
        UnauthenticatedError if anything does not fit, UnavailableError without a provider.
        """
        try:
            remembered = self._cookies.loads(cookie or "", max_age=ATTEMPT_S)
        except BadSignature as error:
            raise _not_proven("the sign-in took too long or began elsewhere") from error
        metadata, _ = self._documents()
        try:
            with self._client(return_to, remembered["state"]) as client:
                token = client.fetch_token(
                    metadata["token_endpoint"],
                    authorization_response=answer,
                    code_verifier=remembered["verifier"],
                )
        except httpx2.HTTPError as error:
            raise _unavailable(error) from error
        except Exception as error:  # Authlib's errors share no base class but Exception
            raise _not_proven(str(error)) from error
        claims = self._claims(str(token.get("id_token", "")), remembered["nonce"])
        return f"{claims['iss']}#{claims['sub']}", str(remembered["next"])

    def _claims(self, id_token: str, nonce: str) -> Mapping[str, Any]:
        rules = JWTClaimsRegistry(
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self.provider.issuer},
            aud={"essential": True, "value": self.provider.client_id},
            sub={"essential": True},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = self._verified(id_token)
            rules.validate(claims)
        except (JoseError, ValueError) as error:
            raise _not_proven(str(error)) from error
        return claims

    def _verified(self, id_token: str) -> dict[str, Any]:
        _, keys = self._documents()
        try:
            return dict(jwt.decode(id_token, keys, algorithms=_ALGORITHMS).claims)
        except (JoseError, ValueError):
            # The provider may have changed its keys since they were fetched: once more, anew.
            _, keys = self._documents(fresh=True)
            return dict(jwt.decode(id_token, keys, algorithms=_ALGORITHMS).claims)

    def _client(self, return_to: str, state: str | None = None) -> OAuth2Client:
        return OAuth2Client(
            self.provider.client_id,
            self.provider.client_secret,
            scope="openid",
            redirect_uri=return_to,
            code_challenge_method="S256",
            state=state,
            timeout=_TIMEOUT_S,
        )

    def _documents(self, *, fresh: bool = False) -> tuple[Mapping[str, Any], KeySet]:
        """Return the provider's description and keys, at most an hour old."""
        with self._lock:
            aged = time.monotonic() - self._fetched_s > DISCOVERY_S
            if fresh or aged or self._keys is None:
                self._metadata, self._keys = self._fetch()
                self._fetched_s = time.monotonic()
            return self._metadata, self._keys

    def _fetch(self) -> tuple[Mapping[str, Any], KeySet]:
        issuer = self.provider.issuer
        try:
            with httpx2.Client(timeout=_TIMEOUT_S) as client:
                address = issuer.rstrip("/") + "/.well-known/openid-configuration"
                metadata = client.get(address).raise_for_status().json()
                _check_issuer(metadata, issuer)
                keys = client.get(metadata["jwks_uri"]).raise_for_status().json()
                return metadata, KeySet.import_key_set(keys)
        except (httpx2.HTTPError, JoseError, KeyError, TypeError, ValueError) as error:
            raise _unavailable(error) from error


def _check_issuer(metadata: Mapping[str, Any], issuer: str) -> None:
    if metadata["issuer"] != issuer:
        raise ValueError(f"it calls itself {metadata['issuer']!r}")


def not_linked(subject: str) -> ForbiddenError:
    """Return the refusal of somebody whom the provider knows and this collector does not."""
    return ForbiddenError(
        "oidc_not_linked",
        f"统一登录帐号 {subject} 还没有对应的人员，请管理员关联后再登录。",
        detail_en=f"No account is linked to {subject}. Ask the admin to link it.",
    )


def _not_proven(why: str) -> UnauthenticatedError:
    return UnauthenticatedError(
        "oidc_failed",
        f"统一登录没有成功，请重新登录（{why}）。",
        detail_en=f"Single sign-on failed ({why}). Try again.",
    )


def _unavailable(error: Exception) -> UnavailableError:
    return UnavailableError(
        "oidc_unavailable",
        f"统一登录服务没有正常应答（{error}），请稍后再试，或用密码登录。",
        detail_en=f"The sign-in service does not answer properly ({error}). Use a password.",
    )
