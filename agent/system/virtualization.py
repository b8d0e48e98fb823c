"""Whether this host is a virtual guest or a container: a guest alone is weaker evidence.

Over-commit, stolen time and thin disks are invisible from inside a guest, so readings of guests
carry the name of their hypervisor (domain rule for server headroom).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from agent.system.mounts import parse_mountinfo

NONE = "none"
UNKNOWN = "unknown"

_HYPERVISORS = (
    ("kvm", "kvm"),
    ("qemu", "kvm"),
    ("openstack", "kvm"),
    ("alibaba", "kvm"),
    ("tencent", "kvm"),
    ("huawei cloud", "kvm"),
    ("smartx", "kvm"),
    ("sangfor", "kvm"),
    ("vmware", "vmware"),
    ("virtualbox", "virtualbox"),
    ("innotek", "virtualbox"),
    ("microsoft corporation virtual machine", "hyperv"),
    ("xen", "xen"),
    ("amazon ec2", "kvm"),
    ("google compute engine", "kvm"),
    ("parallels", "parallels"),
    ("bhyve", "bhyve"),
)
_CONTAINERS = (
    ("containerd", "containerd"),
    ("containers/storage", "podman"),
    ("/docker/", "docker"),
    ("lxc", "lxc"),
)


@dataclass(frozen=True, slots=True)
class Virtualization:
    """`guest` and `container`: a name, `none`, or `unknown` where something is there unnamed."""

    guest: str
    container: str

    def labels(self) -> dict[str, str]:
        """Return both as labels of a reading."""
        return {"guest": self.guest, "container": self.container}


def parse_guest(dmi: str, cpuinfo: str, hypervisor_type: str) -> str:
    """Name the hypervisor from the DMI vendor and product, CPU flags and /sys/hypervisor/type.

    A named vendor tells; otherwise the CPU's `hypervisor` flag only tells that there is one.
    """
    text = dmi.lower()
    for needle, name in _HYPERVISORS:
        if needle in text:
            return name
    if hypervisor_type.strip():
        return hypervisor_type.strip()
    for line in cpuinfo.splitlines():
        if line.startswith("flags"):
            return UNKNOWN if "hypervisor" in line.split() else NONE
    return NONE if dmi.strip() else UNKNOWN


def parse_container(mountinfo: str, limits_at_cgroup_root: bool) -> str:
    """Name the container engine from how the root folder is mounted.

    A cgroup root that has limits of its own is a container's (the real root has none), and so is
    a root folder of overlay layers.
    """
    layered = False
    for line in mountinfo.splitlines():
        for mount in parse_mountinfo(line):
            if mount.mountpoint != "/":
                continue
            layered = mount.fs_type == "overlay"
            for needle, name in _CONTAINERS:
                if (layered or needle == "lxc") and needle in line:
                    return name
    return UNKNOWN if layered or limits_at_cgroup_root else NONE


def read_virtualization(system: str, proc_root: Path, sys_root: Path) -> Virtualization:
    """Return what this host runs in; `unknown` where the system does not say."""
    if system == "win32":
        return Virtualization(parse_guest(_read_windows_bios(), "", ""), NONE)
    if system != "linux":
        return Virtualization(UNKNOWN, UNKNOWN)
    dmi = f"{_read(sys_root / 'class/dmi/id/sys_vendor')} "
    dmi += _read(sys_root / "class/dmi/id/product_name")
    guest = parse_guest(dmi, _read(proc_root / "cpuinfo"), _read(sys_root / "hypervisor/type"))
    limited = (sys_root / "fs/cgroup/memory.max").exists()
    return Virtualization(guest, parse_container(_read(proc_root / "self/mountinfo"), limited))


def _read_windows_bios() -> str:
    """Return the vendor and product that Windows read from the firmware."""
    if sys.platform == "win32":
        import winreg

        names = ("SystemManufacturer", "SystemProductName")
        path = r"HARDWARE\DESCRIPTION\System\BIOS"
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path) as key:
                return " ".join(str(winreg.QueryValueEx(key, name)[0]) for name in names)
        except OSError:
            return ""
    return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
