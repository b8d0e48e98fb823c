"""One HTTP(S) connection to the collector: bounded, verified, never redirected.

`http.client` rather than a richer library: the steady process must stay small (see
`benchmarks/agent_footprint.py`), and one POST at a time needs no pool. TLS certificates and host
names are verified; a bureau with its own certification authority passes `ca_file`. The key travels
in a header only. Redirects are not followed, since they could carry it elsewhere.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

from agent import __version__
from agent.probes.base import CollectorAccess

MAX_ANSWER_BYTES = 1024 * 1024
NO_ANSWER = 0
"""The status of an `Answer` when there was none; `error` says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `error` is a short text without secrets when nothing did."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str = ""

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
        self._port = parts.port
        self._tls = parts.scheme == "https"
        self._prefix = parts.path.rstrip("/")
        self._access = access
        self._timeout_s = timeout_s
        self._tls_context: ssl.SSLContext | None = None
        self._connection: http.client.HTTPConnection | None = None

    def post_json(self, path: str, value: object) -> Answer:
        """Send a JSON value and return the answer."""
        return self.post(path, json.dumps(value, ensure_ascii=False).encode(), {})

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a JSON body. Never raises for what the network or the collector does.

        A kept connection that the collector has closed meanwhile is replaced once; sending twice
        is safe, because a batch carries its id.
        """
        reused = self._connection is not None
        answer = self._post_once(path, body, headers)
        if answer.status == NO_ANSWER and reused:
            answer = self._post_once(path, body, headers)
        return answer

    def _post_once(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.request("POST", self._prefix + path, body, self._headers(headers))
            response = self._connection.getresponse()
            content = response.read(MAX_ANSWER_BYTES + 1)
            if len(content) > MAX_ANSWER_BYTES or response.will_close:
                self.close()
            return Answer(response.status, dict(response.headers), content[:MAX_ANSWER_BYTES])
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            return Answer(NO_ANSWER, error=f"{type(error).__name__}: {error}")

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"campusgauge-agent/{__version__}",
            "Date": formatdate(usegmt=True),  # a batch is stored before it is sent, maybe days
            **more,
        }
        if self._access.key:
            headers["Authorization"] = f"Bearer {self._access.key}"
        return headers

    def _connect(self) -> http.client.HTTPConnection:
        if not self._tls:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        if self._tls_context is None:  # reading the system's authorities takes 17 ms: once
            ca_file = self._access.ca_file
            self._tls_context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=self._timeout_s, context=self._tls_context
        )

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
