"""One case with all that belongs to it, as it stands now or as it was frozen."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Protocol

from collector.assessment.case_machine import FIXED
from collector.assessment.pins import Pins
from collector.domain import (
    Case,
    CaseEntry,
    CaseInputs,
    CaseKey,
    CaseVersion,
    Document,
    Fact,
    Json,
    Override,
    Round,
    RoundState,
    School,
    Side,
    StageMark,
)
from collector.errors import NotFoundError, RowError
from collector.refusals import fields_wrong, refusal
from collector.storage.ports import AppealRecords, CaseRecords, RoundRecords, SchoolRecords
from rubrics.engine import CaseError, evaluate
from rubrics.model import Rubric


class AssessmentRecords(SchoolRecords, RoundRecords, CaseRecords, AppealRecords, Protocol):
    """The records that assessment reads and writes."""


class CaseFiles(Protocol):
    """Builds case files from what was measured; scoring provides it."""

    def calendar_text(self, held: Round) -> str:
        """Write down which days of the window are school days, and the hours of all schools."""

    def catalogue_text(self) -> str:
        """Write down the definitions of all indicators."""

    def is_working_day(self, day: date) -> bool | None:
        """Say whether people work on this day; None for a year that is not announced yet."""

    def profile(self, school: School) -> dict[str, Json]:
        """Return a profile as case files carry it."""

    def case_file(
        self, rubric: Rubric, inputs: CaseInputs, now: datetime, *, fresh: bool = True
    ) -> dict[str, Json]:
        """Return the case file: what is measured by `now`, and all that was declared.

        Unless `fresh`, what was measured may be as of some minutes ago.
        """

    def samples_by_hours(
        self, inputs: CaseInputs, indicator: str, now: datetime
    ) -> tuple[int, int]:
        """Return how many samples of an indicator were taken in and outside school hours."""

    def remeasured(
        self,
        rubric: Rubric,
        school_id: str,
        since: datetime,
        until: datetime,
        catalogue_text: str,
        facts: Mapping[str, Fact],
    ) -> dict[str, Json]:
        """Return what the indicators of the rubric show between two times."""


@dataclass(frozen=True, slots=True)
class HeldCase:
    """A case with its round, its rubric and what people wrote into it."""

    held: Round
    case: Case
    rubric: Rubric
    school: School
    """The profile that counts: the signed one, or the one in force."""
    profile_version: int
    """0 while no version is in force on the round's day."""
    facts: Mapping[str, Fact]
    entries: Sequence[CaseEntry]
    marks: Sequence[StageMark]
    overrides: Sequence[Override]

    @property
    def key(self) -> CaseKey:
        """Which case."""
        return self.case.key

    def entry(self, side: Side, item_id: str, name: str) -> CaseEntry | None:
        """Return the newest value of one side; a withdrawn one has the value None."""
        wanted = (side, item_id, name)
        return next((e for e in self.entries if (e.side, e.item_id, e.name) == wanted), None)

    def effective(self, item_id: str, name: str) -> CaseEntry | None:
        """Return the value that counts: the official one where there is one."""
        for side in (Side.OFFICIAL, Side.SCHOOL):
            entry = self.entry(side, item_id, name)
            if entry is not None and entry.value is not None:
                return entry
        return None

    def mark(self, stage_id: str, item_id: str) -> StageMark | None:
        """Return the newest points and remark of a stage for an item."""
        wanted = (stage_id, item_id)
        return next((m for m in self.marks if (m.stage_id, m.item_id) == wanted), None)

    def override(self, item_id: str, finding_id: str) -> Override | None:
        """Return the newest override of a finding, a withdrawn one included."""
        wanted = (item_id, finding_id)
        return next((o for o in self.overrides if (o.item_id, o.finding_id) == wanted), None)


@dataclass(frozen=True, slots=True)
class Scored:
    """A case file and the sheet that the engine makes of it."""

    case_file: Mapping[str, Any]
    sheet: Mapping[str, Any]

    @property
    def content_hash(self) -> str:
        """The engine's hash over rubric, case and engine version."""
        return str(self.sheet["content_hash"])

    def document(self) -> Document:
        """Return both as a document that can be frozen."""
        content = {"case": self.case_file, "sheet": self.sheet}
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return Document.of("sheet", text)


