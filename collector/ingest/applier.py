"""Moves accepted batches from the inbox into the series store: one thread, in order, once each."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from pydantic import ValidationError

from collector.domain import Batch
from collector.ingest.metrics import IngestMetrics
from collector.ingest.schema import WireBatch
from collector.storage.ports import Inbox, InboxRow, SeriesStore

GROUP_MAX = 64
GATHER_S = 0.1
ATTEMPTS_PER_ROW = 3
BACK_OFF_FIRST_S = 0.5
BACK_OFF_MAX_S = 60.0
STOP_WAIT_S = 30.0

log = logging.getLogger(__name__)


class UnreadableRowError(Exception):
    """An inbox row that this version cannot read any more; its body is kept."""


class Applier:
    """Drains the inbox in its own thread.

    A batch is marked applied only after the series store has it durably; if the process dies in
    between, the store recognises the batch at the next start. A failing store is tried again with
    back-off; a row that fails while the store answers is set aside, so that it blocks no other.
    """

    def __init__(
        self,
        inbox: Inbox,
        series: SeriesStore,
        metrics: IngestMetrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._inbox = inbox
        self._series = series
        self._metrics = metrics
        self._clock = clock
        self._work = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._pending = 0
        self._attempts: dict[int, int] = {}
        self._thread = threading.Thread(target=self._run, name="applier", daemon=True)
        metrics.pending.set_function(lambda: self.pending)

    @property
    def pending(self) -> int:
        """How many accepted batches wait."""
        with self._lock:
            return self._pending

    @property
    def running(self) -> bool:
        """Whether the thread is alive; a dead one means nothing reaches the series store."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start replaying what an earlier process accepted, then follow the inbox."""
        self._inbox.retry_set_aside()
        self._metrics.set_aside.set(0)
        with self._lock:
            self._pending = self._inbox.pending_count()
        self._work.set()
        self._thread.start()

    def stop(self) -> None:
        """Stop after the group at hand; the rest waits durably in the inbox."""
        self._stopping.set()
        self._work.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_WAIT_S)

    def notify(self) -> None:
        """Say that one more batch has been accepted."""
        with self._lock:
            self._pending += 1
        self._work.set()

    def _run(self) -> None:
        back_off_s = BACK_OFF_FIRST_S
        while not self._stopping.is_set():
            self._work.wait()
            self._work.clear()
            try:
                self._drain()
                back_off_s = BACK_OFF_FIRST_S
                # Lets batches gather: one transaction of the series store for many of them.
                self._stopping.wait(GATHER_S)
            except Exception:
                self._metrics.apply_failures.inc()
                log.exception("apply_failed retry_in_s=%s", back_off_s)
                self._stopping.wait(back_off_s)
                back_off_s = min(2 * back_off_s, BACK_OFF_MAX_S)
                self._work.set()

    def _drain(self) -> None:
        """Apply until nothing waits. Raises if something still waits and could not be applied."""
        while not self._stopping.is_set():
            rows = self._inbox.pending(GROUP_MAX)
            if not rows:
                return
            try:
                self._apply(rows)
            except Exception:
                if len(rows) == 1:
                    self._note_failed_row(rows[0])
                    raise
                log.warning("group_failed rows=%s: trying one by one", len(rows), exc_info=True)
                self._apply_one_by_one(rows)

    def _apply(self, rows: Sequence[InboxRow]) -> None:
        self._series.apply_batches([read_row(row) for row in rows])
        self._inbox.mark_applied([row.position for row in rows], self._clock())
        self._metrics.applied.inc(len(rows))
        with self._lock:
            self._pending = max(0, self._pending - len(rows))

    def _apply_one_by_one(self, rows: Sequence[InboxRow]) -> None:
        last_error: Exception | None = None
        for row in rows:
            try:
                self._apply([row])
            except Exception as error:
                self._note_failed_row(row)
                log.warning("row_failed position=%s", row.position, exc_info=True)
                last_error = error
        if last_error is not None:
            raise last_error

    def _note_failed_row(self, row: InboxRow) -> None:
        """Count the failure against the row, unless the store itself is down (then it raises)."""
        self._series.check()
        self._attempts[row.position] = self._attempts.get(row.position, 0) + 1
        if self._attempts[row.position] >= ATTEMPTS_PER_ROW:
            del self._attempts[row.position]
            self._inbox.set_aside(row.position, "the series store cannot take it; see the log")
            self._metrics.set_aside.set(self._inbox.set_aside_count())
            with self._lock:
                self._pending = max(0, self._pending - 1)
            log.error("set_aside batch=%s school=%s", row.batch_id, row.school_id)


def read_row(row: InboxRow) -> Batch:
    """Return the batch of an inbox row. Raises UnreadableRowError."""
    try:
        wire = WireBatch.model_validate_json(row.body)
    except ValidationError as error:
        raise UnreadableRowError(f"inbox row {row.position}: {error}") from error
    return Batch(
        batch_id=row.batch_id,
        school_id=row.school_id,
        agent_id=row.agent_id,
        stream=wire.stream,
        sequence=wire.sequence,
        received_at=row.received_at,
        readings=tuple(reading.stored() for reading in wire.readings),
    )
