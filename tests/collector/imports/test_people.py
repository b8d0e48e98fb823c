"""A list of people: accounts with one-time codes, schools to inspect, and no silent change."""

from __future__ import annotations

from typing import Any

import pytest

from collector.access.codes import code_hash
from collector.domain import ImportKind, Role
from collector.imports.plan import RowOutcome

PEOPLE = ImportKind.PEOPLE
LIST = """登录名,姓名,角色,学校,督查学校
wang.editor,王填报,填报员,乌杨小学,
li.head,李校长,校长,zx-001,
zhou,周督学,督查人员,,zx-001
"""


def test_new_people_get_a_code_each_and_only_once(desk: Any) -> None:
    """The codes are shown by the commit alone; sent again, the list is the same import."""
    done = desk.commit(LIST, PEOPLE)
    assert [one.person.name for one in done.codes] == ["wang.editor", "li.head", "zhou"]
    for one in done.codes:
        held = desk.records.code_for_password(code_hash(one.text))
        assert held.person_id == one.person.id
    editor = desk.records.person_named("wang.editor")
    assert (editor.role, editor.school_id) == (Role.EDITOR, "zx-001")
    inspector = desk.records.person_named("zhou")
    assert [one.school_id for one in desk.records.assignments(inspector.id)] == ["zx-001"]
    assert desk.commit(LIST, PEOPLE).codes == ()
    assert desk.records.verify_audit(None, lambda *_: None).faults == ()


def test_accounts_are_told_apart_from_the_list(desk: Any) -> None:
    """Shown names and more schools are changes; another role is refused with where to do it."""
    desk.commit(LIST, PEOPLE)
    rows = desk.rows(
        "登录名,姓名,角色,学校,督查学校\n"
        "WANG.editor,王填报员,填报员,zx-001,\n"
        "li.head,李校长,填报员,zx-001,\n"
        "zhou,周督学,督查,,乌杨小学\n",
        PEOPLE,
    )
    assert [row.outcome for row in rows.values()] == [
        RowOutcome.CHANGED, RowOutcome.ERROR, RowOutcome.SAME,
    ]  # fmt: skip
    assert "请在人员页修改" in rows[3].problems[0].reason


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("x,某人,校长,zx-001,", "A列 登录名", "登录名为 2–64 个"),
        ("xx,某人,校长,,", "D列 学校", "填报员和校长要指明学校"),
        ("xx,某人,校长,zx-404,", "D列 学校", "没有这所学校，请先导入学校名单"),
        ("xx,某人,厅长,zx-001,", "C列 角色", "“厅长”应为"),
        ("xx,某人,管理员,zx-001,", "D列 学校", "管理员和督查人员不属于某一所学校"),
        ("xx,某人,填报员,zx-001,zx-001", "E列 督查学校", "只有督查人员可以指派学校"),
    ],
)
def test_a_wrong_cell_is_named(desk: Any, line: str, column: str, reason: str) -> None:
    """The rules are those of the people's page."""
    row = desk.rows("登录名,姓名,角色,学校,督查学校\n" + line, PEOPLE)[2]
    assert row.outcome is RowOutcome.ERROR
    assert column in {one.field for one in row.problems}
    assert any(reason in one.reason for one in row.problems)


def test_one_person_twice_is_refused(desk: Any) -> None:
    """Sign-in names are the same whatever their case."""
    rows = desk.rows("登录名,姓名,角色\nabc,甲,查看者\nABC,乙,查看者\n", PEOPLE)
    assert "与第 2 行是同一人" in rows[3].problems[0].reason
