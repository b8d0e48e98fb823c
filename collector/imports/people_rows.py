"""Rows of a list of people, compared with those who may sign in already. Pure.

A list adds people, corrects their names as they are shown, and adds schools to inspect. It never
changes the role or the school of somebody who has an account: that ends sessions and is done one by
one, on the person's own page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from collector.domain import Assignment, ImportChange, OneTimeCode, Person, Role, School
from collector.errors import RowError, UnprocessableError
from collector.imports.cells import known_text
from collector.imports.columns import EXAMPLE, PEOPLE_COLUMNS, Layout, find_layout
from collector.imports.plan import FieldChange, NewCode, Plan, PlannedRow, RowOutcome
from collector.imports.refusals import CellError
from collector.imports.tables import Cell, Table

_BREAKS = re.compile(r"[\s,，;；、]+")
_ROLES = {
    Role.ADMIN: ("教育局管理员", "管理员", "局管理员", "admin"),
    Role.INSPECTOR: ("督查人员", "督查", "督查员", "督学", "考评人员", "inspector"),
    Role.EDITOR: ("学校填报员", "填报员", "信息员", "网管", "学校管理员", "editor"),
    Role.HEADMASTER: ("校长", "headmaster"),
    Role.VIEWER: ("查看者", "查看", "领导", "viewer"),
}
_ROLE_OF = {word: role for role, words in _ROLES.items() for word in words}
_TITLES = {column.field: column for column in PEOPLE_COLUMNS}

Prepare = Callable[[str, str, Role, str | None], tuple[Person, OneTimeCode, str]]
"""Makes a person with a one-time code from name, shown name, role and school, and keeps nothing.

