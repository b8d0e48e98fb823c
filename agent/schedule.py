"""When a probe is due: evenly spread over devices, the same every day on one device.

Pure, but for `jitter`.
"""

from __future__ import annotations

import hashlib
import os


def phase_s(device: str, probe: str, interval_s: float) -> float:
    """Return this device's offset within the interval, in [0, interval_s).

    A hash of device and probe: a thousand agents that start at eight o'clock do not all measure at
    eight, and nobody has to hand out times. The hash stands for one moment and the offset is what
    is left of it, so that slots of 15 s and 60 s under one name meet every minute.
    """
    digest = hashlib.sha256(f"{device}/{probe}".encode()).digest()
    moment_ms = int.from_bytes(digest[:5], "big")  # within 35 years
    return moment_ms / 1000 % interval_s


def seconds_to_next(
    now_s: float, interval_s: float, offset_s: float, since_last_s: float | None
) -> float:
    """Return how long to wait until the next slot of the grid `offset_s + n * interval_s`.

    `now_s` is wall-clock time, so that slots survive restarts; after a clock jump the grid is
    simply met again. A slot closer than half an interval to the last run (`since_last_s`, measured
    on the monotonic clock) is left out, so that a clock step never doubles a run.
    """
    wait_s = (offset_s - now_s) % interval_s
    if since_last_s is not None and since_last_s + wait_s < interval_s / 2:
        wait_s += interval_s
    return wait_s


def jitter() -> float:
    """Return a random number in [0, 1), without the 0.3 MiB of the module `random`."""
    return int.from_bytes(os.urandom(4)) / 2**32
