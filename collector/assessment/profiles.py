"""Profiles in versions: what a change of heads does to the verdicts of the open cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from collector.assessment.case_machine import FIXED
from collector.assessment.case_reader import AssessmentRecords, CaseReader, HeldCase, evaluated
from collector.domain import SCHOOL_ID, Act, CaseKey, Profile, Round, RoundState, School
from collector.errors import NotFoundError, RowError, UnprocessableError
from collector.refusals import conflict, fields_wrong, refusal

ROUNDS_LOOKED_AT = 20
CASES_OF_A_SCHOOL_MAX = 100
NAME_CHARACTERS_MAX = 200
AWARD_CHARACTERS_MAX = 40


@dataclass(frozen=True, slots=True)
class ChangedFinding:
    """A verdict that a new profile changed."""

    key: CaseKey
    item_id: str
    finding_id: str
    before: str
    after: str
    working: str
    working_en: str


@dataclass(frozen=True, slots=True)
class Declared:
    """A new version of a profile, and what it changed."""

    profile: Profile
    heads_before: int | None
    changed: tuple[ChangedFinding, ...]
    kept: tuple[CaseKey, ...]
    """Cases that were signed before and keep the profile that was signed."""


class ProfileService:
    """Declares profiles. Safe to share between threads."""

    def __init__(
        self, records: AssessmentRecords, reader: CaseReader, clock: Callable[[], datetime]
    ) -> None:
        self._records = records
        self._reader = reader
        self._clock = clock

    def versions(self, school_id: str) -> Sequence[Profile]:
        """Return every version, newest first. Raises NotFoundError."""
        self._school(school_id)
        return self._records.profiles(school_id)

    def add(self, school: School, act: Act) -> Profile:
        """Register a school with its first profile.

        Raises UnprocessableError, also for an id that is taken or cannot be one.
        """
        if not SCHOOL_ID.fullmatch(school.id):
            letters = "1–64 个字母、数字、点、横线或下划线 / letters, digits, dots, dashes"
            raise fields_wrong(RowError(None, "id", letters))
        self._check(school)
        profile = self._records.declare_profile(school, 0, act)
        if profile is None:
            raise fields_wrong(RowError(None, "id", "已有这个编号的学校 / the id is taken"))
        return profile

    def declare(self, school: School, seen: int, act: Act) -> Declared:
        """Add a version and say which verdicts of open cases it changed.

        Raises NotFoundError, UnprocessableError, ConflictError if somebody else added one.
        """
        before = self._school(school.id)
        self._check(school)
        cases = [self._reader.read(key) for key in self._open_cases(school.id)]
        profile = self._records.declare_profile(school, seen, act)
        if profile is None:
            newest = self._records.profiles(school.id)[0]
            raise conflict(
                "profile_changed_meanwhile",
                current={"version": newest.version, "author": newest.author},
            )
        changed = [finding for found in cases for finding in self._changed(found)]
        kept = tuple(found.key for found in cases if found.case.profile_version is not None)
        return Declared(profile, before.heads, tuple(changed), kept)

    def _changed(self, found: HeldCase) -> list[ChangedFinding]:
        """Compare the verdicts of a case before and after; measurements are taken once."""
        after = self._reader.read(found.key)
        if after.school == found.school:
            return []
        try:
            was = self._reader.compute(found, self._clock())
            profile = self._reader.profile_json(after.school)
            now = evaluated(found.rubric, {**was.case_file, "school": profile})
        except UnprocessableError:  # the rubric is not for this kind of school any more
            return []
        old, new = _verdicts(was.sheet), _verdicts(now.sheet)
        return [
            ChangedFinding(
                found.key,
                item_id,
                finding_id,
                old[item_id, finding_id]["result"],
                finding["result"],
                finding["working"],
                finding["working_en"],
            )
            for (item_id, finding_id), finding in new.items()
            if (item_id, finding_id) in old
            and (old[item_id, finding_id]["result"], old[item_id, finding_id]["working"])
            != (finding["result"], finding["working"])
        ]

    def _open_cases(self, school_id: str) -> list[CaseKey]:
        rounds = self._records.rounds(limit=ROUNDS_LOOKED_AT)
        return [
            case.key
            for held in rounds
            if _is_open(held)
            for case in self._records.cases(
                held.id, school_id=school_id, limit=CASES_OF_A_SCHOOL_MAX
            )
            if case.state not in FIXED
        ]

    def _school(self, school_id: str) -> School:
        school = self._records.school(school_id)
        if school is None:
            raise refusal(NotFoundError, "school_missing")
        return school

    def _check(self, school: School) -> None:
        rows = []
        if not school.name.strip():
            rows.append(RowError(None, "name", "校名不能为空 / a name is needed"))
        if school.as_of is None or school.as_of > _day(self._clock()):
            rows.append(RowError(None, "as_of", "统计日期应不晚于今天 / must not be in the future"))
        if len(school.name) > NAME_CHARACTERS_MAX:
            rows.append(RowError(None, "name", f"至多 {NAME_CHARACTERS_MAX} 字 / too long"))
        if len(school.award_level or "") > AWARD_CHARACTERS_MAX:
            rows.append(RowError(None, "award_level", f"至多 {AWARD_CHARACTERS_MAX} 字 / too long"))
        if len(set(school.stages)) != len(school.stages):
            rows.append(RowError(None, "stages", "学段重复 / a stage is named twice"))
        known = {township.id for township in self._records.townships()}
        if school.township_id is not None and school.township_id not in known:
            rows.append(RowError(None, "township_id", "没有这个乡镇或集团 / unknown"))
        if school.main_school_id is not None:
            rows += self._check_main_school(school)
        if rows:
            raise fields_wrong(*rows)

    def _check_main_school(self, school: School) -> list[RowError]:
        if not school.teaching_point:
            only = "只有教学点才填中心校 / only a teaching point has a main school"
            return [RowError(None, "main_school_id", only)]
        main = self._records.school(school.main_school_id or "")
        if main is None or main.id == school.id or main.teaching_point:
            wrong = "应是另一所学校，且不是教学点 / another school, no teaching point"
            return [RowError(None, "main_school_id", wrong)]
        return []


def _is_open(held: Round) -> bool:
    return held.state in (RoundState.OPEN, RoundState.CLOSED)


def _day(now: datetime) -> date:
    """Return the latest day that it is anywhere: a school must not be refused its own today."""
    return now.date() + timedelta(days=1)


def _verdicts(sheet: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {
        (item_id, finding["id"]): finding
        for item_id, item in sheet["items"].items()
        for finding in item["findings"]
    }
