"""Probe `backups`: how old the newest good backup of each job is.

What: one reading per job, twice a day.

Rights: reading the folder; a restic repository's password file; for Windows Server Backup an
administrator's rights.

Settings: `jobs`, each with `name` and `kind`: `files` (`folder`, `pattern`, `min_bytes`), `restic`
(`repository`, `password_file`, `tag`, `program`) or `windows` (wbadmin); `source`, a path of what
is backed up; `answer_within_s` for programs.

Metrics: see `Backups.metrics`. The target is the job's name.

What makes it invalid: a file that is too small, half the usual size, or still being written does
not count; an older good one does, with the reason beside. A backup on the file system of what it
backs up is void (`same_disk`): it burns with it. That a backup can be restored is not shown by its
being there; a restore test is a person's.

Evidence kept: file name or snapshot, size, how many good ones there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from agent.probes.base import Context, Cost, Metric, Probe, ProbeError
from agent.reading import Outcome, Reading
from agent.trouble import TroubleError

if TYPE_CHECKING:
    from agent.backups.found import FoundBackup

SECONDS_A_DAY = 86_400.0


class JobKind(StrEnum):
    """How a job's backups are found."""

    FILES = "files"
    RESTIC = "restic"
    WINDOWS = "windows"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One backup job; see the module's text."""

    name: str
    kind: JobKind = JobKind.FILES
    folder: Path | None = None
    pattern: str = "*"
    min_bytes: int = 1024
    repository: str = ""
    password_file: Path | None = None
    tag: str = ""
    program: str = "restic"
    source: Path | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a job needs a name")
        if self.kind is JobKind.FILES and self.folder is None:
            raise ValueError(f"job {self.name!r}: kind files needs a folder")
        if self.kind is JobKind.RESTIC and not (self.repository and self.password_file):
            raise ValueError(f"job {self.name!r}: kind restic needs repository and password_file")
        if self.min_bytes < 1:
            raise ValueError(f"job {self.name!r}: min_bytes must be at least 1")
        if self.pattern.startswith("/") or ".." in Path(self.pattern).parts:
            raise ValueError(f"job {self.name!r}: pattern stays below the folder")


@dataclass(frozen=True, kw_only=True)
class BackupsSettings:
    """See the module's text."""

    jobs: tuple[Job, ...] = ()
    answer_within_s: float = 120.0

    def __post_init__(self) -> None:
        names = [job.name for job in self.jobs]
        if len(set(names)) != len(names):
            raise ValueError("every job needs a name of its own")
        if len(names) > 50:
            raise ValueError("at most 50 jobs")
        if not 1 <= self.answer_within_s <= 600:
            raise ValueError("answer_within_s must be between 1 and 600")


class Backups(Probe[BackupsSettings]):
    """The listed backup jobs."""

    name = "backups"
    title = "数据备份"
    interval_s = 43_200.0
    timeout_s = 1800.0
    cost = Cost.HEAVY
    settings_type = BackupsSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("age_days", "d", "Age of the newest good backup"),
        Metric("size_bytes", "B", "Size of the newest good backup"),
        Metric("good_count", "count", "Good backups that are kept"),
    )

    def idle_reason(self, settings: BackupsSettings) -> str | None:
        """Without a job there is nothing to look at."""
        return None if settings.jobs else "backups_not_named"

    def collect(self, settings: BackupsSettings, context: Context) -> Iterable[Reading]:
        """Yield one reading per job. Raises ProbeError `backups_not_named`."""
        if not settings.jobs:
            raise ProbeError("backups_not_named", outcome=Outcome.SKIPPED)
        for job in settings.jobs:
            try:
                yield report(job, find(job, settings.answer_within_s, context), context)
            except TroubleError as error:
                yield Reading(
                    probe=self.name,
                    target=job.name,
                    time=context.now(),
                    outcome=Outcome.FAILED,
                    reason=error.reason,
                    labels={"kind": job.kind.value},
                    details={"detail": error.detail},
                )


def find(job: Job, within_s: float, context: Context) -> FoundBackup:
    """Return the newest good backup of a job. Raises TroubleError `backup_…`."""
    from agent.backups.files import find_files, is_same_disk, judge_files
    from agent.backups.programs import restic_snapshots, windows_versions

    if job.kind is JobKind.FILES and job.folder is not None:
        files = find_files(job.folder, job.pattern)
        found = judge_files(files, job.min_bytes, context.now())
        shares = job.source is not None and is_same_disk(job.folder, job.source)
        return replace(found, is_same_disk=shares)
    if job.kind is JobKind.RESTIC and job.password_file is not None:
        found = restic_snapshots(job.program, job.repository, job.password_file, job.tag, within_s)
        is_local = job.source is not None and Path(job.repository).is_absolute()
        shares = (
            is_local and job.source is not None and is_same_disk(Path(job.repository), job.source)
        )
        return replace(found, is_same_disk=shares)
    return windows_versions(within_s)


def report(job: Job, found: FoundBackup, context: Context) -> Reading:
    """Return the reading of one job. Pure but for the clock."""
    age_s = (context.now() - found.finished_at).total_seconds()
    values = {"age_days": max(age_s / SECONDS_A_DAY, 0.0)}
    if found.size_bytes is not None:
        values["size_bytes"] = float(found.size_bytes)
    if found.count is not None:
        values["good_count"] = float(found.count)
    return Reading(
        probe=Backups.name,
        target=job.name,
        time=context.now(),
        outcome=Outcome.LIMITED if found.is_same_disk else Outcome.OK,
        reason="same_disk" if found.is_same_disk else found.warning,
        values=values,
        labels={"kind": job.kind.value},
        limited_by=("same_disk",) if found.is_same_disk else (),
        details={**found.evidence, "finished_at": found.finished_at.isoformat()},
    )
