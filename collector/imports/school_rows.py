"""Rows of a list of schools compared with the schools and facts that are stored. Pure.

A blank cell leaves what is stored. A count or a fact that is older than the stored one is refused:
old figures must not look like new ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from collector.domain import Act, Fact, ImportChange, School, SchoolKind, SeenSchool
from collector.imports.columns import SCHOOL_COLUMNS, Column, Layout, fact_columns, find_layout
from collector.imports.facts import same_value
from collector.imports.plan import FieldChange, Plan, PlannedRow, RowOutcome
from collector.imports.school_reading import COUNTS, SchoolRow, SchoolRowReader, StoredSchools
from collector.imports.school_words import shown
from collector.imports.tables import Table

_BLANK = School("", "", SchoolKind.GENERAL)
_COLUMN_OF = {"township_id": "township", "main_school_id": "main_school"}
"""Columns that go by another name than the field of the profile."""
_OLDER = "早于已登记的 {}，不能用旧数据覆盖 / older than what is stored"


def plan_schools(
    tables: Sequence[Table], stored: StoredSchools, as_of: date, today: date, act: Act
) -> Plan:
    """Return what the list would do. Raises UnprocessableError for a table without usable heads."""
    columns = (*SCHOOL_COLUMNS, *fact_columns(stored.known))
    layout = find_layout(tables, columns, (frozenset({"id", "name"}),))
    return _SchoolPlanner(layout, columns, stored, as_of, today, act).plan()


class _SchoolPlanner:
    def __init__(
        self,
        layout: Layout,
        columns: Sequence[Column],
        stored: StoredSchools,
        as_of: date,
        today: date,
        act: Act,
    ) -> None:
        self._layout = layout
        self._columns = {column.field: column for column in columns}
        self._stored = stored
        self._as_of = as_of
        self._act = act
        self._reader = SchoolRowReader(layout, stored, today)

    def plan(self) -> Plan:
        planned: list[PlannedRow] = []
        schools: list[SeenSchool] = []
        facts: list[Fact] = []
        for row in self._reader.rows():
            done, changed, declared = self._compare(row)
            planned.append(done)
            schools += changed
            facts += declared
        used = {one.school.township_id for one in schools}
        new = (t for t in self._reader.new_townships.values() if t.id in used)
        return Plan(
            self._layout.table.name,
            tuple(column.zh for column in self._layout.columns.values()),
            self._layout.ignored,
            tuple(planned),
            ImportChange(townships=tuple(new), schools=tuple(schools), facts=tuple(facts)),
        )

    def _compare(self, row: SchoolRow) -> tuple[PlannedRow, list[SeenSchool], list[Fact]]:
        before = self._stored.schools.get(row.school_id)
        as_of = row.as_of or self._as_of
        changed = {
            name
            for name, value in row.given.items()
            if before is None or getattr(before, name) != value
        }
        recounted = bool(changed & COUNTS.keys())
        if before and before.as_of and recounted and as_of < before.as_of:
            self._reader.wrong(row, "as_of", _OLDER.format(before.as_of))
        if recounted or self._confirms(row, before):
            changed.add("as_of")
        facts = self._fact_changes(row, as_of)
        school = replace(before or replace(_BLANK, id=row.school_id), **row.given)
        if "as_of" in changed:
            school = replace(school, as_of=as_of)
        if row.problems:
            key, name = row.school_id, row.name or school.name
            wrong = PlannedRow(
                row.number, key, name, RowOutcome.ERROR, problems=tuple(row.problems)
            )
            return wrong, [], []
        changes = (*self._changes(before, school, changed), *(change for change, _ in facts))
        done = PlannedRow(row.number, school.id, school.name, _outcome(before, changes), changes)
        seen = SeenSchool(school, self._stored.versions.get(school.id, 0))
        profiles = [seen] if changed or before is None else []
        return done, profiles, [fact for _, fact in facts]

    @staticmethod
    def _confirms(row: SchoolRow, before: School | None) -> bool:
        """Say whether the row gives the counts that are stored for a later day of its own."""
        if before is None or row.as_of is None or not row.given.keys() & COUNTS.keys():
            return False
        return before.as_of is None or row.as_of > before.as_of

    def _changes(
        self, before: School | None, after: School, changed: set[str]
    ) -> tuple[FieldChange, ...]:
        fields = {"stages" if name == "kind" else name for name in changed}
        columns = (c for c in self._columns if c in {_COLUMN_OF.get(n, n) for n in fields})
        return tuple(
            _change(
                self._columns[name],
                None if before is None else self._shown(name, before),
                self._shown(name, after) or "",
            )
            for name in columns
        )

    def _shown(self, column: str, school: School) -> str | None:
        if column == "township":
            known = (*self._stored.townships, *self._reader.new_townships.values())
            names = {township.id: township.name for township in known}
            return names.get(school.township_id or "", school.township_id)
        return shown(column, school)

    def _fact_changes(self, row: SchoolRow, as_of: date) -> list[tuple[FieldChange, Fact]]:
        held = self._stored.facts.get(row.school_id, {})
        changes = []
        for name, value in row.facts.items():
            known = held.get(name)
            if known is not None and same_value(known.value, value):
                continue
            if known is not None and as_of < known.as_of:
                self._reader.wrong(row, name, _OLDER.format(known.as_of))
                continue
            fact = Fact(row.school_id, name, value, as_of, self._act.actor, self._act.at)
            before = None if known is None else known.value
            changes.append((_change(self._columns[name], before, value), fact))
        return changes


def _change(column: Column, before: str | None, after: str) -> FieldChange:
    return FieldChange(column.zh, column.en, before, after)


def _outcome(before: School | None, changes: Sequence[FieldChange]) -> RowOutcome:
    if before is None:
        return RowOutcome.NEW
    return RowOutcome.CHANGED if changes else RowOutcome.SAME
