"""The default gateway of this host, and whether it answers."""

from __future__ import annotations

import dataclasses
import re
import socket
import struct
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from agent.system.reach import Attempt, try_icmp, try_tcp

_ROUTE_UP_AND_GATEWAY = 0x1 | 0x2
_NEIGHBOUR_COMPLETE = 0x2
_TCP_PORTS = (80, 443, 53)
"""Ports that gateways tend to answer on; a refusal is an answer as well."""
_WINDOWS_ROUTE = re.compile(r"^\s*0\.0\.0\.0\s+0\.0\.0\.0\s+(\d+(?:\.\d+){3})\s.*?(\d+)\s*$", re.M)


def parse_default_gateway(text: str) -> str | None:
    """Return the IPv4 default gateway of a /proc/net/route text, the one of least metric.

    None where there is no default route, or only one without a gateway (a point-to-point line).
    """
    best: tuple[int, str] | None = None
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8 or fields[1] != "00000000" or fields[7] != "00000000":
            continue
        try:
            flags, metric, gateway = int(fields[3], 16), int(fields[6]), int(fields[2], 16)
        except ValueError:
            continue
        if flags & _ROUTE_UP_AND_GATEWAY == _ROUTE_UP_AND_GATEWAY:
            # The kernel prints the address as a number of the host's byte order.
            address = socket.inet_ntoa(struct.pack("=I", gateway))
            best = min(best or (metric, address), (metric, address))
    return best[1] if best else None


def parse_windows_gateway(text: str) -> str | None:
    """Return the gateway of `route print -4 0.0.0.0`, the one of least metric.

    Only the numbers are read: the words around them are in the system's language.
    """
    routes = [(int(m.group(2)), m.group(1)) for m in _WINDOWS_ROUTE.finditer(text)]
    return min(routes)[1] if routes else None


def parse_neighbours(text: str) -> dict[str, bool]:
    """Return IPv4 address -> whether it answered ARP, from /proc/net/arp."""
    neighbours: dict[str, bool] = {}
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) >= 6:
            try:
                complete = bool(int(fields[2], 16) & _NEIGHBOUR_COMPLETE)
            except ValueError:
                continue
            neighbours[fields[0]] = neighbours.get(fields[0], False) or complete
    return neighbours


def read_default_gateway(system: str, proc_root: Path) -> str | None:
    """Return the IPv4 default gateway, or None where there is none or it cannot be read."""
    try:
        if system == "win32":
            command = ["route", "print", "-4", "0.0.0.0"]  # noqa: S104 - the default route, no bind
            shown = subprocess.run(command, capture_output=True, timeout=1.0, check=False)  # noqa: S603 - fixed words
            return parse_windows_gateway(shown.stdout.decode(errors="replace"))
        return parse_default_gateway((proc_root / "net/route").read_text())
    except (OSError, subprocess.SubprocessError):
        return None


def try_gateway(
    address: str, within_s: float, neighbours: Callable[[], Mapping[str, bool]] | None
) -> Attempt:
    """Say whether the gateway is there: by echo, else by TCP, else by ARP.

    It is lost only when all three say so: many gateways answer no ping. Without a neighbour table
    (`neighbours` None) silence proves nothing and `reached` is None. A table entry may outlive its
    gateway for up to a minute, so ARP is the last resort.
    """
    by_echo = try_icmp(address, within_s / 2)
    if by_echo.reached:
        return by_echo
    by_tcp = by_echo
    for port in _TCP_PORTS:
        by_tcp = try_tcp(address, port, within_s / 2 / len(_TCP_PORTS))
        if by_tcp.reached or by_tcp.reason == "anchor_refused":
            return dataclasses.replace(by_tcp, reached=True, reason=None, detail="answered by TCP")
    if neighbours is None:
        return Attempt(reached=None, reason="gateway_silent", address=address)
    if neighbours().get(address):
        return Attempt(reached=True, address=address, detail="answered by ARP only")
    return Attempt(reached=False, reason="lan_down", address=address, detail=by_tcp.detail)


def read_neighbours(proc_root: Path) -> dict[str, bool]:
    """Return the neighbour table; empty where it cannot be read."""
    try:
        return parse_neighbours((proc_root / "net/arp").read_text())
    except OSError:
        return {}
