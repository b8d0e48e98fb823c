"""Imports in SQL: the files that wait, and writing thousands of rows in one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from collector.domain import Act, ImportChange, ImportFile, ImportKind, SeenSchool, Township
from collector.storage.sql_records.audit import append_audit
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.facts import add_fact_rows
from collector.storage.sql_records.people import name_taken, person_columns
from collector.storage.sql_records.schema import (
    assignments,
    import_contents,
    imports,
    one_time_codes,
    people,
    school_profiles,
    schools,
    townships,
)
from collector.storage.sql_records.schools import school_columns


class SqlImports:
    """The part `ImportRecords` of the record store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_import(self, file: ImportFile, content: bytes, stale: datetime, act: Act) -> None:
        """Keep a file, unless it is there already; drop those that wait since before `stale`."""
        old = select(imports.c.id).where(
            imports.c.committed_at.is_(None), imports.c.uploaded_at < stale
        )
        statement = self._database.insert(imports).values(_values(file))
        with self._database.writing() as connection:
            gone = [row.id for row in connection.execute(old)]
            self._drop(connection, gone, act)
            kept = connection.execute(
                statement.on_conflict_do_nothing(index_elements=["id"]).returning(imports.c.id)
            ).first()
            if kept is not None:
                connection.execute(
                    insert(import_contents).values(import_id=file.id, content=content)
                )
                append_audit(connection, act, imports, file.id)

    def import_file(self, import_id: str) -> ImportFile | None:
        """Return the file's description."""
        with self._database.reading() as connection:
            row = connection.execute(select(imports).where(imports.c.id == import_id)).first()
        return _file(row) if row else None

    def import_content(self, import_id: str) -> bytes | None:
        """Return the file as it was handed in."""
        wanted = import_contents.c.import_id == import_id
        with self._database.reading() as connection:
            found: bytes | None = connection.scalar(select(import_contents.c.content).where(wanted))
        return found

    def imports(self, limit: int) -> Sequence[ImportFile]:
        """Return the newest files, newest first."""
        statement = select(imports).order_by(imports.c.uploaded_at.desc(), imports.c.id)
        with self._database.reading() as connection:
            return [_file(row) for row in connection.execute(statement.limit(limit))]

    def drop_import(self, import_id: str, act: Act) -> bool:
        """Drop a file that waits. False if there is none, or it was committed."""
        with self._database.writing() as connection:
            if not _waits(connection, import_id):
                return False
            self._drop(connection, [import_id], act)
        return True

    def apply_import(self, done: ImportFile, change: ImportChange, act: Act) -> bool:
        """Write an import in one transaction; False, and nothing is written, after a change."""
        with name_taken(), self._database.writing() as connection:
            if not _waits(connection, done.id) or not _as_seen(connection, change.schools):
                return False
            self._put_townships(connection, change.townships, act)
            self._put_schools(connection, change.schools, act)
            add_fact_rows(connection, change.facts, act)
            self._put_people(connection, change, act)
            committed = update(imports).where(imports.c.id == done.id).values(_values(done))
            connection.execute(committed)
            append_audit(connection, act, imports, done.id)
        return True

    def _drop(self, connection: Connection, ids: Sequence[str], act: Act) -> None:
        for import_id in ids:
            connection.execute(
                delete(import_contents).where(import_contents.c.import_id == import_id)
            )
            connection.execute(delete(imports).where(imports.c.id == import_id))
        append_audit(connection, act, imports, *ids)

    def _put_townships(self, connection: Connection, new: Iterable[Township], act: Act) -> None:
        rows = [asdict(township) for township in new]
        if rows:
            statement = self._database.insert(townships).on_conflict_do_nothing()
            connection.execute(statement, rows)
            append_audit(connection, act, townships, *(row["id"] for row in rows))

    def _put_schools(self, connection: Connection, changed: Sequence[SeenSchool], act: Act) -> None:
        if not changed:
            return
        told = {"author": act.actor, "recorded_at": act.at, "why": act.why}
        rows = [(one.school.id, one.seen + 1, school_columns(one.school)) for one in changed]
        added = self._database.insert(schools)
        newest = {name: added.excluded[name] for name in rows[0][2]}
        connection.execute(
            added.on_conflict_do_update(index_elements=["id"], set_=newest),
            [{"id": school_id, **values} for school_id, _, values in rows],
        )
        connection.execute(
            insert(school_profiles),
            [{"school_id": n, "version": version, **told, **values} for n, version, values in rows],
        )
        append_audit(connection, act, schools, *(school_id for school_id, _, _ in rows))
        versions = [(school_id, version) for school_id, version, _ in rows]
        append_audit(connection, act, school_profiles, *versions)

    def _put_people(self, connection: Connection, change: ImportChange, act: Act) -> None:
        for person in change.people:
            values = person_columns(person)
            added = self._database.insert(people).values(values)
            connection.execute(added.on_conflict_do_update(index_elements=["id"], set_=values))
        append_audit(connection, act, people, *(person.id for person in change.people))
        if change.codes:
            connection.execute(insert(one_time_codes), [asdict(code) for code in change.codes])
            append_audit(connection, act, one_time_codes, *(one.person_id for one in change.codes))
        added_ids = [
            connection.execute(
                insert(assignments).values(asdict(one)).returning(assignments.c.position)
            ).scalar_one()
            for one in change.assignments
        ]
        append_audit(connection, act, assignments, *added_ids)


def _waits(connection: Connection, import_id: str) -> bool:
    waiting = (imports.c.id == import_id) & imports.c.committed_at.is_(None)
    held = select(imports.c.id).where(waiting).with_for_update()
    return connection.execute(held).first() is not None


def _as_seen(connection: Connection, changed: Sequence[SeenSchool]) -> bool:
    """Say whether every school still has the newest version that was seen; holds all schools."""
    if not changed:
        return True
    connection.execute(select(schools.c.id).with_for_update()).all()
    newest = select(school_profiles.c.school_id, func.max(school_profiles.c.version))
    versions = {row[0]: row[1] for row in connection.execute(newest.group_by("school_id"))}
    return all(versions.get(one.school.id, 0) == one.seen for one in changed)


def _values(file: ImportFile) -> dict[str, Any]:
    counts = json.dumps(dict(file.counts), sort_keys=True)
    fields = {name: getattr(file, name) for name in ImportFile.__dataclass_fields__}
    return {**fields, "kind": file.kind.value, "counts": counts}


def _file(row: Row[Any]) -> ImportFile:
    fields = dict(zip(row._fields, row, strict=True))
    return ImportFile(**{**fields, "kind": ImportKind(row.kind), "counts": json.loads(row.counts)})
