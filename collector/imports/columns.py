"""What stands in which column: heads in bureaus' own words, and where the head row is. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collector.errors import UnprocessableError
from collector.imports.cells import text_of
from collector.imports.refusals import CellError, refused
from collector.imports.tables import Cell, Table, column_letters
from rubrics.model.rubric import FigureSpec
from rubrics.units import UNITS

HEAD_SEARCHED_ROWS = 20
EXAMPLE = "例:"
"""How the template marks its example row, which is never imported."""
_BRACKETS = re.compile(r"[(\[【].*?[)\]】]")
_MARKS = re.compile(r"[\s*:,、·_/-]+")


@dataclass(frozen=True, slots=True)
class Column:
    """One thing that a row may say."""

    field: str
    zh: str
    en: str
    also: tuple[str, ...] = ()
    """Other heads that mean it."""
    example: str = ""

    def heads(self) -> set[str]:
        """Return all heads as `plain_head` writes them."""
        return {plain_head(one) for one in (self.field, self.zh, self.en, *self.also)}


SCHOOL_COLUMNS = (
    Column("id", "学校编号", "School id", ("编号", "学校代码", "学校编码", "学校标识码", "标识码",
           "学校识别码", "机构编码", "school_id", "code"), f"{EXAMPLE}zx-001"),
    Column("name", "学校名称", "Name", ("校名", "学校", "学校全称", "单位名称", "单位", "school"),
           "示例小学"),
    Column("stages", "学段", "Stages", ("办学类型", "学校类型", "办学层次", "学校办学类型",
           "type"), "小学"),
    Column("kind", "学校类别", "Kind", ("类别", "办学类别"), "普通中小学"),
    Column("students", "学生数", "Students", ("在校生数", "在校学生数", "学生人数", "在校生人数",
           "在校学生人数", "学生总数", "在校生", "在校生总数"), "1200"),
    Column("staff", "教职工数", "Staff", ("教职工", "教职工人数", "教职工总数",
           "教职员工数"), "90"),
    Column("classes", "班级数", "Classes", ("班数", "教学班数", "班级", "教学班",
           "班级总数"), "24"),
    Column("as_of", "统计日期", "As of", ("数据日期", "统计时间", "截止日期", "数据截止日",
           "数据时间"), "2026-09-01"),
    Column("township", "乡镇", "Township", ("所属乡镇", "所在乡镇", "乡镇街道", "街道", "镇街",
           "所属镇街", "教育集团", "所属集团", "片区"), "乌杨街道"),
    Column("setting", "城乡", "Setting", ("城乡类型", "城乡分类", "城乡类别", "所在地城乡类型",
           "所在地"), "镇区"),
    Column("teaching_point", "教学点", "Teaching point", ("是否教学点",), "否"),
    Column("main_school", "中心校", "Main school", ("所属中心校", "主校", "隶属学校",
           "中心校编号"), ""),
    Column("award_level", "申报等级", "Award level", ("申报级别",), ""),
)  # fmt: skip

PEOPLE_COLUMNS = (
    Column("name", "登录名", "Sign-in name", ("账号", "帐号", "用户名", "登录账号", "登录帐号",
           "user", "username", "login"), f"{EXAMPLE}li.editor"),
    Column("display_name", "姓名", "Name", ("显示名", "人员姓名", "真实姓名"), "李填报"),
    Column("role", "角色", "Role", ("身份", "岗位", "人员类型", "权限"), "填报员"),
    Column("school", "学校", "School", ("所属学校", "学校编号", "学校名称", "校名", "所在学校",
           "单位", "school_id"), "zx-001"),
    Column("assigned", "督查学校", "Schools to inspect", ("指派学校", "负责学校", "督查的学校",
           "分管学校"), ""),
)  # fmt: skip


_FACT_HEADS = {
    "contracted_mbps": ("签约带宽", "合同带宽", "出口带宽", "签约出口带宽", "带宽"),
    "computers": ("计算机台数", "计算机数", "电脑台数", "在用计算机数"),
    "multimedia_rooms": ("多媒体教室", "多媒体教室数", "多媒体教室间数"),
    "smart_rooms": ("智慧教室", "智慧教室数"),
    "servers": ("服务器台数", "服务器数"),
    "cameras": ("摄像机台数", "摄像头数", "摄像头台数", "监控点位数"),
    "full_time_teachers": ("专任教师数", "专任教师"),
    "access_switches": ("交换机台数", "接入交换机数"),
}
"""Heads that schools' own lists use for declared facts."""


