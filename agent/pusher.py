"""Drains the spool to the collector, and never gives up a reading it could still deliver.

Pace: one batch an interval while up to date, a short pause between batches while a backlog is
sent. After trouble that passes, exponential back-off with full jitter (so that a county does not
come back all at once); after trouble that a person must end, rare attempts. Retry-After is obeyed
up to a bound.
"""

from __future__ import annotations

import logging
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from agent.collector_client import CollectorClient
from agent.delivery import Action, Delivery, judge
from agent.probes.base import utc_now
from agent.schedule import jitter
from agent.settings import PushSettings
from agent.spool import Spool, StoredBatch

READINGS_PATH = "/api/v1/readings"
MAX_RETRY_AFTER_S = 3600.0
LOOK_S = 15.0
"""How long a host that was refused may take to notice that it was enrolled anew."""
_RETRY_S = (5.0, 300.0)
_HOLD_S = (300.0, 3600.0)
_GZIP_FORMAT = 16 + zlib.MAX_WBITS
"""RFC 1952 without a time, as zlib's `deflateInit2` is asked for it."""
_log = logging.getLogger("agent.pusher")


@dataclass(frozen=True, slots=True)
class PushState:
    """How pushing goes. `reason` is None while it goes well."""

    reason: str | None = None
    detail: str = ""
    last_success: datetime | None = None
    batches_settled: int = 0
    attempts_failed: int = 0


class Pusher:
    """Sends batches; run `run` in a thread, or `push_once` by hand."""

    def __init__(
        self,
        spool: Spool,
        client: Callable[[], CollectorClient | None],
        settings: PushSettings,
        *,
        now: Callable[[], datetime] = utc_now,
        jitter: Callable[[], float] = jitter,
        on_change: Callable[[PushState], None] = lambda _state: None,
        after_delivery: Callable[[CollectorClient], None] = lambda _client: None,
        until_next_s: Callable[[], float] | None = None,
    ) -> None:
        """Prepare, without sending.

        `client` returns the connection to use, None before enrolment. `jitter` returns numbers in
        [0, 1). `on_change` hears when trouble starts or ends. `after_delivery` may use the
        connection when a batch was delivered, and must not raise. `until_next_s` says how long to
        wait while up to date, instead of always `interval_s`.
        """
        self._spool = spool
        self._client = client
        self._settings = settings
        self._now = now
        self._jitter = jitter
        self._on_change = on_change
        self._after_delivery = after_delivery
        self._until_next_s = until_next_s or (lambda: settings.interval_s)
        self._failures = 0
        self._client_in_use: CollectorClient | None = None
        self.state = PushState()

    def run(self, stop: threading.Event) -> None:
        """Push until `stop` is set; what is not yet delivered stays stored."""
        wait_s = 0.0
        while not self._rest(stop, wait_s):
            try:
                wait_s = self.push_once()
            except Exception as error:  # noqa: BLE001 - a full disk or a fault of ours: go on later
                _log.error("push_broke error=%r", error)
                wait_s = _RETRY_S[1]

    def _rest(self, stop: threading.Event, wait_s: float) -> bool:
        """Wait, a new identity ending the wait early; True when the agent is to stop."""
        before = self._client_in_use
        while wait_s > LOOK_S:
            if stop.wait(LOOK_S):
                return True
            wait_s -= LOOK_S
            try:
                if self._client() is not before:
                    return False
            except Exception:  # noqa: BLE001 - whatever it is, the next push says it
                return False
        return stop.wait(wait_s)

    def push_once(self) -> float:
        """Send at most one batch and return the seconds to wait before the next."""
        client = self._client_in_use = self._client()
        if client is None:
            return self._settings.interval_s
        batch = self._spool.next_batch(self._settings.batch_readings, self._settings.batch_bytes)
        if batch is None:
            return self._until_next_s()
        body = zlib.compress(batch.body, level=6, wbits=_GZIP_FORMAT)
        answer = client.post(READINGS_PATH, body, {"Content-Encoding": "gzip"})
        delivery = judge(answer, batch.readings, self._now())
        self._apply(batch, delivery)
        if delivery.action is Action.SETTLE:
            self._after_delivery(client)
        return self._wait_s(batch, delivery)

    def _apply(self, batch: StoredBatch, delivery: Delivery) -> None:
        if delivery.action is Action.SETTLE:
            self._spool.settle(batch)
        elif delivery.action is Action.SPLIT:
            self._spool.split(batch)
        elif delivery.action is Action.REJECT:
            self._spool.reject(batch, f"{delivery.reason}: {delivery.detail}")
        elif delivery.action is Action.REJECT_ROWS:
            self._spool.reject(batch, dict(delivery.rows))
        self._note(delivery)

    def _note(self, delivery: Delivery) -> None:
        before = self.state
        settled = delivery.action is Action.SETTLE
        self.state = PushState(
            reason=delivery.reason,
            detail=delivery.detail,
            last_success=self._now() if settled else before.last_success,
            batches_settled=before.batches_settled + settled,
            attempts_failed=before.attempts_failed + (not settled),
        )
        if self.state.reason != before.reason:
            level = logging.INFO if delivery.reason is None else logging.WARNING
            _log.log(level, "push reason=%s detail=%s", delivery.reason or "ok", delivery.detail)
            self._on_change(self.state)

    def _wait_s(self, batch: StoredBatch, delivery: Delivery) -> float:
        if delivery.action not in (Action.RETRY, Action.HOLD):
            self._failures = 0
            full = batch.readings >= self._settings.batch_readings
            more = full or delivery.action is not Action.SETTLE
            return self._settings.backlog_pause_s if more else self._until_next_s()
        base_s, cap_s = _RETRY_S if delivery.action is Action.RETRY else _HOLD_S
        ceiling_s = min(cap_s, base_s * 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)
        wait_s = base_s / 2 + self._jitter() * (ceiling_s - base_s / 2)
        return max(wait_s, min(delivery.retry_after_s or 0.0, MAX_RETRY_AFTER_S))
