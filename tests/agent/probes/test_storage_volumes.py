"""The storage_volumes probe over a recorded file server, containers, Windows drives and here."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from agent.probes.base import Context, ProbeError
from agent.probes.storage_volumes import Purpose, StorageVolumes, StorageVolumesSettings
from agent.reading import Outcome, Reading
from agent.system.mounts import Mount
from agent.system.storage import Capacity, WindowsPartition, pool_capacities, windows_volumes
from agent.system.volumes import DeviceFacts, Volume, distinct_volumes

SIZES = {
    "/": Capacity(100, 40, 95),
    "/boot": Capacity(10, 1, 10),
    "/srv/data": Capacity(48_000, 20_000, 48_000),
    "/srv/media": Capacity(8_000, 5_000, 8_000),
    "/mnt/nas": Capacity(64_000, 10_000, 64_000),
    "/mnt/office": Capacity(2_000, 500, 2_000),
}
MD_UUID = "6f2bd1b0-3f0e-4b4c-9d3c-0a4c1de0aa10"
BTRFS_UUID = "0b1d7c58-7a51-4d21-8a0c-5f6f2f8e7711"


def measure(volume: Volume) -> Capacity:
    """Return recorded sizes; both ZFS datasets see the same 600 free bytes."""
    if volume.fs_type == "zfs":
        return pool_capacities([Capacity(700, 100, 700), Capacity(900, 300, 900)])
    return SIZES[volume.parts[0]]


@pytest.fixture
def file_server(host: Any, recorded: Path) -> Any:
    """Return a file server: LVM root, md RAID with a bind mount, btrfs, NFS, CIFS, ZFS, USB."""
    host.files(
        {
            "proc/self/mountinfo": (recorded / "mountinfo_file_server.txt").read_text(),
            "proc/fs/nfsfs/volumes": (recorded / "nfsfs_volumes.txt").read_text(),
            "etc/machine-id": "b08dfa6083e7567a1921a715000001fb\n",
            "sys/devices/virtual/block/dm-0/dm/uuid": "LVM-yVx2c0root\n",
            "sys/devices/pci0/usb1/block/sdd/removable": "1\n",
            "sys/devices/pci0/ata1/block/sda/removable": "0\n",
        }
    )
    return host.links(
        {
            "sys/dev/block/253:0": "sys/devices/virtual/block/dm-0",
            "sys/dev/block/8:1": "sys/devices/pci0/ata1/block/sda/sda1",
            "sys/dev/block/8:2": "sys/devices/pci0/ata1/block/sda/sda2",
            "sys/dev/block/8:49": "sys/devices/pci0/usb1/block/sdd/sdd1",
            "sys/dev/block/9:0": "sys/devices/virtual/block/md0",
            "sys/dev/block/252:0": "sys/devices/virtual/block/zram0",
            "sys/dev/block/7:3": "sys/devices/virtual/block/loop3",
            f"dev/disk/by-uuid/{MD_UUID}": "dev/md0",
            f"dev/disk/by-uuid/{BTRFS_UUID}": "dev/sdc1",
            "dev/disk/by-uuid/3c1e5f6a-boot": "dev/sda2",
        }
    )


def readings(
    tree: Any, settings: StorageVolumesSettings | None = None, machine: str | None = None
) -> dict[str, Reading]:
    """Run the probe over a tree; key the readings by first mountpoint, the summary by `host`."""
    if machine:
        (tree.root / "etc/machine-id").write_text(machine)
    probe = StorageVolumes("linux", measure, tree.root / "dev", tree.root / "etc")
    found = probe.collect(settings or StorageVolumesSettings(), tree.context())
    return {
        r.target if r.target == "host" else str(r.details["mountpoints"][0]): r  # type: ignore[index]  # details are JSON
        for r in found
    }


def test_each_volume_counts_once(file_server: Any) -> None:
    """Bind mounts, subvolumes, folders of one export and datasets of one pool count once."""
    found = readings(file_server)
    total = sum(r.values.get("total_bytes", 0) for r in found.values())
    assert set(found) == {
        *("/", "/boot", "/srv/data", "/srv/media", "/mnt/nas", "/mnt/office", "/tank", "host")
    }
    assert total == 100 + 10 + 48_000 + 8_000 + 64_000 + 2_000 + (100 + 300 + 600)
    assert found["host"].values == {"volume_count": 7.0}


def test_names_what_is_left_out_and_why(file_server: Any) -> None:
    """Memory, layers, images, removable and firmware disks are named with their reason."""
    excluded = readings(file_server)["host"].details["excluded"]
    assert isinstance(excluded, list)
    why = {e["mountpoint"]: e["why"] for e in excluded if isinstance(e, dict)}
    assert why == {
        "/dev": "memory",
        "/run": "memory",
        "/boot/efi": "firmware_partition",
        "/snap/core22/1122": "read_only_image",
        "/media/*": "removable",
        "/var/lib/docker/overlay2/5e1c/merged": "layers_over_another_volume",
        "/var/log.zram": "memory",
        "/run/user/*/gvfs": "user_space_view_of_another_volume",
    }


def test_ids_let_the_collector_count_once_across_hosts(file_server: Any) -> None:
    """LUN, NFS volume and share keep their id on another host; a host's own disks never do."""
    here = readings(file_server)
    other = readings(file_server, machine="5f0c6b1d0a9e4d6c8f7a111111111111\n")
    same = {point for point in here if here[point].target == other[point].target}
    assert here["/srv/data"].target == MD_UUID
    assert here["/srv/media"].target == BTRFS_UUID
    assert same == {"/boot", "/srv/data", "/srv/media", "/mnt/nas", "/mnt/office", "host"}
    assert here["/"].reason == here["/tank"].reason == "volume_without_uuid"
    assert here["/"].labels["id_basis"] == "device_mapper"


