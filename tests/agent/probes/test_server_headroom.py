"""The server_headroom probe: CPU arithmetic, available memory, pooled disks, and this host."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.probes.base import Context, ProbeError
from agent.probes.server_headroom import (
    ServerHeadroom,
    ServerHeadroomSettings,
    cpu_delta,
    cpu_ratios,
    pooled_disks,
)
from agent.reading import Outcome, Reading
from agent.system.memory import effective_memory, parse_cgroup_memory, read_memory
from agent.system.storage import Capacity

GIB = 1 << 30
seconds = st.floats(min_value=0, max_value=1e9, allow_nan=False)
cpu_kinds = st.fixed_dictionaries(
    dict.fromkeys(("user", "system", "idle", "iowait", "steal", "guest"), seconds)
)


def test_cpu_use_is_that_of_the_interval_not_since_boot() -> None:
    """After a busy year, a quiet interval reads as quiet."""
    before = {"user": 9e6, "system": 1e6, "idle": 1e6, "iowait": 0.0, "steal": 0.0}
    after = {"user": 9e6 + 1, "system": 1e6, "idle": 1e6 + 9, "iowait": 0.0, "steal": 0.0}
    assert cpu_ratios(cpu_delta(before, after))["cpu_used_ratio"] == pytest.approx(0.1)


def test_stolen_time_is_used_and_waiting_is_not() -> None:
    """Steal cannot be had by this guest; iowait could; both are named."""
    ratios = cpu_ratios({"user": 2, "idle": 4, "iowait": 2, "steal": 2})
    assert ratios == pytest.approx(
        {"cpu_used_ratio": 0.4, "cpu_iowait_ratio": 0.2, "cpu_steal_ratio": 0.2}
    )


def test_guest_time_is_counted_once() -> None:
    """Linux adds guest time to user time as well."""
    spent = {"user": 5.0, "idle": 5.0, "guest": 5.0, "guest_nice": 0.0}
    assert cpu_ratios(spent)["cpu_used_ratio"] == pytest.approx(0.5)


def test_no_time_passed_is_no_value() -> None:
    """Two samples of the same tick give no ratio, not a zero."""
    assert cpu_ratios({"user": 0.0, "idle": 0.0}) == {}


@given(cpu_kinds, cpu_kinds)
def test_cpu_ratios_stay_between_zero_and_one(
    before: dict[str, float], after: dict[str, float]
) -> None:
    """Whatever counters do, run backwards included, every ratio is a ratio."""
    for ratio in cpu_ratios(cpu_delta(before, after)).values():
        assert 0 <= ratio <= 1


def test_container_limit_bounds_memory(recorded: Path) -> None:
    """In a container the limit is the total, and cache that can go is available."""
    stat = (recorded / "cgroup_v2_memory_stat.txt").read_text()
    cgroup = parse_cgroup_memory(str(4 * GIB), "1860173824", stat)
    memory = effective_memory(16 * GIB, 9 * GIB, cgroup)
    assert (memory.total_bytes, memory.bound_by) == (4 * GIB, "container")
    assert memory.available_bytes == 4 * GIB - (1860173824 - 805306368)


def test_container_cannot_have_more_than_its_host_has_left() -> None:
    """A full host leaves a container nothing, whatever its limit says."""
    cgroup = parse_cgroup_memory(str(8 * GIB), "0", "inactive_file 0")
    assert effective_memory(16 * GIB, GIB, cgroup).available_bytes == GIB


@pytest.mark.parametrize("limit", ["max", "9223372036854771712", "", str(64 * GIB)])
def test_no_real_limit_is_the_host(limit: str) -> None:
    """Version 2's `max`, version 1's near-infinity and a limit above the host bound nothing."""
    memory = effective_memory(16 * GIB, 4 * GIB, parse_cgroup_memory(limit, "1", ""))
    assert (memory.bound_by, memory.used_ratio) == ("host", 0.75)


def test_the_agents_own_service_limit_is_not_the_servers_memory(host: Any) -> None:
    """A MemoryMax of the agent's unit, below the cgroup root, is not looked at."""
    host.files(
        {
            "sys/fs/cgroup/system.slice/agent.service/memory.max": "67108864\n",
            "sys/fs/cgroup/system.slice/agent.service/memory.current": "1000\n",
            "sys/fs/cgroup/system.slice/agent.service/memory.stat": "inactive_file 0\n",
        }
    )
    assert read_memory(host.root / "proc", host.root / "sys").bound_by == "host"