class CaseReader:
    """Reads cases and scores them. Safe to share between threads."""

    def __init__(self, records: AssessmentRecords, files: CaseFiles, pins: Pins) -> None:
        self._records = records
        self._files = files
        self._pins = pins

    def round(self, round_id: str) -> Round:
        """Return a round. Raises NotFoundError."""
        held = self._records.round(round_id)
        if held is None:
            raise refusal(NotFoundError, "round_unknown", round_id=round_id)
        return held

    def pinned_rubric(self, held: Round, rubric_id: str) -> Rubric | None:
        """Return the rubric as an opened round pinned it; None if the round does not use it."""
        return self._pins.rubric(held, rubric_id)

    def pinned(self, key: CaseKey) -> tuple[Round, Case, Rubric]:
        """Return a case with its round and its rubric, without what people wrote into it.

        Raises NotFoundError.
        """
        held = self.round(key.round_id)
        case = self._records.case(key)
        if case is None or held.state is RoundState.DRAFT:
            raise refusal(NotFoundError, "case_unknown")
        rubric = self._pins.rubric(held, key.rubric_id)
        if rubric is None:
            raise refusal(NotFoundError, "case_unknown")
        return held, case, rubric

    def read(self, key: CaseKey) -> HeldCase:
        """Return a case with all that belongs to it. Raises NotFoundError."""
        held, case, rubric = self.pinned(key)
        school, profile_version = self._profile(held, case)
        return HeldCase(
            held,
            case,
            rubric,
            school,
            profile_version,
            self._records.facts(key.school_id, held.as_of, case.facts_upto),
            self._records.case_entries(key),
            self._records.case_marks(key),
            self._records.case_overrides(key),
        )

    def score(self, found: HeldCase, now: datetime, *, fresh: bool = True) -> Scored:
        """Return the sheet: the frozen one where the result is fixed, else computed now.

        Unless `fresh`, what was measured may be as of some minutes ago: enough to look at.
        """
        if found.case.state in FIXED:
            return self.frozen(found.key, found.case.version)
        return self.compute(found, now, fresh=fresh)

    def compute(self, found: HeldCase, now: datetime, *, fresh: bool = True) -> Scored:
        """Compute the sheet from what is there now. Raises UnprocessableError naming values."""
        case_file = self._files.case_file(found.rubric, self._inputs(found), now, fresh=fresh)
        return evaluated(found.rubric, case_file)

    def frozen(self, key: CaseKey, version: int) -> Scored:
        """Return a frozen version. Raises NotFoundError."""
        for one in self._records.case_versions(key):
            if one.version == version:
                content = json.loads(self._pins.uncached(one.document_sha256))
                return Scored(content["case"], content["sheet"])
        raise refusal(NotFoundError, "case_unknown", version=version)

    def samples_by_hours(self, found: HeldCase, indicator: str, now: datetime) -> tuple[int, int]:
        """Return how many samples of an indicator were taken in and outside school hours."""
        return self._files.samples_by_hours(self._inputs(found), indicator, now)

    def profile_json(self, school: School) -> dict[str, Json]:
        """Return a profile as case files carry it."""
        return self._files.profile(school)

    def version_of(
        self, found: HeldCase, scored: Scored, cause: str, author: str, now: datetime, why: str
    ) -> CaseVersion:
        """Return the version under which this sheet is frozen: the next one of the case."""
        return CaseVersion(
            found.key,
            found.case.version + 1,
            cause,
            scored.document().sha256,
            scored.content_hash,
            author,
            now,
            why,
        )

    def _profile(self, held: Round, case: Case) -> tuple[School, int]:
        school_id = case.key.school_id
        if case.profile_version is not None:
            signed = self._records.profile(school_id, case.profile_version)
            if signed is not None:
                return signed.school, signed.version
        in_force = self._records.profile_in_force(school_id, held.as_of)
        if in_force is not None:
            return in_force.school, in_force.version
        school = self._records.school(school_id)
        if school is None:
            raise refusal(NotFoundError, "case_unknown")
        # Counts that hold from a later day on say nothing about the day of the round.
        return replace(school, students=None, staff=None, classes=None, as_of=None), 0

    def _inputs(self, found: HeldCase) -> CaseInputs:
        held = found.held
        return CaseInputs(
            held,
            found.school,
            found.facts,
            _entries(found),
            _stages(found),
            _overrides(found),
            self._pins.text(held.calendar_hash),
            self._pins.text(held.catalogue_hash),
        )


def evaluated(rubric: Rubric, case_file: Mapping[str, Any]) -> Scored:
    """Return what the engine makes of a case file. Raises UnprocessableError naming values."""
    try:
        return Scored(case_file, evaluate(rubric, case_file).to_json())
    except CaseError as error:
        rows = (RowError(None, problem.path, problem.message) for problem in error.problems)
        raise fields_wrong(*rows) from error


def written_parts(found: HeldCase) -> dict[str, Any]:
    """Return the parts of a case file that people write into the case."""
    return {
        "entries": _entries(found),
        "stages": _stages(found),
        "overrides": _overrides(found),
    }


def _entries(found: HeldCase) -> dict[str, dict[str, Json]]:
    given: dict[str, dict[str, Json]] = defaultdict(dict)
    for item_id, name in sorted({(entry.item_id, entry.name) for entry in found.entries}):
        entry = found.effective(item_id, name)
        if entry is not None:
            value: Any = entry.value
            if entry.side is Side.OFFICIAL:
                value = {"value": value, "kind": "judged", "by": entry.author}
            given[item_id][name] = value
    return dict(given)


def _stages(found: HeldCase) -> dict[str, dict[str, str]]:
    given: dict[str, dict[str, str]] = defaultdict(dict)
    stages = {stage.id for stage in found.rubric.stages}
    for mark in found.marks:
        if mark.points is not None and mark.stage_id in stages:
            given[mark.stage_id][mark.item_id] = mark.points
    return dict(given)


def _overrides(found: HeldCase) -> dict[str, dict[str, Json]]:
    given: dict[str, dict[str, Json]] = defaultdict(dict)
    for one in found.overrides:
        if one.result is not None:
            verdict: dict[str, Json] = {
                "result": one.result,
                "why": one.why,
                "by": one.author,
                "at": one.recorded_at.isoformat(),
            }
            if one.appeal_id is not None:
                verdict["appeal"] = one.appeal_id
            given[one.item_id][one.finding_id] = verdict
    return dict(given)
