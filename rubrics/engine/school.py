"""The profile of the school in a case: kind, stages of schooling, counts, level applied for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from rubrics.engine.entry_values import ValueReader, unknown_name
from rubrics.model.rubric import Choice, Kind, SchoolStage

COUNTS = ("students", "staff", "classes")
PROFILE_KEYS = ("id", "name", "kind", "stages", *COUNTS, "as_of", "award_level", "setting")
KINDS: tuple[str, ...] = get_args(Kind)
STAGES: tuple[str, ...] = get_args(SchoolStage)


class SchoolReader(ValueReader):
    """Reads the profile and notes what cannot be used. What is not given is unknown."""

    def _school(self, raw: Mapping[str, Any], levels: Sequence[Choice]) -> dict[str, Any]:
        self._refuse_misspelt("school.", raw, PROFILE_KEYS)
        school = dict(raw)
        if school.get("kind") is not None and school["kind"] not in KINDS:
            self._wrong("school.kind", unknown_name("kind of school", str(school["kind"]), KINDS))
            school["kind"] = None
        for name in COUNTS:
            if school.get(name) is not None:
                school[name] = self._count(f"school.{name}", school[name])
        students, staff = school.get("students"), school.get("staff")
        school["heads"] = None if students is None or staff is None else students + staff
        school["stages"] = self._stages_of_schooling(school.get("stages"))
        if school.get("award_level") is not None and levels:
            school["award_level"] = self._award_level(str(school["award_level"]), levels)
        return school

    def _stages_of_schooling(self, raw: object) -> frozenset[str] | None:
        """Return the stages; None where none is named, as a school has at least one.

        A rule for secondary schools asks for "no primary stage", so neither an empty list nor an
        unknown word may pass for an answer.
        """
        if not raw and (raw is None or isinstance(raw, list | tuple)):
            return None
        if isinstance(raw, str) or not isinstance(raw, Sequence):
            self._wrong("school.stages", "must be a list such as [primary, junior]")
            return None
        for index, stage in enumerate(raw):
            if stage not in STAGES:
                message = unknown_name("stage of schooling", str(stage), STAGES)
                self._wrong(f"school.stages[{index}]", message)
        return frozenset(str(stage) for stage in raw)

    def _award_level(self, given: str, levels: Sequence[Choice]) -> str | None:
        found = next((level.id for level in levels if given in (level.id, level.zh)), None)
        if found is None:
            known = [level.id for level in levels]
            self._wrong("school.award_level", unknown_name("award level", given, known))
        return found
