"""Cookies that stand for a signed-in browser, and the checks against forged requests.

A session's cookie holds a random token; the store knows its SHA-256. The CSRF token is derived
from it, so a page of another site can neither read nor guess it, and nothing more is stored.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from fastapi import Request, Response

from collector.errors import ForbiddenError

SESSION_COOKIE = "campusgauge_session"
VIEW_COOKIE = "campusgauge_view"
VIEW_COOKIE_MAX_AGE_S = 12 * 3600
SESSION_IDLE = timedelta(hours=2)
SESSION_LONGEST = timedelta(hours=12)
SESSION_TOUCH = timedelta(minutes=1)
"""A session's last use is noted this often, not at every request."""
CSRF_FIELD = "csrf_token"
CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def new_session_token() -> str:
    """Return 256 random bits for a session's cookie."""
    return secrets.token_urlsafe(32)


def csrf_token(session_token: str) -> str:
    """Return what every changing request of this session must carry."""
    return hmac.new(session_token.encode(), b"campusgauge csrf", hashlib.sha256).hexdigest()


def masked(token: str) -> str:
    """Return a CSRF token as a page carries it: under a new mask each time, and with the mask.

    Pages are compressed; a token that stayed the same could be guessed from their lengths (BREACH,
    Gluck, Harris and Prado 2013).
    """
    plain = bytes.fromhex(token)
    mask = secrets.token_bytes(len(plain))
    return (mask + _xor(mask, plain)).hex()


def _unmasked(given: str) -> str:
    """Return the token under the mask; what is no masked token stays as it is."""
    if len(given) != 4 * hashlib.sha256().digest_size:
        return given
    try:
        both = bytes.fromhex(given)
    except ValueError:
        return given
    half = len(both) // 2
    return _xor(both[:half], both[half:]).hex()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def set_session_cookie(request: Request, response: Response, token: str) -> None:
    """Attach a session: not readable by scripts, not sent along from other sites."""
    _set_cookie(request, response, SESSION_COOKIE, token, int(SESSION_LONGEST.total_seconds()))


def set_view_cookie(request: Request, response: Response, value: str) -> None:
    """Attach the viewing cookie of a read key."""
    _set_cookie(request, response, VIEW_COOKIE, value, VIEW_COOKIE_MAX_AGE_S)


def _set_cookie(request: Request, response: Response, name: str, value: str, age_s: int) -> None:
    response.set_cookie(
        name,
        value,
        max_age=age_s,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def drop_cookies(response: Response) -> None:
    """Tell the browser to forget who it was."""
    response.delete_cookie(SESSION_COOKIE)
    response.delete_cookie(VIEW_COOKIE)


def check_same_origin(request: Request) -> None:
    """Return unless the browser says that another site made this request.

    Raises ForbiddenError. Programs send neither header and are not affected.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    foreign = (
        site not in ("same-origin", "none")
        if site is not None
        else origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    )
    if foreign:
        raise ForbiddenError(
            "cross_site",
            "这个请求来自别的网站，没有执行。请从本系统的页面操作。",
            detail_en="Another site made this request, so it was not carried out. Use our pages.",
        )


async def check_csrf(request: Request, session_token: str) -> None:
    """Return if a changing request carries its session's token, in a header or a form field.

    Raises ForbiddenError.
    """
    check_same_origin(request)
    given = request.headers.get(CSRF_HEADER)
    if given is None and _is_form(request):
        field = (await request.form()).get(CSRF_FIELD)
        given = field if isinstance(field, str) else None
    expected = csrf_token(session_token)
    if given is None or not hmac.compare_digest(_unmasked(given).encode(), expected.encode()):
        raise ForbiddenError(
            "csrf_token",
            f"页面已过期，请刷新后重试；程序须用 {CSRF_HEADER} 带上 GET /api/v1/session 的令牌。",
            detail_en=f"Reload the page; programs send the token of GET /api/v1/session as "
            f"{CSRF_HEADER}.",
        )


def _is_form(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in ("application/x-www-form-urlencoded", "multipart/form-data")
