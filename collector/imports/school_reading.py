"""Rows of a list of schools as they are typed: who each is about, and what it says. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any, TypeVar

from collector.domain import SCHOOL_ID, Fact, School, SchoolKind, Township
from collector.errors import RowError
from collector.imports.cells import day, known_text, text_of, whole_number, yes_or_no
from collector.imports.columns import EXAMPLE, Layout
from collector.imports.facts import fact_value
from collector.imports.refusals import CellError
from collector.imports.school_words import kind_and_stages, setting_of
from collector.imports.tables import Cell
from rubrics.model.rubric import FigureSpec

COUNTS = {"students": 1_000_000, "staff": 100_000, "classes": 10_000}
"""The counts of a profile, with the highest that is believed."""
NAME_CHARACTERS_MAX = 200
AWARD_CHARACTERS_MAX = 40
_TOTALS = {"合计", "总计", "小计", "total"}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredSchools:
    """What a list of schools is compared with."""

    schools: Mapping[str, School]
    versions: Mapping[str, int]
    """The newest version of each profile."""
    townships: Sequence[Township]
    facts: Mapping[str, Mapping[str, Fact]]
    known: Mapping[str, FigureSpec]
    """Facts that may be declared, by name."""


@dataclass(slots=True)
class SchoolRow:
    """A row while it is read: what it says, and what is wrong with it."""

    number: int
    """As the sheet shows it, from 1."""
    cells: Sequence[Cell]
    school_id: str = ""
    name: str = ""
    as_of: date | None = None
    main_school: str | None = None
    given: dict[str, Any] = field(default_factory=dict)
    """Fields of the profile that the row sets."""
    facts: dict[str, str] = field(default_factory=dict)
    problems: list[RowError] = field(default_factory=list)


class SchoolRowReader:
    """Reads all rows of a sheet, and then what one row says about another."""

    def __init__(self, layout: Layout, stored: StoredSchools, today: date) -> None:
        self._layout = layout
        self._stored = stored
        self._latest = today + timedelta(days=1)
        self._fields = {column.field for column in layout.columns.values()}
        self._by_name: dict[str, list[str]] = {}
        for school in stored.schools.values():
            self._by_name.setdefault(school.name, []).append(school.id)
        self._townships = {t.name: t.id for t in stored.townships}
        self._townships |= {t.id: t.id for t in stored.townships}
        self.new_townships: dict[str, Township] = {}
        """Townships that the rows name and nobody has registered, by name."""

    def rows(self) -> list[SchoolRow]:
        """Return the rows below the head, without blank ones and totals."""
        rows = [self._read(SchoolRow(n, cells)) for n, cells in self._below_head()]
        self._refuse_doubles(rows)
        self._resolve_main_schools(rows)
        return rows

    def wrong(self, row: SchoolRow, name: str, reason: str) -> None:
        """Note what is wrong with a field of a row."""
        row.problems.append(RowError(row.number, self._layout.place(name), reason))

    def _below_head(self) -> Iterator[tuple[int, Sequence[Cell]]]:
        below = self._layout.head_row + 1
        for number, cells in enumerate(self._layout.table.rows[below:], start=below + 1):
            said = {_quiet(self._layout.cell(cells, name)) for name in self._fields}
            example = any(text.startswith(EXAMPLE) for text in said)
            if said - {""} and not said & _TOTALS and not example:
                yield number, cells

    def _read(self, row: SchoolRow) -> SchoolRow:
        self._read_identity(row)
        self._read_kind(row)
        self._read_profile(row)
        for name, spec in self._stored.known.items():
            if name in self._fields:
                value = self._cell(row, name, partial(fact_value, spec=spec))
                if value is not None:
                    row.facts[name] = value
        return row

    def _cell(self, row: SchoolRow, name: str, reader: Callable[[Cell], T | None]) -> T | None:
        try:
            return reader(self._layout.cell(row.cells, name))
        except CellError as error:
            self.wrong(row, name, str(error))
            return None

    def _read_identity(self, row: SchoolRow) -> None:
        row.school_id = self._cell(row, "id", known_text) or ""
        row.name = self._cell(row, "name", known_text) or ""
        same_name = self._by_name.get(row.name, [])
        known = row.school_id in self._stored.schools
        if not row.school_id and len(same_name) == 1:
            row.school_id = same_name[0]
        elif not row.school_id:
            why = "有几所同名学校" if same_name else "没有这所学校"
            self.wrong(row, self._key, f"{why}，请填学校编号 / give the id of the school")
        elif not SCHOOL_ID.fullmatch(row.school_id):
            letters = "编号为 1–64 个字母、数字、点、横线或下划线 / letters, digits, dots, dashes"
            self.wrong(row, "id", letters)
        elif not known and same_name:
            twin = f"已有同名学校 {same_name[0]}；若是另一所，请在校名中区分 / this name is taken"
            self.wrong(row, "name", twin)
        elif not known and not row.name:
            self.wrong(row, "name", "新学校要有校名 / a new school needs a name")
        if len(row.name) > NAME_CHARACTERS_MAX:
            self.wrong(row, "name", f"超过 {NAME_CHARACTERS_MAX} 字 / too long")
        if row.name:
            row.given["name"] = row.name

    @property
    def _key(self) -> str:
        return "id" if "id" in self._fields else "name"

    def _read_kind(self, row: SchoolRow) -> None:
        """Kind and stages stand in one column or in two; a bare 普通中小学 says no stages."""
        said = [self._cell(row, name, kind_and_stages) for name in ("kind", "stages")]
        found = [one for one in said if one is not None]
        if not found:
            return
        vocational = any(one.kind is SchoolKind.VOCATIONAL for one in found)
        row.given["kind"] = SchoolKind.VOCATIONAL if vocational else SchoolKind.GENERAL
        stages = next((one.stages for one in reversed(found) if one.stages), ())
        if stages or vocational:
            row.given["stages"] = stages
        if any(one.teaching_point for one in found):
            row.given["teaching_point"] = True

    def _read_profile(self, row: SchoolRow) -> None:
        readers: dict[str, Callable[[Cell], Any]] = {
            **{n: partial(whole_number, highest=top) for n, top in COUNTS.items()},
            "setting": setting_of,
            "teaching_point": yes_or_no,
            "award_level": known_text,
        }
        for name, reader in readers.items():
            value = self._cell(row, name, reader)
            if value is not None:
                row.given[name] = value
        row.as_of = self._cell(row, "as_of", day)
        row.main_school = self._cell(row, "main_school", known_text)
        if row.as_of is not None and row.as_of > self._latest:
            self.wrong(row, "as_of", "统计日期应不晚于今天 / must not be in the future")
        if len(row.given.get("award_level", "")) > AWARD_CHARACTERS_MAX:
            self.wrong(row, "award_level", f"超过 {AWARD_CHARACTERS_MAX} 字 / too long")
        township = self._cell(row, "township", known_text)
        if township:
            row.given["township_id"] = self._township(township[:NAME_CHARACTERS_MAX])

    def _township(self, name: str) -> str:
        if name not in self._townships:
            made = Township("t-" + hashlib.sha256(name.encode()).hexdigest()[:10], name)
            self._townships[name] = made.id
            self.new_townships[name] = made
        return self._townships[name]

    def _refuse_doubles(self, rows: Sequence[SchoolRow]) -> None:
        first: dict[str, int] = {}
        for row in rows:
            if row.school_id and first.setdefault(row.school_id, row.number) != row.number:
                double = f"与第 {first[row.school_id]} 行是同一所学校 / the same school as that row"
                self.wrong(row, self._key, double)

    def _resolve_main_schools(self, rows: Sequence[SchoolRow]) -> None:
        """Find the main school of each teaching point by id or name, stored or in this list."""
        names = {name: ids[0] for name, ids in self._by_name.items() if len(ids) == 1}
        names |= {row.name: row.school_id for row in rows if row.name and row.school_id}
        points = {one.id: one.teaching_point for one in self._stored.schools.values()}
        points |= {
            row.school_id: row.given.get("teaching_point", points.get(row.school_id, False))
            for row in rows
            if not row.problems
        }
        for row in rows:
            if row.main_school is None:
                continue
            wanted = row.main_school
            found = wanted if wanted in points else names.get(wanted, "")
            own = row.given.get("teaching_point", points.get(row.school_id, False))
            if not own:
                self.wrong(row, "main_school", "只有教学点才填中心校 / teaching points alone")
            elif points.get(found, True) or found == row.school_id:
                none = f"“{wanted[:40]}”应是另一所学校，且不是教学点"
                self.wrong(row, "main_school", f"{none} / another school, no teaching point")
            row.given["main_school_id"] = found


def _quiet(cell: Cell) -> str:
    """Return a cell's text for telling blank rows and totals apart; its errors come later."""
    try:
        return text_of(cell).casefold()
    except CellError:
        return "…"
