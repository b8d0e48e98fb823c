"""Asks SIP devices whether their telephony works: OPTIONS, answered by any status.

Public-address terminals, intercoms and speakers of a school's network register by SIP. An echo
shows that their network part lives, an answer to OPTIONS that their telephony does. One datagram
each way needs no library.

Sources: RFC 3261 (11 OPTIONS, 8.1.1 what a request holds, 18.2.2 where an answer goes), RFC 3581.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Sequence

from agent.sweep.ask import datagrams

SIP_PORT = 5060
ROUNDS = 2
WAIT_S = 1.0
PACE_S = 0.002
_STATUS_LINE = re.compile(rb"SIP/2\.0 [1-6]\d\d ")


def ask_by_sip(addresses: Sequence[str], port: int = SIP_PORT) -> set[str]:
    """Return those of the IPv4 addresses whose SIP port answers; needs no rights."""
    call_id = os.urandom(12).hex()
    answered: set[str] = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("", 0))
        sock.settimeout(0)
        own_port = sock.getsockname()[1]
        for _ in range(ROUNDS):
            for address in addresses:
                if address not in answered and (own := _own_address(address)):
                    request = options_request(f"{address}:{port}", f"{own}:{own_port}", call_id)
                    with contextlib.suppress(OSError):  # no route, or nobody listens there
                        sock.sendto(request, (address, port))
                    _take(sock, call_id, answered, PACE_S)
            if answered >= set(addresses):
                break
            _take(sock, call_id, answered, WAIT_S)
    return answered & set(addresses)


def options_request(target: str, own: str, call_id: str) -> bytes:
    """Return the OPTIONS request for `host:port` of a device, sent from `host:port` `own`."""
    lines = (
        f"OPTIONS sip:{target} SIP/2.0",
        f"Via: SIP/2.0/UDP {own};rport;branch=z9hG4bK{call_id}",
        "Max-Forwards: 70",
        f"From: <sip:campusgauge@{own}>;tag={call_id[:8]}",
        f"To: <sip:{target}>",
        f"Call-ID: {call_id}",
        "CSeq: 1 OPTIONS",
        f"Contact: <sip:campusgauge@{own}>",
        "Accept: application/sdp",
        "Content-Length: 0",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")


def is_answer(datagram: bytes, call_id: str) -> bool:
    """Whether a datagram is a SIP answer to the question of that Call-ID, whatever it says."""
    if not _STATUS_LINE.match(datagram):
        return False
    head = datagram.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    fields = (line.partition(":") for line in head.split("\r\n")[1:])
    return any(
        name.strip().lower() in {"call-id", "i"} and value.strip() == call_id
        for name, _, value in fields
    )


def _own_address(address: str) -> str | None:
    """Return this host's address on the way there; no packet is sent."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((address, SIP_PORT))
        return str(sock.getsockname()[0])
    return None


def _take(sock: socket.socket, call_id: str, answered: set[str], seconds: float) -> None:
    for datagram, address in datagrams(sock, seconds, 4096):
        if is_answer(datagram, call_id):
            answered.add(address)
