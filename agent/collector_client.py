"""One HTTP(S) connection to the collector: bounded, verified, never redirected.

h11 over a plain socket rather than a richer library: the steady process must stay small (see
`benchmarks/agent_footprint.py`), and one POST at a time needs no pool. TLS certificates and host
names are verified; a bureau with its own certification authority passes `ca_file`. The key travels
in a header only. Redirects are not followed, since they could carry it elsewhere.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agent import __version__
from agent.http1 import Http1Connection, HttpError, authority, host_for_socket
from agent.probes.base import CollectorAccess

if TYPE_CHECKING:
    import ssl

MAX_ANSWER_BYTES = 1024 * 1024
NO_ANSWER = 0
"""The status of an `Answer` when there was none; `error` says why."""
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    When nothing did, `error` is a short text without secrets, and `cause` what was raised, which
    `agent.connection_trouble` names.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str = ""
    cause: BaseException | None = field(default=None, repr=False)

    def json(self) -> dict[str, Any]:
        """Return the JSON object in the body. Raises ValueError when it is something else."""
        value = json.loads(self.body)
        if not isinstance(value, dict):
            raise ValueError("not a JSON object")  # noqa: TRY004 - one error for a bad answer
        return value

    def problem(self) -> dict[str, Any]:
        """Return the RFC 9457 problem in the body, empty when there is none."""
        try:
            return self.json()
        except ValueError:
            return {}


class CollectorClient:
    """Sends JSON to one collector over one connection that is kept while the collector keeps it."""

    def __init__(self, access: CollectorAccess, *, timeout_s: float) -> None:
        """Prepare, without connecting. Raises ValueError for what is not an http(s) URL."""
        parts = urlsplit(access.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an http(s) address: {access.url}")
        self._host = parts.hostname
        self._tls = parts.scheme == "https"
        default_port = 443 if self._tls else 80
        self._port = parts.port or default_port
        self._authority = authority(self._host, self._port, default_port)
        self._prefix = parts.path.rstrip("/")
        self._access = access
        self._timeout_s = timeout_s
        self._tls_context: ssl.SSLContext | None = None
        self._connection: Http1Connection | None = None

    def post_json(self, path: str, value: object) -> Answer:
        """Send a JSON value and return the answer."""
        return self.post(path, json.dumps(value, ensure_ascii=False).encode(), {})

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a JSON body. Never raises for what the network or the collector does.

        A kept connection that the collector has closed meanwhile is replaced once; sending twice
        is safe, because a batch carries its id.
        """
        return self._send("POST", path, body, headers)

    def get(self, path: str) -> Answer:
        """Ask for a JSON document; as `post` otherwise."""
        return self._send("GET", path, None, {})

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        reused = self._connection is not None
        answer = self._send_once(method, path, body, headers)
        if answer.status == NO_ANSWER and reused:
            answer = self._send_once(method, path, body, headers)
        return answer

    def _send_once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        try:
            if self._connection is None:
                self._connection = self._connect()
            answer = self._connection.exchange(
                method,
                self._prefix + path,
                self._headers(body, headers),
                body or b"",
                max_body_bytes=MAX_ANSWER_BYTES,
            )
            if not self._connection.ready_again():
                self.close()
            return Answer(answer.status, answer.headers, answer.body)
        except (OSError, HttpError, ValueError) as error:
            self.close()
            return Answer(NO_ANSWER, error=f"{type(error).__name__}: {error}", cause=error)

    def _headers(self, body: bytes | None, more: Mapping[str, str]) -> list[tuple[str, str]]:
        headers = {
            "Host": self._authority,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"campusgauge-agent/{__version__}",
            "Date": http_date(time.time()),  # a batch is stored before it is sent, maybe days
            **more,
        }
        if body is not None:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        if self._access.key:
            headers["Authorization"] = f"Bearer {self._access.key}"
        return list(headers.items())

    def _connect(self) -> Http1Connection:
        host: Any = host_for_socket(self._host)  # the stub of create_connection knows text only
        sock = socket.create_connection((host, self._port), self._timeout_s)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                sock = self._context().wrap_socket(sock, server_hostname=host)
        except BaseException:
            sock.close()
            raise
        return Http1Connection(sock)

    def _context(self) -> ssl.SSLContext:
        if self._tls_context is None:  # reading the system's authorities takes 17 ms: once
            import ssl  # after the first samples, and not at all without TLS

            ca_file = self._access.ca_file
            self._tls_context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
            self._tls_context.set_alpn_protocols(["http/1.1"])
        return self._tls_context

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def http_date(moment_s: float) -> str:
    """Return a time as HTTP writes it (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`."""
    moment = time.gmtime(moment_s)
    day, month = _DAYS[moment.tm_wday], _MONTHS[moment.tm_mon - 1]
    return f"{day}, {moment.tm_mday:02} {month} {time.strftime('%Y %H:%M:%S', moment)} GMT"
