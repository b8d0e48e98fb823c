"""Sockets to a measurement server: source address, proxy, TLS, deadlines, HTTP heads.

`http.client` is not used: it cannot hand over a non-blocking socket together with what it has
already buffered of the body, and costs a child 6 MiB. Only request and response *heads* are
handled here; bodies of control requests are bounded by their Content-Length (HTTP/1.0, so that
nobody answers in chunks).
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlsplit

from agent.bandwidth import tcp_info
from agent.bandwidth.errors import MeasurementError

if TYPE_CHECKING:
    import ssl

MAX_HEAD_BYTES = 32 * 1024
MAX_BODY_BYTES = 256 * 1024
HEAD_END = b"\r\n\r\n"


class Endpoint(NamedTuple):
    """Where the server is and how to get there. `source` is a local address: it picks the uplink.

    `proxy` is `host:port` of an HTTP proxy. `tls` is None for plain HTTP.
    """

    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None = None
    source: str | None = None
    proxy: tuple[str, int] | None = None

    @property
    def authority(self) -> str:
        """Host and port as written in a Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Answer(NamedTuple):
    """A response to a control request."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    rtt_s: float | None = None
    """Round-trip time of the connection: the kernel's smallest, else the time to connect."""

    def json(self) -> dict[str, Any]:
        """Return the body as an object; an empty one where it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


def endpoint(
    url: str,
    *,
    source: str | None = None,
    proxy: str | None = None,
    ca_file: Path | None = None,
) -> Endpoint:
    """Read `url` (http or https; the path is a folder) into an Endpoint.

    Raises ValueError with what to correct.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{url}: only http:// and https:// measurement servers are known")
    if not parts.hostname:
        raise ValueError(f"{url}: no host name in this address")
    if parts.username or parts.password:
        raise ValueError("put no user name or key into the server's address; use --token-file")
    tls = None
    if parts.scheme == "https":
        import ssl

        tls = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    through = None
    if proxy:
        proxy_parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if proxy_parts.scheme != "http" or not proxy_parts.hostname:
            raise ValueError(f"{proxy}: give the proxy as http://host:port")
        through = (proxy_parts.hostname, proxy_parts.port or 8080)
    default_port = 443 if tls else 80
    return Endpoint(
        parts.hostname,
        parts.port or default_port,
        parts.path.rstrip("/"),
        tls,
        source,
        through,
    )


def connect(where: Endpoint, timeout_s: float) -> socket.socket:
    """Return a connected (and, for https, verified) blocking socket with `timeout_s` on each wait.

    Raises MeasurementError: server_unreachable, name_unknown, tls_refused, proxy_refused,
    source_address_missing.
    """
    target = where.proxy or (where.host, where.port)
    source = (where.source, 0) if where.source else None
    try:
        sock = socket.create_connection((_ascii(target[0]), target[1]), timeout_s, source)
    except socket.gaierror as error:
        raise MeasurementError(
            "name_unknown", f"{target[0]}: {error.strerror}", transient=True
        ) from error
    except OSError as error:
        if where.source and error.errno in (99, 10049):
            raise MeasurementError(
                "source_address_missing", f"this host has no address {where.source}"
            ) from error
        raise MeasurementError(
            "server_unreachable", f"{target[0]}:{target[1]}: {error}", transient=True
        ) from error
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if where.proxy and where.tls:
            _tunnel(sock, where)
        if where.tls:
            return _shake_hands(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock


def _ascii(host: str) -> str:
    """Return a name of plain letters as bytes: a text would load the tables of IDNA, 0.4 MiB."""
    return cast("str", host.encode()) if host.isascii() else host


def _shake_hands(sock: socket.socket, where: Endpoint) -> socket.socket:
    import ssl

    if where.tls is None:
        return sock
    try:
        return where.tls.wrap_socket(sock, server_hostname=where.host)
    except ssl.SSLCertVerificationError as error:
        raise MeasurementError("tls_refused", f"{where.host}: {error.verify_message}") from error
    except OSError as error:
        raise MeasurementError("tls_refused", f"{where.host}: {error}", transient=True) from error


def _tunnel(sock: socket.socket, where: Endpoint) -> None:
    sock.sendall(
        f"CONNECT {where.authority} HTTP/1.1\r\nHost: {where.authority}\r\n\r\n".encode("ascii")
    )
    status, _, _ = read_head(sock)
    if status != 200:
        raise MeasurementError("proxy_refused", f"the proxy answered {status} to CONNECT")


def request_head(
    where: Endpoint, method: str, path: str, headers: Mapping[str, str], *, version: str = "1.1"
) -> bytes:
    """Return the bytes of a request's head; `path` is below the endpoint's folder."""
    address = where.path + path
    if where.proxy and not where.tls:
        address = f"http://{where.authority}{address}"
    lines = [f"{method} {address} HTTP/{version}", f"Host: {where.authority}"]
    fields = {
        "User-Agent": "CampusGauge",
        "Accept-Encoding": "identity",
        "Cache-Control": "no-store",
        **headers,
    }
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Return status and headers (names in lower case) of a response's head.

    Raises MeasurementError not_http.
    """
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        raise MeasurementError("not_http", f"the server answered {first[:60]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return int(words[1]), headers


def read_head(sock: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Read a response's head from a blocking socket; also returns what followed it.

    Raises MeasurementError (server_gone, not_http) and OSError.
    """
    data = b""
    while HEAD_END not in data:
        if len(data) > MAX_HEAD_BYTES:
            raise MeasurementError("not_http", "the response's head has no end")
        more = sock.recv(16 * 1024)
        if not more:
            raise MeasurementError("server_gone", "closed before answering", transient=True)
        data += more
    head, _, rest = data.partition(HEAD_END)
    return (*parse_head(head), rest)


def exchange(
    where: Endpoint,
    method: str,
    path: str,
    headers: Mapping[str, str],
    *,
    body: bytes = b"",
    timeout_s: float = 10.0,
) -> Answer:
    """Do one control request on a connection of its own.

    Raises MeasurementError; HTTP error statuses are returned, not raised.
    """
    fields = {**headers, "Connection": "close", "Content-Length": str(len(body))}
    began = time.monotonic()
    ends_at = began + timeout_s
    with connect(where, timeout_s) as sock:
        connected_s = time.monotonic() - began
        try:
            sock.sendall(request_head(where, method, path, fields, version="1.0") + body)
            status, answer, data = read_head(sock)
            length = int(answer.get("content-length", MAX_BODY_BYTES))
            while len(data) < length:
                if len(data) > MAX_BODY_BYTES or time.monotonic() > ends_at:
                    raise MeasurementError("not_http", "the answer has no end")
                more = sock.recv(64 * 1024)
                if not more:
                    break
                data += more
        except (OSError, ValueError) as error:
            raise MeasurementError(
                "server_gone", f"{method} {path}: {error}", transient=True
            ) from error
        known = tcp_info.of(sock)
    rtt_s = known.min_rtt_s if known else None
    return Answer(status, answer, data, rtt_s or connected_s)


def abort(sock: socket.socket) -> None:
    """Close at once: queued data is dropped, so that a finished test stops using the line."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    finally:
        sock.close()
