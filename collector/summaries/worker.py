"""Refreshes summaries in the background: one thread, one process at a time, a share of a core."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge

from collector.storage.ports import SummaryRecords
from collector.summaries.refresher import Due, Urgency

START_AFTER_S = 2.0
"""A collector that starts has better things to do first."""
LOOK_EVERY_S = 20.0
ROUND_OF_WORK_S = 30.0
"""After that long is looked anew at what is most urgent."""
LEASE = "summaries"
LEASE_LASTS = timedelta(minutes=3)
REST_PER_WORK = 3.0
"""At most a quarter of one core goes to summaries, so that pages and ingest do not notice."""
REST_PER_FIRST_WORK = 0.5
"""What was never computed is what somebody waits for."""
BACK_OFF_S = 60.0
STOP_WAIT_S = 30.0

log = logging.getLogger(__name__)


class Refreshes(Protocol):
    """What the worker drives."""

    def due(self, now: datetime) -> list[Due]:
        """Return everything that is out of date, the most urgent first."""

    def refresh(self, due: Due, now: datetime) -> None:
        """Make one school's summaries in one round anew."""


class SummaryMetrics:
    """What the worker counts, for `/metrics`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.due = Gauge(
            "campusgauge_collector_summaries_due",
            "Schools whose summaries are out of date, by the last look.",
            registry=registry,
        )
        self.refreshed = Counter(
            "campusgauge_collector_summaries_refreshed",
            "Summaries of a school in a round made anew.",
            registry=registry,
        )
        self.failures = Counter(
            "campusgauge_collector_summary_failures",
            "Summaries that could not be made; tried again later.",
            registry=registry,
        )


class SummaryWorker:
    """Works off what is due, and rests in proportion.

    What fails is logged, counted and left alone for `BACK_OFF_S`, so that one school blocks no
    other. `stop` returns after the school at hand.
    """

    def __init__(
        self,
        refresher: Refreshes,
        leases: SummaryRecords,
        metrics: SummaryMetrics,
        clock: Callable[[], datetime],
        holder: str,
    ) -> None:
        self._refresher = refresher
        self._leases = leases
        self._metrics = metrics
        self._clock = clock
        self._holder = holder
        self._stopping = threading.Event()
        self._failed_at: dict[tuple[str, str], float] = {}
        self._thread = threading.Thread(target=self._run, name="summaries", daemon=True)

    @property
    def running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin after a short while."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the school at hand and give the lease to the next process."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_WAIT_S)

    def _run(self) -> None:
        wait_s = START_AFTER_S
        while not self._stopping.wait(wait_s):
            try:
                wait_s = 0.0 if self.work() else LOOK_EVERY_S
            except Exception:
                self._metrics.failures.inc()
                log.exception("summaries_failed retry_in_s=%s", BACK_OFF_S)
                wait_s = BACK_OFF_S
        try:
            self._leases.release_lease(LEASE, self._holder)
        except Exception:
            log.warning("lease_not_released: it ends by itself", exc_info=True)

    def work(self) -> bool:
        """Work off the most urgent for a while; returns whether something is left.

        Nothing is done while another process holds the lease.
        """
        now = self._clock()
        if not self._leases.take_lease(LEASE, self._holder, now, now + LEASE_LASTS):
            return False
        ends_at = time.monotonic() + ROUND_OF_WORK_S
        due = [one for one in self._refresher.due(now) if self._may_try(one)]
        left = len(due)
        self._metrics.due.set(left)
        for one in due:
            if self._stopping.is_set() or time.monotonic() >= ends_at:
                return True
            took_s = self._refresh(one)
            left -= 1
            self._metrics.due.set(left)
            first = one.urgency is Urgency.MISSING
            self._stopping.wait(took_s * (REST_PER_FIRST_WORK if first else REST_PER_WORK))
        return False

    def _refresh(self, due: Due) -> float:
        """Make one anew; returns how long that took."""
        began = time.monotonic()
        try:
            self._refresher.refresh(due, self._clock())
            self._metrics.refreshed.inc()
            self._failed_at.pop((due.round_id, due.school_id), None)
        except Exception:
            self._metrics.failures.inc()
            self._failed_at[due.round_id, due.school_id] = time.monotonic()
            log.exception("summary_failed school=%s round=%s", due.school_id, due.round_id)
        return time.monotonic() - began

    def _may_try(self, due: Due) -> bool:
        failed_at = self._failed_at.get((due.round_id, due.school_id))
        return failed_at is None or time.monotonic() - failed_at >= BACK_OFF_S
