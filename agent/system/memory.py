"""How much memory this host has and how much of it is still available."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import psutil

_MEMINFO = re.compile(rb"MemTotal: +(\d+) kB\nMemFree: .*\nMemAvailable: +(\d+) kB")
_NO_LIMIT_BYTES = 1 << 60
"""cgroup version 1 writes "no limit" as almost 2**63."""


@dataclass(frozen=True, slots=True)
class Memory:
    """`available_bytes` can be had without swapping; `bound_by` is `host` or `container`."""

    total_bytes: int
    available_bytes: int
    bound_by: str

    @property
    def used_ratio(self) -> float:
        """The share that is not available: cache that can be dropped does not count as used."""
        return 1 - self.available_bytes / self.total_bytes


@dataclass(frozen=True, slots=True)
class CgroupMemory:
    """Limit and use of a memory cgroup in bytes; `inactive_file_bytes` is cache that can go."""

    limit_bytes: int
    used_bytes: int
    inactive_file_bytes: int


def parse_cgroup_memory(limit: str, used: str, stat: str) -> CgroupMemory | None:
    """Parse the three files of a memory cgroup (version 1 or 2); None where there is no limit."""
    if not (_is_limit(limit) and used.strip().isdecimal()):
        return None
    fields = dict(line.partition(" ")[::2] for line in stat.splitlines())
    cache = fields.get("total_inactive_file") or fields.get("inactive_file") or "0"
    return CgroupMemory(int(limit), int(used), int(cache))


def _is_limit(text: str) -> bool:
    """Tell a limit from `max` (version 2), "no limit" as a number (version 1) and an empty file."""
    return text.strip().isdecimal() and int(text) < _NO_LIMIT_BYTES


def effective_memory(total_bytes: int, available_bytes: int, cgroup: CgroupMemory | None) -> Memory:
    """Return what processes here can have: the host's memory, or less where a container is limited.

    In a container both bounds hold: its own limit, and what the host has left.
    """
    if cgroup is None or not 0 < cgroup.limit_bytes < total_bytes:
        return Memory(total_bytes, min(available_bytes, total_bytes), "host")
    working_set_bytes = max(cgroup.used_bytes - cgroup.inactive_file_bytes, 0)
    left_bytes = max(cgroup.limit_bytes - working_set_bytes, 0)
    return Memory(cgroup.limit_bytes, min(left_bytes, available_bytes), "container")


def read_memory(proc_root: Path, sys_root: Path) -> Memory:
    """Return the memory of this host or container.

    Only limits at the root of the mounted cgroup tree are looked at. On a host that root has none;
    in a container it is the container's own cgroup. So the memory limit of the agent's own service
    is never taken for the server's memory.
    """
    total_bytes, available_bytes = _host_memory(proc_root)
    root = sys_root / "fs/cgroup"
    cgroup = _read_cgroup(root, "memory.max", "memory.current") or _read_cgroup(
        root / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
    )
    return effective_memory(total_bytes, available_bytes, cgroup)


def _host_memory(proc_root: Path) -> tuple[int, int]:
    """Return total and available bytes; from the head of meminfo, a fifth of psutil's work."""
    try:
        with (proc_root / "meminfo").open("rb", buffering=0) as file:
            found = _MEMINFO.search(file.read(256))
    except OSError:  # not Linux
        found = None
    if found is None:
        host = psutil.virtual_memory()
        return host.total, host.available
    return int(found[1]) * 1024, int(found[2]) * 1024


def _read_cgroup(folder: Path, limit: str, used: str) -> CgroupMemory | None:
    try:
        limit_text = (folder / limit).read_text()
        if not _is_limit(limit_text):  # the rest does not matter, and the kernel adds it up anew
            return None
        texts = [(folder / name).read_text() for name in (used, "memory.stat")]
    except OSError:
        return None
    return parse_cgroup_memory(limit_text, *texts)
