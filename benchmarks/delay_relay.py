"""A bump in the wire: two tap devices in two namespaces, every frame held back for a fixed time.

Usage: delay_relay.py NETNS_A DEVICE_A NETNS_B DEVICE_B ONE_WAY_SECONDS LOSS_PERCENT FLOW_MBPS
POLICE_MBPS. Prints `ready`. With loss or policing, frames go one by one (no offload). FLOW_MBPS
queues every connection behind a rate of its own, POLICE_MBPS drops what is above a rate, each way;
0 means neither.

The taps carry virtio headers with segmentation offload, so one read moves up to 64 KiB of TCP and
plain Python keeps up with several Gbit/s. It runs with real-time priority, or the line would be as
slow as the machine is busy, and it watches itself: on SIGUSR1 it prints one line of JSON (`late_s`,
how long a frame waited at most beyond its time; `lost_frames`, those that found a device full)
and starts anew, so that a benchmark can void what the relay, not the line, has shaped.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import heapq
import json
import os
import random
import select
import signal
import struct
import sys
import time
from dataclasses import dataclass, field

TUNSETIFF, TUNSETOFFLOAD, TUNSETVNETHDRSZ = 0x400454CA, 0x400454D0, 0x400454D8
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6 = 0x01, 0x02, 0x04
CLONE_NEWNET = 0x40000000
MAX_FRAME = 10 + 65550 + 64
REAL_TIME_PRIORITY = 10
VNET_BYTES = 10
HEADERS = 66
"""Ethernet, IPv4, TCP with time stamps."""
SMALL = 200
PORTS = slice(VNET_BYTES + 34, VNET_BYTES + 38)
"""Of TCP over IPv4 without options."""
FLOW_QUEUE_S = 0.1
POLICE_BUCKET_S = 0.1


def open_tap(namespace: str, device: str, *, offload: bool) -> int:
    """Create `device` in `namespace`; the descriptor keeps working from anywhere."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net") as home, open(f"/var/run/netns/{namespace}") as away:  # noqa: PTH123
        if libc.setns(away.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
        handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
        fcntl.ioctl(handle, TUNSETIFF, struct.pack("16sH22x", device.encode(), flags))
        fcntl.ioctl(handle, TUNSETVNETHDRSZ, struct.pack("i", 10))
        if offload:
            fcntl.ioctl(handle, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
        if libc.setns(home.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "cannot return")
    return handle


@dataclass
class Rules:
    """What happens to frames on the way; rates in bytes per second, 0 = no limit."""

    one_way_s: float
    loss: float
    flow_bytes_s: float
    police_bytes_s: float
    chance: random.Random = field(
        default_factory=lambda: random.Random(7)  # noqa: S311 - repeatable loss, no secret
    )


@dataclass
class Way:
    """One direction: frames by the time they are due, and what the limits remember."""

    rules: Rules
    held: list[tuple[float, int, bytes]] = field(default_factory=list)
    order: int = 0
    flow_free_at: dict[bytes, float] = field(default_factory=dict)
    credit_bytes: float = 0.0
    filled_at: float = 0.0

    def take(self, frame: bytes, now: float) -> None:
        """Queue `frame`, or drop it."""
        rules = self.rules
        # Small frames are acknowledgements: those are not what a test of loss is about.
        if rules.loss and len(frame) >= SMALL and rules.chance.random() < rules.loss:
            return
        if rules.police_bytes_s and not self._passes(len(frame) - VNET_BYTES, now):
            return
        due = now
        if rules.flow_bytes_s:
            flow = frame[PORTS]
            due = max(now, self.flow_free_at.get(flow, 0.0))
            if due - now > FLOW_QUEUE_S:
                return
            self.flow_free_at[flow] = due + wire_bytes(frame) / rules.flow_bytes_s
        self.order += 1
        heapq.heappush(self.held, (due + rules.one_way_s, self.order, frame))

    def _passes(self, size: int, now: float) -> bool:
        rate = self.rules.police_bytes_s
        room = self.credit_bytes + (now - self.filled_at) * rate
        self.credit_bytes, self.filled_at = min(room, rate * POLICE_BUCKET_S), now
        if self.credit_bytes < size:
            return False
        self.credit_bytes -= size
        return True


def wire_bytes(frame: bytes) -> int:
    """Return what the frame is on the wire, cut into segments."""
    segment = int.from_bytes(frame[4:6], sys.byteorder)
    body = len(frame) - VNET_BYTES
    return body + (max(0, -(-(body - HEADERS) // segment) - 1) * HEADERS if segment else 0)


@dataclass
class Conduct:
    """How well the relay itself kept time since it was last asked."""

    late_s: float = 0.0
    lost_frames: int = 0

    def tell(self) -> None:
        """Print it as JSON and start anew."""
        print(json.dumps({"late_s": self.late_s, "lost_frames": self.lost_frames}), flush=True)
        self.late_s, self.lost_frames = 0.0, 0


def relay(first: int, second: int, rules: Rules, conduct: Conduct) -> None:
    """Move frames both ways until killed."""
    ways = {first: Way(rules), second: Way(rules)}
    other = {first: second, second: first}
    while True:
        now = time.monotonic()
        due = min((way.held[0][0] for way in ways.values() if way.held), default=now + 1.0)
        # select() sleeps to the microsecond where poll() would have to spin through a millisecond.
        readable, _, _ = select.select(list(ways), [], [], max(0.0, due - now))
        for handle in readable:
            take_in(handle, ways[other[handle]])
        for handle, way in ways.items():
            hand_on(handle, way, conduct)


def take_in(handle: int, way: Way) -> None:
    """Read what waits at a tap."""
    for _ in range(64):
        try:
            frame = os.read(handle, MAX_FRAME)
        except BlockingIOError:
            break
        way.take(frame, time.monotonic())


def hand_on(handle: int, way: Way, conduct: Conduct) -> None:
    """Write the frames whose time has come."""
    now = time.monotonic()
    while way.held and way.held[0][0] <= now:
        due, _, frame = heapq.heappop(way.held)
        conduct.late_s = max(conduct.late_s, now - due)
        try:
            os.write(handle, frame)
        except OSError:
            conduct.lost_frames += 1  # the device is full or down
        now = time.monotonic()


def take_priority() -> None:
    """Go before every ordinary process, where that is allowed."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(REAL_TIME_PRIORITY))
    except OSError:
        os.setpriority(os.PRIO_PROCESS, 0, -20)


if __name__ == "__main__":
    delay_s, lost_percent, flow_mbps, police_mbps = map(float, sys.argv[5:9])
    rules = Rules(delay_s, lost_percent / 100, flow_mbps * 125_000, police_mbps * 125_000)
    sides = ((sys.argv[1], sys.argv[2]), (sys.argv[3], sys.argv[4]))
    whole = not rules.loss and not rules.police_bytes_s
    taps = [open_tap(namespace, device, offload=whole) for namespace, device in sides]
    conduct = Conduct()
    signal.signal(signal.SIGUSR1, lambda *_: conduct.tell())
    take_priority()
    gc.disable()  # nothing here is cyclic, and a collection is a pause
    print("ready", flush=True)
    relay(*taps, rules, conduct)
