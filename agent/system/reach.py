"""One attempt to reach an address: TCP handshake, HTTP request, DNS question or ICMP echo.

Asking one given DNS server and sending one echo are a datagram each, and a resolver or ping library
would weigh more in the steady process than both together.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agent.http1 import Http1Connection, HttpError, authority, host_for_socket

_ECHO_REPLY = 0
_ECHO_REQUEST = 8
_DNS_NO_SUCH_NAME = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How an attempt ended.

    `reached` is None where nothing could be tried. `reason` is a code of rubrics/reasons.yaml and
    is None exactly where the address was reached; `detail` is the system's own words. `address` is
    the one that was tried, empty where the name had none. `connect_ms` is the round trip.
    """

    reached: bool | None
    reason: str | None = None
    connect_ms: float | None = None
    address: str = ""
    is_this_host: bool = False
    detail: str = ""


class _WrongAnswerError(Exception):
    """Something answered, but not what was asked for."""


def try_tcp(host: str, port: int, within_s: float) -> Attempt:
    """Connect and close again; `connect_ms` is the handshake."""
    with _attempting() as trial:
        trial.resolve(host, port, socket.SOCK_STREAM)
        with socket.socket(trial.family, socket.SOCK_STREAM) as sock:
            sock.settimeout(within_s)
            trial.start()
            sock.connect(trial.socket_address)
            trial.stop()
    return trial.attempt()


def try_http(
    host: str, port: int, path: str, expect_status: int | None, within_s: float
) -> Attempt:
    """Ask for `path`; `connect_ms` is the TCP handshake.

    Reached means the expected status, or any 2xx or 3xx where none is expected. A sign-in page in
    between answers with another status than an anchor such as `/generate_204`.
    """
    with _attempting() as trial:
        trial.resolve(host, port, socket.SOCK_STREAM)
        with socket.socket(trial.family, socket.SOCK_STREAM) as sock:
            sock.settimeout(within_s)
            trial.start()
            sock.connect(trial.socket_address)
            trial.stop()
            headers = [("Host", authority(host, port, 80)), ("Connection", "close")]
            try:
                answer = Http1Connection(sock).exchange("GET", path, headers, max_body_bytes=0)
            except HttpError as error:
                raise _WrongAnswerError(f"no HTTP: {error!r}") from error
        status = answer.status
        if status != expect_status and (expect_status is not None or not 200 <= status < 400):
            raise _WrongAnswerError(f"HTTP status {status}")
    return trial.attempt()


