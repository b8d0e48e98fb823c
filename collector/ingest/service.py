"""Taking a batch: check, commit durably, say so. Refuse: keep the body and the reason."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from collector.domain import AgentIdentity
from collector.errors import (
    CollectorError,
    ConflictError,
    QuarantinedError,
    RowError,
    UnavailableError,
    UnprocessableError,
)
from collector.ingest.applier import Applier
from collector.ingest.body import decompress
from collector.ingest.commit import GroupCommit
from collector.ingest.limits import IngestLimits
from collector.ingest.metrics import IngestMetrics
from collector.ingest.schema import ReadBatch, check_times, read_batch, series_digests
from collector.storage.ports import Acceptance, Delivery, Inbox, Refusal


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the agent is told: `duplicate` means it was durable already."""

    status: Acceptance
    readings: int
    server_time: datetime


class IngestService:
    """Accepts batches into the inbox. Thread-safe; meant for the thread pool."""

    def __init__(
        self,
        inbox: Inbox,
        limits: IngestLimits,
        metrics: IngestMetrics,
        clock: Callable[[], datetime],
        applier: Applier,
    ) -> None:
        self.limits = limits
        self._inbox = inbox
        self._commit = GroupCommit(inbox)
        self._metrics = metrics
        self._clock = clock
        self._applier = applier
        self._series = _KnownSeries(inbox)

    def take(
        self, agent: AgentIdentity, body: bytes, encoding: str | None, address: str = ""
    ) -> Receipt:
        """Return a receipt once the batch is durable.

        Raises a CollectorError whose status is the wire's answer; a refused body has been kept.
        `address` is where it came from.
        """
        plain = body
        try:
            plain = decompress(body, encoding, self.limits)
            return self._take(agent, plain, address)
        except CollectorError as error:
            self.note_refusal(agent, plain, error)
            raise

    def take_bundled(self, agent: AgentIdentity, body: bytes) -> Receipt:
        """Take a batch that a person carried here in a bundle; raises as `take` does."""
        try:
            return self._take(agent, body, "", by_bundle=True)
        except CollectorError as error:
            self.note_refusal(agent, body, error)
            raise

    def _take(
        self, agent: AgentIdentity, body: bytes, address: str, *, by_bundle: bool = False
    ) -> Receipt:
        if self._applier.pending >= self.limits.pending_batches:
            raise UnavailableError(
                "inbox_full",
                "Too many accepted batches wait for the series store. Keep the data, try later.",
                retry_after_s=60,
            )
        now = self._clock()
        batch = read_batch(body, self.limits)
        check_times(batch.wire.readings, now, self.limits)
        delivery = replace(
            self._delivery(agent, batch, body, now), address=address, by_bundle=by_bundle
        )
        acceptance = self._commit.accept(delivery)
        self._metrics.batches.labels(acceptance.value).inc()
        if acceptance is Acceptance.CONFLICT:
            raise ConflictError(
                "batch_conflict",
                "This batch id is known with other content. Send the readings under a new id.",
            )
        if acceptance is Acceptance.QUARANTINED:
            raise QuarantinedError(
                "agent_quarantined",
                "两台主机在用同一身份上报，已隔离，不计入数据。请保留读数，在每台克隆机上用新的登记码"
                "运行 enrol --force，或请教委核实后解除（campusgauge agent release）。",
                detail_en="Two hosts report under this identity; it is in quarantine. Keep the "
                "readings; enrol each clone anew, or ask the bureau to release it.",
            )
        if acceptance is Acceptance.STORED:
            self._series.add(agent.school_id, delivery.new_series)
            self._metrics.readings.inc(delivery.readings)
            self._applier.notify()
        return Receipt(acceptance, delivery.readings, now)

    def _delivery(
        self, agent: AgentIdentity, batch: ReadBatch, body: bytes, now: datetime
    ) -> Delivery:
        wire = batch.wire
        return Delivery(
            batch_id=wire.batch_id,
            school_id=agent.school_id,
            agent_id=agent.agent_id,
            stream=wire.stream,
            sequence=wire.sequence,
            received_at=now,
            readings=len(wire.readings),
            content_sha256=batch.content_sha256,
            body=body,
            agent_version=wire.agent.version,
            clock_skew_s=(wire.sent_at - now).total_seconds(),
            new_series=self._new_series(agent, batch),
        )

    def _new_series(self, agent: AgentIdentity, batch: ReadBatch) -> frozenset[bytes]:
        digests = series_digests(agent.agent_id, batch.wire.readings)
        known = self._series.of(agent.school_id)
        new = {digest: row for digest, row in digests.items() if digest not in known}
        room = self.limits.series_per_school - len(known)
        if len(new) > room:
            reason = f"this school has {len(known)} series, the limit is {len(known) + room}"
            rows = sorted(set(sorted(new.values())[max(room, 0) :]))
            raise UnprocessableError(
                "series_per_school",
                "The batch would open too many series. Look for a target or a label that changes "
                "with every reading.",
                errors=tuple(RowError(row, "target", reason) for row in rows),
            )
        return frozenset(new)

    def note_refusal(self, agent: AgentIdentity, body: bytes, error: CollectorError) -> None:
        """Count a refusal; keep the body of one that sending again cannot cure."""
        if isinstance(error, QuarantinedError):
            return  # counted as such, and kept in the quarantine
        if error.retry:
            self._metrics.batches.labels("unavailable").inc()
            return
        if not isinstance(error, ConflictError):
            self._metrics.batches.labels("refused").inc()
        self._metrics.refusals.labels(error.code).inc()
        rows = "; ".join(f"row {e.row} {e.field}: {e.reason}" for e in error.errors[:20])
        self._inbox.refuse(
            Refusal(
                school_id=agent.school_id,
                agent_id=agent.agent_id,
                received_at=self._clock(),
                status=error.status,
                reason=f"{error.code}: {error.detail} {rows}".strip(),
                body=body[: self.limits.refused_body_bytes_kept],
            )
        )


class _KnownSeries:
    """The series of each school, read once from the inbox and kept up to date.

    Two requests at the same moment may both pass the bound, so it can be over by one batch.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._lock = threading.Lock()
        self._known: dict[str, set[bytes]] = {}

    def of(self, school_id: str) -> set[bytes]:
        with self._lock:
            known = self._known.get(school_id)
        if known is None:
            loaded = set(self._inbox.known_series(school_id))
            with self._lock:
                known = self._known.setdefault(school_id, loaded)
        return known

    def add(self, school_id: str, digests: frozenset[bytes]) -> None:
        known = self.of(school_id)
        with self._lock:
            known |= digests
