"""Values and flags of a case, computed from what is stored; notes are all that is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, Protocol, TypeVar

from collector.domain import Act, CaseKey, FlagNote
from collector.errors import NotFoundError
from collector.merging.flags import (
    Flag,
    HeadCount,
    SharedFile,
    criterion_flags,
    file_flags,
    night_flag,
    roll_flags,
)
from collector.merging.values import CriterionValues, values_of
from collector.storage.ports import EvidenceRecords

HeldT = TypeVar("HeldT")
"""A case as the view holds it."""
TESTED = "outlet_capacity"
"""The indicator of which tests at night alone say nothing about lessons."""


class CaseView(Protocol[HeldT]):
    """What flags need to know of a case; scoring and assessment answer."""

    def read(self, key: CaseKey) -> HeldT:
        """Return a case, for the questions below. Raises NotFoundError."""

    def sheet(self, found: HeldT) -> Mapping[str, Any]:
        """Return its sheet, newest or as frozen."""

    def opened_on(self, found: HeldT) -> date | None:
        """Return the day on which its round was opened."""

    def head_counts(self, school_id: str) -> Sequence[HeadCount]:
        """Return heads as declared over time; versions with unknown heads are left out."""

    def samples_by_hours(self, found: HeldT, indicator: str) -> tuple[int, int]:
        """Return how many samples of an indicator were taken in and outside school hours."""


@dataclass(frozen=True, slots=True)
class NotedFlag:
    """A flag with what people said about it, oldest first."""

    flag: Flag
    notes: tuple[FlagNote, ...]


class MergingService(Generic[HeldT]):
    """Lays the values of a case side by side and names conflicts. Changes nothing."""

    def __init__(self, view: CaseView[HeldT], records: EvidenceRecords) -> None:
        self._view = view
        self._records = records

    def values(self, key: CaseKey) -> tuple[CriterionValues, ...]:
        """Return the values of every criterion of a case. Raises NotFoundError."""
        return values_of(self._view.sheet(self._view.read(key)))

    def flags(self, key: CaseKey) -> tuple[NotedFlag, ...]:
        """Return the flags of a case with their notes. Raises NotFoundError."""
        case = self._view.read(key)
        return self.flags_of(key, case, self._view.sheet(case))

    def flags_of(
        self, key: CaseKey, case: HeldT, sheet: Mapping[str, Any]
    ) -> tuple[NotedFlag, ...]:
        """Return the flags of a case that was read and scored already, with their notes."""
        criteria = values_of(sheet)
        found = [*criterion_flags(criteria), *file_flags(self._shared_files(key))]
        opened_on = self._view.opened_on(case)
        if opened_on is not None:
            found += roll_flags(self._view.head_counts(key.school_id), opened_on)
        if any(one.name == TESTED for criterion in criteria for one in criterion.values):
            found += night_flag(criteria, TESTED, *self._view.samples_by_hours(case, TESTED))
        notes: dict[str, list[FlagNote]] = defaultdict(list)
        for note in self._records.flag_notes(key.round_id, key.school_id):
            if note.rubric_id == key.rubric_id:
                notes[note.flag_id].append(note)
        return tuple(NotedFlag(flag, tuple(notes[flag.id])) for flag in found)

    def note(self, key: CaseKey, flag_id: str, text: str, act: Act) -> None:
        """Record what somebody says about a flag. Raises NotFoundError if it is not raised now."""
        if flag_id not in {noted.flag.id for noted in self.flags(key)}:
            raise NotFoundError(
                "flag_unknown",
                "没有这条提示，或者相关的值已经改变；请刷新。",
                detail_en="There is no such flag, or its values changed; load it again.",
            )
        note = FlagNote(
            key.round_id, key.school_id, key.rubric_id, flag_id, text, act.actor, act.at
        )
        self._records.add_flag_note(note, act)

    def _shared_files(self, key: CaseKey) -> list[SharedFile]:
        others = self._records.other_schools_with(key.school_id)
        if not others:
            return []
        items: dict[str, list[str]] = defaultdict(list)
        for support in self._records.supports(key.school_id, key.rubric_id):
            items[support.sha256].append(support.item_id)
        return [
            SharedFile(piece.name, piece.sha256, tuple(items[piece.sha256]), len(schools))
            for piece in self._records.evidence_of(key.school_id)
            if (schools := others.get(piece.sha256)) and piece.sha256 in items
        ]
