"""A TCP connection that is over at a given moment, however slowly the other side speaks.

A socket's own time-out starts anew with every byte, so a device that sends one byte a second would
hold a probe for hours.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.http1 import host_for_socket
from agent.trouble import TroubleError

if TYPE_CHECKING:
    import ssl

_READ_BYTES = 16 * 1024


class DeadlineSocket:
    """A connected socket whose every call raises TimeoutError once the time is up."""

    def __init__(self, sock: socket.socket, deadline_s: float) -> None:
        """`deadline_s` is a moment of `time.monotonic`."""
        self._sock = sock
        self._deadline_s = deadline_s

    def recv(self, size: int = _READ_BYTES) -> bytes:
        """Receive at most `size` bytes; empty where the other side has closed."""
        self._sock.settimeout(self._left_s())
        return self._sock.recv(size)

    def sendall(self, data: bytes) -> None:
        """Send everything."""
        self._sock.settimeout(self._left_s())
        self._sock.sendall(data)

    def start_tls(self, context: ssl.SSLContext, server_name: str) -> ssl.SSLSocket:
        """Speak TLS from now on; return the TLS socket, for what it knows of the certificate."""
        self._sock.settimeout(self._left_s())
        wrapped = context.wrap_socket(self._sock, server_hostname=server_name)
        self._sock = wrapped
        return wrapped

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    @property
    def peer(self) -> str:
        """The address at the other end."""
        return str(self._sock.getpeername()[0])

    def _left_s(self) -> float:
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("no end in time")
        return left_s


def connect(host: str, port: int, deadline_s: float) -> DeadlineSocket:
    """Connect by TCP. Raises TimeoutError, socket.gaierror and other OSError as they come."""
    name = host_for_socket(host)
    left_s = max(deadline_s - time.monotonic(), 0.001)
    address = (name.decode() if isinstance(name, bytes) else name, port)
    return DeadlineSocket(socket.create_connection(address, left_s), deadline_s)


@contextlib.contextmanager
def naming_network_trouble(prefix: str) -> Iterator[None]:
    """Turn what the network does inside into TroubleError `<prefix>_…`.

    The codes are `<prefix>_name_unresolved`, `_timeout`, `_refused` and `_unreachable`.
    """
    try:
        yield
    except socket.gaierror as error:
        raise TroubleError(f"{prefix}_name_unresolved", str(error)) from error
    except TimeoutError as error:
        raise TroubleError(f"{prefix}_timeout", str(error)) from error
    except ConnectionRefusedError as error:
        raise TroubleError(f"{prefix}_refused", str(error)) from error
    except OSError as error:
        raise TroubleError(f"{prefix}_unreachable", str(error)) from error
