"""Distinct storage volumes of this host: each filesystem once, however often it is mounted.

Why a volume has the identity it has (`id_basis`):

* `filesystem_uuid`: a block filesystem; the same on every host that sees the LUN.
* `nfs_fsid`, `network_share`: server and export; the same on every client.
* `device_mapper`, `zfs_pool`, `device`: known on this host only, so the id is hashed together with
  the host's own key and can never be taken for another host's volume.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.system.mounts import Mount

_BLOCK_TYPES = frozenset(
    {
        *("bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fuseblk", "gfs2", "jfs"),
        *("nilfs2", "ntfs", "ntfs3", "ocfs2", "reiserfs", "vfat", "xfs"),
    }
)
_NETWORK_TYPES = frozenset(
    {
        *("afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "glusterfs", "lustre"),
        *("nfs", "nfs4", "smb3", "smbfs"),
    }
)
_NOT_STORAGE = {
    "9p": "folder_of_the_virtual_host",
    "aufs": "layers_over_another_volume",
    "cramfs": "read_only_image",
    "devtmpfs": "memory",
    "erofs": "read_only_image",
    "iso9660": "optical_disc",
    "overlay": "layers_over_another_volume",
    "ramfs": "memory",
    "squashfs": "read_only_image",
    "tmpfs": "memory",
    "udf": "optical_disc",
    "virtiofs": "folder_of_the_virtual_host",
}
_MEMORY_DEVICES = re.compile(r"^(zram|ram)\d+")
_OF_A_USER = re.compile(r"^(/home|/media|/run/media|/run/user|[A-Za-z]:\\Users)[/\\][^/\\]+")
_SHARE = re.compile(r"^[/\\]{2}([^/\\]+)[/\\]([^/\\]+)")


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What the system knows about the devices behind mounts.

    `kernel_names` maps a `major:minor` or a mount source to the kernel's name (`sda1`, `dm-0`);
    the other mappings and `removable` speak of kernel names, `nfs_fsids` of `major:minor`.
    `host_key` is an opaque text that no other host has.
    """

    host_key: str
    kernel_names: Mapping[str, str] = field(default_factory=dict)
    filesystem_uuids: Mapping[str, str] = field(default_factory=dict)
    device_mapper_uuids: Mapping[str, str] = field(default_factory=dict)
    removable: frozenset[str] = frozenset()
    nfs_fsids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Volume:
    """One distinct volume. `parts` has one mountpoint for each part with a size of its own.

    Only a ZFS pool has several parts: its datasets share the pool's free space.
    """

    id: str
    id_basis: str
    fs_type: str
    is_network: bool
    mountpoints: tuple[str, ...]
    parts: tuple[str, ...]

    @property
    def has_global_id(self) -> bool:
        """Whether another host that sees this volume gives it the same id."""
        return self.id_basis in {"filesystem_uuid", "nfs_fsid", "network_share"}


@dataclass(frozen=True, slots=True)
class Excluded:
    """A mount that is no storage of its own, and why."""

    mountpoint: str
    fs_type: str
    why: str


def distinct_volumes(
    mounts: Iterable[Mount], facts: DeviceFacts
) -> tuple[tuple[Volume, ...], tuple[Excluded, ...]]:
    """Group mounts into distinct volumes and name the mounts that hold no storage of their own.

    Kernel interfaces (proc, sysfs, cgroup …) are neither. The order is that of the first mount;
    a volume's mountpoints are sorted, so the result does not depend on the order of bind mounts.
    """
    groups: dict[tuple[str, str], list[Mount]] = {}
    excluded = []
    for mount in mounts:
        why = _why_excluded(mount, facts)
        if why:
            excluded.append(Excluded(mount.mountpoint, mount.fs_type, why))
        elif _is_storage(mount):
            groups.setdefault(_identity(mount, facts), []).append(mount)
    volumes = []
    for (volume_id, basis), members in groups.items():
        by_part: dict[str, str] = {}
        for mount in sorted(members, key=lambda m: (len(m.mountpoint), m.mountpoint)):
            by_part.setdefault(mount.source if basis == "zfs_pool" else volume_id, mount.mountpoint)
        volumes.append(
            Volume(
                id=volume_id,
                id_basis=basis,
                fs_type=members[0].fs_type,
                is_network=members[0].fs_type in _NETWORK_TYPES,
                mountpoints=tuple(sorted({mount.mountpoint for mount in members})),
                parts=tuple(by_part.values()),
            )
        )
    return tuple(volumes), tuple(excluded)


