"""Evidence, what it supports, and notes on flags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from collector.domain import Act, Evidence, FlagNote, Support


@dataclass(frozen=True, slots=True)
class EvidenceUse:
    """How much a school has handed in, withdrawn pieces included."""

    pieces: int
    size_bytes: int


class EvidenceRecords(Protocol):
    """Evidence of schools. Nothing is erased; each change is audited in its transaction."""

    def add_evidence(self, evidence: Evidence, act: Act) -> bool:
        """Record a piece. False if the school handed in this very content before.

        A piece that was withdrawn is in force again, and True is returned. Raises NotFoundError
        if the school does not exist.
        """

    def evidence(self, school_id: str, sha256: str) -> Evidence | None:
        """Return a piece of a school, withdrawn ones included."""

    def evidence_of(self, school_id: str) -> Sequence[Evidence]:
        """Return all pieces of a school, oldest first."""

    def evidence_use(self, school_id: str) -> EvidenceUse:
        """Return how much a school has handed in."""

    def withdraw_evidence(self, school_id: str, sha256: str, act: Act) -> bool:
        """Take a piece back, and from the lists it is in. False if it was not in force."""

    def other_schools_with(self, school_id: str) -> dict[str, tuple[str, ...]]:
        """Return, by hash, the other schools that handed in the same content."""

    def add_support(self, support: Support, act: Act) -> Support:
        """Put a piece at the end of an item's list; returns it with its number.

        One that is there already stays where it is.
        """

    def drop_support(
        self, school_id: str, rubric_id: str, item_id: str, sha256: str, act: Act
    ) -> bool:
        """Take a piece off an item's list; the following ones move up. False if it was not on."""

    def supports(self, school_id: str, rubric_id: str | None = None) -> Sequence[Support]:
        """Return what supports the items of a school, numbered from 1 within each item."""

    def add_flag_note(self, note: FlagNote, act: Act) -> None:
        """Record what somebody said about a flag; earlier notes stay."""

    def flag_notes(self, round_id: str, school_id: str) -> Sequence[FlagNote]:
        """Return all notes on flags of a school in a round, oldest first."""
