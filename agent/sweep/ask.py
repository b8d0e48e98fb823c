"""Asks many addresses at once, a packet each and at most two rounds.

On a subnet that this host is part of, ARP: nobody can hide from it. With CAP_NET_RAW we send the
requests; without, a datagram to the discard port makes the kernel send them, and its table of
neighbours holds the answers. Behind a router, ICMP echo where it is allowed, else TCP connections:
a refusal is an answer too. A packet library would weigh 34 MiB for the same answers.

Sources: RFC 826 (ARP), RFC 792 (ICMP), RFC 863 (discard).
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import selectors
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.system.reach import build_echo, is_echo_reply

AT_ONCE = 200
PACE_S = 0.001
WAIT_S = 1.0
ROUNDS = 2
DISCARD_PORT = 9
TCP_PORTS = (80, 443, 445, 22, 3389, 554, 9100, 8080)
"""Web, file sharing, remote desktop, cameras, printers: what devices of a school tend to have."""
_ETHERNET_ARP = 0x0806
_WINDOWS_NEIGHBOUR = re.compile(r"^\s*(\d+(?:\.\d+){3})\s+([0-9a-f]{2}(?:-[0-9a-f]{2}){5})\s", re.M)

Answers = dict[str, str]
"""Address -> hardware address, empty where only the address answered."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """The interface through which a subnet is reached without a router."""

    interface: str
    address: str
    hardware: str


def ask_by_arp(addresses: Sequence[str], through: Attachment) -> Answers:
    """Send ARP requests; needs CAP_NET_RAW. Raises PermissionError, OSError."""
    answers: Answers = {}
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETHERNET_ARP)) as sock:
        sock.bind((through.interface, _ETHERNET_ARP))
        sock.settimeout(0)
        for _ in range(ROUNDS):
            for address in addresses:
                if address not in answers:
                    sock.send(arp_request(through, address))
                    _take_arp(sock, answers, PACE_S)
            _take_arp(sock, answers, WAIT_S)
    wanted = set(addresses)
    return {address: hardware for address, hardware in answers.items() if address in wanted}


def arp_request(through: Attachment, address: str) -> bytes:
    """Return the Ethernet frame that asks who has `address`."""
    own = bytes.fromhex(through.hardware.replace(":", ""))
    head = b"\xff" * 6 + own + struct.pack(">H", _ETHERNET_ARP)
    sender = own + socket.inet_aton(through.address)
    return (
        head
        + struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1)
        + sender
        + b"\0" * 6
        + socket.inet_aton(address)
    )


def parse_arp_reply(frame: bytes) -> tuple[str, str] | None:
    """Return address and hardware address of an ARP reply, None for any other frame."""
    if len(frame) < 42 or frame[12:14] != b"\x08\x06":
        return None
    kinds = struct.unpack(">HHBBH", frame[14:22])
    if kinds != (1, 0x0800, 6, 4, 2):
        return None
    return socket.inet_ntoa(frame[28:32]), frame[22:28].hex(":")


def _take_arp(sock: socket.socket, answers: Answers, seconds: float) -> None:
    for frame in _frames(sock, seconds):
        if (found := parse_arp_reply(frame)) is not None:
            answers[found[0]] = found[1]


def _frames(sock: socket.socket, seconds: float) -> Iterator[bytes]:
    """Yield what arrives within `seconds`."""
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        while (left := until - time.monotonic()) > 0:
            if selector.select(left):
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    yield sock.recv(2048)


def ask_by_neighbours(
    addresses: Sequence[str], read_table: Callable[[], Answers] | None = None
) -> Answers:
    """Let the kernel ask, and read its neighbour table; needs no rights."""
    read = read_table or read_neighbour_table
    answers: Answers = {}
    for start in range(0, len(addresses), AT_ONCE):
        chunk = addresses[start : start + AT_ONCE]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for address in chunk:
                with contextlib.suppress(OSError):
                    sock.sendto(b"", (address, DISCARD_PORT))
                time.sleep(PACE_S)
        time.sleep(WAIT_S)
        found = read()
        answers.update({one: found[one] for one in chunk if one in found})
    return answers


def read_neighbour_table(system: str = sys.platform, proc_root: Path = Path("/proc")) -> Answers:
    """Return the addresses whose hardware address the system knows. Raises OSError."""
    if system == "win32":
        done = subprocess.run(
            ["arp", "-a"],  # noqa: S607 - a system's own program
            capture_output=True,
            timeout=10,
            check=False,
        )
        return parse_windows_neighbours(done.stdout.decode("ascii", "replace"))
    return parse_linux_neighbours((proc_root / "net" / "arp").read_text())


def parse_linux_neighbours(text: str) -> Answers:
    """Read /proc/net/arp: flag 2 is a complete entry."""
    answers: Answers = {}
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) >= 6 and int(fields[2], 16) & 2 and fields[3] != "00:00:00:00:00:00":
            answers[fields[0]] = fields[3].lower()
    return answers


def parse_windows_neighbours(text: str) -> Answers:
    """Read `arp -a` in any language, without multicast and broadcast."""
    return {
        address: hardware.replace("-", ":").lower()
        for address, hardware in _WINDOWS_NEIGHBOUR.findall(text.lower())
        if not int(hardware[:2], 16) & 1
    }


def ask_by_icmp(addresses: Sequence[str]) -> Answers:
    """Send echo requests. Raises PermissionError where neither kind of socket is allowed."""
    sock = _icmp_socket()
    token = os.urandom(16)
    answers: Answers = {}
    with sock:
        sock.settimeout(0)
        for round_number in range(1, ROUNDS + 1):
            echo = build_echo(os.getpid() & 0xFFFF, round_number, token)
            for address in addresses:
                if address not in answers:
                    with contextlib.suppress(OSError):  # no route to this one
                        sock.sendto(echo, (address, 0))
                    _take_echoes(sock, token, answers, PACE_S)
            _take_echoes(sock, token, answers, WAIT_S)
    wanted = set(addresses)
    return {address: "" for address in answers if address in wanted}


def _icmp_socket() -> socket.socket:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        with contextlib.suppress(OSError):
            return socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP)
    raise PermissionError("no ICMP socket")


def datagrams(sock: socket.socket, seconds: float, most_bytes: int) -> Iterator[tuple[bytes, str]]:
    """Yield what arrives within `seconds`, each with the address it came from."""
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        while (left := until - time.monotonic()) > 0:
            if not selector.select(left):
                continue
            try:
                datagram, sender = sock.recvfrom(most_bytes)
            except OSError:  # an ICMP error for an earlier question
                continue
            yield datagram, sender[0]


def _take_echoes(sock: socket.socket, token: bytes, answers: Answers, seconds: float) -> None:
    for packet, address in datagrams(sock, seconds, 2048):
        if is_echo_reply(packet, token):
            answers[address] = ""


def ask_by_tcp(addresses: Sequence[str], ports: Sequence[int] = TCP_PORTS) -> Answers:
    """Connect to one port after the other; whoever accepts or refuses is there. Needs no rights."""
    answers: Answers = {}
    for port in ports:
        left = [address for address in addresses if address not in answers]
        for start in range(0, len(left), AT_ONCE):
            answers.update(dict.fromkeys(_connect(left[start : start + AT_ONCE], port), ""))
    return answers


def _connect(addresses: Sequence[str], port: int) -> list[str]:
    found: list[str] = []
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        for address in addresses:
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            sock.settimeout(0)
            started = sock.connect_ex((address, port))
            if started in (0, errno.ECONNREFUSED):
                found.append(address)
            elif started in (errno.EINPROGRESS, errno.EWOULDBLOCK):
                selector.register(sock, selectors.EVENT_WRITE, address)
        until = time.monotonic() + WAIT_S
        while selector.get_map() and (left := until - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                sock = key.fileobj  # type: ignore[assignment]  # registered above as a socket
                selector.unregister(sock)
                if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (0, errno.ECONNREFUSED):
                    found.append(key.data)
    return found
