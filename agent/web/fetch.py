"""One page over HTTP or HTTPS: bounded in time, size and redirects, certificates verified.

h11 over our own sockets, as the push does: a fetch needs the certificate, the chain of redirects
and one deadline over everything, none of which the usual libraries give without their internals.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from agent.http1 import Http1Connection, HttpError, Response, authority
from agent.system.deadline import DeadlineSocket, connect, naming_network_trouble
from agent.trouble import TroubleError

if TYPE_CHECKING:
    import ssl

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TLS_REASONS = {10: "web_tls_expired", 9: "web_tls_not_yet_valid", 62: "web_tls_wrong_name"}
"""OpenSSL's verification errors (x509_vfy.h) that have an advice of their own."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the server's certificate says, once it was verified."""

    not_after: datetime
    issuer: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer that is no redirect. `chain` holds every address asked, the last one included.

    Header names are lower case. The body is what arrived, unpacked and cut at the limit.
    """

    chain: tuple[str, ...]
    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut: bool
    certificate: Certificate | None
    duration_ms: float

    @property
    def url(self) -> str:
        """The address that gave this answer."""
        return self.chain[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """How to fetch. `ca_file` is a private authority; None trusts the system's."""

    within_s: float
    max_bytes: int
    headers: Mapping[str, str] = field(default_factory=dict)
    ca_file: Path | None = None
    method: str = "GET"
    body: bytes = b""
    follow_redirects: bool = True
    """False where the headers carry a token: it must not be taken to another host."""


def fetch(url: str, ask: Ask) -> Fetched:
    """Fetch `url`, following redirects, all within one deadline.

    Raises TroubleError `web_…`: no name, no route, time-out, refused, certificate expired, of
    another name or not trusted, no HTTP, too many redirects.
    """
    started_s = time.monotonic()
    deadline_s = started_s + ask.within_s
    chain = [url]
    while True:
        answer, certificate = _exchange(chain[-1], ask, deadline_s)
        location = answer.headers.get("location")
        is_led_on = ask.follow_redirects and ask.method == "GET"
        if answer.status not in _REDIRECTS or not location or not is_led_on:
            body, is_cut = _unpack(answer, ask.max_bytes)
            return Fetched(
                tuple(chain),
                answer.status,
                answer.headers,
                body,
                is_cut,
                certificate,
                (time.monotonic() - started_s) * 1000,
            )
        chain.append(urljoin(chain[-1], location))
        if len(chain) > MAX_REDIRECTS + 1 or chain[-1] in chain[:-1]:
            raise TroubleError("web_redirect_loop", " → ".join(chain)[-280:])


def _exchange(url: str, ask: Ask, deadline_s: float) -> tuple[Response, Certificate | None]:
    host, port, target, is_tls = split_address(url)
    with naming_network_trouble("web"):
        sock = connect(host, port, deadline_s)
        try:
            certificate = _secure(sock, host, ask.ca_file) if is_tls else None
            headers = {
                "Host": authority(host, port, 443 if is_tls else 80),
                "Connection": "close",
                "Accept-Encoding": "gzip",
                **ask.headers,
            }
            if ask.body:
                headers["Content-Length"] = str(len(ask.body))
            # One byte more than wanted tells a page that fits from one that was cut.
            answer = Http1Connection(_as_socket(sock)).exchange(
                ask.method, target, headers.items(), ask.body, max_body_bytes=ask.max_bytes + 1
            )
        except HttpError as error:
            raise TroubleError("web_no_http", f"{url}: {error}") from error
        finally:
            sock.close()
    return answer, certificate


def _as_socket(sock: DeadlineSocket) -> Any:
    """Http1Connection asks a socket for `recv`, `sendall` and `close`, and nothing else."""
    return sock


def split_address(url: str) -> tuple[str, int, str, bool]:
    """Return host, port, request target and whether it is HTTPS. Raises `web_address_wrong`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise TroubleError("web_address_wrong", f"{url[:200]}: {error}") from error
    if parts.scheme not in {"http", "https"} or not host or not host.isprintable():
        raise TroubleError("web_address_wrong", url)
    is_tls = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return host, port or (443 if is_tls else 80), _ascii_target(target), is_tls


def _ascii_target(target: str) -> str:
    """Return a request target as HTTP carries it: Chinese paths percent-encoded (RFC 3987)."""
    from urllib.parse import quote

    return quote(target, safe="/?=&%+:;,@!$'()*~-._#[]")


def _secure(sock: DeadlineSocket, host: str, ca_file: Path | None) -> Certificate:
    import ssl

    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context.set_alpn_protocols(["http/1.1"])
    try:
        wrapped = sock.start_tls(context, host)
    except ssl.SSLCertVerificationError as error:
        code = _TLS_REASONS.get(error.verify_code, "web_tls_untrusted")
        raise TroubleError(code, f"{host}: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise TroubleError("web_tls_broken", f"{host}: {error.reason or error}") from error
    return _certificate(wrapped)


def _certificate(wrapped: ssl.SSLSocket) -> Certificate:
    import ssl

    told: Mapping[str, Any] = wrapped.getpeercert() or {}
    issuer = {name: value for part in told.get("issuer", ()) for name, value in part}
    not_after = datetime.fromtimestamp(ssl.cert_time_to_seconds(told["notAfter"]), UTC)
    return Certificate(not_after, issuer.get("organizationName") or issuer.get("commonName", ""))


def _unpack(answer: Response, max_bytes: int) -> tuple[bytes, bool]:
    """Return the body without gzip, and whether it was cut at `max_bytes`."""
    body = answer.body
    is_cut = len(body) > max_bytes
    if answer.headers.get("content-encoding", "").lower() == "gzip":
        try:
            body = zlib.decompressobj(31).decompress(body, max_bytes + 1)
        except zlib.error as error:
            raise TroubleError("web_no_http", f"gzip: {error}") from error
        is_cut = is_cut or len(body) > max_bytes
    return body[:max_bytes], is_cut