def _is_storage(mount: Mount) -> bool:
    known = mount.fs_type in _BLOCK_TYPES or mount.fs_type in _NETWORK_TYPES
    return known or mount.fs_type == "zfs" or mount.source.startswith("/dev/")


def _why_excluded(mount: Mount, facts: DeviceFacts) -> str | None:
    if mount.fs_type in _NOT_STORAGE:
        return _NOT_STORAGE[mount.fs_type]
    if mount.fs_type.startswith("fuse.") and mount.fs_type not in _NETWORK_TYPES:
        return "user_space_view_of_another_volume"
    if not _is_storage(mount):
        return None
    name = _kernel_name(mount, facts)
    if name.startswith("loop"):
        return "file_on_another_volume"
    if _MEMORY_DEVICES.match(name):
        return "memory"
    if name in facts.removable:
        return "removable"
    if mount.fs_type == "vfat" and mount.mountpoint.startswith(("/boot", "/efi")):
        return "firmware_partition"
    return None


def _kernel_name(mount: Mount, facts: DeviceFacts) -> str:
    """Return the kernel's name of the device, or an empty text where there is no block device.

    btrfs shows an anonymous device number, so its source path has to tell.
    """
    by_number = facts.kernel_names.get(mount.device)
    if by_number:
        return by_number
    if not mount.source.startswith("/dev/"):
        return ""
    return facts.kernel_names.get(mount.source, mount.source.rpartition("/")[2])


def _identity(mount: Mount, facts: DeviceFacts) -> tuple[str, str]:
    """Return (volume id, id basis) of a mount that is storage."""
    if mount.fs_type in _NETWORK_TYPES:
        return _network_identity(mount, facts)
    if mount.fs_type == "zfs":
        pool = mount.source.partition("/")[0]
        return local_id(facts.host_key, "zfs", pool), "zfs_pool"
    name = _kernel_name(mount, facts)
    if name in facts.filesystem_uuids:
        return facts.filesystem_uuids[name], "filesystem_uuid"
    if name in facts.device_mapper_uuids:
        mapper_uuid = facts.device_mapper_uuids[name]
        return local_id(facts.host_key, "device_mapper", mapper_uuid), "device_mapper"
    return local_id(facts.host_key, "device", name or mount.device), "device"


def _network_identity(mount: Mount, facts: DeviceFacts) -> tuple[str, str]:
    if mount.device in facts.nfs_fsids:
        return f"nfs:{facts.nfs_fsids[mount.device]}", "nfs_fsid"
    share = _SHARE.match(mount.source)
    name = "/".join(share.groups()).lower() if share else mount.source
    # Hashed, because a personal share is named after its user.
    return f"share:{hashlib.sha256(name.encode()).hexdigest()[:16]}", "network_share"


def without_user_names(mountpoint: str) -> str:
    """Return the path with the folder of a user's own replaced by `*`: names stay in the school."""
    return _OF_A_USER.sub(r"\1/*", mountpoint)


def local_id(host_key: str, kind: str, name: str) -> str:
    """Return an id that only this host can give: 16 hex digits of a SHA-256 over the three."""
    digest = hashlib.sha256("\0".join((host_key, kind, name)).encode()).hexdigest()
    return f"local-{digest[:16]}"
