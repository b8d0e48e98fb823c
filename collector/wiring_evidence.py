"""Wires evidence, values and flags, and publishing into the app."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from collector.assessment.case_reader import CaseReader, HeldCase
from collector.assessment.round_machine import publish_round
from collector.domain import CaseKey
from collector.evidence.files import EvidenceFiles
from collector.evidence.routes import EvidenceApi, evidence_router
from collector.evidence.service import EvidenceService
from collector.merging.flags import HeadCount
from collector.merging.routes import MergingApi, merging_router
from collector.merging.service import MergingService
from collector.publishing.routes import PublishingApi, publishing_router
from collector.publishing.service import PublishingService
from collector.scoring.calendar import CHINA
from collector.scoring.service import ScoringService
from collector.storage.ports import RecordStore
from rubrics.model import Rubric


class CasesOfRounds:
    """What flags look at, from assessment and its store."""

    def __init__(
        self, reader: CaseReader, records: RecordStore, clock: Callable[[], datetime]
    ) -> None:
        self._reader = reader
        self._records = records
        self._clock = clock

    def read(self, key: CaseKey) -> HeldCase:
        """Return a case with all that belongs to it."""
        return self._reader.read(key)

    def sheet(self, found: HeldCase) -> Mapping[str, Any]:
        """Return the sheet, as frozen where it is."""
        return self._reader.score(found, self._clock()).sheet

    def opened_on(self, found: HeldCase) -> date | None:
        """Return the local day on which the round was opened."""
        opened_at = found.held.opened_at
        return None if opened_at is None else opened_at.astimezone(CHINA).date()

    def head_counts(self, school_id: str) -> Sequence[HeadCount]:
        """Return heads as declared over time."""
        return [
            HeadCount(one.school.as_of, one.school.heads)
            for one in self._records.profiles(school_id)
            if one.school.as_of is not None and one.school.heads is not None
        ]

    def samples_by_hours(self, found: HeldCase, indicator: str) -> tuple[int, int]:
        """Return how many samples were taken in and outside school hours."""
        return self._reader.samples_by_hours(found, indicator, self._clock())


def add_evidence(
    app: FastAPI,
    folder: Path,
    records: RecordStore,
    rubrics: Mapping[str, Rubric],
    sheets: ScoringService,
    cases: CaseReader,
    clock: Callable[[], datetime],
) -> None:
    """Add the routes of evidence, values and flags, and publishing to the app."""
    files = EvidenceFiles(folder)
    items = {name: frozenset(i.id for i in rubric.items()) for name, rubric in rubrics.items()}
    evidence = EvidenceService(records, files, items.get)
    api = EvidenceApi(evidence, records, files, sheets.indicators, clock)
    app.include_router(evidence_router(api))
    app.state.evidence_api = api
    merging = MergingService(CasesOfRounds(cases, records, clock), records)
    app.include_router(merging_router(MergingApi(merging, clock)))
    publishing = PublishingService(records, files.pieces, publish_round)
    app.include_router(publishing_router(PublishingApi(publishing, clock)))
    app.state.evidence, app.state.merging, app.state.publishing = evidence, merging, publishing
