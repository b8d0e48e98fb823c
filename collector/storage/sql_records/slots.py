"""Test slots in SQL: plans, what became of them, pauses, settings of schools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import Row, delete, insert, or_, select, update

from collector.domain import Occasion, SlotDay, SlotPause, SlotSettings, SlotState, SlotTest
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.schema import slot_days, slot_pauses, slot_settings, slot_tests


class SqlSlots:
    """The part `SlotRecords` of the record store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_slot_day(self, day: SlotDay, tests: Sequence[SlotTest]) -> bool:
        """Keep the plan of a day, all or nothing. False if the day is planned already."""
        statement = self._database.insert(slot_days).values(asdict(day))
        with self._database.writing() as connection:
            added = connection.execute(statement.on_conflict_do_nothing())
            if added.rowcount == 0:
                return False
            if tests:
                connection.execute(insert(slot_tests), [_test_values(test) for test in tests])
        return True

    def slot_day(self, day: date) -> SlotDay | None:
        """Return how this day was planned."""
        with self._database.reading() as connection:
            row = connection.execute(select(slot_days).where(slot_days.c.day == day)).first()
        return SlotDay(*row) if row else None

    def add_slot_tests(self, tests: Sequence[SlotTest]) -> None:
        """Add tests to what is planned."""
        if tests:
            with self._database.writing() as connection:
                connection.execute(insert(slot_tests), [_test_values(test) for test in tests])

    def put_slot_test(self, test: SlotTest) -> None:
        """Replace the test with this id."""
        statement = update(slot_tests).where(slot_tests.c.position == test.id)
        with self._database.writing() as connection:
            connection.execute(statement.values(_test_values(test)))

    def slot_tests(
        self, since: date, school_id: str | None = None, after: int = 0
    ) -> Sequence[SlotTest]:
        """Return the tests from this day on with ids above `after`, by id."""
        columns = slot_tests.c
        statement = select(slot_tests).where(columns.day >= since, columns.position > after)
        if school_id is not None:
            statement = statement.where(columns.school_id == school_id)
        with self._database.reading() as connection:
            rows = connection.execute(statement.order_by(columns.position)).all()
        return [_test(row) for row in rows]

    def skipped_slot_tests(
        self, school_id: str, ended_after: datetime, limit: int
    ) -> Sequence[SlotTest]:
        """Return a school's skipped tests that were given up after this time, oldest first."""
        columns = slot_tests.c
        statement = (
            select(slot_tests)
            .where(
                columns.school_id == school_id,
                columns.ended_at > ended_after,
                columns.state == SlotState.SKIPPED.value,
            )
            .order_by(columns.ended_at, columns.position)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [_test(row) for row in connection.execute(statement)]

    def forget_slot_tests(self, before: date) -> int:
        """Drop days and tests before this day; returns how many tests."""
        with self._database.writing() as connection:
            connection.execute(delete(slot_days).where(slot_days.c.day < before))
            return connection.execute(delete(slot_tests).where(slot_tests.c.day < before)).rowcount

    def add_slot_pause(self, pause: SlotPause) -> int:
        """Keep a pause and return its id."""
        values = {name: value for name, value in asdict(pause).items() if name != "id"}
        with self._database.writing() as connection:
            result = connection.execute(insert(slot_pauses).values(values))
            key = result.inserted_primary_key
        return int(key[0]) if key else 0

    def slot_pauses(self, ending_after: datetime) -> Sequence[SlotPause]:
        """Return pauses that end after this time and were not ended early before it, by id."""
        columns = slot_pauses.c
        statement = select(slot_pauses).where(
            columns.until > ending_after,
            or_(columns.ended_at.is_(None), columns.ended_at > ending_after),
        )
        with self._database.reading() as connection:
            rows = connection.execute(statement.order_by(columns.position)).all()
        return [
            SlotPause(
                row.since, row.until, row.note, row.author, row.recorded_at,
                row.school_id, row.ended_at, row.position,
            )
            for row in rows
        ]  # fmt: skip

    def end_slot_pause(self, pause_id: int, now: datetime) -> bool:
        """End a pause now. False if there is none with this id that could still be ended."""
        columns = slot_pauses.c
        statement = update(slot_pauses).where(
            columns.position == pause_id, columns.ended_at.is_(None), columns.until > now
        )
        with self._database.writing() as connection:
            return connection.execute(statement.values(ended_at=now)).rowcount > 0

    def put_slot_settings(self, settings: SlotSettings) -> None:
        """Replace the settings of a school."""
        values = {
            "quiet_hours": ",".join(f"{a:%H:%M}-{b:%H:%M}" for a, b in settings.quiet_hours),
            "needed_mbps": settings.needed_mbps,
            "daily_bytes": settings.daily_bytes,
        }
        statement = self._database.insert(slot_settings).values(
            school_id=settings.school_id, **values
        )
        with self._database.writing() as connection:
            connection.execute(
                statement.on_conflict_do_update(index_elements=["school_id"], set_=values)
            )

    def slot_settings(self) -> Mapping[str, SlotSettings]:
        """Return the settings of every school that has any."""
        with self._database.reading() as connection:
            rows = connection.execute(select(slot_settings)).all()
        return {
            row.school_id: SlotSettings(
                row.school_id, _hours(row.quiet_hours), row.needed_mbps, row.daily_bytes
            )
            for row in rows
        }


def _hours(text: str) -> tuple[tuple[time, time], ...]:
    spans = [part.split("-") for part in text.split(",") if part]
    return tuple((time.fromisoformat(a), time.fromisoformat(b)) for a, b in spans)


def _test_values(test: SlotTest) -> dict[str, Any]:
    values = asdict(test)
    del values["id"]
    return {**values, "occasion": test.occasion.value, "state": test.state.value}


def _test(row: Row[Any]) -> SlotTest:
    return SlotTest(
        row.day, row.school_id, Occasion(row.occasion), row.server, row.planned_at, row.latest_at,
        SlotState(row.state), row.reason, row.slot_id, row.started_at, row.ended_at,
        row.reserved_bytes, row.used_bytes, row.position,
    )  # fmt: skip
