"""A test session at the measurement server: opening, asking what it saw, ending."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from agent.bandwidth.connection import Answer, Endpoint, exchange
from agent.bandwidth.errors import MeasurementError

SESSION_HEADER = "CampusGauge-Session"
NONCE_HEADER = "CampusGauge-Nonce"


@dataclass(frozen=True, slots=True)
class Session:
    """What the server allows and says about itself.

    `id` is None at a foreign LibreSpeed server: it opens no sessions and counts no uploads.
    """

    where: Endpoint
    id: str | None = field(default=None, repr=False)
    suffix: str = ""
    """After an endpoint's name: `.php` at most LibreSpeed servers."""
    nonce: str = field(default_factory=lambda: os.urandom(8).hex())
    host_id: str | None = None
    port_mbps: float | None = None
    server_cpu_ratio: float | None = None
    max_seconds: float = 60.0
    max_bytes: int = 8_000_000_000
    rtt_s: float = 0.05
    """Of the connection that opened the session; behind a proxy, to the proxy."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers by which the server knows this test's connections."""
        fields = {NONCE_HEADER: self.nonce}
        if self.id is not None:
            fields[SESSION_HEADER] = self.id
        return fields


def open_session(where: Endpoint, token: str | None, timeout_s: float = 10.0) -> Session:
    """Open a session with the slot `token` (none needed at an open server).

    Raises MeasurementError: server_busy, slot_token_* and those of `connect`.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = exchange(where, "POST", "/session", headers, timeout_s=timeout_s)
    if answer.status in (404, 405):
        return Session(where, rtt_s=answer.rtt_s or 0.05)
    if answer.status != 201:
        raise refusal(answer)
    body = answer.json()
    if not isinstance(body.get("session"), str):
        raise MeasurementError(
            "captive_portal", "POST /session was answered with something else than a session"
        )
    return Session(
        where,
        id=body["session"],
        host_id=body.get("host"),
        port_mbps=body.get("port_mbps"),
        server_cpu_ratio=body.get("cpu_used_ratio"),
        max_seconds=float(body.get("max_seconds", 60.0)),
        max_bytes=int(body.get("max_bytes", 8_000_000_000)),
        rtt_s=answer.rtt_s or 0.05,
    )


def end_session(session: Session) -> dict[str, Any]:
    """End `session`; returns what the server saw, empty where it does not say."""
    if session.id is None:
        return {}
    try:
        return exchange(session.where, "DELETE", "/session", session.headers, timeout_s=5.0).json()
    except MeasurementError:
        return {}


def refusal(answer: Answer) -> MeasurementError:
    """Turn an error status into the reason a reading carries."""
    body = answer.json()
    detail = f"HTTP {answer.status}: {body.get('detail', 'no explanation given')}"
    retry_after = answer.headers.get("retry-after", "")
    seconds = float(retry_after) if retry_after.isdigit() else None
    reason = body.get("reason")
    if isinstance(reason, str) and answer.status in (401, 403, 429, 503):
        return MeasurementError(
            reason, detail, transient=answer.status in (429, 503), retry_after_s=seconds
        )
    if answer.status in (429, 503):
        return MeasurementError("server_busy", detail, transient=True, retry_after_s=seconds)
    if answer.status in (401, 403):
        return MeasurementError("server_refused", detail)
    if answer.status in (407,):
        return MeasurementError("proxy_refused", detail)
    if 300 <= answer.status < 400 or answer.headers.get("content-type", "").startswith("text/html"):
        return MeasurementError("captive_portal", detail)
    return MeasurementError("server_error", detail, transient=answer.status >= 500)


def check_payload_head(session: Session, status: int, headers: dict[str, str]) -> None:
    """Raise MeasurementError unless this head announces untouched test data for this request.

    captive_portal: a sign-in or filter page; middlebox_changed_data: compressed or re-typed on
    the way; middlebox_cache: answered by something in between.
    """
    if status != 200:
        raise refusal(Answer(status, headers, b""))
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "text/plain", "application/json", "application/xhtml+xml"):
        raise MeasurementError("captive_portal", f"got {kind} instead of test data")
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise MeasurementError("middlebox_changed_data", f"test data arrived as {encoding}")
    age = headers.get("age", "0")
    if session.id is not None and headers.get(NONCE_HEADER.lower()) != session.nonce:
        raise MeasurementError("middlebox_cache", "the answer was not made for this test")
    if age.isdigit() and int(age) > 0:
        raise MeasurementError("middlebox_cache", f"the answer is {age} s old")
