"""What readings do to the cases of a round: a memory that can be computed again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from collector.domain import ReadingEffects


class ReadingEffectsRecords(Protocol):
    """The newest computation of each round and rubric."""

    def put_reading_effects(self, one: ReadingEffects) -> None:
        """Replace what is kept for its round and rubric."""

    def reading_effects(self, round_id: str, rubric_id: str) -> ReadingEffects | None:
        """Return what is kept; None if nobody ever asked."""

    def waiting_reading_effects(self) -> Sequence[ReadingEffects]:
        """Return those waiting or under way, the one asked for first at the head."""
