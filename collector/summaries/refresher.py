"""Which summaries are out of date, and making them anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Protocol, TypeAlias

from collector.domain import STANDING, CaseKey, Round, RoundState, Summary
from collector.errors import CollectorError
from collector.storage.ports import (
    CaseRecords,
    RoundRecords,
    SchoolRecords,
    SeriesStore,
    SummaryRecords,
)
from collector.summaries.short_sheet import Sheet, summary_of
from rubrics.model import Rubric

AFTER_NEW_DATA = timedelta(minutes=30)
"""Agents push every minute; weeks of samples do not change a verdict as quickly."""
AT_LEAST_EVERY = timedelta(days=1)
"""The window moves on at midnight even where nothing arrives."""
ROUNDS_FOLLOWED = 20
"""The newest rounds; older ones are long published and stay as they are."""

StandingSheets: TypeAlias = Mapping[str, Sheet | CollectorError]
"""By id of each rubric that applies to a school: its sheet, or why there is none."""


class SummarisedRecords(SchoolRecords, RoundRecords, CaseRecords, SummaryRecords, Protocol):
    """The records that summaries are made from and kept in."""


@dataclass(frozen=True, slots=True)
class CaseSheet:
    """The sheet of a case of a round as it stands, with its rubric as the round pinned it."""

    sheet: Sheet
    rubric: Rubric


class Urgency(IntEnum):
    """Why a summary is to be made, the most urgent first."""

    MISSING = 0
    DECLARED = 1
    """A person changed something and will look at what it did."""
    MEASURED = 2
    AGED = 3


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """One school's summaries in one round that are out of date, since when, and why."""

    urgency: Urgency
    computed_at: datetime
    round_id: str
    school_id: str


class Refresher:
    """Finds what is out of date and makes it anew."""

    def __init__(
        self,
        records: SummarisedRecords,
        series: SeriesStore,
        rubrics: Mapping[str, Rubric],
        standing: Callable[[str, datetime], StandingSheets],
        case_sheet: Callable[[CaseKey, datetime], CaseSheet],
    ) -> None:
        self._records = records
        self._series = series
        self._rubrics = rubrics
        self._standing = standing
        self._case_sheet = case_sheet

    def due(self, now: datetime) -> list[Due]:
        """Return everything that is out of date: missing first, then what waits longest."""
        measured = self._series.last_reading_times()
        schools = [school.id for school in self._records.schools()]
        found = list(self._due(STANDING, schools, self._records.declared_times(), measured, now))
        for held in self._records.rounds(ROUNDS_FOLLOWED):
            if held.state is RoundState.DRAFT:
                continue
            living = measured if _measures(held, now) else {}
            changed = self._records.case_times(held.id)
            at_school = [name for name in held.school_ids if name in changed]
            found += self._due(held.id, at_school, changed, living, now)
        return sorted(found)

    def _due(
        self,
        round_id: str,
        schools: list[str],
        changed: Mapping[str, datetime],
        measured: Mapping[str, datetime],
        now: datetime,
    ) -> Iterator[Due]:
        """Yield what is due of one round; without `measured` only changes by people count."""
        made = self._records.summary_times(round_id)
        for school_id in schools:
            at = made.get(school_id)
            reading = measured.get(school_id)
            if at is None:
                yield Due(Urgency.MISSING, now, round_id, school_id)
            elif school_id in changed and changed[school_id] > at:
                yield Due(Urgency.DECLARED, at, round_id, school_id)
            elif reading is not None and reading > at and now - at >= AFTER_NEW_DATA:
                yield Due(Urgency.MEASURED, at, round_id, school_id)
            elif now - at >= AT_LEAST_EVERY and (round_id == STANDING or measured):
                yield Due(Urgency.AGED, at, round_id, school_id)

    def refresh(self, due: Due, now: datetime) -> None:
        """Make the summaries of one school in one round, and keep them in place of the old ones."""
        if due.round_id == STANDING:
            found = self._of_school(due.school_id, now)
        else:
            found = self._of_cases(due.round_id, due.school_id, now)
        self._records.put_summaries(due.round_id, due.school_id, found)

    def _of_school(self, school_id: str, now: datetime) -> list[Summary]:
        return [
            self._summary(STANDING, school_id, self._rubrics[rubric_id], sheet, now)
            for rubric_id, sheet in self._standing(school_id, now).items()
        ]

    def _of_cases(self, round_id: str, school_id: str, now: datetime) -> list[Summary]:
        found = []
        for case in self._records.cases(round_id, school_id=school_id):
            try:
                made = self._case_sheet(case.key, now)
            except CollectorError as error:
                rubric = self._rubrics.get(case.key.rubric_id)
                if rubric is None:
                    continue
                found.append(self._summary(round_id, school_id, rubric, error, now, case.state))
                continue
            found.append(
                self._summary(round_id, school_id, made.rubric, made.sheet, now, case.state)
            )
        return found

    def _summary(
        self,
        round_id: str,
        school_id: str,
        rubric: Rubric,
        sheet: Sheet | CollectorError,
        now: datetime,
        case_state: str = "",
    ) -> Summary:
        if isinstance(sheet, CollectorError):
            return Summary(
                round_id,
                school_id,
                rubric.id,
                rubric.version,
                now,
                refused=sheet.code,
                case_state=case_state,
            )
        return summary_of(sheet, round_id, school_id, now, list(rubric.indicators), case_state)


def _measures(held: Round, now: datetime) -> bool:
    """Say whether samples of today can still change the round."""
    return held.state is not RoundState.PUBLISHED and now.date() <= held.until + timedelta(days=1)
