"""Read the volumes of this host and their sizes, on Linux and Windows."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from agent.system.mounts import Mount, parse_mountinfo, parse_nfs_volumes
from agent.system.volumes import DeviceFacts, Excluded, Volume, distinct_volumes, local_id

Inventory = tuple[tuple[Volume, ...], tuple[Excluded, ...]]


@dataclass(frozen=True, slots=True)
class Capacity:
    """Sizes of one volume in bytes, as the filesystem counts them (so after RAID).

    `usable_bytes` is what ordinary files can fill: used plus free, without the part that the
    filesystem keeps back for root.
    """

    total_bytes: int
    used_bytes: int
    usable_bytes: int


@dataclass(frozen=True, slots=True)
class WindowsPartition:
    """One drive as psutil names it; `options` are texts such as `rw,fixed` or `rw,removable`."""

    device: str
    mountpoint: str
    fs_type: str
    options: str


def read_inventory(
    system: str,
    proc_root: Path,
    sys_root: Path,
    dev_root: Path = Path("/dev"),
    etc_root: Path = Path("/etc"),
) -> Inventory:
    """Return the distinct volumes and the excluded mounts of this host.

    `system` is `sys.platform`; on anything but Windows the mounts are read as Linux shows them.
    Raises OSError where the mount table cannot be read.
    """
    if system == "win32":
        drives = (
            WindowsPartition(p.device, p.mountpoint, p.fstype, p.opts)
            for p in psutil.disk_partitions(all=True)
        )
        return windows_volumes(drives, read_volume_guid, socket.gethostname())
    mounts = parse_mountinfo(read_mount_table(system, proc_root))
    host_key = _read_line(etc_root / "machine-id") or socket.gethostname()
    facts = read_device_facts(mounts, host_key, proc_root, sys_root, dev_root)
    return distinct_volumes(mounts, facts)


def read_mount_table(system: str, proc_root: Path) -> str:
    """Return the mount table's text, to parse or to see whether it changed; none on Windows.

    Raises OSError where it cannot be read.
    """
    if system == "win32":
        return ""
    return (proc_root / "self/mountinfo").read_text(errors="replace")


def read_device_facts(
    mounts: Iterable[Mount], host_key: str, proc_root: Path, sys_root: Path, dev_root: Path
) -> DeviceFacts:
    """Return what /sys, /dev and /proc tell about the devices of `mounts`; what is absent stays so.

    `host_key` is the machine id where there is one; machine-id(5) asks that it leaves the host only
    hashed, which `local_id` does.
    """
    names: dict[str, str] = {}
    mapper_uuids: dict[str, str] = {}
    removable: set[str] = set()
    for mount in mounts:
        if mount.device.startswith("0:") and not mount.source.startswith("/dev/"):
            continue  # no block device behind it, as for most mounts of a container host
        link = sys_root / "dev/block" / mount.device
        if link.exists():
            name = link.resolve().name
        else:
            name = (dev_root / mount.source.removeprefix("/dev/")).resolve().name
            names[mount.source] = name
            link = sys_root / "class/block" / name
        names[mount.device] = name
        if mapper_uuid := _read_line(link / "dm/uuid"):
            mapper_uuids[name] = mapper_uuid
        # A partition has no `removable` of its own; its disk is the folder above.
        own = _read_line(link / "removable")
        if "1" in (own, own or _read_line(link.resolve().parent / "removable")):
            removable.add(name)
    return DeviceFacts(
        host_key=host_key,
        kernel_names=names,
        filesystem_uuids=_read_uuids(dev_root / "disk/by-uuid"),
        device_mapper_uuids=mapper_uuids,
        removable=frozenset(removable),
        nfs_fsids=parse_nfs_volumes(_read_text(proc_root / "fs/nfsfs/volumes")),
    )


def read_capacity(mountpoint: str) -> Capacity:
    """Return the sizes of the filesystem at `mountpoint`. Raises OSError.

    A hard-mounted network volume whose server is gone may block for ever: call it in a thread.
    """
    usage = psutil.disk_usage(mountpoint)
    return Capacity(usage.total, usage.used, usage.used + usage.free)


def pool_capacities(capacities: Sequence[Capacity]) -> Capacity:
    """Return the size of a pool from those of its datasets, which share one free space."""
    used = sum(c.used_bytes for c in capacities)
    free = max(c.usable_bytes - c.used_bytes for c in capacities)
    reserved = max(c.total_bytes - c.usable_bytes for c in capacities)
    return Capacity(used + free + reserved, used, used + free)


def measure_volume(volume: Volume, read: Callable[[str], Capacity] = read_capacity) -> Capacity:
    """Return the size of `volume`, pooled where it has several parts. Raises OSError."""
    return pool_capacities([read(mountpoint) for mountpoint in volume.parts])


def windows_volumes(
    drives: Iterable[WindowsPartition], guid_of: Callable[[str], str | None], host_key: str
) -> Inventory:
    """Group Windows drives by volume GUID; optical and removable drives are excluded.

    A volume may be mounted as a letter and in folders: it has one GUID. A network drive is known
    by its share.
    """
    volumes: dict[str, Volume] = {}
    excluded = []
    for drive in drives:
        options = drive.options.split(",")
        if not drive.fs_type or "cdrom" in options or "removable" in options:
            why = "optical_disc" if "cdrom" in options else "removable"
            excluded.append(Excluded(drive.mountpoint, drive.fs_type or "none", why))
            continue
        guid = guid_of(drive.mountpoint)
        basis = "filesystem_uuid" if guid else "device"
        volume_id = guid or local_id(host_key, "device", drive.device)
        known = volumes.get(volume_id)
        points = sorted({drive.mountpoint, *(known.mountpoints if known else ())})
        volumes[volume_id] = Volume(
            id=volume_id,
            id_basis=basis,
            fs_type=drive.fs_type.lower(),
            is_network="remote" in options,
            mountpoints=tuple(points),
            parts=(points[0],),
        )
    return tuple(volumes.values()), tuple(excluded)


def read_volume_guid(mountpoint: str) -> str | None:
    """Return the GUID that Windows gave the volume at `mountpoint`, or None where it has none."""
    if sys.platform == "win32":
        import ctypes

        buffer = ctypes.create_unicode_buffer(64)
        found = ctypes.windll.kernel32.GetVolumeNameForVolumeMountPointW(
            ctypes.c_wchar_p(mountpoint), buffer, len(buffer)
        )
        return buffer.value.partition("{")[2].partition("}")[0] or None if found else None
    return None


def _read_uuids(folder: Path) -> dict[str, str]:
    """Return kernel name -> filesystem UUID from the links that udev keeps."""
    try:
        return {link.resolve().name: link.name for link in folder.iterdir()}
    except OSError:
        return {}


def _read_line(path: Path) -> str:
    return _read_text(path).strip()


def _read_text(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(errors="replace")
    return ""
