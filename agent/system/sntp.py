"""One question to a time server (SNTPv4, RFC 5905 §14, RFC 4330): how far this host's clock is off.

A packet of 48 bytes each way. `ntplib` would send this host's own time, take an answer to another
question for its own, and not see a server that says it has no time itself.
"""

from __future__ import annotations

import secrets
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agent.trouble import TroubleError

_EPOCH = datetime(1900, 1, 1, tzinfo=UTC)
_ERA = timedelta(seconds=2**32)
_PACKET = struct.Struct(">BBbb2i4s4Q")
_CLIENT, _SERVER = 3, 4
_UNSYNCHRONIZED = 3
_LARGEST_STRATUM = 15


@dataclass(frozen=True, slots=True)
class TimeAnswer:
    """What a server said. `offset` is its clock minus ours; it is right within half `round_trip`.

    Stratum 1 has a clock of its own, each higher one takes its time from the one below.
    """

    offset: timedelta
    round_trip: timedelta
    stratum: int
    reference: str


def ask_time(address: str, port: int, within_s: float, now: Callable[[], datetime]) -> TimeAnswer:
    """Ask once. Raises TroubleError `clock_…` where no time came that can be used."""
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM)
        family, _, _, _, place = min(found, key=lambda one: one[0] != socket.AF_INET)
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(within_s)
            sock.connect(place)
            # A random number in place of our time tells answers apart and tells nobody our clock.
            cookie = secrets.randbits(64)
            sent = now()
            sock.send(_PACKET.pack(4 << 3 | _CLIENT, 0, 0, 0, 0, 0, b"", 0, 0, 0, cookie))
            packet = sock.recv(1024)
            received = now()
    except socket.gaierror as error:
        raise TroubleError("clock_server_unresolved", str(error)) from error
    except TimeoutError as error:
        raise TroubleError("clock_server_silent", f"{address}:{port}") from error
    except OSError as error:
        raise TroubleError("clock_server_unreachable", str(error)) from error
    return read_answer(packet, cookie, sent, received)


def read_answer(packet: bytes, cookie: int, sent: datetime, received: datetime) -> TimeAnswer:
    """Read the answer to the question that carried `cookie`. Pure.

    Raises TroubleError `clock_server_wrong_answer`, `_refuses` (kiss-o'-death, RFC 5905 §7.4) or
    `_unsynchronized`.
    """
    if len(packet) < _PACKET.size:
        raise TroubleError("clock_server_wrong_answer", f"{len(packet)} bytes")
    head, stratum, _, _, _, _, reference, _, echoed, arrived, left = _PACKET.unpack_from(packet)
    if head & 7 != _SERVER or echoed != cookie:
        raise TroubleError("clock_server_wrong_answer", "not the answer to this question")
    if stratum == 0:
        raise TroubleError("clock_server_refuses", reference.decode("ascii", errors="replace"))
    if head >> 6 == _UNSYNCHRONIZED or stratum > _LARGEST_STRATUM or not left:
        raise TroubleError("clock_server_unsynchronized", f"stratum {stratum}")
    there, back = moment_of(arrived, received), moment_of(left, received)
    return TimeAnswer(
        offset=((there - sent) + (back - received)) / 2,
        round_trip=max((received - sent) - (back - there), timedelta()),
        stratum=stratum,
        reference=reference.rstrip(b"\0").decode("ascii", errors="replace")
        if stratum == 1
        else ".".join(map(str, reference)),
    )


def moment_of(timestamp: int, about: datetime) -> datetime:
    """Return the time of a 64-bit timestamp, in the era nearest to `about` (the next begins 2036).

    Raises TroubleError `clock_server_wrong_answer` beyond what a date can be.
    """
    seconds, fraction = timestamp >> 32, timestamp & 0xFFFFFFFF
    in_era = _EPOCH + timedelta(seconds=seconds, microseconds=fraction * 1_000_000 >> 32)
    eras = round((about - in_era) / _ERA)
    try:
        return in_era + eras * _ERA
    except OverflowError as error:
        raise TroubleError("clock_server_wrong_answer", str(timestamp)) from error
