"""The last readings and the agent's own counters as Prometheus text, version 0.0.4. Pure.

A value is `campusgauge_<probe>_<value name>{target="…"}`, its unit the suffix. A value older than
three of its probe's intervals is left out: a number that nobody renews is not a measurement.

The text is written here rather than by `prometheus_client`, which costs the steady process 3 MiB
and three times the processor time a scrape; its parser and promtool check this writer in the tests.
The format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psutil

from agent.latest import Latest
from agent.probes.base import Metric, utc_now
from agent.pusher import PushState
from agent.reading import Reading
from agent.spool import Spool, SpoolCounts

STALE_INTERVALS = 3
_NOT_IN_NAMES = re.compile("[^a-zA-Z0-9_:]")
_IN_HELP = str.maketrans({"\\": r"\\", "\n": r"\n"})
_IN_LABELS = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Family:
    """One metric: its name, what it is, and its value for each set of labels.

    A counter's name ends in `_total`.
    """

    name: str
    meaning: str
    kind: str = "gauge"
    samples: list[tuple[Labels, float]] = field(default_factory=list)


def render(families: Iterable[Family]) -> str:
    """Return the page. Characters that a metric name cannot hold become underscores."""
    lines = []
    for family in families:
        name = _NOT_IN_NAMES.sub("_", family.name)
        lines.append(f"# HELP {name} {family.meaning.translate(_IN_HELP)}")
        lines.append(f"# TYPE {name} {family.kind}")
        lines += [f"{name}{_braces(labels)} {float(value)!r}" for labels, value in family.samples]
    return "\n".join(lines) + "\n"


def _braces(labels: Labels) -> str:
    if not labels:
        return ""
    inner = ",".join(f'{name}="{value.translate(_IN_LABELS)}"' for name, value in labels)
    return f"{{{inner}}}"


class Exposition:
    """Everything the page shows, gathered anew at each scrape."""

    def __init__(
        self,
        latest: Latest,
        spool: Spool,
        *,
        intervals_s: Mapping[str, float],
        metrics: Mapping[str, Iterable[Metric]],
        push_state: Callable[[], PushState] = PushState,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`intervals_s` and `metrics` are by probe name."""
        self._latest = latest
        self._spool = spool
        self._intervals_s = intervals_s
        self._meaning = {
            (probe, metric.name): metric.meaning
            for probe, declared in metrics.items()
            for metric in declared
        }
        self._push_state = push_state
        self._now = now
        self._process = psutil.Process()

    def text(self) -> str:
        """Return the page as it is now."""
        return render(self.families())

    def families(self) -> Iterator[Family]:
        """Yield every family once."""
        fresh = [reading for reading in self._latest.readings() if self._is_fresh(reading)]
        yield from self._values(fresh)
        yield from outcome_families(fresh)
        yield from spool_families(self._spool.counts())
        yield Family(
            "campusgauge_agent_unshown_readings_total",
            "Readings left out of this page because there are too many targets",
            "counter",
            [((), self._latest.left_out())],
        )
        yield from push_families(self._push_state())
        yield Family(
            "campusgauge_agent_probe_runs_total",
            "Runs of a probe by result",
            "counter",
            [
                ((("probe", probe), ("result", result)), count)
                for (probe, result), count in sorted(self._latest.runs().items())
            ],
        )
        yield from process_families(self._process)

    def _is_fresh(self, reading: Reading) -> bool:
        interval_s = self._intervals_s.get(reading.probe, 300.0)
        return self._now() - reading.time <= timedelta(seconds=STALE_INTERVALS * interval_s)

    def _values(self, readings: Iterable[Reading]) -> Iterable[Family]:
        families: dict[tuple[str, str], Family] = {}
        for reading in readings:
            for name, value in reading.values.items():
                key = (reading.probe, name)
                if key not in families:
                    meaning = self._meaning.get(key, f"{name} of the probe {reading.probe}")
                    families[key] = Family(f"campusgauge_{reading.probe}_{name}", meaning)
                families[key].samples.append(((("target", reading.target),), value))
        return families.values()


def outcome_families(readings: Iterable[Reading]) -> tuple[Family, Family]:
    """Return how the last reading of each target ended, and when it was taken."""
    outcomes = Family(
        "campusgauge_reading_outcome",
        "1 for the outcome and reason of the last reading of a target",
    )
    moments = Family(
        "campusgauge_reading_timestamp_seconds", "When the last reading of a target was taken"
    )
    for reading in readings:
        place = (("probe", reading.probe), ("target", reading.target))
        ending = (("outcome", reading.outcome.value), ("reason", reading.reason or ""))
        outcomes.samples.append((place + ending, 1.0))
        moments.samples.append((place, reading.time.timestamp()))
    return outcomes, moments


def spool_families(counts: SpoolCounts) -> Iterator[Family]:
    """Yield what the spool holds and what it lost."""
    gauges = (
        ("readings", "Readings kept until the collector has them", counts.queued + counts.claimed),
        ("bytes", "Bytes used by the spool", counts.used_bytes),
    )
    for name, meaning, value in gauges:
        yield Family(f"campusgauge_agent_spool_{name}", meaning, "gauge", [((), value)])
    counters = (
        (
            "spool_dropped_readings",
            "Readings dropped from a full spool, or as too old",
            counts.dropped_total,
        ),
        (
            "rejected_readings",
            "Readings refused by the collector for good",
            counts.rejected_total,
        ),
    )
    for name, meaning, value in counters:
        yield Family(f"campusgauge_agent_{name}_total", meaning, "counter", [((), value)])


def push_families(push: PushState) -> Iterator[Family]:
    """Yield how pushing goes; the time of success is left out before the first."""
    yield Family(
        "campusgauge_agent_push_failures_total",
        "Pushes that the collector did not confirm",
        "counter",
        [((), push.attempts_failed)],
    )
    if push.last_success is not None:
        yield Family(
            "campusgauge_agent_push_success_timestamp_seconds",
            "When the collector last confirmed a batch",
            "gauge",
            [((), push.last_success.timestamp())],
        )


def process_families(process: psutil.Process) -> Iterator[Family]:
    """Yield this process under the names that every Prometheus client library uses."""
    memory, cpu = process.memory_info(), process.cpu_times()
    gauges = (
        ("resident_memory_bytes", "Resident memory size in bytes", memory.rss),
        ("virtual_memory_bytes", "Virtual memory size in bytes", memory.vms),
        ("start_time_seconds", "Start time since the Unix epoch in seconds", process.create_time()),
    )
    for name, meaning, value in gauges:
        yield Family(f"process_{name}", meaning, "gauge", [((), value)])
    yield Family(
        "process_cpu_seconds_total",
        "Total user and system CPU time spent in seconds",
        "counter",
        [((), cpu.user + cpu.system)],
    )
