"""Probe `storage_volumes`: how large each distinct storage volume is.

What: one reading per distinct volume of this host, however often it is mounted (bind mounts, btrfs
subvolumes, folders of one NFS export). Sizes are those of the filesystem, so after RAID.

Rights: none; filesystem UUIDs come from the links that udev keeps.

Settings: `purposes` (mountpoint -> purpose) tells what a volume is for. The collector leaves
`surveillance` out of the storage per head.

Metrics: see `StorageVolumes.metrics`. The target is an id that every host gives to the same LUN,
NFS volume or share; where the system knows none, the id is this host's own and the reason is
`volume_without_uuid`: such a volume cannot be told from the same one on another host.

What makes it invalid: thin-provisioned or cloned disks (clones share a UUID and count once), one
NAS volume shared under two names or reached at two addresses, removable disks (excluded).

Evidence kept: mountpoints (without user names), filesystem, basis of the id; on target `host` the
mounts left out and why.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import ClassVar

from agent.probes.base import Context, Metric, Probe, ProbeError, require_supported_system
from agent.reading import Outcome, Reading
from agent.system.bounded_calls import BoundedCalls
from agent.system.storage import Capacity, measure_volume, read_inventory
from agent.system.volumes import Excluded, Volume, without_user_names

_ANSWER_WITHIN_S = 2.0
"""A network volume whose server is gone may block its reader for ever."""
_MAX_LISTED = 50
"""Mounts named as evidence; more are counted."""


class Purpose(StrEnum):
    """What a volume is used for."""

    GENERAL = "general"
    SURVEILLANCE = "surveillance"
    BACKUP = "backup"
    DESKTOP = "desktop"


@dataclass(frozen=True)
class StorageVolumesSettings:
    """`purposes`: mountpoint -> purpose of the volume mounted there; others are `general`."""

    purposes: dict[str, Purpose] = field(default_factory=dict)


class StorageVolumes(Probe[StorageVolumesSettings]):
    """One reading per distinct volume, and one for `host` that says how many there are."""

    name = "storage_volumes"
    title = "存储卷"
    interval_s = 300.0
    settings_type = StorageVolumesSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("total_bytes", "B", "Size of the filesystem"),
        Metric("used_bytes", "B", "Bytes in use"),
        Metric("usable_bytes", "B", "Bytes that files can fill: used and free to users"),
        Metric("volume_count", "count", "Distinct volumes of this host"),
    )

    def __init__(
        self,
        system: str = sys.platform,
        measure: Callable[[Volume], Capacity] = measure_volume,
        dev_root: Path = Path("/dev"),
        etc_root: Path = Path("/etc"),
    ) -> None:
        self._system = system
        self._measure = measure
        self._dev_root = dev_root
        self._etc_root = etc_root
        self._calls: BoundedCalls[Capacity | OSError] = BoundedCalls()

    def collect(self, settings: StorageVolumesSettings, context: Context) -> Iterable[Reading]:
        """Yield a reading for each volume, then the summary; a silent volume delays none of them.

        Raises ProbeError `unsupported_system` or `mounts_unreadable`.
        """
        require_supported_system(self._system)
        try:
            volumes, excluded = read_inventory(
                self._system, context.proc_root, context.sys_root, self._dev_root, self._etc_root
            )
        except OSError as error:
            raise ProbeError("mounts_unreadable", str(error)) from error
        local = {v.id: _size_or_error(self._measure, v) for v in volumes if not v.is_network}
        calls = {v.id: partial(_size_or_error, self._measure, v) for v in volumes if v.is_network}
        measured = local | self._calls.run(calls, _ANSWER_WITHIN_S)
        for volume in volumes:
            yield volume_reading(volume, measured.get(volume.id), settings, context)
        yield summary_reading(volumes, excluded, settings, context)


def _size_or_error(measure: Callable[[Volume], Capacity], volume: Volume) -> Capacity | OSError:
    try:
        return measure(volume)
    except OSError as error:
        return error


def purpose_of(volume: Volume, settings: StorageVolumesSettings) -> Purpose:
    """Return the purpose set for any of the volume's mountpoints."""
    for mountpoint in volume.mountpoints:
        if mountpoint in settings.purposes:
            return settings.purposes[mountpoint]
    return Purpose.GENERAL


def volume_reading(
    volume: Volume,
    measured: Capacity | OSError | None,
    settings: StorageVolumesSettings,
    context: Context,
) -> Reading:
    """Report one volume; `measured` is its size, an error, or None where it did not answer."""
    values: dict[str, float] = {}
    outcome, reason = Outcome.OK, None if volume.has_global_id else "volume_without_uuid"
    if isinstance(measured, Capacity):
        values = {
            "total_bytes": float(measured.total_bytes),
            "used_bytes": float(measured.used_bytes),
            "usable_bytes": float(measured.usable_bytes),
        }
    else:
        outcome = Outcome.FAILED
        reason = "volume_not_answering" if measured is None else "volume_not_readable"
    return Reading(
        probe=StorageVolumes.name,
        target=volume.id,
        time=context.now(),
        outcome=outcome,
        reason=reason,
        values=values,
        labels={
            "purpose": purpose_of(volume, settings).value,
            "fs_type": volume.fs_type,
            "id_basis": volume.id_basis,
            "scope": "network" if volume.is_network else "local",
        },
        details={
            "mountpoints": [without_user_names(m) for m in volume.mountpoints[:_MAX_LISTED]],
            "mountpoint_count": len(volume.mountpoints),
            "error": measured.strerror if isinstance(measured, OSError) else None,
        },
    )


def summary_reading(
    volumes: tuple[Volume, ...],
    excluded: tuple[Excluded, ...],
    settings: StorageVolumesSettings,
    context: Context,
) -> Reading:
    """Report how many volumes there are, what was left out, and purposes set for no mountpoint."""
    mounted = {mountpoint for volume in volumes for mountpoint in volume.mountpoints}
    unmatched = sorted(set(settings.purposes) - mounted)
    reason = "volume_purpose_unmatched" if unmatched else None
    return Reading(
        probe=StorageVolumes.name,
        target="host",
        time=context.now(),
        outcome=Outcome.OK,
        reason=reason if volumes else "no_volume",
        values={"volume_count": float(len(volumes))},
        details={
            "excluded": [
                {"mountpoint": without_user_names(e.mountpoint), "fs_type": e.fs_type, "why": e.why}
                for e in excluded[:_MAX_LISTED]
            ],
            "excluded_count": len(excluded),
            "purposes_unmatched": [*unmatched],
        },
    )
