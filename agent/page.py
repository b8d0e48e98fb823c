"""Serves the local page over HTTP/1.1 on a loopback port, one request a connection.

One thread sleeps in `accept` until somebody asks, so that an unread page costs nothing. HTTP is
parsed by h11, which the connection to the collector uses as well: the standard library's servers
would add `http.server` and all of `email` to the steady process.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import h11

from agent.settings import ExpositionSettings

CLIENT_TIMEOUT_S = 2.0
"""A client has this long to ask, and as long to take the answer."""
_MAX_REQUEST_BYTES = 16 * 1024
_PATHS = (b"/", b"/metrics")
_TEXT = b"text/plain; version=0.0.4; charset=utf-8"
_log = logging.getLogger("agent.page")


class Page:
    """The local page; `stop` ends it."""

    def __init__(self, settings: ExpositionSettings, text: Callable[[], str]) -> None:
        """Serve what `text` returns at each request. Raises OSError where the address is taken."""
        self._text = text
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        self._listener = socket.create_server((settings.host, settings.port), family=family)
        self._host = settings.host
        self.port: int = self._listener.getsockname()[1]
        self._ending = False
        self._thread = threading.Thread(target=self._serve, name="page", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._ending:
            try:
                client, _ = self._listener.accept()
            except OSError as error:  # out of descriptors, or a client that went at once
                _log.warning("page_accept error=%s", error)
                time.sleep(1.0)
                continue
            with client, suppress(OSError):
                if not self._ending:
                    self._answer(client)

    def _answer(self, client: socket.socket) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_REQUEST_BYTES)
        method = b""
        try:
            request = _read_request(client, connection)
            method = request.method
            status, body = self._answer_to(request)
        except h11.RemoteProtocolError as error:
            status, body = error.error_status_hint, b"not an HTTP request\n"
        except Exception as error:  # noqa: BLE001 - a fault of ours: the page answers the next one
            _log.error("page_broke error=%r", error)
            status, body = 500, b"see the agent's log\n"
        if connection.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        headers = [
            (b"Content-Type", _TEXT),
            (b"Content-Length", str(len(body)).encode()),
            (b"Connection", b"close"),
        ]
        parts = (
            connection.send(h11.Response(status_code=status, headers=headers)),
            connection.send(h11.Data(data=b"" if method == b"HEAD" else body)),
            connection.send(h11.EndOfMessage()),
        )
        client.settimeout(CLIENT_TIMEOUT_S)
        client.sendall(b"".join(part for part in parts if part))

    def _answer_to(self, request: h11.Request) -> tuple[int, bytes]:
        if request.method not in (b"GET", b"HEAD"):
            return 405, b"only GET and HEAD\n"
        if request.target.partition(b"?")[0] not in _PATHS:
            return 404, b"see /metrics\n"
        return 200, self._text().encode()

    def stop(self) -> None:
        """End the thread and give the port back, within a second."""
        self._ending = True
        with suppress(OSError):  # wakes the thread out of `accept`
            socket.create_connection((self._host, self.port), 0.1).close()
        self._thread.join(1.0)
        self._listener.close()


def _read_request(client: socket.socket, connection: h11.Connection) -> h11.Request:
    """Return the head of the request. Raises OSError when it does not come in time.

    Raises h11.RemoteProtocolError for what is no HTTP, or too long.
    """
    deadline_s = time.monotonic() + CLIENT_TIMEOUT_S
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            raise ConnectionError("closed before asking")
        client.settimeout(max(deadline_s - time.monotonic(), 0.001))
        connection.receive_data(client.recv(4096))
