"""Wires the assessment feature: its services over the stores, scoring and test slots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
from collector.scoring.calendar import CHINA, SchoolCalendar
from collector.scoring.round_case import RoundCases
from collector.speedtest.slots.bureau import ask_retest
from collector.storage.ports import RecordStore, SeriesStore, SlotRecords
from rubrics.model import Rubric


@dataclass(frozen=True, slots=True)
class Assessment:
    """The services of assessment, for the pages as well."""

    reader: CaseReader
    writer: CaseWriter
    steps: CaseSteps
    appeals: AppealService
    rounds: RoundService
    profiles: ProfileService


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
    calendar: SchoolCalendar,
    clock: Callable[[], datetime],
) -> Assessment:
    """Add the routes of assessment to the app; returns its services."""
    files = RoundCases(series, calendar=calendar)
    pins = Pins(records)
    reader = CaseReader(records, files, pins)
    found = Assessment(
        reader,
        CaseWriter(records, reader, clock),
        CaseSteps(records, reader, files, clock, CHINA),
        AppealService(records, reader, pins, files, SlotRetests(records, CHINA), clock),
        RoundService(records, reader, files, rubrics, clock),
        ProfileService(records, reader, clock),
    )
    app.include_router(round_router(found.rounds, reader, records, clock))
    app.include_router(case_router(reader, found.writer, found.steps, records, clock))
    app.include_router(appeal_router(found.appeals, clock))
    app.include_router(profile_router(found.profiles, records, clock))
    return found
