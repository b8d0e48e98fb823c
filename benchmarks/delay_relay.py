"""A bump in the wire: two tap devices in two namespaces, every frame held back for a fixed time.

Usage: delay_relay.py NETNS_A DEVICE_A NETNS_B DEVICE_B ONE_WAY_SECONDS [LOSS_PERCENT].
Prints `ready`. With loss, frames go one by one (no offload) and each is dropped at random.

The taps carry virtio headers with segmentation offload, so one read moves up to 64 KiB of TCP and
plain Python keeps up with several Gbit/s.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import random
import select
import struct
import sys
import time
from collections import deque

TUNSETIFF, TUNSETOFFLOAD, TUNSETVNETHDRSZ = 0x400454CA, 0x400454D0, 0x400454D8
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6 = 0x01, 0x02, 0x04
CLONE_NEWNET = 0x40000000
MAX_FRAME = 10 + 65550 + 64
SPIN_S = 0.0002


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


def relay(first: int, second: int, one_way_s: float, loss: float) -> None:
    """Move frames both ways until killed."""
    chance = random.Random(7)  # noqa: S311 - repeatable loss, no secret
    held: dict[int, deque[tuple[float, bytes]]] = {first: deque(), second: deque()}
    other = {first: second, second: first}
    poller = select.poll()
    for handle in held:
        poller.register(handle, select.POLLIN)
    while True:
        now = time.monotonic()
        due = min((queue[0][0] for queue in held.values() if queue), default=now + 1.0)
        # poll() only knows milliseconds: sleep short of the due time, then look again at once.
        wait_ms = max(0.0, (due - now - SPIN_S) * 1000)
        for handle, _ in poller.poll(int(wait_ms)):
            arrived = time.monotonic() + one_way_s
            queue = held[other[handle]]
            for _ in range(64):
                try:
                    frame = os.read(handle, MAX_FRAME)
                except BlockingIOError:
                    break
                # Small frames are acknowledgements: those are not what a test of loss is about.
                if not loss or len(frame) < 200 or chance.random() >= loss:
                    queue.append((arrived, frame))
        now = time.monotonic()
        for handle, queue in held.items():
            while queue and queue[0][0] <= now:
                try:
                    os.write(handle, queue.popleft()[1])
                except OSError:
                    continue  # the device's queue is full or down: the frame is lost


if __name__ == "__main__":
    lost = float(sys.argv[6]) / 100 if len(sys.argv) > 6 else 0.0
    sides = ((sys.argv[1], sys.argv[2]), (sys.argv[3], sys.argv[4]))
    taps = [open_tap(namespace, device, offload=not lost) for namespace, device in sides]
    print("ready", flush=True)
    relay(*taps, float(sys.argv[5]), lost)
