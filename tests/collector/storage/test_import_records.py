"""Imports and effects of readings in the record store, on every database it runs on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from collector.domain import (
    Act,
    Assignment,
    EffectsState,
    Fact,
    ImportChange,
    ImportFile,
    ImportKind,
    OneTimeCode,
    Person,
    ReadingEffects,
    Role,
    School,
    SchoolKind,
    SeenSchool,
    Stage,
    Township,
)
from collector.errors import ConflictError
from collector.storage.sql_records import SqlRecordStore

NOW = datetime(2026, 11, 20, 1, 2, 3, 456789, tzinfo=UTC)
ACT = Act("person:a", NOW, "import.commit", "autumn")
FILE = ImportFile(
    "f" * 64, ImportKind.SCHOOLS, "名单.csv", "0" * 64, 9, date(2026, 9, 1), "person:a", NOW
)
SCHOOL = School(
    "zx-001", "乌杨小学", SchoolKind.GENERAL, (Stage.PRIMARY,), 1200, 90, township_id="t-1"
)
PERSON = Person("p1", "Zhou", "周督学", Role.INSPECTOR, NOW)
CHANGE = ImportChange(
    (Township("t-1", "乌杨街道"),),
    (SeenSchool(SCHOOL, 0), SeenSchool(replace(SCHOOL, id="zx-002"), 0)),
    tuple(Fact(n, "servers", "3", date(2026, 9, 1), "a", NOW) for n in ("zx-001", "zx-002")),
    (PERSON,),
    (OneTimeCode("p1", b"1" * 32, NOW, NOW + timedelta(days=7)),),
    (Assignment("p1", "zx-001"),),
)


def test_an_import_is_written_once_with_its_audit(records: SqlRecordStore) -> None:
    """Everything is there after one transaction, each row has its record, and again is refused."""
    records.add_import(FILE, b"123456789", NOW, ACT)
    records.add_import(replace(FILE, name="other"), b"x", NOW, ACT)
    assert records.import_content(FILE.id) == b"123456789"
    done = replace(FILE, committed_by="person:a", committed_at=NOW, counts={"new": 2})
    assert records.apply_import(done, CHANGE, ACT)
    assert records.import_file(FILE.id) == done
    assert records.school("zx-001") == SCHOOL
    assert records.profile_versions() == {"zx-001": 1, "zx-002": 1}
    assert [one.value for one in records.facts("zx-002").values()] == ["3"]
    assert records.facts_of_all().keys() == {"zx-001", "zx-002"}
    assert records.person_named("zhou") == PERSON
    assert records.assignments("p1") == [Assignment("p1", "zx-001")]
    assert not records.apply_import(done, CHANGE, ACT)
    assert not records.drop_import(FILE.id, ACT)
    assert records.verify_audit(None, lambda *_: None).faults == ()


def test_nothing_is_written_where_one_part_is_refused(records: SqlRecordStore) -> None:
    """A version that came meanwhile, or a name that is taken, leaves the store as it was."""
    records.put_school(SCHOOL, ACT)
    records.add_import(FILE, b"1", NOW, ACT)
    done = replace(FILE, committed_by="person:a", committed_at=NOW)
    assert not records.apply_import(done, CHANGE, ACT)
    records.add_person(replace(PERSON, id="p0"), None, ACT)
    seen = replace(CHANGE, schools=(SeenSchool(replace(SCHOOL, students=1), 1),), facts=())
    with pytest.raises(ConflictError):
        records.apply_import(done, seen, ACT)
    assert records.school("zx-001") == SCHOOL
    assert records.townships() == []
    assert records.import_file(FILE.id) == FILE
    assert records.drop_import(FILE.id, ACT)
    assert records.imports(10) == []
    assert records.verify_audit(None, lambda *_: None).faults == ()


def test_effects_of_readings_wait_in_order_and_keep_their_answer(records: SqlRecordStore) -> None:
    """The one asked for first is first; an answer replaces what was there."""
    first = ReadingEffects("", "b", EffectsState.RUNNING, "a", NOW, done=3, total=9)
    later = ReadingEffects("r1", "a", EffectsState.WAITING, "a", NOW + timedelta(seconds=1))
    records.put_reading_effects(later)
    records.put_reading_effects(first)
    assert records.waiting_reading_effects() == [first, later]
    found = replace(
        first, state=EffectsState.DONE, computed_at=NOW, rubric_hash="sha256:x", found={"cases": 9}
    )
    records.put_reading_effects(found)
    assert records.reading_effects("", "b") == found
    assert records.reading_effects("none", "b") is None
    assert records.waiting_reading_effects() == [later]
