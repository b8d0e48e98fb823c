"""Rounds: making one, changing it, opening it with all it pins, closing it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from collector.assessment import round_machine
from collector.assessment.case_reader import AssessmentRecords, CaseFiles, CaseReader
from collector.assessment.pins import rubric_document
from collector.domain import (
    Act,
    Case,
    CaseKey,
    CaseState,
    Document,
    Hours,
    PinnedRubric,
    Round,
    RoundState,
    School,
)
from collector.errors import RowError
from collector.refusals import conflict, fields_wrong
from rubrics.exact import exact
from rubrics.model import Rubric

WINDOW_DAYS_MAX = 400
SCHOOLS_MAX = 20_000
TITLE_CHARACTERS_MAX = 200
APPEAL_DAYS_MAX = 30


@dataclass(frozen=True, slots=True)
class Opened:
    """What opening a round made."""

    held: Round
    cases: int
    without_rubric: tuple[str, ...]
    """Schools to which none of the round's rubrics applies: they have no case."""


class RoundService:
    """Makes and moves rounds. Safe to share between threads."""

    def __init__(
        self,
        records: AssessmentRecords,
        reader: CaseReader,
        files: CaseFiles,
        rubrics: Mapping[str, Rubric],
        clock: Callable[[], datetime],
    ) -> None:
        self._records = records
        self._reader = reader
        self._files = files
        self._rubrics = rubrics
        self._clock = clock

    def create(self, draft: Round, act: Act) -> Round:
        """Keep a draft. Raises UnprocessableError naming every wrong field."""
        self._check(draft)
        held = replace(
            draft,
            id=draft.id or secrets.token_hex(8),
            state=RoundState.DRAFT,
            created_at=act.at,
            revision=1,
        )
        if not self._records.add_round(held, act):
            taken = "已有这个编号的轮次 / there is a round with this id"
            raise fields_wrong(RowError(None, "id", taken))
        return held

    def change(
        self, round_id: str, revision: int, change: Callable[[Round], Round], act: Act
    ) -> Round:
        """Change a round: a draft freely, an open one in title and deadlines alone.

        Raises NotFoundError, ConflictError, UnprocessableError.
        """
        before = self._held(round_id, revision)
        after = change(before)
        round_machine.check_changes(before, after)
        self._check(after)
        return self._put(after, act)

    def open(self, round_id: str, revision: int, act: Act) -> Opened:
        """Open a round: pin what it is judged by, and make its cases.

        Raises NotFoundError, ConflictError, UnprocessableError.
        """
        held = self._held(round_id, revision)
        self._check(held)
        pinned = [self._rubrics[one.rubric_id] for one in held.rubrics]
        documents = [
            *map(rubric_document, pinned),
            calendar := Document.of("calendar", self._files.calendar_text(held)),
            catalogue := Document.of("catalogue", self._files.catalogue_text()),
        ]
        rubrics = tuple(
            replace(one, version=rubric.version, content_hash=rubric.content_hash)
            for one, rubric in zip(held.rubrics, pinned, strict=True)
        )
        opened = round_machine.open_round(held, rubrics, calendar.sha256, catalogue.sha256, act.at)
        schools = {school.id: school for school in self._records.schools()}
        cases = [
            Case(CaseKey(held.id, school_id, rubric.id), changed_at=act.at, revision=1)
            for school_id in held.school_ids
            for rubric in pinned
            if applies(rubric, schools[school_id])
        ]
        with_case = {case.key.school_id for case in cases}
        stored = self._put(opened, act, cases, documents)
        without = tuple(name for name in held.school_ids if name not in with_case)
        return Opened(stored, len(cases), without)

    def close(self, round_id: str, revision: int, act: Act) -> Round:
        """End the time of filling in. Raises NotFoundError, ConflictError."""
        held = self._held(round_id, revision)
        return self._put(round_machine.close_round(held, act.at), act)

    def counts(self, round_id: str) -> Mapping[CaseState, int]:
        """Return how many cases are in each state."""
        return self._records.case_counts(round_id)

    def _held(self, round_id: str, revision: int) -> Round:
        held = self._reader.round(round_id)
        round_machine.check_revision(held, revision)
        return held

    def _put(
        self,
        after: Round,
        act: Act,
        cases: Sequence[Case] = (),
        documents: Sequence[Document] = (),
    ) -> Round:
        after = replace(after, revision=after.revision + 1)
        if not self._records.put_round(after, act, cases, documents):
            raise conflict("round_changed_meanwhile", revision=after.revision - 1)
        return after

    def _check(self, draft: Round) -> None:
        known = {school.id for school in self._records.schools()}
        rows = [
            *_wrong_window(draft),
            *_wrong_calendar(draft),
            *_wrong_rubrics(draft, self._rubrics if draft.state is RoundState.DRAFT else None),
            *_wrong_schools(draft, known),
        ]
        if rows:
            raise fields_wrong(*rows)


