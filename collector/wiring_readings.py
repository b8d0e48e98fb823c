"""Wires the effects of readings: which cases a round has, as scoring and assessment build them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from secrets import token_hex
from typing import Any

from collector.assessment.case_reader import CaseReader
from collector.assessment.rounds import applies
from collector.domain import STANDING, CaseKey, PinnedRubric, Round, RoundState, School
from collector.errors import CollectorError, NotFoundError
from collector.scoring.service import ScoringService
from collector.storage.ports import RecordStore
from collector.summaries.reading_worker import EffectCases, ReadingWorker
from rubrics.model import Rubric

CaseFiles = Iterator[tuple[str, Mapping[str, Any] | CollectorError]]


class CasesOfRound:
    """The cases whose readings are weighed: of an opened round, or as schools stand now."""

    def __init__(
        self,
        records: RecordStore,
        rubrics: Mapping[str, Rubric],
        sheets: ScoringService,
        cases: CaseReader,
    ) -> None:
        self._records = records
        self._rubrics = rubrics
        self._sheets = sheets
        self._cases = cases

    def __call__(self, round_id: str, rubric_id: str, now: datetime) -> EffectCases:
        """Return the cases of a round (`STANDING`: all schools). Raises NotFoundError."""
        held = None if round_id == STANDING else self._cases.round(round_id)
        if held is not None and held.state is not RoundState.DRAFT:
            return self._opened(held, rubric_id, now)
        rubric = self._rubrics.get(rubric_id)
        if rubric is None:
            raise _unknown()
        return self._standing(rubric, held, now)

    def _opened(self, held: Round, rubric_id: str, now: datetime) -> EffectCases:
        rubric = self._cases.pinned_rubric(held, rubric_id)
        if rubric is None:
            raise _unknown()
        every = (CaseKey(held.id, school_id, rubric_id) for school_id in held.school_ids)
        keys = [key for key in every if self._records.case(key) is not None]

        def case_files() -> CaseFiles:
            for key in keys:
                try:
                    yield key.school_id, self._cases.score(self._cases.read(key), now).case_file
                except CollectorError as error:
                    yield key.school_id, error

        return EffectCases(rubric, len(keys), case_files())

    def _standing(self, rubric: Rubric, held: Round | None, now: datetime) -> EffectCases:
        """Schools as they stand now; before a round opens, with the readings of its draft."""
        pinned = (held and held.rubric(rubric.id)) or PinnedRubric(rubric.id)
        chosen = {"readings": dict(pinned.readings), "references": dict(pinned.references)}
        wanted = None if held is None else set(held.school_ids)
        schools: list[School] = [
            school
            for school in self._records.schools()
            if applies(rubric, school) and (wanted is None or school.id in wanted)
        ]

        def case_files() -> CaseFiles:
            for school in schools:
                yield school.id, {**self._sheets.case_file(school, rubric, now), **chosen}

        return EffectCases(rubric, len(schools), case_files())


def reading_worker(
    records: RecordStore,
    rubrics: Mapping[str, Rubric],
    sheets: ScoringService,
    cases: CaseReader,
    clock: Callable[[], datetime],
) -> ReadingWorker:
    """Return the worker of this process; its name tells it from those on other hosts."""
    holder = f"{socket.gethostname()[:60]}/{token_hex(8)}"
    return ReadingWorker(records, CasesOfRound(records, rubrics, sheets, cases), clock, holder)


def _unknown() -> NotFoundError:
    return NotFoundError(
        "rubric_unknown", "没有这份评分细则。", detail_en="There is no such rubric."
    )
