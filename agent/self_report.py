"""The agent's readings about itself: spool, pushing, its own footprint, what it lost and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import psutil

from agent.latest import Latest
from agent.probe_run import failure
from agent.probes.base import Metric, utc_now
from agent.pusher import PushState
from agent.reading import Outcome, Reading
from agent.spool import Spool, SpoolCounts

NAME = "agent"
INTERVAL_S = 300.0
METRICS = (
    Metric("queued_readings", "count", "Readings waiting in the spool to be sent"),
    Metric("spool_used_bytes", "B", "Bytes that the spool's file uses"),
    Metric("dropped_readings", "count", "Readings dropped from a full spool, or as too old"),
    Metric("damaged_readings", "count", "Readings that the disk had changed, and so were lost"),
    Metric("rejected_readings", "count", "Readings that the collector refused for good"),
    Metric("resident_memory_bytes", "B", "Memory of the agent's steady process"),
    Metric("cpu_used_s", "s", "Processor time of the steady process since it started"),
    Metric("overlapped_runs", "count", "Runs left out because the one before was still going"),
)


class SelfReport:
    """Yields readings of the probe name `agent`; counters are totals since the spool was made."""

    def __init__(
        self,
        spool: Spool,
        latest: Latest,
        push_state: Callable[[], PushState],
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._spool = spool
        self._latest = latest
        self._push_state = push_state
        self._now = now
        before = spool.counts()
        self._dropped_before = before.dropped_total
        self._damaged_before = before.damaged_total if not spool.quarantined else 0
        self._quarantined_before = 0

    def collect(self) -> list[Reading]:
        """Return the state of the agent, and one reading for every kind of loss since last time."""
        counts = self._spool.counts()
        process = psutil.Process()
        cpu = process.cpu_times()
        now = self._now()
        overlapped = sum(
            n for (_, result), n in self._latest.runs().items() if result in ("overlapped", "hung")
        )
        report = Reading(
            probe=NAME,
            target="host",
            time=now,
            outcome=Outcome.OK,
            values={
                "queued_readings": counts.queued + counts.claimed,
                "spool_used_bytes": counts.used_bytes,
                "dropped_readings": counts.dropped_total,
                "damaged_readings": counts.damaged_total,
                "rejected_readings": counts.rejected_total,
                "resident_memory_bytes": process.memory_info().rss,
                "cpu_used_s": round(cpu.user + cpu.system, 3),
                "overlapped_runs": overlapped,
            },
        )
        return [report, *self._losses(counts, now)]

    def _losses(self, counts: SpoolCounts, now: datetime) -> list[Reading]:
        losses = [self._damaged(path, now) for path in self._new_quarantined()]
        damaged = counts.damaged_total - self._damaged_before
        if damaged > 0:
            losses.append(failure(NAME, "spool_rows_damaged", now, "spool", readings=damaged))
        self._damaged_before = counts.damaged_total
        if counts.dropped_total > self._dropped_before:
            dropped = counts.dropped_total - self._dropped_before
            losses.append(failure(NAME, "spool_dropped_oldest", now, "spool", readings=dropped))
        self._dropped_before = counts.dropped_total
        return losses

    def _new_quarantined(self) -> list[Path]:
        fresh = self._spool.quarantined[self._quarantined_before :]
        self._quarantined_before += len(fresh)
        return fresh

    def _damaged(self, path: Path, now: datetime) -> Reading:
        return failure(
            NAME,
            "spool_damaged",
            now,
            "spool",
            kept_as=path.name,
            salvaged_readings=self._spool.salvaged_readings,
        )


def push_reading(state: PushState, now: datetime) -> Reading:
    """Return the reading that says that pushing got into trouble, or out of it."""
    if state.reason is None:
        return Reading(probe=NAME, target="push", time=now, outcome=Outcome.OK)
    return failure(NAME, state.reason, now, "push", detail=state.detail[:500])
