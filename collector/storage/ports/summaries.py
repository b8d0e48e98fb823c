"""Summaries of score sheets, and the lease of the one who computes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from collector.domain import Summary


class SummaryRecords(Protocol):
    """The newest summary of each school, rubric and round: a memory that can be computed again."""

    def put_summaries(self, round_id: str, school_id: str, found: Sequence[Summary]) -> None:
        """Replace everything that is kept of a school in a round (`STANDING`: outside rounds)."""

    def summaries(
        self, round_id: str, rubric_id: str, since: datetime | None = None
    ) -> Sequence[Summary]:
        """Return the summaries by one rubric, by school; `since`: those computed then or later."""

    def school_summaries(self, round_id: str, school_ids: Collection[str]) -> Sequence[Summary]:
        """Return what is kept of these schools in a round, by every rubric."""

    def summary_times(self, round_id: str) -> Mapping[str, datetime]:
        """Return by school when its summaries in a round were computed."""

    def declared_times(self) -> Mapping[str, datetime]:
        """Return by school when anything was last declared or entered for it, outside rounds."""

    def case_times(self, round_id: str) -> Mapping[str, datetime]:
        """Return by school when its cases of a round, or anything in them, last changed."""

    def take_lease(self, name: str, holder: str, now: datetime, until: datetime) -> bool:
        """Hold the lease up to `until`, if nobody else holds it; the holder may extend it."""

    def release_lease(self, name: str, holder: str) -> None:
        """Give the lease up; nothing happens if somebody else holds it."""
