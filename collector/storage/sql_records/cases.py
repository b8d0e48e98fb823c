"""Cases, what people wrote into them, and appeals, in SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Table, and_, func, insert, select, tuple_, update

from collector.domain import (
    Act,
    Appeal,
    AppealState,
    Case,
    CaseChange,
    CaseEntry,
    CaseKey,
    CaseState,
    CaseVersion,
    Clash,
    Override,
    Side,
    StageMark,
)
from collector.errors import NotFoundError
from collector.storage.sql_records.audit import append_audit
from collector.storage.sql_records.case_rows import (
    appeal_of,
    appeal_values,
    case_of,
    case_values,
    entry_of,
    key_of,
    mark_of,
    of_case,
    override_of,
    version_of,
    written_values,
)
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.documents import add_documents
from collector.storage.sql_records.facts import add_fact_row, newest_fact_id
from collector.storage.sql_records.schema import (
    appeals,
    case_entries,
    case_marks,
    case_overrides,
    case_versions,
    cases,
)

ENTRY_KEY = ("side", "item_id", "name")
MARK_KEY = ("stage_id", "item_id")
OVERRIDE_KEY = ("item_id", "finding_id")
_Written: TypeAlias = CaseEntry | StageMark | Override | CaseVersion


class SqlCases:
    """The parts `CaseRecords` and `AppealRecords` of the record store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def case(self, key: CaseKey) -> Case | None:
        """Return the case."""
        with self._database.reading() as connection:
            row = connection.execute(select(cases).where(of_case(cases, key))).first()
        return case_of(row) if row else None

    def cases(
        self,
        round_id: str,
        *,
        school_id: str | None = None,
        rubric_id: str | None = None,
        state: CaseState | None = None,
        after: CaseKey | None = None,
        limit: int = 100,
    ) -> Sequence[Case]:
        """Return cases of a round that fit, by school and rubric."""
        wanted = [cases.c.round_id == round_id]
        if school_id is not None:
            wanted.append(cases.c.school_id == school_id)
        if rubric_id is not None:
            wanted.append(cases.c.rubric_id == rubric_id)
        if state is not None:
            wanted.append(cases.c.state == state.value)
        if after is not None:
            place = tuple_(cases.c.school_id, cases.c.rubric_id)
            wanted.append(place > tuple_(after.school_id, after.rubric_id))
        statement = select(cases).where(and_(*wanted)).order_by("school_id", "rubric_id")
        with self._database.reading() as connection:
            return [case_of(row) for row in connection.execute(statement.limit(limit))]

    def case_counts(self, round_id: str, rubric_id: str | None = None) -> Mapping[CaseState, int]:
        """Return how many cases, of all rubrics or one, are in each state."""
        statement = (
            select(cases.c.state, func.count())
            .where(cases.c.round_id == round_id)
            .group_by(cases.c.state)
        )
        if rubric_id is not None:
            statement = statement.where(cases.c.rubric_id == rubric_id)
        with self._database.reading() as connection:
            return {CaseState(state): n for state, n in connection.execute(statement)}

    def change_case(self, change: CaseChange, act: Act) -> Clash | None:
        """Write all parts of a change, or none."""
        with self._database.writing() as connection:
            clash = _clash(connection, change)
            if clash is None:
                self._write(connection, change, act)
        return clash

    def case_entries(self, key: CaseKey) -> Sequence[CaseEntry]:
        """Return the newest value of each field of each side."""
        return [entry_of(row) for row in self._newest(case_entries, key, ENTRY_KEY)]

    def case_entry_history(self, key: CaseKey, item_id: str, name: str) -> Sequence[CaseEntry]:
        """Return every value of a field on either side, oldest first."""
        columns = case_entries.c
        here = (columns.item_id == item_id) & (columns.name == name)
        order = (columns.recorded_at, columns.side, columns.revision)
        return [entry_of(row) for row in self._rows(case_entries, key, here, *order)]

    def case_marks(self, key: CaseKey) -> Sequence[StageMark]:
        """Return the newest points and remark of each stage and item."""
        return [mark_of(row) for row in self._newest(case_marks, key, MARK_KEY)]

    def case_mark_history(self, key: CaseKey, item_id: str) -> Sequence[StageMark]:
        """Return every points and remark of an item, oldest first."""
        columns = case_marks.c
        order = (columns.recorded_at, columns.stage_id, columns.revision)
        rows = self._rows(case_marks, key, columns.item_id == item_id, *order)
        return [mark_of(row) for row in rows]

    def case_overrides(self, key: CaseKey) -> Sequence[Override]:
        """Return the newest override of each finding, withdrawn ones included."""
        return [override_of(row) for row in self._newest(case_overrides, key, OVERRIDE_KEY)]

    def case_authors(self, key: CaseKey, item_id: str, side: Side) -> frozenset[str]:
        """Return who ever gave this item entries of that side, or an override."""
        entered = select(case_entries.c.author).where(
            of_case(case_entries, key),
            case_entries.c.item_id == item_id,
            case_entries.c.side == side.value,
        )
        judged = select(case_overrides.c.author).where(
            of_case(case_overrides, key), case_overrides.c.item_id == item_id
        )
        with self._database.reading() as connection:
            return frozenset(connection.scalars(entered.union(judged)))

    def case_versions(self, key: CaseKey) -> Sequence[CaseVersion]:
        """Return the frozen versions, oldest first."""
        order = case_versions.c.version
        return [version_of(row) for row in self._rows(case_versions, key, None, order)]

    def appeal(self, appeal_id: str) -> Appeal | None:
        """Return the appeal with this id."""
        with self._database.reading() as connection:
            row = connection.execute(select(appeals).where(appeals.c.id == appeal_id)).first()
        return appeal_of(row) if row else None

    def appeals(
        self,
        *,
        key: CaseKey | None = None,
        round_id: str | None = None,
        state: AppealState | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Sequence[Appeal]:
        """Return appeals that fit, newest first, those filed before `after`."""
        wanted = []
        if key is not None:
            wanted.append(of_case(appeals, key))
        if round_id is not None:
            wanted.append(appeals.c.round_id == round_id)
        if state is not None:
            wanted.append(appeals.c.state == state.value)
        if after is not None:
            filed = select(appeals.c.filed_at).where(appeals.c.id == after).scalar_subquery()
            same_time = (appeals.c.filed_at == filed) & (appeals.c.id < after)
            wanted.append((appeals.c.filed_at < filed) | same_time)
        order = (appeals.c.filed_at.desc(), appeals.c.id.desc())
        statement = select(appeals).where(*wanted).order_by(*order).limit(limit)
        with self._database.reading() as connection:
            return [appeal_of(row) for row in connection.execute(statement)]

    def _newest(self, table: Table, key: CaseKey, names: Sequence[str]) -> Sequence[Any]:
        """Return the row with the highest revision of each thing that these columns name."""
        columns = [table.c[name] for name in names]
        newest = (
            select(*columns, func.max(table.c.revision).label("newest"))
            .where(of_case(table, key))
            .group_by(*columns)
            .subquery()
        )
        same = [table.c[name] == newest.c[name] for name in names]
        statement = (
            select(table)
            .join(newest, and_(*same, table.c.revision == newest.c.newest))
            .where(of_case(table, key))
            .order_by(*columns)
        )
        with self._database.reading() as connection:
            return connection.execute(statement).all()

    def _rows(
        self, table: Table, key: CaseKey, here: ColumnElement[bool] | None, *order: Any
    ) -> Sequence[Any]:
        statement = select(table).where(of_case(table, key)).order_by(*order)
        if here is not None:
            statement = statement.where(here)
        with self._database.reading() as connection:
            return connection.execute(statement).all()

    def _write(self, connection: Connection, change: CaseChange, act: Act) -> None:
        add_documents(self._database, connection, change.documents)
        if change.fact is not None:
            add_fact_row(connection, change.fact, act)
        for table, names, rows in _appended(change):
            connection.execute(insert(table), [written_values(one) for one in rows])
            append_audit(connection, act, table, *(_row_key(names, one) for one in rows))
        if change.appeal is not None:
            _put_appeal(connection, change.appeal, act)
        if change.case is not None:
            same = of_case(cases, change.key)
            connection.execute(update(cases).where(same).values(case_values(change.case)))
            append_audit(connection, act, cases, key_of(change.key))


def _appended(
    change: CaseChange,
) -> Iterator[tuple[Table, Sequence[str], Sequence[_Written]]]:
    """Yield what only grows, by table, with the columns that name one thing in a case."""
    versions = () if change.version is None else (change.version,)
    for table, names, rows in (
        (case_entries, ENTRY_KEY, change.entries),
        (case_marks, MARK_KEY, change.marks),
        (case_overrides, OVERRIDE_KEY, change.overrides),
        (case_versions, (), versions),
    ):
        if rows:
            yield table, names, rows


def _put_appeal(connection: Connection, appeal: Appeal, act: Act) -> None:
    values = appeal_values(appeal)
    if appeal.revision == 1:
        connection.execute(insert(appeals).values(values))
    else:
        connection.execute(update(appeals).where(appeals.c.id == appeal.id).values(values))
    append_audit(connection, act, appeals, appeal.id)


def _clash(connection: Connection, change: CaseChange) -> Clash | None:
    """Say what has changed since; holds the case until the transaction ends."""
    held = select(cases.c.revision).where(of_case(cases, change.key)).with_for_update()
    revision = connection.scalar(held)
    if revision is None:
        raise NotFoundError("case_unknown", f"There is no case {'/'.join(key_of(change.key))}.")
    if revision != change.seen:
        return Clash.CASE
    clashes = {case_entries: Clash.ENTRY, case_marks: Clash.MARK, case_overrides: Clash.OVERRIDE}
    for table, names, rows in _appended(change):
        if table is case_versions:
            continue
        newest = _newest_revisions(connection, table, names, rows)
        if any(newest.get(_thing(names, one), 0) != _number(one) - 1 for one in rows):
            return clashes[table]
    if change.fact is not None and newest_fact_id(connection, change.fact) != change.fact_seen:
        return Clash.FACT
    if change.appeal is not None:
        stored = select(appeals.c.revision).where(appeals.c.id == change.appeal.id)
        if (connection.scalar(stored) or 0) != change.appeal.revision - 1:
            return Clash.APPEAL
    return None


def _newest_revisions(
    connection: Connection, table: Table, names: Sequence[str], rows: Sequence[_Written]
) -> Mapping[tuple[str, ...], int]:
    """Return the highest stored revision of each of these things; new ones are not in it."""
    columns = [table.c[name] for name in names]
    statement = (
        select(*columns, func.max(table.c.revision))
        .where(of_case(table, rows[0].key), tuple_(*columns).in_([_thing(names, r) for r in rows]))
        .group_by(*columns)
    )
    return {tuple(thing): newest for *thing, newest in connection.execute(statement)}


def _thing(names: Sequence[str], written: _Written) -> tuple[str, ...]:
    return tuple(str(getattr(written, name)) for name in names)


def _row_key(names: Sequence[str], written: _Written) -> tuple[str | int, ...]:
    return (*key_of(written.key), *_thing(names, written), _number(written))


def _number(written: _Written) -> int:
    return written.version if isinstance(written, CaseVersion) else written.revision
