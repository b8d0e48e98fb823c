"""What can be set, with its defaults. `agent/config.py` fills these in; nothing here reads a file.

Units are in the names. Every limit exists so that a school host can never be filled or slowed by
its own measuring.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.allowed_times import CHINA_UTC_OFFSET_HOURS, AllowedTimes
from agent.probes.base import Cost, Metric

MIB = 1024 * 1024


def require_positive(**values: float | None) -> None:
    """Raise ValueError naming the first value that is given and not above zero."""
    for name, value in values.items():
        if value is not None and not value > 0:
            raise ValueError(f"{name} must be above 0, not {value}")


@dataclass(frozen=True, slots=True)
class PushSettings:
    """How readings travel to the collector."""

    interval_s: float = 15.0
    """Time between two pushes while everything is up to date."""
    batch_readings: int = 500
    """At most this many readings in one batch."""
    batch_bytes: int = MIB
    """At most this many bytes of readings in one batch, before compression."""
    timeout_s: float = 20.0
    """For connecting, and for every read."""
    backlog_pause_s: float = 0.5
    """Pause between two batches while a backlog is sent, so that a county coming back does not
    flood its collector."""
    ca_file: Path | None = None
    """PEM file of a private certification authority; None: the one given at enrolment, else the
    system's."""
    key_max_age_days: float = 90.0
    """The agent changes its own key when it is older than this."""

    def __post_init__(self) -> None:
        require_positive(
            key_max_age_days=self.key_max_age_days,
            interval_s=self.interval_s,
            batch_readings=self.batch_readings,
            batch_bytes=self.batch_bytes,
            timeout_s=self.timeout_s,
            backlog_pause_s=self.backlog_pause_s,
        )


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """How much is kept while the collector cannot be reached."""

    max_bytes: int = 512 * MIB
    """Oldest readings are dropped, and counted, beyond this. 30 days offline with the default
    probes are about 600,000 readings and half of it."""
    max_age_days: float = 62.0
    """Readings older than this are dropped, and counted: longer than a summer holiday."""

    def __post_init__(self) -> None:
        require_positive(max_age_days=self.max_age_days)
        if self.max_bytes < MIB:
            raise ValueError(f"max_bytes must be at least {MIB}, not {self.max_bytes}")


@dataclass(frozen=True, slots=True)
class ExpositionSettings:
    """The local Prometheus page."""

    enabled: bool = True
    host: str = "127.0.0.1"
    """Stay on loopback unless a firewall guards the port: the page needs no key."""
    port: int = 9873

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port must be between 0 and 65535, not {self.port}")


@dataclass(frozen=True, slots=True)
class ChildSettings:
    """Limits of the short-lived processes in which heavy probes run."""

    memory_bytes: int = 512 * MIB
    output_bytes: int = 8 * MIB

    def __post_init__(self) -> None:
        require_positive(memory_bytes=self.memory_bytes, output_bytes=self.output_bytes)


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """When probes that can be noticed may run; see `agent.allowed_times` for the texts.

    Probes whose table says `always = true` run at all times; by default those are the light ones.
    """

    windows: tuple[str, ...] = ()
    holidays: tuple[str, ...] = ()
    exams: tuple[str, ...] = ()
    utc_offset_hours: float = CHINA_UTC_OFFSET_HOURS

    def __post_init__(self) -> None:
        self.times()

    def times(self) -> AllowedTimes:
        """Return the times as they are asked for. Raises ValueError where one cannot be read."""
        return AllowedTimes.read(self.windows, self.holidays, self.exams, self.utc_offset_hours)


@dataclass(frozen=True, slots=True)
class ProbeTable:
    """The keys that every table `[probes.<name>]` has; None means the probe's own default."""

    enabled: bool = True
    interval_s: float | None = None
    timeout_s: float | None = None
    always: bool | None = None

    def __post_init__(self) -> None:
        require_positive(interval_s=self.interval_s, timeout_s=self.timeout_s)


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """What is to be run, when, and with which of the probe's own settings."""

    probe: str
    cost: Cost
    enabled: bool
    interval_s: float
    timeout_s: float
    own: Any
    idle_reason: str | None = None
    """Why the probe has nothing to observe as it is set; it is not run then."""
    needs_slot: bool = False
    metrics: tuple[Metric, ...] = ()
    always: bool = False
    """Whether it also runs outside the windows, on holidays and during examinations."""

    @property
    def is_run(self) -> bool:
        """Whether it is run at all: enabled, and with something to observe."""
        return self.enabled and self.idle_reason is None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, frozen."""

    push: PushSettings = field(default_factory=PushSettings)
    spool: SpoolSettings = field(default_factory=SpoolSettings)
    exposition: ExpositionSettings = field(default_factory=ExpositionSettings)
    children: ChildSettings = field(default_factory=ChildSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    probes: Mapping[str, ProbePlan] = field(default_factory=dict)
