"""The worker: bounded, one at a time, and not stopped by one school."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from collector.domain import STANDING
from collector.summaries import worker as worker_module
from collector.summaries.refresher import Due
from collector.summaries.worker import LEASE, LEASE_LASTS, SummaryMetrics, SummaryWorker

GENERAL = "zhongxian-smart-campus-general"


def make_worker(scored: Any, refresher: Any, holder: str = "one") -> tuple[SummaryWorker, Any]:
    """Return a worker over the county, and its registry."""
    registry = CollectorRegistry()
    metrics = SummaryMetrics(registry)
    return SummaryWorker(refresher, scored.records, metrics, lambda: scored.now, holder), registry


class FailsFor:
    """The real refresher, but for one school that cannot be made."""

    def __init__(self, inner: Any, school_id: str) -> None:
        self._inner = inner
        self._school_id = school_id

    def due(self, now: datetime) -> list[Due]:
        """Return what is due."""
        found: list[Due] = self._inner.due(now)
        return found

    def refresh(self, due: Due, now: datetime) -> None:
        """Fail for the one."""
        if due.school_id == self._school_id:
            raise RuntimeError("disk full")
        self._inner.refresh(due, now)


def test_the_worker_fills_the_county_by_itself(
    scored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started and left alone it makes every summary, and stops when asked."""
    monkeypatch.setattr(worker_module, "START_AFTER_S", 0.0)
    worker, registry = make_worker(scored, scored.refresher)
    worker.start()
    for _ in range(200):
        if len(scored.records.summary_times(STANDING)) == 2:
            break
        threading.Event().wait(0.05)
    assert worker.running
    worker.stop()
    assert not worker.running
    assert set(scored.records.summary_times(STANDING)) == {"zx-001", "zx-002"}
    assert registry.get_sample_value("campusgauge_collector_summaries_refreshed_total") == 2
    assert scored.records.take_lease(LEASE, "next", scored.now, scored.now + LEASE_LASTS)


def test_only_one_process_works(scored: Any) -> None:
    """Two collectors on one database must not do the same work twice."""
    first, _ = make_worker(scored, scored.refresher, "one")
    assert scored.records.take_lease(LEASE, "other", scored.now, scored.now + LEASE_LASTS)
    assert first.work() is False
    assert scored.records.summary_times(STANDING) == {}
    scored.now += 2 * LEASE_LASTS
    first.work()
    assert len(scored.records.summary_times(STANDING)) == 2


def test_one_school_that_fails_blocks_no_other(scored: Any) -> None:
    """It is counted and left alone for a while."""
    worker, registry = make_worker(scored, FailsFor(scored.refresher, "zx-001"))
    worker.work()
    assert set(scored.records.summary_times(STANDING)) == {"zx-002"}
    assert registry.get_sample_value("campusgauge_collector_summary_failures_total") == 1
    worker.work()
    assert registry.get_sample_value("campusgauge_collector_summary_failures_total") == 1


def test_work_ends_in_time(scored: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its share of time the worker looks anew at what is most urgent."""
    monkeypatch.setattr(worker_module, "ROUND_OF_WORK_S", 0.0)
    worker, registry = make_worker(scored, scored.refresher)
    assert worker.work() is True
    assert scored.records.summary_times(STANDING) == {}
    assert registry.get_sample_value("campusgauge_collector_summaries_due") == 2
