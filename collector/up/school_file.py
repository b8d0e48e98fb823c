"""The school file of `campusgauge up`: a profile, declared values and entries that people edit."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from collector.domain import Entry, EntryValue, Fact, School, SchoolKind, Stage
from collector.errors import UnprocessableError
from collector.storage.ports import SchoolRecords

AUTHOR = "school.toml"
_Count = Annotated[int, Field(ge=0, le=1_000_000)]
_Value = int | float | str | bool


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SchoolProfile(_Strict):
    """Who the school is. Counts that are not known are left out."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    is_example: bool = False
    kind: Literal["general", "vocational"]
    stages: list[Literal["primary", "junior", "senior"]] = []
    students: _Count | None = None
    staff: _Count | None = None
    classes: _Count | None = None
    as_of: date


class _DeclaredValue(_Strict):
    value: _Value
    as_of: date


class SchoolFile(_Strict):
    """The parsed file: who the school is, what it declares, what it enters by rubric and item."""

    school: SchoolProfile
    facts: dict[str, _DeclaredValue] = {}
    entries: dict[str, dict[str, dict[str, _Value | list[int | str | bool]]]] = {}


def read_school_file(path: Path) -> SchoolFile:
    """Read and check the file. Raises UnprocessableError naming file, place and fault."""
    try:
        return SchoolFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise UnprocessableError("school_file", f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UnprocessableError("school_file", f"{path}: [{place}] {first['msg']}") from error


def record(file: SchoolFile, records: SchoolRecords, now: datetime) -> str:
    """Bring the records in line with the file and return the school's id.

    Only what differs from the value in force is recorded, so that the history shows changes and
    not starts.
    """
    profile = file.school
    school = School(
        id=profile.id,
        name=profile.name,
        kind=SchoolKind(profile.kind),
        stages=tuple(Stage(stage) for stage in profile.stages),
        students=profile.students,
        staff=profile.staff,
        classes=profile.classes,
        as_of=profile.as_of,
        is_example=profile.is_example,
    )
    if records.school(school.id) != school:
        records.put_school(school)
    _record_facts(file, records, now)
    _record_entries(file, records, now)
    return school.id


def _record_facts(file: SchoolFile, records: SchoolRecords, now: datetime) -> None:
    in_force = records.facts(file.school.id)
    for name, declared in file.facts.items():
        value = _exact_text(declared.value)
        known = in_force.get(name)
        if known is None or (known.value, known.as_of) != (value, declared.as_of):
            records.add_fact(
                Fact(file.school.id, name, value, declared.as_of, author=AUTHOR, recorded_at=now)
            )


def _record_entries(file: SchoolFile, records: SchoolRecords, now: datetime) -> None:
    for rubric_id, items in file.entries.items():
        known = {
            (entry.item_id, entry.name): entry.value
            for entry in records.entries(file.school.id, rubric_id)
        }
        for item_id, values in items.items():
            _record_item(file.school.id, rubric_id, item_id, values, known, records, now)


def _record_item(
    school_id: str,
    rubric_id: str,
    item_id: str,
    values: Mapping[str, _Value | list[int | str | bool]],
    known: Mapping[tuple[str, str], EntryValue],
    records: SchoolRecords,
    now: datetime,
) -> None:
    for name, given in values.items():
        value: EntryValue = str(given) if isinstance(given, float) else _as_entry(given)
        if (item_id, name) not in known or known[item_id, name] != value:
            records.add_entry(Entry(school_id, rubric_id, item_id, name, value, AUTHOR, now))


def _as_entry(given: int | str | bool | list[int | str | bool]) -> EntryValue:
    return list(given) if isinstance(given, list) else given


def _exact_text(value: _Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
