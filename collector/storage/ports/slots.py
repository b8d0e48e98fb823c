"""Test slots: plans, what became of them, what forbids testing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from collector.domain import SlotDay, SlotPause, SlotSettings, SlotTest


class SlotRecords(Protocol):
    """Test slots: the plan of each day, what became of it, and what forbids testing."""

    def add_slot_day(self, day: SlotDay, tests: Sequence[SlotTest]) -> bool:
        """Keep the plan of a day, all or nothing. False if the day is planned already."""

    def slot_day(self, day: date) -> SlotDay | None:
        """Return how this day was planned."""

    def add_slot_tests(self, tests: Sequence[SlotTest]) -> None:
        """Add tests to what is planned; their ids are given by the store.

        Raises NotFoundError if a school does not exist.
        """

    def put_slot_test(self, test: SlotTest) -> None:
        """Replace the test with this id."""

    def slot_tests(
        self, since: date, school_id: str | None = None, after: int = 0
    ) -> Sequence[SlotTest]:
        """Return the tests from this day on with ids above `after`, by id."""

    def skipped_slot_tests(
        self, school_id: str, ended_after: datetime, limit: int
    ) -> Sequence[SlotTest]:
        """Return a school's skipped tests that were given up after this time, oldest first."""

    def forget_slot_tests(self, before: date) -> int:
        """Drop days and tests before this day; returns how many tests."""

    def add_slot_pause(self, pause: SlotPause) -> int:
        """Keep a pause and return its id. Raises NotFoundError if its school does not exist."""

    def slot_pauses(self, ending_after: datetime) -> Sequence[SlotPause]:
        """Return pauses that end after this time and were not ended early before it, by id."""

    def end_slot_pause(self, pause_id: int, now: datetime) -> bool:
        """End a pause now. False if there is none with this id that could still be ended."""

    def put_slot_settings(self, settings: SlotSettings) -> None:
        """Replace the settings of a school. Raises NotFoundError if it does not exist."""

    def slot_settings(self) -> Mapping[str, SlotSettings]:
        """Return the settings of every school that has any."""
