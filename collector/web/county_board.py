"""The county as its pages see it: schools, reporting, and the newest summaries, kept in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from collector.domain import Summary
from collector.storage.ports import RecordStore, SeriesStore
from collector.web.county_rows import SchoolRow
from collector.web.reporting import NO_AGENTS, reporting_of

BOARDS_KEPT = 32
"""Rounds times rubrics that people look at; others are read again."""


@dataclass
class _Board:
    """Summaries by one rubric in one round, and how far they have been read."""

    by_school: dict[str, Summary] = field(default_factory=dict)
    read_upto: datetime | None = None


class CountyBoard:
    """Reads rows of the county. Of summaries only what is new since the last look is read."""

    def __init__(self, records: RecordStore, series: SeriesStore) -> None:
        self._records = records
        self._series = series
        self._boards: dict[tuple[str, str], _Board] = {}
        self._lock = Lock()

    def rows(self, round_id: str, rubric_id: str, now: datetime) -> list[SchoolRow]:
        """Return every school, by id, with its summary by this rubric in this round."""
        found, newest = self.summaries(round_id, rubric_id), self._series.last_reading_times()
        names = {township.id: township.name for township in self._records.townships()}
        contacts = self._records.contacts()
        return [
            SchoolRow(
                school,
                reporting_of(contacts.get(school.id, NO_AGENTS), newest.get(school.id), now),
                names.get(school.township_id or "", ""),
                found.get(school.id),
            )
            for school in self._records.schools()
        ]

    def summaries(self, round_id: str, rubric_id: str) -> Mapping[str, Summary]:
        """Return the newest summaries by school."""
        with self._lock:
            key = (round_id, rubric_id)
            board = self._boards.pop(key, None) or _Board()
            # The last look's newest are read again: others may carry the same time.
            for summary in self._records.summaries(round_id, rubric_id, board.read_upto):
                board.by_school[summary.school_id] = summary
                board.read_upto = max(board.read_upto or summary.computed_at, summary.computed_at)
            self._boards[key] = board
            if len(self._boards) > BOARDS_KEPT:
                del self._boards[next(iter(self._boards))]
            return dict(board.by_school)
