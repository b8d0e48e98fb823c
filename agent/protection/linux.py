"""What Linux tells any user about protection software: units, processes, files of signatures.

The agent's own unit hides other users' processes from it, so units are found by their control
groups, which everybody may read.

Sources: cgroups(7), proc(5), SMBIOS (DSP0134) 7.4.1 for the kinds of chassis, os-release(5), and
the header of ClamAV's database files (512 bytes, colon-separated, the ninth the build time).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from agent.protection.products import FoundProduct, HostProtection, Product, ProductTable

CHASSIS_OF_PCS = frozenset({3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 24, 30, 31, 32, 35, 36})
CHASSIS_OF_SERVERS = frozenset({17, 23, 25, 28, 29})
CLOCKS_APART_DAYS = 1.0
"""Signatures may be dated this far ahead of this host's clock."""
_CVD_HEADER_BYTES = 512
_CVD_BUILT_AT = 8
_FILES_MAX = 1000


def read_linux(
    table: ProductTable, root: Path, proc_root: Path, sys_root: Path, now: datetime
) -> HostProtection:
    """Return what this host tells; never raises for what cannot be read."""
    units = running_units(sys_root)
    processes = process_names(proc_root)
    found = [
        FoundProduct(product.name, is_running, age if is_running else None)
        for product in table.products
        for is_running in [product.runs(units=units, processes=processes)]
        for age in [signatures_age_days(product, root, now)]
        if is_running or age is not None
    ]
    system = system_id(root)
    return HostProtection(
        products=tuple(found),
        is_complete=False,
        machine=machine_of(sys_root),
        is_licensed=True if system in table.free_systems else None,
        system=system,
    )


def running_units(sys_root: Path) -> frozenset[str]:
    """Return the names of the system's units that have a process now."""
    names: set[str] = set()
    for hierarchy in ("fs/cgroup", "fs/cgroup/unified", "fs/cgroup/systemd"):
        slices = sys_root / hierarchy / "system.slice"
        with contextlib.suppress(OSError):
            units = (one for one in slices.iterdir() if one.name.endswith(".service"))
            names |= {one.name for one in units if _is_populated(one)}
    return frozenset(names)


def _is_populated(group: Path) -> bool:
    with contextlib.suppress(OSError):
        return "populated 1" in (group / "cgroup.events").read_text(encoding="ascii")
    with contextlib.suppress(OSError):  # version 1 of control groups knows no events
        return bool((group / "cgroup.procs").read_text(encoding="ascii").strip())
    return False


def process_names(proc_root: Path) -> frozenset[str]:
    """Return the names of the processes that this user may see."""
    names: set[str] = set()
    for path in proc_root.glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            names.add(path.read_text(encoding="utf-8", errors="replace").strip())
    return frozenset(names)


def signatures_age_days(product: Product, root: Path, now: datetime) -> float | None:
    """Return the age of a product's newest signatures; None where no file tells it."""
    read = clamav_built_at if product.signature_date == "clamav_header" else _modified_at
    ages: list[float] = []
    for path in _files(product, root):
        with contextlib.suppress(OSError, ValueError, OverflowError):
            age_days = (now - read(path)).total_seconds() / 86_400
            if age_days >= -CLOCKS_APART_DAYS:
                ages.append(max(age_days, 0.0))
    return min(ages, default=None)


def _files(product: Product, root: Path) -> Iterator[Path]:
    left = _FILES_MAX
    for pattern in product.signature_files:
        with contextlib.suppress(OSError):
            for path in root.glob(pattern.lstrip("/")):
                left -= 1
                if left < 0:
                    return
                yield path


def clamav_built_at(path: Path) -> datetime:
    """Return when a ClamAV database was built, by its own header. Raises ValueError, OSError."""
    with path.open("rb") as stream:
        fields = stream.read(_CVD_HEADER_BYTES).decode("ascii", "replace").split(":")
    if fields[0] != "ClamAV-VDB" or len(fields) <= _CVD_BUILT_AT:
        raise ValueError(f"{path}: not a database of ClamAV")
    return datetime.fromtimestamp(int(fields[_CVD_BUILT_AT].strip(" \0")), UTC)


def _modified_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def machine_of(sys_root: Path) -> str:
    """Return `pc` or `server` by the chassis, `unknown` of a virtual machine or a bare board."""
    try:
        chassis = int((sys_root / "class/dmi/id/chassis_type").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return "unknown"
    if chassis in CHASSIS_OF_PCS:
        return "pc"
    return "server" if chassis in CHASSIS_OF_SERVERS else "unknown"


def system_id(root: Path) -> str:
    """Return the ID of os-release, empty where there is none."""
    for place in ("etc/os-release", "usr/lib/os-release"):
        with contextlib.suppress(OSError):
            for line in (root / place).read_text(encoding="utf-8", errors="replace").splitlines():
                key, _, value = line.partition("=")
                if key == "ID":
                    return value.strip().strip("\"'")
    return ""