def fact_columns(known: Mapping[str, FigureSpec]) -> tuple[Column, ...]:
    """Return a column for each declared fact, with its unit in the head."""
    return tuple(
        Column(
            name,
            spec.zh + _unit(spec, "（", "）"),
            (spec.en or name) + _unit(spec, " (", ")"),
            _FACT_HEADS.get(name, ()),
        )
        for name, spec in known.items()
        if spec.type in ("number", "bool")
    )


def _unit(spec: FigureSpec, before: str, after: str) -> str:
    unit = UNITS[spec.unit].zh if spec.type == "number" else ""
    return f"{before}{unit}{after}" if unit else ""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the head row is and which column holds what; rows and columns count from 0."""

    table: Table
    head_row: int
    columns: Mapping[int, Column]
    places: Mapping[str, int]
    """The column of each field."""
    ignored: tuple[str, ...]
    """Heads that nothing is known of: shown, because a column is never dropped in silence."""

    def cell(self, row: Sequence[Cell], field: str) -> Cell:
        """Return the cell of a field; None where there is no such column."""
        index = self.places.get(field)
        return None if index is None or index >= len(row) else row[index]

    def place(self, field: str) -> str:
        """Name a column as the sheet does: `D列 学段`."""
        index = self.places.get(field)
        return field if index is None else f"{column_letters(index)}列 {self.columns[index].zh}"


def find_layout(
    tables: Sequence[Table], columns: Sequence[Column], needed: Sequence[frozenset[str]]
) -> Layout:
    """Find the head row in the first sheet that has one; of each set in `needed` one must be there.

    Raises UnprocessableError naming what a head row needs, or the column that is there twice.
    """
    heads = {head: column for column in columns for head in column.heads()}
    for table in tables:
        for number, row in enumerate(table.rows[:HEAD_SEARCHED_ROWS]):
            found = _columns_of(row, heads)
            fields = {column.field for column in found.values()}
            if len(fields) >= 2 and all(fields & one for one in needed):
                _refuse_twice(found)
                places = {column.field: n for n, column in found.items()}
                shown = [_shown(cell) for n, cell in enumerate(row) if n not in found]
                return Layout(table, number, found, places, tuple(one for one in shown if one))
    names = {column.field: column.zh for column in columns}
    wanted = "；".join(" 或 ".join(names[name] for name in sorted(one)) for one in needed)
    raise refused(UnprocessableError, "import_head_missing", wanted)


def plain_head(text: str) -> str:
    """Return a head without blanks, marks and case, so that `学 生 数（人）*` is `学生数`."""
    folded = text_of(text).casefold()
    return _MARKS.sub("", _BRACKETS.sub("", folded)) or _MARKS.sub("", folded)


def _columns_of(row: Sequence[Cell], heads: Mapping[str, Column]) -> dict[int, Column]:
    found = {}
    for index, cell in enumerate(row):
        column = heads.get(plain_head(_shown(cell)))
        if column is not None:
            found[index] = column
    return found


def _shown(cell: Cell) -> str:
    try:
        return text_of(cell)[:60]
    except CellError:
        return "…"


def _refuse_twice(found: Mapping[int, Column]) -> None:
    seen: dict[str, int] = {}
    for index, column in found.items():
        if column.field in seen:
            places = f"{column_letters(seen[column.field])}、{column_letters(index)}列 {column.zh}"
            raise refused(UnprocessableError, "import_column_twice", places)
        seen[column.field] = index
