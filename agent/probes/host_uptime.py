"""Probe `host_uptime`: since when this host runs and how many boots were seen.

What: seconds since the system started, and a count of the distinct boots this agent has seen.

Rights: none.

Settings: none of its own.

Metrics: see `HostUptime.metrics`. `boot_count` needs a state folder; without one it is left out.

What makes it invalid: in a container the figures are the host's. Neither Linux nor Windows tells
an ordinary user whether the last shutdown was clean, so label `last_shutdown` says `unknown`:
a power cut and a planned restart look the same here.

Evidence kept: a hash of the boot id (never the id itself), the boot time, when counting began.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import psutil

from agent.probes.base import Context, Metric, Probe, ProbeError, require_supported_system
from agent.reading import Outcome, Reading
from agent.system.durable_file import replace_durably, set_aside

_RECORD_NAME = "boots.json"
_SAME_BOOT_WITHIN_S = 120.0
"""Without a boot id, boot times this close together are one boot: clocks are corrected."""


@dataclass(frozen=True)
class HostUptimeSettings:
    """Nothing to set."""


@dataclass(frozen=True, slots=True)
class Boot:
    """One start of the system. `id_hash` is None where the system has no boot id (Windows)."""

    uptime_s: float
    booted_at: datetime
    id_hash: str | None


@dataclass(frozen=True, slots=True)
class BootRecord:
    """What outlives a restart: the last boot seen, how many there were, since when."""

    id_hash: str | None
    booted_at: str
    boot_count: int
    since: str


class HostUptime(Probe[HostUptimeSettings]):
    """Uptime of this host; one reading for target `host`."""

    name = "host_uptime"
    title = "主机运行时间"
    interval_s = 60.0
    settings_type = HostUptimeSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("uptime_s", "s", "Seconds since the system started"),
        Metric("boot_count", "count", "Distinct boots that this agent has seen"),
    )

    def __init__(self, system: str = sys.platform) -> None:
        self._system = system

    def collect(self, settings: HostUptimeSettings, context: Context) -> Iterable[Reading]:  # noqa: ARG002 - the protocol hands every probe its settings
        """Yield one reading. Raises ProbeError where the system gives no boot time."""
        require_supported_system(self._system)
        boot = read_boot(self._system, context)
        record, reason = None, "boot_count_not_kept"
        if context.state_dir is not None:
            # A full or read-only disk costs the count, not the uptime.
            with contextlib.suppress(OSError):
                record, reason = count_boot(context.state_dir / _RECORD_NAME, boot, context.now())
        values = {"uptime_s": boot.uptime_s}
        if record is not None:
            values["boot_count"] = float(record.boot_count)
        yield Reading(
            probe=self.name,
            target="host",
            time=context.now(),
            outcome=Outcome.OK,
            reason=reason or None,
            values=values,
            labels={"boot": boot.id_hash or "unknown", "last_shutdown": "unknown"},
            details={
                "booted_at": boot.booted_at.isoformat(timespec="seconds"),
                "counted_since": record.since if record else None,
            },
        )


def parse_uptime(text: str) -> float:
    """Return the seconds of /proc/uptime, time asleep included. Raises ValueError."""
    uptime_s = float(text.split()[0]) if text.split() else -1.0
    if not 0 <= uptime_s < float("inf"):
        raise ValueError(f"not an uptime: {text[:40]!r}")
    return uptime_s


def read_boot(system: str, context: Context) -> Boot:
    """Return the current boot of a supported system. Raises ProbeError `uptime_unreadable`."""
    if system == "win32":
        uptime_s = max(context.now().timestamp() - psutil.boot_time(), 0.0)
        return Boot(uptime_s, context.now() - timedelta(seconds=uptime_s), None)
    try:
        uptime_s = parse_uptime((context.proc_root / "uptime").read_text())
        boot_id = (context.proc_root / "sys/kernel/random/boot_id").read_text().strip()
    except (OSError, ValueError) as error:
        raise ProbeError("uptime_unreadable", str(error)) from error
    id_hash = hashlib.sha256(f"campusgauge boot {boot_id}".encode()).hexdigest()[:16]
    return Boot(uptime_s, context.now() - timedelta(seconds=uptime_s), id_hash)


def count_boot(path: Path, boot: Boot, now: datetime) -> tuple[BootRecord, str]:
    """Record `boot` at `path` and return (record, reason code or an empty text).

    A damaged record is set aside as `*.damaged` and counting starts anew, which the reason says.
    Raises OSError where the record cannot be read or written.
    """
    before, reason = None, ""
    try:
        before = parse_record(path.read_text())
    except FileNotFoundError:
        pass
    except ValueError:
        reason = "boot_record_damaged"
        set_aside(path)
    if before is not None and is_same_boot(before, boot):
        return before, reason
    record = BootRecord(
        id_hash=boot.id_hash,
        booted_at=boot.booted_at.isoformat(timespec="seconds"),
        boot_count=before.boot_count + 1 if before else 1,
        since=before.since if before else now.isoformat(timespec="seconds"),
    )
    replace_durably(path, json.dumps(asdict(record)))
    return record, reason


def is_same_boot(before: BootRecord, boot: Boot) -> bool:
    """Whether the recorded boot is still the current one: by id, else by its time."""
    if boot.id_hash is not None and before.id_hash is not None:
        return before.id_hash == boot.id_hash
    apart = boot.booted_at - datetime.fromisoformat(before.booted_at)
    return abs(apart.total_seconds()) <= _SAME_BOOT_WITHIN_S


def parse_record(text: str) -> BootRecord:
    """Parse a record that `count_boot` wrote. Raises ValueError on anything else."""
    data = json.loads(text)
    try:
        record = BootRecord(
            id_hash=None if data["id_hash"] is None else str(data["id_hash"]),
            booted_at=str(data["booted_at"]),
            boot_count=int(data["boot_count"]),
            since=str(data["since"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a record of boots: {error!r}") from error
    if datetime.fromisoformat(record.booted_at).utcoffset() is None or record.boot_count < 1:
        raise ValueError("not a record of boots")
    return record
