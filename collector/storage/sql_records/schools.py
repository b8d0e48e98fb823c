"""Schools, their profiles in versions, townships, and entries outside rounds, in SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select

from collector.domain import (
    Act,
    Entry,
    Profile,
    School,
    SchoolKind,
    Setting,
    Stage,
    Township,
)
from collector.storage.sql_records.audit import append_audit
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.schema import entries, school_profiles, schools, townships


class SqlSchools:
    """The part `SchoolRecords` of the record store, but for facts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._schools_read: tuple[int, tuple[School, ...]] = (-1, ())
        """All schools, and how many profile versions there were when they were read."""

    def put_school(self, school: School, act: Act | None = None) -> None:
        """Add the school, or update the one with this id; a change is a new profile version."""
        act = act or Act("system", datetime.now(UTC), "school.put")
        with self._database.writing() as connection:
            _lock(connection, school.id)
            newest = _newest_profile(connection, school.id)
            if newest is None or newest.school != school:
                self._add_version(connection, school, newest.version if newest else 0, act)

    def declare_profile(self, school: School, seen: int, act: Act) -> Profile | None:
        """Add a version after `seen`, the newest one that its author saw; None if it is not."""
        with self._database.writing() as connection:
            _lock(connection, school.id)
            newest = _newest_profile(connection, school.id)
            if (newest.version if newest else 0) != seen:
                return None
            return self._add_version(connection, school, seen, act)

    def profiles(self, school_id: str) -> Sequence[Profile]:
        """Return every version of a school's profile, newest first."""
        with self._database.reading() as connection:
            return _profiles(connection, school_id)

    def profile(self, school_id: str, version: int) -> Profile | None:
        """Return one version."""
        found = (one for one in self.profiles(school_id) if one.version == version)
        return next(found, None)

    def profile_in_force(self, school_id: str, day: date) -> Profile | None:
        """Return the version with the newest `as_of` up to that day; None if all are later."""
        held = [one for one in self.profiles(school_id) if _since(one) <= day]
        return max(held, key=lambda one: (_since(one), one.version), default=None)

    def profile_versions(self) -> Mapping[str, int]:
        """Return the number of the newest version of every school's profile."""
        newest = select(school_profiles.c.school_id, func.max(school_profiles.c.version))
        with self._database.reading() as connection:
            rows = connection.execute(newest.group_by(school_profiles.c.school_id))
            return {row[0]: row[1] for row in rows}

    def school(self, school_id: str) -> School | None:
        """Return the school with this id."""
        with self._database.reading() as connection:
            row = connection.execute(select(schools).where(schools.c.id == school_id)).first()
        return _school(row, row.id) if row else None

    def schools(self) -> Sequence[School]:
        """Return all schools, ordered by id.

        They are read again when there are more profile versions than at the last reading, written
        by whichever process: every change of a school adds one, and none goes away.
        """
        with self._database.reading() as connection:
            versions = connection.scalar(select(func.count()).select_from(school_profiles)) or 0
            read = self._schools_read
            if read[0] != versions:
                rows = connection.execute(select(schools).order_by("id"))
                read = versions, tuple(_school(row, row.id) for row in rows)
                self._schools_read = read
        return list(read[1])

    def put_township(self, township: Township, act: Act) -> None:
        """Add a township or group of schools, or update the one with this id."""
        values = {
            "name": township.name,
            "kind": township.kind,
            "parent_id": township.parent_id,
        }
        statement = self._database.insert(townships).values(id=township.id, **values)
        with self._database.writing() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))
            append_audit(connection, act, townships, township.id)

    def townships(self) -> Sequence[Township]:
        """Return all townships and groups, ordered by id."""
        with self._database.reading() as connection:
            rows = connection.execute(select(townships).order_by("id"))
            return [Township(row.id, row.name, row.kind, row.parent_id) for row in rows]

    def add_entry(self, entry: Entry, act: Act | None = None) -> None:
        """Record an entry; earlier ones stay in the history."""
        with self._database.writing() as connection:
            position = connection.execute(
                insert(entries)
                .values(
                    school_id=entry.school_id,
                    rubric_id=entry.rubric_id,
                    item_id=entry.item_id,
                    name=entry.name,
                    value_json=json.dumps(entry.value, ensure_ascii=False),
                    author=entry.author,
                    recorded_at=entry.recorded_at,
                )
                .returning(entries.c.position)
            ).scalar_one()
            act = act or Act("system", entry.recorded_at, "entry.add")
            append_audit(connection, act, entries, position)

    def entries(self, school_id: str, rubric_id: str) -> Sequence[Entry]:
        """Return the newest entry per item and name."""
        newest = (
            select(func.max(entries.c.position))
            .where(entries.c.school_id == school_id, entries.c.rubric_id == rubric_id)
            .group_by(entries.c.item_id, entries.c.name)
        )
        return self._entries(entries.c.position.in_(newest))

    def entry_history(
        self, school_id: str, rubric_id: str, item_id: str, name: str
    ) -> Sequence[Entry]:
        """Return every value ever given here, oldest first."""
        columns = entries.c
        here = (
            (columns.school_id == school_id)
            & (columns.rubric_id == rubric_id)
            & (columns.item_id == item_id)
            & (columns.name == name)
        )
        return self._entries(here)

    def _entries(self, condition: ColumnElement[bool]) -> Sequence[Entry]:
        statement = select(entries).where(condition).order_by(entries.c.position)
        with self._database.reading() as connection:
            rows = connection.execute(statement).all()
        return [
            Entry(
                school_id=row.school_id,
                rubric_id=row.rubric_id,
                item_id=row.item_id,
                name=row.name,
                value=json.loads(row.value_json),
                author=row.author,
                recorded_at=row.recorded_at,
            )
            for row in rows
        ]

    def _add_version(self, connection: Connection, school: School, seen: int, act: Act) -> Profile:
        """Append a version; the school's row follows the version with the newest `as_of`."""
        profile = Profile(seen + 1, school, act.actor, act.at, act.why)
        others = _profiles(connection, school.id)
        values = school_columns(school)
        if all(_since(one) <= _since(profile) for one in others):
            added = self._database.insert(schools).values(id=school.id, **values)
            connection.execute(added.on_conflict_do_update(index_elements=["id"], set_=values))
        connection.execute(
            insert(school_profiles).values(
                school_id=school.id,
                version=profile.version,
                author=profile.author,
                recorded_at=profile.recorded_at,
                why=profile.why,
                **values,
            )
        )
        append_audit(connection, act, schools, school.id)
        append_audit(connection, act, school_profiles, (school.id, profile.version))
        return profile