def test_share_id_ignores_the_folder_and_case() -> None:
    """One CIFS share mounted at different folders is one volume; its name is hashed."""

    def share(source: str) -> str:
        mount = Mount("0:57", "/", "/mnt/office", "cifs", source, frozenset())
        (volume,), _ = distinct_volumes([mount], DeviceFacts("host"))
        return volume.id

    ids = {share("//NAS.school.example/Office/2026"), share("//nas.school.example/office")}
    assert len(ids) == 1
    assert share("//nas.school.example/zhangsan") not in ids
    assert "zhangsan" not in share("//nas.school.example/zhangsan")


def test_user_names_stay_in_the_school(host: Any) -> None:
    """Mountpoints in a user's own folder lose the name, in volumes and in what was left out."""
    host.files(
        {
            "proc/self/mountinfo": (
                "50 28 8:17 / /home/zhangsan/data rw shared:1 - ext4 /dev/sdb1 rw\n"
                "51 28 0:66 / /media/lisi/dvd ro shared:2 - iso9660 /dev/sr0 ro\n"
            )
        }
    )
    probe = StorageVolumes("linux", lambda _: Capacity(9, 1, 8), host.root / "dev", host.root)
    found = list(probe.collect(StorageVolumesSettings(), host.context()))
    assert found[0].details["mountpoints"] == ["/home/*/data"]
    assert "zhangsan" not in repr(found)
    assert "lisi" not in repr(found)


def test_purpose_marks_the_volume_by_any_mountpoint(file_server: Any) -> None:
    """A purpose set for a bind mount marks the whole volume; a purpose for nothing is named."""
    settings = StorageVolumesSettings(
        {
            "/srv/samba share": Purpose.BACKUP,
            "/tank/nvr": Purpose.SURVEILLANCE,
            "/gone": Purpose.BACKUP,
        }
    )
    found = readings(file_server, settings)
    assert found["/srv/data"].labels["purpose"] == "backup"
    assert found["/tank"].labels["purpose"] == "surveillance"
    assert found["/"].labels["purpose"] == "general"
    assert found["host"].reason == "volume_purpose_unmatched"
    assert found["host"].details["purposes_unmatched"] == ["/gone"]


def test_usable_leaves_out_the_reserve_of_root(file_server: Any) -> None:
    """Usable is what files can fill, not the size of the filesystem."""
    values = readings(file_server)["/"].values
    assert (values["total_bytes"], values["usable_bytes"], values["used_bytes"]) == (100, 95, 40)


def test_container_shows_the_disk_of_its_host_once(host: Any, recorded: Path) -> None:
    """The files that Docker binds into a container are one volume of the host below."""
    host.files({"proc/self/mountinfo": (recorded / "mountinfo_container.txt").read_text()})
    probe = StorageVolumes("linux", lambda _: Capacity(9, 1, 8), host.root / "dev", host.root)
    found = list(probe.collect(StorageVolumesSettings(), host.context()))
    assert [r.values.get("total_bytes") for r in found] == [9, None]
    assert found[0].details["mountpoint_count"] == 3


