"""Which mounts there are: /proc/self/mountinfo (proc(5)) and the NFS volume table."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OCTAL_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount: `device` is the kernel's `major:minor`, the same for all mounts of a superblock.

    `root` is the part of the filesystem that is mounted: a folder for a bind mount or a btrfs
    subvolume, `/` otherwise.
    """

    device: str
    root: str
    mountpoint: str
    fs_type: str
    source: str
    options: frozenset[str]


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    """Return the mounts of a /proc/self/mountinfo text in its order; lines cut short are left out.

    The optional fields between the mount options and the lone `-` vary in number (proc(5)).
    """
    mounts = []
    for line in text.splitlines():
        head, separator, tail = line.partition(" - ")
        fields, rest = head.split(" "), tail.split(" ")
        if not separator or len(fields) < 6 or len(rest) < 2:
            continue
        mounts.append(
            Mount(
                device=fields[2],
                root=_unescape(fields[3]),
                mountpoint=_unescape(fields[4]),
                fs_type=rest[0],
                source=_unescape(rest[1]),
                options=frozenset(fields[5].split(",")),
            )
        )
    return tuple(mounts)


def parse_nfs_volumes(text: str) -> dict[str, str]:
    """Return device -> `server/fsid` from /proc/fs/nfsfs/volumes.

    The server gives the fsid, so it is the same on every host that mounts the volume, whatever
    folder of the export the host mounts. The server address stays in the kernel's hexadecimal.
    """
    volumes = {}
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) >= 5:
            volumes[fields[3]] = f"{fields[1]}/{fields[4]}"
    return volumes


def _unescape(field: str) -> str:
    """Undo the kernel's octal escapes of space, tab, newline and backslash."""
    if "\\" not in field:
        return field
    return _OCTAL_ESCAPE.sub(lambda match: chr(int(match.group(1), 8)), field)
