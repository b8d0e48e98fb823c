"""Probe `server_headroom`: how much of this server's CPU, memory and disk is in use.

What: processor time since the last sample, memory by what is still *available* (dropped caches are
not use), and the distinct local volumes pooled into one disk.

Rights: none.

Settings: none of its own.

Metrics: see `ServerHeadroom.metrics`. Stolen time counts as used, because this guest cannot have
it, and is reported beside; waiting for disks counts as idle, because the CPU could be had.

What makes it invalid: a guest seen without its host (label `guest`; over-commit is invisible from
inside), a container (label `container`; CPU figures are the host's), thin-provisioned disks,
a window that holds only a backup or an exam week. Network volumes are left out: they are headroom
of the server that exports them.

Evidence kept: length of the CPU window, what bound the memory, the pooled volumes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import psutil

from agent.probes.base import Context, Metric, Probe, require_supported_system
from agent.reading import Outcome, Reading
from agent.system.memory import read_memory
from agent.system.storage import Capacity, measure_volume, read_inventory, read_mount_table
from agent.system.virtualization import Virtualization, read_virtualization
from agent.system.volumes import Volume, without_user_names

_FIRST_WINDOW_S = 0.1
"""CPU use needs two points: the very first sample waits this long for its second one."""

_COUNTED_TWICE = ("guest", "guest_nice")
"""Linux adds these to `user` and `nice` as well (proc(5))."""


@dataclass(frozen=True)
class ServerHeadroomSettings:
    """Nothing to set."""


class ServerHeadroom(Probe[ServerHeadroomSettings]):
    """CPU, memory and disk use of this host; one reading for target `host`."""

    name = "server_headroom"
    title = "服务器余量"
    interval_s = 15.0
    settings_type = ServerHeadroomSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("cpu_used_ratio", "ratio", "Share of CPU time in use or stolen since last sample"),
        Metric("cpu_iowait_ratio", "ratio", "Share of CPU time idle because disks were waited for"),
        Metric("cpu_steal_ratio", "ratio", "Share of CPU time the hypervisor gave to others"),
        Metric("cpu_count", "count", "Logical processors"),
        Metric("memory_used_ratio", "ratio", "Share of memory that is not available"),
        Metric("memory_total_bytes", "B", "Memory of the host, or of the container's limit"),
        Metric("disk_used_ratio", "ratio", "Used share of the distinct local volumes together"),
        Metric("disk_total_bytes", "B", "What files can fill on the distinct local volumes"),
    )

    def __init__(self, system: str = sys.platform) -> None:
        self._system = system
        self._cpu_before: tuple[float, Mapping[str, float]] | None = None
        self._virtualization: Virtualization | None = None
        self._mount_table = ""
        self._local_volumes: tuple[Volume, ...] = ()

    def collect(self, settings: ServerHeadroomSettings, context: Context) -> Iterable[Reading]:  # noqa: ARG002 - the protocol hands every probe its settings
        """Yield one reading; a part that cannot be read is left out and named in the reason."""
        require_supported_system(self._system)
        if self._virtualization is None:
            self._virtualization = read_virtualization(
                self._system, context.proc_root, context.sys_root
            )
        window_s, cpu = self._cpu_since_last_sample(context)
        memory = read_memory(context.proc_root, context.sys_root)
        disks, no_disks = self._local_capacities(context)
        values = {
            **cpu_ratios(cpu),
            "cpu_count": float(psutil.cpu_count() or 1),
            "memory_used_ratio": memory.used_ratio,
            "memory_total_bytes": float(memory.total_bytes),
            **pooled_disks(disks.values()),
        }
        yield Reading(
            probe=self.name,
            target="host",
            time=context.now(),
            outcome=Outcome.OK,
            reason=None if disks else no_disks,
            values=values,
            labels=self._virtualization.labels(),
            details={
                "cpu_window_s": round(window_s, 3),
                "memory_bound_by": memory.bound_by,
                "volumes": [without_user_names(mountpoint) for mountpoint in disks],
            },
        )

    def _cpu_since_last_sample(self, context: Context) -> tuple[float, dict[str, float]]:
        """Return (seconds, CPU seconds by kind) since the last call; the first call waits a bit."""
        if self._cpu_before is None:
            self._cpu_before = (context.monotonic(), read_cpu_times())
            time.sleep(_FIRST_WINDOW_S)
        then, before = self._cpu_before
        now, after = context.monotonic(), read_cpu_times()
        self._cpu_before = (now, after)
        return now - then, cpu_delta(before, after)

    def _local_capacities(self, context: Context) -> tuple[dict[str, Capacity], str]:
        """Return the local volumes' sizes by mountpoint, and the reason should there be none.

        The volumes are told apart anew only when the mount table has changed: that is half of a
        sample's work, and a table hardly ever changes.
        """
        try:
            table = read_mount_table(self._system, context.proc_root)
            if not table or table != self._mount_table:
                volumes, _ = read_inventory(self._system, context.proc_root, context.sys_root)
                self._local_volumes = tuple(v for v in volumes if not v.is_network)
                self._mount_table = table
        except OSError:
            return {}, "mounts_unreadable"
        return dict(_measured(self._local_volumes)), "no_local_volume"


def read_cpu_times() -> dict[str, float]:
    """Return the seconds that all processors together spent, by kind, since the host started."""
    return dict(psutil.cpu_times()._asdict())


def cpu_delta(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return the seconds spent by kind between two samples.

    A counter that runs backwards, as iowait may (proc(5)), counts as no time.
    """
    return {kind: max(seconds - before.get(kind, 0.0), 0.0) for kind, seconds in after.items()}


def cpu_ratios(spent: Mapping[str, float]) -> dict[str, float]:
    """Turn CPU seconds by kind into ratios of the time that passed; empty where none passed."""
    total = sum(s for kind, s in spent.items() if kind not in _COUNTED_TWICE)
    if total <= 0:
        return {}
    iowait = spent.get("iowait", 0.0)
    ratios = {"cpu_used_ratio": 1 - min((spent.get("idle", 0.0) + iowait) / total, 1.0)}
    if "iowait" in spent:
        ratios["cpu_iowait_ratio"] = iowait / total
    if "steal" in spent:
        ratios["cpu_steal_ratio"] = spent["steal"] / total
    return ratios


def pooled_disks(capacities: Iterable[Capacity]) -> dict[str, float]:
    """Return the pooled use of several volumes, weighted by size; empty where there is none."""
    usable = used = 0
    for capacity in capacities:
        usable += capacity.usable_bytes
        used += capacity.used_bytes
    if not usable:
        return {}
    return {"disk_used_ratio": used / usable, "disk_total_bytes": float(usable)}


def _measured(volumes: Iterable[Volume]) -> Iterator[tuple[str, Capacity]]:
    """Yield (first mountpoint, size) of each volume that answers."""
    for volume in volumes:
        try:
            yield volume.parts[0], measure_volume(volume)
        except OSError:
            continue
