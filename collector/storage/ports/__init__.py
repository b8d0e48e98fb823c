"""What the stores promise. Features know these protocols, never an engine.

All methods are synchronous and may be called from any thread; a route calls them in the thread
pool. A method that returns has committed durably (fsynced): a kill -9 right after loses nothing.
Times passed in and given back are aware and in UTC.

Two stores, because evidence and records differ: `RecordStore` holds little, edited data and the
inbox (the promise behind every 200), `SeriesStore` holds the many numbers. The inbox feeds the
series store through one writer, and a batch that reached it twice changes nothing.
"""

from __future__ import annotations

from typing import Protocol

from collector.storage.ports.audit import AuditRecords
from collector.storage.ports.evidence import EvidenceRecords, EvidenceUse
from collector.storage.ports.identity import IdentityRecords
from collector.storage.ports.imports import ImportRecords
from collector.storage.ports.inbox import (
    Acceptance,
    Delivery,
    ImportedBundle,
    Inbox,
    InboxRow,
    Refusal,
    RefusalCount,
)
from collector.storage.ports.people import PeopleRecords
from collector.storage.ports.publications import PublicationRecords
from collector.storage.ports.reading_effects import ReadingEffectsRecords
from collector.storage.ports.rounds import AppealRecords, CaseRecords, RoundRecords
from collector.storage.ports.schools import SchoolRecords
from collector.storage.ports.series import (
    GroupSummary,
    Outage,
    SamplePoint,
    SeriesQuery,
    SeriesStore,
    TimeSpan,
)
from collector.storage.ports.sheets import SheetRecords
from collector.storage.ports.slots import SlotRecords
from collector.storage.ports.summaries import SummaryRecords

__all__ = [
    "Acceptance",
    "AppealRecords",
    "AuditRecords",
    "CaseRecords",
    "Delivery",
    "EvidenceRecords",
    "EvidenceUse",
    "GroupSummary",
    "IdentityRecords",
    "ImportRecords",
    "ImportedBundle",
    "Inbox",
    "InboxRow",
    "Outage",
    "PeopleRecords",
    "PublicationRecords",
    "ReadingEffectsRecords",
    "RecordStore",
    "Refusal",
    "RefusalCount",
    "RoundRecords",
    "SamplePoint",
    "SchoolRecords",
    "SeriesQuery",
    "SeriesStore",
    "SheetRecords",
    "SlotRecords",
    "SummaryRecords",
    "TimeSpan",
]


class RecordStore(
    SchoolRecords,
    IdentityRecords,
    Inbox,
    SheetRecords,
    SummaryRecords,
    SlotRecords,
    EvidenceRecords,
    RoundRecords,
    CaseRecords,
    AppealRecords,
    PeopleRecords,
    AuditRecords,
    PublicationRecords,
    ImportRecords,
    ReadingEffectsRecords,
    Protocol,
):
    """Everything that is not a number in a series."""

    def check(self) -> None:
        """Return if the store answers. Raises UnavailableError with what to do if it does not."""

    def close(self) -> None:
        """Release connections; safe to call twice."""
