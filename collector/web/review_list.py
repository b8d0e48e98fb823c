"""Which cases wait for an inspector, and how much there is to clear up in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.domain import (
    Caller,
    Case,
    CaseKey,
    CaseState,
    Right,
    Round,
    RoundState,
    School,
    Summary,
    may,
)
from collector.errors import CollectorError
from collector.storage.ports import RecordStore
from collector.web.case_desk import CaseDesk
from collector.web.county_rows import summed_counts, summed_points
from collector.web.sheet_page import PointsView, points_of
from collector.web.verdicts import Counts, Result
from rubrics.model import Rubric

PAGE_SIZE = 30
"""Each case shown whose summary is older than its last change is scored when the page is made."""
ROUNDS_LOOKED_AT = 50
CASES_LOOKED_AT = 20_000
WAITING = (CaseState.REVIEW, CaseState.SUBMITTED)


@dataclass(frozen=True)
class ReviewRow:
    """One case with what its sheet says now; `counts` is None where it cannot be scored yet."""

    case: Case
    held: Round
    school: School
    rubric: Rubric
    counts: Counts | None
    points: PointsView | None

    @property
    def unclear(self) -> int:
        """How many criteria wait for evidence or contradict themselves."""
        if self.counts is None:
            return 0
        return self.counts[Result.INSUFFICIENT] + self.counts[Result.DISPUTED]


@dataclass(frozen=True)
class ReviewList:
    """One page of the cases, and how many there are in all."""

    rows: tuple[ReviewRow, ...]
    total: int
    page: int
    pages: int
    rounds: int


def read_reviews(
    desk: CaseDesk, records: RecordStore, caller: Caller, now: datetime, page: int
) -> ReviewList:
    """Read the cases that the caller may score, by what there is to do, on this page."""
    rounds = {
        held.id: held
        for held in records.rounds(limit=ROUNDS_LOOKED_AT)
        if held.state in (RoundState.OPEN, RoundState.CLOSED)
    }
    waiting = [
        case
        for held in rounds.values()
        for state in WAITING
        for case in records.cases(held.id, state=state, limit=CASES_LOOKED_AT)
        if may(caller, Right.REVIEW_SCORE, case.key.school_id, held.id)
    ]
    pages = max(1, -(-len(waiting) // PAGE_SIZE))
    page = min(page, pages)
    shown = waiting[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    kept, schools = _current(records, shown), {one.id: one for one in records.schools()}
    rows = [
        _summed_up(desk, case, rounds[case.key.round_id], schools[case.key.school_id], summary)
        if (summary := kept.get(case.key))
        else _row(desk, case, rounds[case.key.round_id], now)
        for case in shown
    ]
    ordered = sorted(rows, key=lambda row: (-row.unclear, row.school.id, row.rubric.id))
    return ReviewList(tuple(ordered), len(waiting), page, pages, len(rounds))


def _current(records: RecordStore, cases: Sequence[Case]) -> dict[CaseKey, Summary]:
    """Return the summaries that were made after people last changed the case."""
    found = {}
    for round_id in {case.key.round_id for case in cases}:
        changed = records.case_times(round_id)
        schools = {case.key.school_id for case in cases if case.key.round_id == round_id}
        for one in records.school_summaries(round_id, schools):
            if one.school_id in changed and one.computed_at > changed[one.school_id]:
                found[CaseKey(round_id, one.school_id, one.rubric_id)] = one
    return found


def _summed_up(
    desk: CaseDesk, case: Case, held: Round, school: School, summary: Summary
) -> ReviewRow:
    rubric = desk.reader.pinned(case.key)[2]
    return ReviewRow(case, held, school, rubric, summed_counts(summary), summed_points(summary))


def _row(desk: CaseDesk, case: Case, held: Round, now: datetime) -> ReviewRow:
    found = desk.reader.read(case.key)
    counts: Counts | None = None
    points: PointsView | None = None
    try:
        sheet = desk.reader.score(found, now, fresh=False).sheet
    except CollectorError:  # the page of the case says what is wrong with its values
        return ReviewRow(case, held, found.school, found.rubric, None, None)
    counts = Counts.of(_results(sheet))
    points = points_of(sheet["total"])
    return ReviewRow(case, held, found.school, found.rubric, counts, points)


def _results(sheet: Mapping[str, Any]) -> Sequence[Result]:
    return [
        Result(finding["result"])
        for item in sheet["items"].values()
        for finding in item["findings"] or ({"result": Result.INSUFFICIENT},)
    ]