Raises UnprocessableError naming the field that is wrong."""


@dataclass(frozen=True, slots=True)
class StoredPeople:
    """What a list of people is compared with."""

    people: Mapping[str, Person]
    """By sign-in name, folded."""
    assigned: Mapping[str, frozenset[str]]
    """Schools of an inspector in all rounds, by person."""
    schools: Sequence[School]


@dataclass(slots=True)
class _Row:
    number: int
    cells: Sequence[Cell]
    problems: list[RowError] = field(default_factory=list)


def plan_people(tables: Sequence[Table], stored: StoredPeople, prepare: Prepare) -> Plan:
    """Return what the list would do. Raises UnprocessableError for a table without usable heads."""
    needed = (frozenset({"name"}), frozenset({"role"}))
    layout = find_layout(tables, PEOPLE_COLUMNS, needed)
    return _PeoplePlanner(layout, stored, prepare).plan()


class _PeoplePlanner:
    def __init__(self, layout: Layout, stored: StoredPeople, prepare: Prepare) -> None:
        self._layout = layout
        self._stored = stored
        self._prepare = prepare
        self._ids = {school.id for school in stored.schools}
        self._by_name: dict[str, list[str]] = {}
        for school in stored.schools:
            self._by_name.setdefault(school.name, []).append(school.id)
        self._seen: dict[str, int] = {}
        self._people: list[Person] = []
        self._codes: list[OneTimeCode] = []
        self._shown_codes: list[NewCode] = []
        self._assigned: list[Assignment] = []

    def plan(self) -> Plan:
        below = self._layout.head_row + 1
        rows = [
            self._row(_Row(number, cells))
            for number, cells in enumerate(self._layout.table.rows[below:], start=below + 1)
            if self._is_person(_Row(number, cells))
        ]
        change = ImportChange(
            people=tuple(self._people),
            codes=tuple(self._codes),
            assignments=tuple(self._assigned),
        )
        return Plan(
            self._layout.table.name,
            tuple(column.zh for column in self._layout.columns.values()),
            self._layout.ignored,
            tuple(rows),
            change,
            tuple(self._shown_codes),
        )

    def _is_person(self, row: _Row) -> bool:
        said = [self._text(row, name) for name in _TITLES]
        return any(said) and not (said[0] or "").startswith(EXAMPLE)

    def _row(self, row: _Row) -> PlannedRow:
        name = self._text(row, "name") or ""
        shown = self._text(row, "display_name")
        role = self._role(row)
        school_id = self._school(row, self._text(row, "school"), "school")
        assigned = self._schools(row, role)
        if self._seen.setdefault(name.casefold(), row.number) != row.number:
            double = f"与第 {self._seen[name.casefold()]} 行是同一人 / the same person as that row"
            self._wrong(row, "name", double)
        before = self._stored.people.get(name.casefold())
        changes: tuple[FieldChange, ...] = ()
        if role is not None and before is None:
            changes = self._add(row, (name, shown or "", role, school_id), assigned)
        elif role is not None and before is not None:
            changes = self._change(row, before, (shown, role, school_id), assigned)
        outcome = RowOutcome.NEW if before is None else RowOutcome.CHANGED
        if row.problems:
            return PlannedRow(
                row.number, name, shown or "", RowOutcome.ERROR, problems=tuple(row.problems)
            )
        if not changes:
            outcome = RowOutcome.SAME
        return PlannedRow(row.number, name, shown or name, outcome, changes)

    def _add(
        self, row: _Row, said: tuple[str, str, Role, str | None], assigned: Sequence[str]
    ) -> tuple[FieldChange, ...]:
        name, shown, role, school_id = said
        try:
            person, code, text = self._prepare(name, shown[:100], role, school_id)
        except UnprocessableError as error:
            for one in error.errors:
                field_name = "school" if one.field == "school_id" else one.field
                self._wrong(row, field_name, one.reason.replace(" · ", " / "))
            return ()
        if row.problems:
            return ()
        self._people.append(person)
        self._codes.append(code)
        self._shown_codes.append(NewCode(person, text))
        self._assigned += [Assignment(person.id, one) for one in assigned]
        changes = [self._said("display_name", None, person.display_name)]
        changes.append(self._said("role", None, _ROLES[role][0]))
        if school_id:
            changes.append(self._said("school", None, school_id))
        if assigned:
            changes.append(self._said("assigned", None, "、".join(assigned)))
        return tuple(changes)

    def _change(
        self,
        row: _Row,
        before: Person,
        said: tuple[str | None, Role, str | None],
        assigned: Sequence[str],
    ) -> tuple[FieldChange, ...]:
        shown, role, school_id = said
        if role is not before.role or (school_id is not None and school_id != before.school_id):
            where = before.school_id or "-"
            held = f"已有此帐号（{_ROLES[before.role][0]}，{where}），角色和学校请在人员页修改"
            self._wrong(row, "name", f"{held} / has an account; change role or school on its page")
        more = [one for one in assigned if one not in self._stored.assigned.get(before.id, ())]
        if row.problems:
            return ()
        changes = []
        if shown and shown[:100] != before.display_name:
            self._people.append(replace(before, display_name=shown[:100]))
            changes.append(self._said("display_name", before.display_name, shown[:100]))
        if more:
            self._assigned += [Assignment(before.id, one) for one in more]
            held_now = sorted(self._stored.assigned.get(before.id, ()))
            changes.append(
                self._said("assigned", "、".join(held_now) or None, "、".join([*held_now, *more]))
            )
        return tuple(changes)

    def _role(self, row: _Row) -> Role | None:
        text = self._text(row, "role")
        role = _ROLE_OF.get((text or "").casefold())
        if role is None:
            known = "、".join(words[0] for words in _ROLES.values())
            self._wrong(row, "role", f"“{(text or '')[:20]}”应为 {known} 之一 / one of these roles")
        return role

    def _schools(self, row: _Row, role: Role | None) -> list[str]:
        names = [one for one in _BREAKS.split(self._text(row, "assigned") or "") if one]
        if names and role is not Role.INSPECTOR:
            self._wrong(row, "assigned", "只有督查人员可以指派学校 / only inspectors have them")
            return []
        found = (self._school(row, name, "assigned") for name in dict.fromkeys(names))
        return [one for one in found if one is not None]

    def _school(self, row: _Row, name: str | None, column: str) -> str | None:
        if name is None or name in self._ids:
            return name
        ids = self._by_name.get(name, [])
        if len(ids) == 1:
            return ids[0]
        why = "有几所同名学校，请填编号" if ids else "没有这所学校，请先导入学校名单"
        self._wrong(row, column, f"“{name[:40]}”：{why} / no such school, or several; give the id")
        return None

    def _text(self, row: _Row, name: str) -> str | None:
        try:
            return known_text(self._layout.cell(row.cells, name))
        except CellError as error:
            self._wrong(row, name, str(error))
            return None

    def _wrong(self, row: _Row, name: str, reason: str) -> None:
        problem = RowError(row.number, self._layout.place(name), reason)
        if problem not in row.problems:
            row.problems.append(problem)

    def _said(self, name: str, before: str | None, after: str) -> FieldChange:
        return FieldChange(_TITLES[name].zh, _TITLES[name].en, before, after)