def test_dead_nas_delays_nobody(file_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A volume that never answers fails by itself, in bounded time, with one waiting reader."""
    monkeypatch.setattr("agent.probes.storage_volumes._ANSWER_WITHIN_S", 0.05)
    gone = threading.Event()
    readers = []

    def hang(volume: Volume) -> Capacity:
        if volume.id_basis == "nfs_fsid":
            readers.append(volume.id)
            gone.wait(10)
        return measure(volume)

    probe = StorageVolumes("linux", hang, file_server.root / "dev", file_server.root / "etc")
    for _ in range(3):
        started = time.monotonic()
        found = list(probe.collect(StorageVolumesSettings(), file_server.context()))
        assert time.monotonic() - started < 1
    gone.set()
    silent = [r for r in found if r.outcome is Outcome.FAILED]
    assert [(r.reason, dict(r.values)) for r in silent] == [("volume_not_answering", {})]
    assert len(readers) == 1


def test_unreadable_volume_says_so(file_server: Any) -> None:
    """A volume whose size cannot be read fails with the system's words."""

    def refuse(volume: Volume) -> Capacity:
        raise PermissionError(13, "Permission denied", volume.parts[0])

    probe = StorageVolumes("linux", refuse, file_server.root / "dev", file_server.root / "etc")
    first = next(iter(probe.collect(StorageVolumesSettings(), file_server.context())))
    assert (first.outcome, first.reason) == (Outcome.FAILED, "volume_not_readable")
    assert "Permission denied" in str(first.details["error"])


def test_windows_drives_are_grouped_by_volume_guid() -> None:
    """A volume mounted as a letter and in a folder is one; DVD and USB drives are left out."""
    guids = {"C:\\": "g-1", "D:\\": "g-2", "C:\\data": "g-2"}
    drives = [
        WindowsPartition("C:\\", "C:\\", "NTFS", "rw,fixed"),
        WindowsPartition("D:\\", "D:\\", "NTFS", "rw,fixed"),
        WindowsPartition("D:\\", "C:\\data", "NTFS", "rw,fixed"),
        WindowsPartition("E:\\", "E:\\", "", "cdrom"),
        WindowsPartition("F:\\", "F:\\", "FAT32", "rw,removable"),
        WindowsPartition("Z:\\", "Z:\\", "NTFS", "rw,remote"),
    ]
    volumes, excluded = windows_volumes(drives, guids.get, "PC-01")
    assert [v.id for v in volumes[:2]] == ["g-1", "g-2"]
    assert volumes[1].mountpoints == ("C:\\data", "D:\\")
    assert volumes[2].is_network
    assert not volumes[2].has_global_id
    assert [e.why for e in excluded] == ["optical_disc", "removable"]


def test_other_systems_are_told(host: Any) -> None:
    """Elsewhere the probe says that the system is not supported, never nothing."""
    with pytest.raises(ProbeError, match="unsupported_system") as caught:
        list(StorageVolumes("darwin").collect(StorageVolumesSettings(), host.context()))
    assert caught.value.outcome is Outcome.SKIPPED


def test_unreadable_mounts_are_told(host: Any) -> None:
    """Without a mount table there is a reason, not an empty inventory."""
    with pytest.raises(ProbeError, match="mounts_unreadable"):
        list(StorageVolumes("linux").collect(StorageVolumesSettings(), host.context()))


IN_MOUNT_NAMESPACE = """
import subprocess, sys
from agent.probes.base import Context
from agent.probes.storage_volumes import StorageVolumes, StorageVolumesSettings

def seen():
    found = list(StorageVolumes().collect(StorageVolumesSettings(), Context()))
    volumes = [r for r in found if r.target != "host"]
    total = sum(r.values.get("total_bytes", 0) for r in volumes)
    points = [point for r in volumes for point in r.details["mountpoints"]]
    return len(volumes), total, sys.argv[1] in points, sys.argv[2] in points

before = seen()
subprocess.run(["mount", "--bind", sys.argv[1], sys.argv[1]], check=True)
subprocess.run(["mount", "-t", "tmpfs", "none", sys.argv[2]], check=True)
after = seen()
assert before[:2] == after[:2], (before, after)
assert (before[2], after[2], after[3]) == (False, True, False), (before, after)
"""


@pytest.mark.root
def test_a_real_bind_mount_adds_nothing() -> None:
    """In a mount namespace of its own: a bind mount is seen and not counted, a tmpfs is neither."""
    with TemporaryDirectory(dir="/var/tmp") as folder:  # on a disk: `tmp_path` may be in memory
        places = [f"{folder}/bound", f"{folder}/memory"]
        for place in places:
            Path(place).mkdir()
        script = [sys.executable, "-c", IN_MOUNT_NAMESPACE, *places]
        done = subprocess.run(
            ["unshare", "-m", *script], capture_output=True, text=True, timeout=30
        )
    assert done.returncode == 0, done.stderr


def test_this_host() -> None:
    """On the machine at hand sizes are plausible and distinct volumes have distinct ids."""
    found = list(StorageVolumes().collect(StorageVolumesSettings(), Context()))
    volumes = [r for r in found if r.target != "host" and r.outcome is Outcome.OK]
    assert volumes
    assert len({r.target for r in volumes}) == len(volumes)
    for reading in volumes:
        values = reading.values
        assert 0 <= values["used_bytes"] <= values["usable_bytes"] <= values["total_bytes"]
