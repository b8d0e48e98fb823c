"""Rounds, cases, appeals, and the documents that rounds and versions pin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from collector.domain import (
    Act,
    Appeal,
    AppealState,
    Case,
    CaseChange,
    CaseEntry,
    CaseKey,
    CaseState,
    CaseVersion,
    Clash,
    Document,
    Override,
    Round,
    Side,
    StageMark,
)


class RoundRecords(Protocol):
    """Rounds. Every change is written with its record in the audit chain, or not at all."""

    def add_round(self, held: Round, act: Act) -> bool:
        """Keep a new round. False if one has this id."""

    def put_round(
        self,
        held: Round,
        act: Act,
        cases: Sequence[Case] = (),
        documents: Sequence[Document] = (),
    ) -> bool:
        """Replace a round, and add its cases and the documents it pins.

        False, and nothing is written, unless the one stored has the revision before `held`'s.
        """

    def round(self, round_id: str) -> Round | None:
        """Return the round with this id."""

    def rounds(self, limit: int = 100, after: str | None = None) -> Sequence[Round]:
        """Return rounds, newest first, those older than `after`."""

    def document(self, sha256: str) -> Document | None:
        """Return the document with this hash, as stored; whether it fits is for its reader."""


class CaseRecords(Protocol):
    """Cases and what people wrote into them. The newest of each counts, all are kept."""

    def case(self, key: CaseKey) -> Case | None:
        """Return the case."""

    def cases(
        self,
        round_id: str,
        *,
        school_id: str | None = None,
        rubric_id: str | None = None,
        state: CaseState | None = None,
        after: CaseKey | None = None,
        limit: int = 100,
    ) -> Sequence[Case]:
        """Return cases of a round that fit, by school and rubric."""

    def case_counts(self, round_id: str, rubric_id: str | None = None) -> Mapping[CaseState, int]:
        """Return how many cases, of all rubrics or one, are in each state; no zeros."""

    def change_case(self, change: CaseChange, act: Act) -> Clash | None:
        """Write all parts of a change, or none. None: written.

        Otherwise what had changed since the change was decided on. Raises NotFoundError if there
        is no such case.
        """

    def case_entries(self, key: CaseKey) -> Sequence[CaseEntry]:
        """Return the newest value of each field of each side."""

    def case_entry_history(self, key: CaseKey, item_id: str, name: str) -> Sequence[CaseEntry]:
        """Return every value of a field on either side, oldest first."""

    def case_marks(self, key: CaseKey) -> Sequence[StageMark]:
        """Return the newest points and remark of each stage and item."""

    def case_overrides(self, key: CaseKey) -> Sequence[Override]:
        """Return the newest override of each finding, withdrawn ones included."""

    def case_authors(self, key: CaseKey, item_id: str, side: Side) -> frozenset[str]:
        """Return who ever gave this item entries of that side, or an override.

        Marks are not counted here; which stage is whose, the rubric knows.
        """

    def case_mark_history(self, key: CaseKey, item_id: str) -> Sequence[StageMark]:
        """Return every points and remark of an item, oldest first."""

    def case_versions(self, key: CaseKey) -> Sequence[CaseVersion]:
        """Return the frozen versions, oldest first."""


class AppealRecords(Protocol):
    """Appeals; they are written with `CaseRecords.change_case`."""

    def appeal(self, appeal_id: str) -> Appeal | None:
        """Return the appeal with this id."""

    def appeals(
        self,
        *,
        key: CaseKey | None = None,
        round_id: str | None = None,
        state: AppealState | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Sequence[Appeal]:
        """Return appeals that fit, newest first, those filed before `after`."""
