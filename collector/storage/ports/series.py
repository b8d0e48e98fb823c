"""Readings and their samples: much data, appended once, read by window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from collector.domain import AgentReading, Batch
from rubrics.indicators import Grouping, Statistic


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A stretch of time that counts, `start` included and `stop` not, and its local day."""

    day: date
    start: datetime
    stop: datetime


@dataclass(frozen=True, slots=True)
class SeriesQuery:
    """Which samples of one school to reduce, and how.

    Only samples within one of `spans` count (ordered, none overlapping, each within one local
    day), and only those of readings that ended `ok` or `limited`. `slot_s` is the length of the
    slots that coverage is counted in, from the start of each span.
    """

    school_id: str
    series: str
    per: Grouping
    statistic: Statistic
    spans: Sequence[TimeSpan]
    target: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    labels_not: Mapping[str, Sequence[str]] = field(default_factory=dict)
    void_causes: tuple[str, ...] = ()
    slot_s: int = 60


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """One group of samples (a target, an agent, `agent/target` or the school), reduced.

    All but `observed` and `void_by_cause` leave out samples with a void cause. `free_samples` and
    `free_days` count those that nothing, or only the line itself, had limited.
    """

    group: str
    value: float | None
    """The statistic over the valid samples; None if there are none."""
    samples: int
    days: int
    weeks: int
    slots: int
    """Slots with at least one valid sample."""
    since: datetime | None
    until: datetime | None
    """Times of the first and the last valid sample."""
    free_samples: int
    free_days: int
    limited_by_cause: Mapping[str, int]
    void_samples: int
    void_by_cause: Mapping[str, int]
    observed: float | None
    """The statistic over the void samples alone: seen, but no evidence."""


@dataclass(frozen=True, slots=True)
class SamplePoint:
    """One point of a chart: a sample, or the samples of one stretch of time of one group."""

    group: str
    since: datetime
    until: datetime
    """Times of the first and the last sample of the point; equal for a single one."""
    smallest: float
    median: float
    largest: float
    mean: float
    samples: int
    void: bool
    """Whether the samples have a void cause; void and valid ones never share a point."""
    limited_by_cause: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Outage:
    """A run of observed minutes that were all down, long enough to count; `stop` not included."""

    group: str
    start: datetime
    stop: datetime


class SeriesStore(Protocol):
    """Readings and their samples: much data, appended once, read by window."""

    def apply_batches(self, batches: Sequence[Batch]) -> int:
        """Store readings and samples of batches that are new, all in one durable transaction.

        The key of each batch is recorded in the same transaction, so one that was applied
        before, also before a kill -9, is passed over. Returns how many were new. Raises and
        stores nothing if any of them cannot be stored.
        """

    def summarise(self, query: SeriesQuery) -> Sequence[GroupSummary]:
        """Reduce the samples of each group, groups ordered by name; no samples, no group.

        Quantiles are exact, with linear interpolation between the two nearest samples. The same
        samples always give the same numbers, in whatever order they arrived.
        """

    def samples(
        self, query: SeriesQuery, max_points: int, max_groups: int
    ) -> Sequence[SamplePoint]:
        """Return the samples that `summarise` reduces, by group and time, thinned for a chart.

        A group of at most `max_points` samples comes back sample by sample (those of one instant
        together); a larger one as at most `max_points` stretches of equal length, each once for
        its valid and once for its void samples. Only the first `max_groups` groups by name.
        """

    def outages(self, query: SeriesQuery, max_outages: int) -> Sequence[Outage]:
        """Return the outages that `Statistic.UP_RATIO` counts in the query, in order of time.

        If there are more than `max_outages`, the newest.
        """

    def latest_readings(
        self, school_id: str, probe: str | None = None, limit: int = 100
    ) -> Sequence[AgentReading]:
        """Return readings of a school, newest first, optionally of one probe."""

    def probes_of(self, school_id: str) -> frozenset[str]:
        """Return the probes of which the school ever sent a reading."""

    def last_reading_times(self) -> Mapping[str, datetime]:
        """Return time of the newest reading per school; a school without any is absent."""

    def check(self) -> None:
        """Return if the store answers. Raises UnavailableError with what to do if it does not."""

    def close(self) -> None:
        """Checkpoint and release the file; safe to call twice."""
