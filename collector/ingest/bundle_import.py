"""Taking the batches of a verified bundle through the same door as a push."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from collector.domain import AgentIdentity
from collector.errors import CollectorError, QuarantinedError
from collector.ingest.bundle import BundleHead, Fields, bundled_batches, receipt, verify_bundle
from collector.ingest.service import IngestService
from collector.storage.ports import Acceptance, IdentityRecords, ImportedBundle, Inbox


class BundleRecords(IdentityRecords, Inbox, Protocol):
    """The parts of the record store that an import needs."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a bundle's batches, by word; `first_refusal` explains the refused ones.

    `imported_before` is when the very same bundle was imported; then nothing was done.
    """

    bundle_id: str
    school_id: str
    agent_id: str
    batches: dict[str, int]
    readings: int
    first_refusal: str | None
    imported_before: datetime | None
    receipt: Fields


def import_bundle(
    service: IngestService,
    records: BundleRecords,
    path: Path,
    now: datetime,
    progress: Callable[[int], None] = lambda _batches: None,
) -> ImportReport:
    """Verify the bundle and take its batches; importing again changes nothing.

    A batch that was pushed as well is a duplicate. Raises what `verify_bundle` raises, before
    anything is stored, and UnavailableError where the collector cannot take more now.
    """
    head = verify_bundle(path, records.key)
    key = head.key
    agent = AgentIdentity(key.agent_id or "", key.school_id or "", key.id)
    before = records.bundle(head.bundle_id)
    if before is not None:
        ids = [batch.batch_id for batch in bundled_batches(path)]
        return _report(head, agent, {}, 0, None, before.imported_at, ids)
    words: Counter[str] = Counter()
    settled: list[str] = []
    readings, refusal = 0, None
    for number, batch in enumerate(bundled_batches(path), start=1):
        try:
            taken = service.take_bundled(agent, batch.body)
            words[taken.status.value] += 1
            readings += taken.readings * (taken.status is Acceptance.STORED)
            settled.append(batch.batch_id)
        except QuarantinedError as error:
            words["quarantined"] += 1
            refusal = refusal or error.detail
        except CollectorError as error:
            if error.retry:
                raise
            words["refused"] += 1
            refusal = refusal or f"{error.code}: {error.detail}"
        progress(number)
    if not words["quarantined"]:  # after a release it is to be imported again
        count = sum(words.values())
        records.note_bundle(
            ImportedBundle(head.bundle_id, agent.school_id, agent.agent_id, now, count, readings)
        )
    return _report(head, agent, dict(words), readings, refusal, None, settled)


def _report(
    head: BundleHead,
    agent: AgentIdentity,
    words: dict[str, int],
    readings: int,
    refusal: str | None,
    before: datetime | None,
    settled: list[str],
) -> ImportReport:
    return ImportReport(
        bundle_id=head.bundle_id,
        school_id=agent.school_id,
        agent_id=agent.agent_id,
        batches=words,
        readings=readings,
        first_refusal=refusal,
        imported_before=before,
        receipt=receipt(head, settled),
    )
