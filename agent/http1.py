"""HTTP/1.1 as a client over a socket that somebody else opened: one exchange at a time.

h11 parses and frames; this file moves the bytes. `http.client` does the same but brings all of
`email`, `locale` and `calendar` with it, 1.5 MiB of a steady process that is meant to be small.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass

import h11

_READ_BYTES = 16 * 1024
_MAX_READS = 100_000
"""Of the socket for one answer; a server that sends single bytes is not waited for for ever."""


class HttpError(Exception):
    """What came back is no HTTP/1.1, or the connection ended in the middle of it."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. Header names are lower case; of a repeated header the last is kept."""

    status: int
    headers: dict[str, str]
    body: bytes


def host_for_socket(host: str) -> bytes | str:
    """Return a host name in the form that costs least: ASCII needs no IDNA tables (300 KiB)."""
    return host.encode("ascii") if host.isascii() else host


def authority(host: str, port: int, default_port: int) -> str:
    """Return the Host header (RFC 9110 §7.2)."""
    name = f"[{host}]" if ":" in host else host
    if not name.isascii():
        name = name.encode("idna").decode("ascii")
    return name if port == default_port else f"{name}:{port}"


class Http1Connection:
    """Requests over one connected socket, one after the other; closing it is `close`."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._http = h11.Connection(h11.CLIENT)

    def exchange(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]],
        body: bytes = b"",
        *,
        max_body_bytes: int,
    ) -> Response:
        """Send a request and return its answer, the body cut after `max_body_bytes` (0: unread).

        Raises HttpError, and OSError for what the network does, the socket's time-out included.
        """
        try:
            self._send(h11.Request(method=method, target=target, headers=list(headers)), body)
            return self._receive(max_body_bytes)
        except h11.ProtocolError as error:
            raise HttpError(str(error)) from error

    def _send(self, request: h11.Request, body: bytes) -> None:
        parts = [self._http.send(request)]
        if body:
            parts.append(self._http.send(h11.Data(data=body)))
        parts.append(self._http.send(h11.EndOfMessage()))
        self._sock.sendall(b"".join(part for part in parts if part))

    def _receive(self, max_body_bytes: int) -> Response:
        response: h11.Response | None = None
        body = bytearray()
        reads = 0
        while len(body) <= max_body_bytes:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                reads += 1
                if reads > _MAX_READS:
                    raise HttpError("the answer comes in crumbs")
                self._http.receive_data(self._sock.recv(_READ_BYTES))
            elif isinstance(event, h11.Response):
                response = event
                if max_body_bytes == 0:
                    break
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            elif not isinstance(event, h11.InformationalResponse):
                raise HttpError("the connection was closed without an answer")
        if response is None:
            raise HttpError("an answer without a head")
        fields = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in response.headers
        }
        return Response(response.status_code, fields, bytes(body[:max_body_bytes]))

    def ready_again(self) -> bool:
        """Prepare for the next request; False where this connection has served its last."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            return True
        return False

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()