def _since(profile: Profile) -> date:
    """Return the day from which on a version holds; one without a day always has."""
    return profile.school.as_of or date.min


def _lock(connection: Connection, school_id: str) -> None:
    connection.execute(select(schools.c.id).where(schools.c.id == school_id).with_for_update())


def _profiles(connection: Connection, school_id: str) -> list[Profile]:
    statement = select(school_profiles).where(school_profiles.c.school_id == school_id)
    newest_first = statement.order_by(school_profiles.c.version.desc())
    return [_profile(row) for row in connection.execute(newest_first)]


def _newest_profile(connection: Connection, school_id: str) -> Profile | None:
    return next(iter(_profiles(connection, school_id)), None)


def school_columns(school: School) -> dict[str, Any]:
    """Return a profile as the columns that schools and their versions share."""
    return {
        "name": school.name,
        "kind": school.kind.value,
        "stages": ",".join(school.stages),
        "students": school.students,
        "staff": school.staff,
        "classes": school.classes,
        "as_of": school.as_of,
        "award_level": school.award_level,
        "is_example": school.is_example,
        "township_id": school.township_id,
        "setting": school.setting and school.setting.value,
        "teaching_point": school.teaching_point,
        "main_school_id": school.main_school_id,
    }


def _profile(row: Row[Any]) -> Profile:
    school = _school(row, row.school_id)
    return Profile(row.version, school, row.author, row.recorded_at, row.why)


def _school(row: Row[Any], school_id: str) -> School:
    return School(
        id=school_id,
        name=row.name,
        kind=SchoolKind(row.kind),
        stages=tuple(Stage(stage) for stage in row.stages.split(",") if stage),
        students=row.students,
        staff=row.staff,
        classes=row.classes,
        as_of=row.as_of,
        award_level=row.award_level,
        is_example=row.is_example,
        township_id=row.township_id,
        setting=Setting(row.setting) if row.setting else None,
        teaching_point=bool(row.teaching_point),
        main_school_id=row.main_school_id,
    )
