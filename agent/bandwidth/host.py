"""What this host can say about itself while it measures: identity, interface, CPU.

Linux tells through /proc and /sys; elsewhere a fact is None, which the verdict takes as unknown.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from pathlib import Path
from typing import NamedTuple

from agent.system.interfaces import Kind, parse_interfaces, read_interfaces

SIOCGIFADDR = 0x8915


def host_id(proc_root: Path = Path("/proc")) -> str | None:
    """Return the identity a measurement server on this very machine announces, or None.

    Half of the kernel's boot id: random, new at every boot, shared by all containers of a machine.
    """
    try:
        boot_id = (proc_root / "sys/kernel/random/boot_id").read_text()
    except OSError:
        return None
    return boot_id.strip().replace("-", "")[:16] or None


def is_same_host(
    local_address: str, peer_address: str, server_host_id: str | None, own_host_id: str | None
) -> bool:
    """Whether the server is this very host: loopback, one of its addresses, or the same boot."""
    peer = peer_address.partition("%")[0].removeprefix("::ffff:")
    if peer == "::1" or peer.startswith("127.") or local_address == peer_address:
        return True
    return server_host_id is not None and server_host_id == own_host_id


class Interface(NamedTuple):
    """The interface that the test leaves through."""

    name: str
    kind: Kind
    speed_mbps: float | None
    is_up: bool


def interface_of(address: str, sys_root: Path = Path("/sys")) -> Interface | None:
    """Return the interface that has the local `address`, or None where that cannot be told."""
    name = _interface_name(address)
    if name is None:
        return None
    try:
        found = {i.name: i for i in parse_interfaces(read_interfaces(sys_root), is_guest=False)}
    except OSError:
        return None
    if name not in found:
        return None
    return Interface(name, found[name].kind, found[name].speed_mbps, found[name].is_up)


def _interface_name(address: str) -> str | None:
    plain = address.partition("%")[0]
    if ":" in plain:
        wanted = socket.inet_pton(socket.AF_INET6, plain).hex()
        try:
            lines = Path("/proc/net/if_inet6").read_text().splitlines()
        except OSError:
            return None
        return next((line.split()[-1] for line in lines if line.startswith(wanted)), None)
    return _interface_with(plain) if sys.platform == "linux" else None


def _interface_with(address: str) -> str | None:
    """Return the interface with the IPv4 `address`; Linux only."""
    import fcntl  # not on Windows

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                reply = fcntl.ioctl(sock.fileno(), SIOCGIFADDR, request)
            except OSError:
                continue
            if socket.inet_ntoa(reply[20:24]) == address:
                return name
    return None


class Meters(NamedTuple):
    """Counters at one instant; differences of two of them are evidence."""

    at_s: float
    core_busy_s: tuple[float, ...] | None
    """Busy time of each core since boot."""
    own_cpu_s: float
    own_waited_s: float | None
    """How long this thread was ready to run and had no core; None where the kernel keeps no such
    count."""
    received_bytes: int | None
    """By the interface, everybody's traffic, link-layer headers included."""
    sent_bytes: int | None


def read_meters(
    at_s: float,
    interface: str | None,
    proc_root: Path = Path("/proc"),
    sys_root: Path = Path("/sys"),
) -> Meters:
    """Read all counters now."""
    times = os.times()
    return Meters(
        at_s,
        _core_busy_s(proc_root),
        times.user + times.system,
        _own_waited_s(proc_root),
        _counter(sys_root, interface, "rx_bytes"),
        _counter(sys_root, interface, "tx_bytes"),
    )


def _own_waited_s(proc_root: Path) -> float | None:
    """Read the thread's time on the run queue (Documentation/scheduler/sched-stats.rst)."""
    try:
        return int((proc_root / "thread-self/schedstat").read_text().split()[1]) * 1e-9
    except (OSError, ValueError, IndexError):
        return None


def _core_busy_s(proc_root: Path) -> tuple[float, ...] | None:
    try:
        lines = (proc_root / "stat").read_text().splitlines()
    except OSError:
        return None
    tick = os.sysconf("SC_CLK_TCK")
    busy = []
    for line in lines:
        if line.startswith("cpu") and line[3].isdigit():
            user, nice, system, _idle, _iowait, irq, softirq, *_ = map(int, line.split()[1:])
            busy.append((user + nice + system + irq + softirq) / tick)
    return tuple(busy) or None


def _counter(sys_root: Path, interface: str | None, name: str) -> int | None:
    if interface is None:
        return None
    try:
        return int((sys_root / "class/net" / interface / "statistics" / name).read_text())
    except (OSError, ValueError):
        return None