def applies(rubric: Rubric, school: School) -> bool:
    """Say whether the rubric is for this kind of school and any of its stages of schooling."""
    wanted = rubric.applies_to
    fits = not wanted.stages or not school.stages or bool(set(wanted.stages) & set(school.stages))
    return school.kind in wanted.kinds and fits


def _wrong_window(draft: Round) -> list[RowError]:
    rows = []
    if not draft.title.strip() or len(draft.title) > TITLE_CHARACTERS_MAX:
        rows.append(RowError(None, "title", f"1 到 {TITLE_CHARACTERS_MAX} 字 / 1 to that many"))
    if draft.until < draft.since:
        rows.append(RowError(None, "until", "应不早于开始日 / must not be before since"))
    if draft.until - draft.since > timedelta(days=WINDOW_DAYS_MAX):
        rows.append(RowError(None, "until", f"时段至多 {WINDOW_DAYS_MAX} 天 / too long"))
    limits = draft.deadlines
    if not 0 <= limits.appeal_working_days <= APPEAL_DAYS_MAX:
        between = f"0 到 {APPEAL_DAYS_MAX} 个工作日 / working days"
        rows.append(RowError(None, "deadlines.appeal_working_days", between))
    if limits.submit_by and limits.review_by and limits.review_by < limits.submit_by:
        late = "应不早于提交期限 / must not be before submit_by"
        rows.append(RowError(None, "deadlines.review_by", late))
    return rows


def _wrong_calendar(draft: Round) -> list[RowError]:
    rows = [
        RowError(n, "calendar.terms", "学期结束不能早于开始 / must end after it begins")
        for n, (since, until) in enumerate(draft.calendar.terms)
        if until < since
    ]
    tables = {"calendar.hours": draft.calendar.hours} | {
        f"calendar.school_hours.{name}": hours
        for name, hours in draft.calendar.school_hours.items()
    }
    order = "作息时间应按先后排列、互不重叠 / hours must follow each other"
    rows += [RowError(None, name, order) for name, hours in tables.items() if _disordered(hours)]
    return rows


def _disordered(hours: Hours) -> bool:
    edges = [edge for span in hours for edge in span]
    return any(early >= late for early, late in pairwise(edges))


def _wrong_rubrics(draft: Round, known: Mapping[str, Rubric] | None) -> list[RowError]:
    """Check a draft's rubrics against those of this release; an open round has pinned its own."""
    if known is None:
        return []
    rows = []
    names = [one.rubric_id for one in draft.rubrics]
    if not names:
        rows.append(RowError(None, "rubrics", "至少选一份细则 / choose at least one rubric"))
    for n, one in enumerate(draft.rubrics):
        rubric = known.get(one.rubric_id)
        if rubric is None:
            rows.append(RowError(n, "rubrics.rubric_id", "没有这份细则 / no such rubric"))
        elif names.count(one.rubric_id) > 1:
            rows.append(RowError(n, "rubrics.rubric_id", "重复 / named twice"))
        else:
            rows += _wrong_readings(n, one, rubric)
    return rows


def _wrong_readings(n: int, one: PinnedRubric, rubric: Rubric) -> list[RowError]:
    rows = []
    for name, chosen in one.readings.items():
        choice = rubric.readings.get(name)
        if choice is None:
            rows.append(RowError(n, f"rubrics.readings.{name}", "没有这项口径 / no such reading"))
        elif chosen not in choice.alternatives:
            known = "、".join(choice.alternatives)
            rows.append(RowError(n, f"rubrics.readings.{name}", f"应为 {known} 之一 / one of"))
    for name, value in one.references.items():
        if name not in rubric.references:
            rows.append(RowError(n, f"rubrics.references.{name}", "没有这个参照值 / unknown"))
        elif not _is_number(value):
            rows.append(RowError(n, f"rubrics.references.{name}", "要填数字 / a number"))
    return rows


def _is_number(text: str) -> bool:
    try:
        exact(text)
    except ValueError:
        return False
    return True


def _wrong_schools(draft: Round, known: set[str]) -> list[RowError]:
    rows = []
    if not draft.school_ids or len(draft.school_ids) > SCHOOLS_MAX:
        rows.append(RowError(None, "school_ids", f"1 到 {SCHOOLS_MAX} 所学校 / schools"))
    if len(set(draft.school_ids)) != len(draft.school_ids):
        rows.append(RowError(None, "school_ids", "学校重复 / a school is named twice"))
    rows += [
        RowError(n, "school_ids", f"没有这所学校 / no school {school_id}")
        for n, school_id in enumerate(draft.school_ids)
        if school_id not in known
    ]
    stray = set(draft.calendar.school_hours) - set(draft.school_ids)
    rows += [
        RowError(None, f"calendar.school_hours.{name}", "不在本轮 / not in this round")
        for name in sorted(stray)
    ]
    return rows
