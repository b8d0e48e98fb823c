"""Guests and containers are recognised from what their kernels show."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.system.virtualization import parse_container, parse_guest, read_virtualization

RECORDED = Path(__file__).parent.parent / "data"
GUEST_FLAGS = "processor\t: 0\nflags\t\t: fpu vme sse2 hypervisor lahf_lm\n"
HOST_FLAGS = "processor\t: 0\nflags\t\t: fpu vme sse2 lahf_lm\n"


@pytest.mark.parametrize(
    ("dmi", "cpuinfo", "hypervisor", "guest"),
    [
        ("VMware, Inc. VMware Virtual Platform", GUEST_FLAGS, "", "vmware"),
        ("QEMU Standard PC (i440FX + PIIX, 1996)", GUEST_FLAGS, "", "kvm"),
        ("Alibaba Cloud Alibaba Cloud ECS", GUEST_FLAGS, "", "kvm"),
        ("Microsoft Corporation Virtual Machine", GUEST_FLAGS, "", "hyperv"),
        ("Microsoft Corporation Surface Laptop", HOST_FLAGS, "", "none"),
        ("Inspur SA5212M5", HOST_FLAGS, "", "none"),
        ("Inspur SA5212M5", GUEST_FLAGS, "", "unknown"),
        ("", GUEST_FLAGS, "xen", "xen"),
        ("", "processor\t: 0\nFeatures\t: fp asimd\n", "", "unknown"),
        ("HUAWEI TaiShan 200", "processor\t: 0\nFeatures\t: fp asimd\n", "", "none"),
    ],
)
def test_guest(dmi: str, cpuinfo: str, hypervisor: str, guest: str) -> None:
    """A vendor names the hypervisor; the CPU flag alone only tells that there is one."""
    assert parse_guest(dmi, cpuinfo, hypervisor) == guest


def test_container_engine() -> None:
    """Overlay layers under the root folder name the engine; a file server's do not."""
    container = (RECORDED / "mountinfo_container.txt").read_text()
    server = (RECORDED / "mountinfo_file_server.txt").read_text()
    assert parse_container(container, limits_at_cgroup_root=True) == "docker"
    assert parse_container(server, limits_at_cgroup_root=False) == "none"
    assert parse_container(server, limits_at_cgroup_root=True) == "unknown"


def test_unreadable_host_is_unknown_not_bare_metal(tmp_path: Path) -> None:
    """Where the system tells nothing, the guest is unknown."""
    assert read_virtualization("linux", tmp_path, tmp_path).guest == "unknown"
    assert read_virtualization("sunos5", tmp_path, tmp_path).container == "unknown"
