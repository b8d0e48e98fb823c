"""Wires the assessment feature: its services over the stores, scoring and test slots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from collector.assessment.appeal_routes import appeal_router
from collector.assessment.appeals import AppealService
from collector.assessment.case_reader import CaseReader
from collector.assessment.case_routes import case_router
from collector.assessment.case_steps import CaseSteps
from collector.assessment.case_writer import CaseWriter
from collector.assessment.pins import Pins
from collector.assessment.profile_routes import profile_router
from collector.assessment.profiles import ProfileService
from collector.assessment.round_routes import round_router
from collector.assessment.rounds import RoundService
from collector.errors import ConflictError
from collector.scoring.calendar import CHINA
from collector.scoring.round_case import RoundCases
from collector.speedtest.slots.bureau import ask_retest
from collector.storage.ports import RecordStore, SeriesStore, SlotRecords
from rubrics.model import Rubric


class SlotRetests:
    """Re-measurements for appeals through the test slots."""

    def __init__(self, records: SlotRecords, zone: ZoneInfo) -> None:
        self._records = records
        self._zone = zone

    def ask(self, school_id: str, now: datetime) -> None:
        """Ask for a re-test; one that is waiting already serves."""
        try:
            ask_retest(self._records, school_id, now, self._zone)
        except ConflictError as waiting:
            if waiting.code != "slot_retest_waiting":
                raise


def add_assessment(
    app: FastAPI,
    records: RecordStore,
    series: SeriesStore,
    rubrics: Mapping[str, Rubric],
    clock: Callable[[], datetime],
) -> CaseReader:
    """Add the routes of assessment to the app; returns what reads and scores its cases."""
    files = RoundCases(series)
    pins = Pins(records)
    reader = CaseReader(records, files, pins)
    steps = CaseSteps(records, reader, files, clock, CHINA)
    writer = CaseWriter(records, reader, clock)
    appeals = AppealService(records, reader, pins, files, SlotRetests(records, CHINA), clock)
    rounds = RoundService(records, reader, files, rubrics, clock)
    app.include_router(round_router(rounds, reader, records, clock))
    app.include_router(case_router(reader, writer, steps, records, clock))
    app.include_router(appeal_router(appeals, clock))
    app.include_router(profile_router(ProfileService(records, reader, clock), records, clock))
    return reader
