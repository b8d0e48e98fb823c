"""What the measurement server can say about its own host: identity, port speed, CPU load."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

MIN_INTERVAL_S = 0.05


@dataclass(frozen=True, slots=True)
class HostFacts:
    """`host_id` is equal for processes on the same running machine and says nothing else.

    `port_mbps` is the announced speed of the network port, None when unknown.
    """

    host_id: str | None
    port_mbps: float | None = None


def host_facts(
    host_id: str | None = None, port_mbps: float | None = None, proc_root: Path = Path("/proc")
) -> HostFacts:
    """Return the facts; given values win over what the system says.

    The agent derives its own id the same way (`agent/bandwidth/host.py`): half of Linux' boot id,
    which is random, new at every boot and shared by all containers of a machine.
    """
    if host_id is None:
        try:
            boot_id = (proc_root / "sys/kernel/random/boot_id").read_text()
        except OSError:
            boot_id = ""
        host_id = boot_id.strip().replace("-", "")[:16] or None
    return HostFacts(host_id, port_mbps)


class CpuMeter:
    """Use of one core by this process; near 1.0 it would be the bottleneck."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: tuple[float, float] | None = None

    def used_ratio(self) -> float | None:
        """Return the use since the last call a moment ago, None at first."""
        now, used = time.monotonic(), sum(os.times()[:2])
        with self._lock:
            before, self._last = self._last, (now, used)
        if before is None or now - before[0] < MIN_INTERVAL_S:
            return None
        return round((used - before[1]) / (now - before[0]), 3)


def busy_s(proc_root: Path = Path("/proc")) -> float:
    """Return how long this host's cores have been busy since boot, on average; 0.0 if unknown.

    The slope over a transfer is the host's load: at 1.0 the server limits the result.
    """
    try:
        with (proc_root / "stat").open() as file:
            fields = file.readline().split()
    except OSError:
        return 0.0
    user, nice, system, _idle, _iowait, irq, softirq = map(int, fields[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK") / (os.cpu_count() or 1)