def try_dns(host: str, port: int, query: str, within_s: float) -> Attempt:
    """Ask the DNS server `host` for the IPv4 address of `query`.

    Reached means an answer, "no such name" included: the server spoke. Any other error code is a
    server that cannot reach the Internet itself, so it is a wrong answer.
    """
    with _attempting() as trial:
        trial.resolve(host, port, socket.SOCK_DGRAM)
        question = build_dns_question(int.from_bytes(os.urandom(2)), query)
        with socket.socket(trial.family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(within_s)
            sock.connect(trial.socket_address)
            trial.start()
            sock.send(question)
            reply = sock.recv(4096)
            trial.stop()
        code = parse_dns_reply(question, reply)
        if code not in (0, _DNS_NO_SUCH_NAME):
            raise _WrongAnswerError("not a reply" if code is None else f"DNS error code {code}")
    return trial.attempt()


def try_icmp(host: str, within_s: float) -> Attempt:
    """Send one echo request over IPv4.

    Needs `net.ipv4.ping_group_range` to cover the agent's group, or CAP_NET_RAW; without either
    nothing is tried and `reached` is None.
    """
    sock = _open_icmp()
    if sock is None:
        return Attempt(reached=None, reason="icmp_not_permitted")
    with sock, _attempting() as trial:
        trial.resolve(host, 0, socket.SOCK_DGRAM, socket.AF_INET)
        token = os.urandom(16)
        deadline = time.monotonic() + within_s
        trial.start()
        sock.sendto(build_echo(os.getpid() & 0xFFFF, 1, token), trial.socket_address)
        while True:
            sock.settimeout(max(deadline - time.monotonic(), 0.001))
            if is_echo_reply(sock.recv(2048), token):
                break
            if time.monotonic() > deadline:
                raise TimeoutError("no echo reply")
        trial.stop()
    return trial.attempt()


def build_dns_question(query_id: int, name: str) -> bytes:
    """Return a recursive question for the A record of `name` (RFC 1035, 4.1).

    Raises ValueError for a name that DNS cannot carry.
    """
    labels = name.rstrip(".").encode("ascii" if name.isascii() else "idna").split(b".")
    if not all(0 < len(label) < 64 for label in labels):
        raise ValueError(f"not a domain name: {name!r}")
    encoded = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return struct.pack(">6H", query_id, 0x0100, 1, 0, 0, 0) + encoded + struct.pack(">2H", 1, 1)


def parse_dns_reply(question: bytes, reply: bytes) -> int | None:
    """Return the error code of the reply to `question`; None where it is no reply to it."""
    if len(reply) < 12 or reply[:2] != question[:2]:
        return None
    flags = int.from_bytes(reply[2:4])
    is_reply, code = bool(flags & 0x8000), flags & 0x000F
    # Servers may leave the question out of an error, and may change the case of the name.
    asked = reply[12 : len(question)].lower()
    repeats = asked == question[12:].lower() or (code != 0 and len(reply) == 12)
    return code if is_reply and repeats else None


def build_echo(identifier: int, sequence: int, payload: bytes) -> bytes:
    """Return an ICMP echo request with its checksum (RFC 792, RFC 1071)."""
    head = struct.pack(">BBHHH", _ECHO_REQUEST, 0, 0, identifier, sequence)
    checksum = internet_checksum(head + payload)
    return struct.pack(">BBHHH", _ECHO_REQUEST, 0, checksum, identifier, sequence) + payload


def internet_checksum(data: bytes) -> int:
    """Return the ones' complement sum of RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def is_echo_reply(packet: bytes, token: bytes) -> bool:
    """Whether `packet` is the echo reply that carries `token`, with or without its IP header.

    A raw socket hands over the IP header and every ICMP packet of the host; the token is random.
    """
    if packet[:1] and packet[0] >> 4 == 4:
        packet = packet[(packet[0] & 0x0F) * 4 :]
    return len(packet) >= 8 and packet[0] == _ECHO_REPLY and packet[8:] == token


def _open_icmp() -> socket.socket | None:
    """Return an ICMP socket, the unprivileged kind first, or None where neither is allowed."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        with contextlib.suppress(OSError):
            return socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP)
    return None


class _Trial:
    """One attempt while it runs: where to, how long it took, how it ended."""

    def __init__(self) -> None:
        self.family = socket.AF_INET
        self.socket_address: tuple[Any, ...] = ()
        self._started_s = 0.0
        self._connect_ms: float | None = None
        self.failure: tuple[str, str] | None = None

    @property
    def address(self) -> str:
        return str(self.socket_address[0]) if self.socket_address else ""

    def resolve(
        self, host: str, port: int, kind: socket.SocketKind, family: int = socket.AF_UNSPEC
    ) -> None:
        found = socket.getaddrinfo(host_for_socket(host), port, family, kind)
        # IPv4 where there is a choice: the outlet that schools are scored on, and the gateway's.
        chosen = min(found, key=lambda each: each[0] != socket.AF_INET)
        self.family, self.socket_address = chosen[0], chosen[4]

    def start(self) -> None:
        self._started_s = time.perf_counter()

    def stop(self) -> None:
        self._connect_ms = (time.perf_counter() - self._started_s) * 1000

    def attempt(self) -> Attempt:
        """Return the outcome, once the attempt is over."""
        reason, detail = self.failure or (None, "")
        return Attempt(
            reached=reason is None,
            reason=reason,
            connect_ms=self._connect_ms if reason is None else None,
            address=self.address,
            is_this_host=bool(self.address) and is_this_host(self.family, self.address),
            detail=detail,
        )


@contextlib.contextmanager
def _attempting() -> Iterator[_Trial]:
    """Turn what goes wrong inside into the trial's failure."""
    trial = _Trial()
    try:
        yield trial
    except (socket.gaierror, UnicodeError) as error:
        trial.failure = ("anchor_name_unresolved", str(error))
    except TimeoutError as error:
        trial.failure = ("anchor_timeout", str(error))
    except ConnectionRefusedError as error:
        trial.failure = ("anchor_refused", str(error))
    except _WrongAnswerError as error:
        trial.failure = ("anchor_wrong_answer", str(error))
    except OSError as error:
        trial.failure = ("anchor_unreachable", str(error))


def is_this_host(family: int, address: str) -> bool:
    """Whether the address is one of this host's own: nothing is sent, the route alone tells."""
    if address.startswith("127.") or address == "::1":
        return True
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((address, 9))
        return bool(sock.getsockname()[0] == address)
    return False
