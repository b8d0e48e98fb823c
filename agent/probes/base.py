"""The contract between a probe and the runner.

A probe observes one thing. It is one class in one file of this folder, beside its own frozen
settings dataclass and its pure parser: read, parse, report. Only the runner knows schedules,
time-outs, retries and counting; a probe knows its subject.

How to write one, in short:

* Subclass `Probe`, set the class attributes, implement `collect`, add a line to the registry in
  `agent/probes/__init__.py`.
* Ask `context` for the time and for the roots of the system's files; never the globals.
* Keep the module's top-level imports light (standard library, psutil). The steady process imports
  every enabled probe; import anything larger inside `collect` and declare `cost = Cost.HEAVY`, so
  that it is only ever imported in a short-lived child.
* Yield a reading for everything asked about, also when nothing could be had: `failed` or
  `skipped` with a reason, never silence, never a 0 that was not observed.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from agent.reading import Outcome, Reading

SettingsT = TypeVar("SettingsT")


class Cost(StrEnum):
    """Where the runner lets a probe run."""

    LIGHT = "light"
    """In the steady process: milliseconds of work, no import beyond psutil."""
    HEAVY = "heavy"
    """In a short-lived child with limits on time, memory and output."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One value that a probe may report.

    `name` ends in its unit (`cpu_used_ratio`, `speed_mbps`); the series is `<probe>.<name>`.
    `unit` is spelled as in the indicator catalogue. `meaning` is one English sentence without a
    full stop: it becomes the Prometheus HELP text and the line in the generated probe table.
    """

    name: str
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class CollectorAccess:
    """How a probe may talk to the bureau's collector, for example to ask for a test slot.

    `key` never appears in `repr`, logs, URLs or readings.
    """

    url: str
    key: str = field(repr=False)
    ca_file: Path | None = None


def utc_now() -> datetime:
    """Return the wall-clock time, aware and in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Context:
    """What a probe gets from outside; tests pass their own.

    `now` is for the times of readings, `monotonic` (seconds) for durations. `proc_root` and
    `sys_root` stand for /proc and /sys. `state_dir` is the probe's own folder for what must
    outlive a restart, made by the runner, or None where nothing may be kept (`once` without
    `--state`). `collector` is None before enrolment and offline. `on_demand` is true when a person
    asked for this very run, false when it comes from the schedule.
    """

    now: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic
    proc_root: Path = Path("/proc")
    sys_root: Path = Path("/sys")
    state_dir: Path | None = None
    collector: CollectorAccess | None = None
    on_demand: bool = False


class ProbeError(Exception):
    """A probe as a whole could not observe anything.

    The runner turns it into one reading. `reason` is a code of `rubrics/reasons.yaml`; `detail`
    is kept as evidence. Where only one of several targets is affected, yield a failed reading for
    that target instead and carry on.
    """

    def __init__(
        self,
        reason: str,
        detail: str = "",
        *,
        target: str = "host",
        outcome: Outcome = Outcome.FAILED,
    ) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.target = target
        self.outcome = outcome


def require_supported_system(system: str) -> None:
    """Raise ProbeError `unsupported_system`, as skipped, elsewhere than on Linux and Windows.

    `system` is spelled as `sys.platform` does.
    """
    if system not in {"linux", "win32"}:
        raise ProbeError("unsupported_system", system, outcome=Outcome.SKIPPED)


class Probe(ABC, Generic[SettingsT]):
    """Observes one thing and yields readings.

    One instance lives as long as its process, so a light probe may remember its last sample in
    `self`; a heavy one starts afresh each time and keeps what it needs in `context.state_dir`.
    """

    name: ClassVar[str]
    """As in the configuration table `[probes.<name>]` and in every reading."""
    title: ClassVar[str]
    """Chinese name for people, for example 服务器余量."""
    interval_s: ClassVar[float]
    """Default time between two runs; the configuration may change it."""
    timeout_s: ClassVar[float] = 10.0
    """After this long the runner reports the run as hung (and ends a heavy probe's child)."""
    cost: ClassVar[Cost] = Cost.LIGHT
    needs_slot: ClassVar[bool] = False
    """Whether the collector says when to run, instead of `interval_s`."""
    metrics: ClassVar[tuple[Metric, ...]]
    settings_type: type[SettingsT]
    """A frozen dataclass whose every field has a default; `__post_init__` may raise ValueError.

    Fields may be bool, int, float, str, Path, a StrEnum, Literal, `X | None`, `tuple[X, ...]`,
    `dict[str, X]` or another such dataclass. `enabled`, `interval_s` and `timeout_s` belong to
    every probe's table and are not repeated here.
    """

    def idle_reason(self, settings: SettingsT) -> str | None:
        """Return why there is nothing to observe under these settings, None where there is.

        A probe of devices that nobody named is not run at all: it would start a process each time
        to say the same. `check` shows the reason, a code of `rubrics/reasons.yaml`.
        """
        del settings
        return None

    @abstractmethod
    def collect(self, settings: SettingsT, context: Context) -> Iterable[Reading]:
        """Observe once and yield what was seen; raise ProbeError where nothing can be."""