def test_memory_is_what_the_kernel_says(tmp_path: Path) -> None:
    """The head of meminfo is read where there is one, and agrees with psutil on this host."""
    (tmp_path / "meminfo").write_text(
        "MemTotal:       16000000 kB\nMemFree:          100000 kB\nMemAvailable:    4000000 kB\n"
    )
    memory = read_memory(tmp_path, tmp_path)
    assert (memory.total_bytes, memory.used_ratio) == (16_000_000 * 1024, 0.75)
    ours, theirs = read_memory(Path("/proc"), tmp_path), psutil.virtual_memory()
    assert ours.total_bytes == theirs.total
    assert ours.available_bytes == pytest.approx(theirs.available, rel=0.2)


def test_container_memory_is_read_from_the_cgroup_root(host: Any, recorded: Path) -> None:
    """A limit at the root of the cgroup tree is the container's."""
    stat = (recorded / "cgroup_v2_memory_stat.txt").read_text()
    host.files(
        {
            "sys/fs/cgroup/memory.max": "67108864\n",
            "sys/fs/cgroup/memory.current": "1000\n",
            "sys/fs/cgroup/memory.stat": stat,
        }
    )
    memory = read_memory(host.root / "proc", host.root / "sys")
    assert (memory.total_bytes, memory.bound_by) == (67108864, "container")


def test_disks_are_pooled_by_size() -> None:
    """A full small disk does not fill a large empty one."""
    pooled = pooled_disks([Capacity(110, 100, 100), Capacity(1000, 0, 900)])
    assert pooled == {"disk_used_ratio": 0.1, "disk_total_bytes": 1000.0}
    assert pooled_disks([]) == {}


def test_without_a_volume_there_is_no_disk_value(host: Any) -> None:
    """A host whose mounts hold no storage has no disk ratio, and says why."""
    host.files({"proc/self/mountinfo": "24 28 0:5 / /dev rw shared:2 - devtmpfs udev rw\n"})
    (reading,) = ServerHeadroom().collect(ServerHeadroomSettings(), host.context())
    assert reading.reason == "no_local_volume"
    assert not any(name.startswith("disk_") for name in reading.values)
    assert "cpu_used_ratio" in reading.values


def test_volume_mounted_later_is_seen(host: Any, tmp_path: Path) -> None:
    """The volumes are remembered while the mount table stays the same, and no longer."""
    nothing = "24 28 0:5 / /dev rw shared:2 - devtmpfs udev rw\n"
    host.files({"proc/self/mountinfo": nothing})
    probe = ServerHeadroom("linux")
    (before,) = probe.collect(ServerHeadroomSettings(), host.context())
    mount = f"25 28 8:1 / {tmp_path} rw shared:3 - ext4 /dev/sda1 rw\n"
    host.files({"proc/self/mountinfo": nothing + mount})
    (after,) = probe.collect(ServerHeadroomSettings(), host.context())
    assert "disk_total_bytes" not in before.values
    assert after.values["disk_total_bytes"] > 0
    (again,) = probe.collect(ServerHeadroomSettings(), host.context())
    assert again.details["volumes"] == after.details["volumes"]


def test_unreadable_mounts_cost_the_disk_values_only(host: Any) -> None:
    """Without a mount table, CPU and memory are still reported and the reason names the table."""
    (reading,) = ServerHeadroom().collect(ServerHeadroomSettings(), host.context())
    assert reading.reason == "mounts_unreadable"
    assert {"cpu_used_ratio", "memory_used_ratio"} <= set(reading.values)


def test_this_host_sees_its_own_load() -> None:
    """A busy loop between two samples shows in the second one; the first has all values."""
    probe = ServerHeadroom()

    def sample() -> Reading:
        (reading,) = probe.collect(ServerHeadroomSettings(), Context())
        return reading

    first = sample()
    busy_until = time.monotonic() + 0.5
    while time.monotonic() < busy_until:
        pass
    second = sample()
    assert first.outcome is Outcome.OK
    assert {m.name for m in probe.metrics} >= set(first.values)
    assert {"memory_used_ratio", "disk_used_ratio", "cpu_count"} <= set(first.values)
    # One processor of several was busy: most of 1 / cpu_count must show.
    assert second.values["cpu_used_ratio"] >= 0.5 / second.values["cpu_count"]


def test_other_systems_are_told() -> None:
    """Elsewhere the probe says that the system is not supported."""
    with pytest.raises(ProbeError, match="unsupported_system"):
        list(ServerHeadroom("sunos5").collect(ServerHeadroomSettings(), Context()))
