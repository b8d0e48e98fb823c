"""Test slots in the record store: plans are kept once, results and pauses survive reopening."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from collector.domain import (
    Occasion,
    School,
    SchoolKind,
    SlotDay,
    SlotPause,
    SlotSettings,
    SlotState,
    SlotTest,
)
from collector.errors import NotFoundError
from collector.storage.ports import RecordStore
from collector.storage.sql_records import open_records

DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 1, 2, 3, 456789, tzinfo=UTC)
PLANNED = SlotTest(
    DAY, "zx-001", Occasion.PLANNED, "http://10.0.0.1:8989", NOW, NOW + timedelta(minutes=30)
)


@pytest.fixture
def store(tmp_path: Path, migrated: Path) -> Iterator[RecordStore]:
    """Yield a store with one school."""
    shutil.copyfile(migrated, tmp_path / "records.sqlite3")
    records = open_records(f"sqlite:///{tmp_path / 'records.sqlite3'}", lambda _: None)
    records.put_school(School("zx-001", "示例小学", SchoolKind.GENERAL))
    yield records
    records.close()


def test_a_day_is_planned_once(store: RecordStore) -> None:
    """A second plan of the same day changes nothing."""
    day = SlotDay(DAY, 6, 4, "slot_overload")
    assert store.add_slot_day(day, [PLANNED])
    assert not store.add_slot_day(replace(day, planned_per_school=1), [PLANNED])
    assert store.slot_day(DAY) == day
    (kept,) = store.slot_tests(DAY)
    assert kept == replace(PLANNED, id=kept.id)
    assert store.slot_day(date(2026, 11, 21)) is None


def test_what_became_of_a_test_comes_back_as_it_was(store: RecordStore, tmp_path: Path) -> None:
    """Also for another process that opens the file later; forgetting drops whole days."""
    store.add_slot_tests([PLANNED, PLANNED])
    first, second = store.slot_tests(DAY)
    ended = replace(
        first, state=SlotState.DONE, slot_id="ab", started_at=NOW, ended_at=NOW, used_bytes=7
    )
    store.put_slot_test(ended)
    other = open_records(f"sqlite:///{tmp_path / 'records.sqlite3'}", lambda _: None)
    assert other.slot_tests(DAY, "zx-001") == [ended, second]
    assert other.slot_tests(DAY, after=first.id) == [second]
    other.close()
    assert store.forget_slot_tests(DAY) == 0
    assert store.forget_slot_tests(date(2026, 11, 21)) == 2


def test_skipped_tests_are_told_once_each(store: RecordStore) -> None:
    """By the time of giving up, oldest first, so that an agent can ask for what is new."""
    for minutes, state in ((2, SlotState.SKIPPED), (1, SlotState.SKIPPED), (3, SlotState.DONE)):
        at = NOW + timedelta(minutes=minutes)
        store.add_slot_tests([replace(PLANNED, state=state, reason="slot_exam", ended_at=at)])
    minutes_late = [
        (test.ended_at - NOW) / timedelta(minutes=1)
        for test in store.skipped_slot_tests("zx-001", NOW, 10)
        if test.ended_at
    ]
    assert minutes_late == [1, 2]
    assert len(store.skipped_slot_tests("zx-001", NOW + timedelta(minutes=1), 10)) == 1
    assert store.skipped_slot_tests("zx-002", NOW, 10) == []


def test_pauses_end_by_themselves_or_early(store: RecordStore) -> None:
    """An ended pause is gone, ending it twice is no success, and a wrong school is an error."""
    pause = SlotPause(NOW, NOW + timedelta(hours=2), "高考", "教委", NOW)
    first = store.add_slot_pause(pause)
    second = store.add_slot_pause(replace(pause, school_id="zx-001"))
    assert store.slot_pauses(NOW) == [
        replace(pause, id=first),
        replace(pause, school_id="zx-001", id=second),
    ]
    assert store.end_slot_pause(first, NOW)
    assert not store.end_slot_pause(first, NOW)
    assert [found.id for found in store.slot_pauses(NOW)] == [second]
    assert store.slot_pauses(NOW + timedelta(hours=2)) == []
    with pytest.raises(NotFoundError):
        store.add_slot_pause(replace(pause, school_id="none"))


def test_settings_of_a_school_are_replaced(store: RecordStore) -> None:
    """Hours come back as hours; what is not set stays unknown."""
    settings = SlotSettings("zx-001", ((time(9), time(9, 45)), (time(15), time(16))), 614.4, 10**10)
    store.put_slot_settings(settings)
    assert store.slot_settings() == {"zx-001": settings}
    store.put_slot_settings(SlotSettings("zx-001"))
    assert store.slot_settings()["zx-001"] == SlotSettings("zx-001")
