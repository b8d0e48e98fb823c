"""A list of schools: each row's outcome before anything is written, then all of it at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from collector.domain import Act, ImportKind, SchoolForm, SchoolKind
from collector.errors import CollectorError, ConflictError
from collector.imports.plan import RowOutcome

LIST = """忠县中小学名单,,,,
学校标识码,学校全称,学段,在校学生数（人）,教职工人数,统计时间,所属乡镇,签约带宽（Mbps）,备注
zx-001,乌杨小学,小学,"1,260",９５,2026年9月20日,乌杨街道,1000,
zx-002,拔山中学,完全中学,2400,180,,拔山镇,,新
zx-003,忠县职教中心,职业高中,,,,,,
,,,,,,,,
合计,,,3660,275,,,,
"""


def test_each_row_says_what_becomes_of_it(desk: Any) -> None:
    """New and changed rows with their values; nothing is written by looking."""
    _, plan = desk.receive(LIST)
    assert plan.counts == {"new": 2, "changed": 1, "same": 0, "error": 0}
    assert plan.ignored == ("备注",)
    changed, new, vocational = plan.rows
    assert (changed.number, changed.outcome) == (3, RowOutcome.CHANGED)
    assert {(one.zh, one.before, one.after) for one in changed.changes} == {
        ("学生数", "1200", "1260"), ("教职工数", "90", "95"),
        ("统计日期", "2026-09-01", "2026-09-20"), ("乡镇", None, "乌杨街道"),
        ("合同出口总带宽（Mbit/s）", None, "1000"),
    }  # fmt: skip
    assert (new.number, new.outcome, new.name) == (4, RowOutcome.NEW, "拔山中学")
    assert vocational.outcome is RowOutcome.NEW
    assert desk.records.school("zx-002") is None


def test_a_commit_writes_all_of_it_with_its_audit(desk: Any) -> None:
    """Profiles become versions, facts and townships are there, and the chain holds."""
    done = desk.commit(LIST)
    assert done.file.counts["new"] == 2
    school = desk.records.school("zx-001")
    assert (school.students, school.staff, school.as_of) == (1260, 95, date(2026, 9, 20))
    assert desk.records.profile_versions()["zx-001"] == 2
    assert desk.records.facts("zx-001")["contracted_mbps"].value == "1000"
    new = desk.records.school("zx-002")
    assert (new.form, new.as_of) == (SchoolForm.COMPLETE, date(2026, 9, 1))
    assert {one.id: one.name for one in desk.records.townships()}[new.township_id] == "拔山镇"
    vocational = desk.records.school("zx-003")
    assert vocational.kind is SchoolKind.VOCATIONAL
    assert (vocational.students, vocational.as_of) == (None, None)
    assert desk.records.verify_audit(None, lambda *_: None).faults == ()


def test_the_same_file_is_one_import(desk: Any) -> None:
    """Sent twice, committed twice: one version, and afterwards every row is the same."""
    first, again = desk.commit(LIST), desk.commit(LIST)
    assert again.file.committed_at == first.file.committed_at
    assert desk.records.profile_versions()["zx-001"] == 2
    assert len(desk.service.recent()) == 1
    assert {row.outcome for row in desk.rows(LIST + "\n").values()} == {RowOutcome.SAME}


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("zx-009,某校,幼儿园,1,1", "C列 学段", "“幼儿园”不在可选值内"),
        ("zx-009,某校,小学,约500人,1", "D列 学生数", "“约500人”不是数字"),
        ("zx-009,,小学,1,1", "B列 学校名称", "新学校要有校名"),
        ("zx 009,某校,小学,1,1", "A列 学校编号", "编号为 1–64 个字母"),
        (",没有的学校,小学,1,1", "A列 学校编号", "没有这所学校"),
        ("zx-009,乌杨小学,小学,1,1", "B列 学校名称", "已有同名学校 zx-001"),
        ("zx-001,乌杨小学,小学,1300,90,2026-08-01", "F列 统计日期", "早于已登记的 2026-09-01"),
        ("zx-001,乌杨小学,小学,1300,90,2027-01-01", "F列 统计日期", "应不晚于今天"),
        ("zx-009,某校,小学,1,1,,不存在的学校", "G列 中心校", "只有教学点才填中心校"),
        ("zx-009,某校,教学点,1,1,,不存在的学校", "G列 中心校", "应是另一所学校"),
    ],
)
def test_a_wrong_cell_is_named(desk: Any, line: str, column: str, reason: str) -> None:
    """Row and column as the sheet shows them, and how to write it."""
    row = desk.rows("编号,校名,学段,学生数,教职工数,统计日期,中心校\n" + line)[2]
    assert row.outcome is RowOutcome.ERROR
    assert [(one.row, one.field) for one in row.problems] == [(2, column)]
    assert reason in row.problems[0].reason


def test_doubles_are_found_even_of_a_broken_row(desk: Any) -> None:
    """Otherwise the second of two rows would win in silence."""
    rows = desk.rows("编号,校名,学段\nzx-009,某校,幼儿园\nzx-009,某校,小学\n")
    assert [row.outcome for row in rows.values()] == [RowOutcome.ERROR] * 2
    assert "与第 2 行是同一所学校" in rows[3].problems[0].reason


def test_a_teaching_point_may_name_a_school_below_it(desk: Any) -> None:
    """Order in the list does not matter, and names do as well as ids."""
    desk.commit("编号,校名,学段,中心校\nzx-008,花园教学点,教学点,花园小学\nzx-007,花园小学,小学,")
    point = desk.records.school("zx-008")
    assert (point.main_school_id, point.form) == ("zx-007", SchoolForm.TEACHING_POINT)


def test_blank_cells_leave_what_is_stored(desk: Any) -> None:
    """A list of figures alone, by name, changes figures alone."""
    desk.commit("校名,多媒体教室数,班级数\n乌杨小学,24,\n")
    school = desk.records.school("zx-001")
    assert (school.students, school.classes) == (1200, 24)
    assert desk.records.facts("zx-001")["multimedia_rooms"].value == "24"
    older = desk.rows("校名,多媒体教室数,统计日期\n乌杨小学,20,2026-03-01\n")[2]
    assert "早于已登记的 2026-09-01" in older.problems[0].reason


def test_errors_stop_a_commit_unless_they_are_skipped(desk: Any) -> None:
    """All or nothing by default; skipping is a decision."""
    content = "编号,校名,学段\nzx-008,甲校,小学\nzx-009,乙校,幼儿园\n"
    with pytest.raises(CollectorError) as refused:
        desk.commit(content)
    assert refused.value.code == "import_has_errors"
    assert desk.records.school("zx-008") is None
    assert desk.commit(content, skip_errors=True).file.counts["error"] == 1
    assert desk.records.school("zx-008") is not None
    assert desk.records.school("zx-009") is None


def test_what_changed_after_the_preview_stops_the_commit(desk: Any) -> None:
    """Nobody writes what he did not see; a version that comes at the last moment counts too."""
    file, plan = desk.receive("编号,学生数\nzx-001,1300\n")
    later = Act("person:b", desk.act.at + timedelta(minutes=1), "profile.declare")
    desk.records.put_school(replace(desk.records.school("zx-001"), students=1250), later)
    with pytest.raises(ConflictError):
        desk.service.commit(
            ImportKind.SCHOOLS, file.id, plan.digest, desk.act, skip_errors=False
        )  # fmt: skip
    assert desk.records.school("zx-001").students == 1250
    done = replace(file, committed_at=desk.act.at, committed_by="person:a")
    assert not desk.records.apply_import(done, plan.change, desk.act)
    assert desk.records.import_file(file.id).committed_at is None


def test_files_that_nobody_commits_go_after_a_week(desk: Any) -> None:
    """The store does not fill with drafts; a committed file stays as proof."""
    kept, (waiting, _) = desk.commit(LIST), desk.receive("编号,学生数\nzx-001,1300\n")
    desk.act = replace(desk.act, at=desk.act.at + timedelta(days=8))
    desk.receive("编号,学生数\nzx-001,1400\n")
    assert desk.records.import_file(waiting.id) is None
    assert desk.records.import_content(waiting.id) is None
    assert desk.records.import_file(kept.file.id) is not None
    assert desk.records.verify_audit(None, lambda *_: None).faults == ()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("a,b\n1,2\n", "import_head_missing"),
        ("编号,校名,学校名称\n", "import_column_twice"),
        ("编号,校名\n,\n", "import_empty"),
    ],
)
def test_a_file_without_a_usable_table_is_refused(desk: Any, content: str, code: str) -> None:
    """The answer says which columns are needed, or which are there twice."""
    with pytest.raises(CollectorError) as refused:
        desk.receive(content)
    assert refused.value.code == code
    assert desk.service.recent() == []


def test_a_workbook_does_the_same_as_csv(
    desk: Any, make_workbook: Callable[..., bytes], make_sheet: Callable[..., str]
) -> None:
    """Typed cells of Excel: numeric ids, real dates; the first sheet may be a cover."""
    sheet = make_sheet([
        ["编号", "校名", "办学类型", "学生数", "统计日期"],
        [3133000010, "白石小学", "九年一贯制学校", 800, date(2026, 9, 5)],
    ])  # fmt: skip
    desk.commit(make_workbook(make_sheet([["填表说明"]]), sheet))
    school = desk.records.school("3133000010")
    assert (school.students, school.as_of) == (800, date(2026, 9, 5))
    assert school.form is SchoolForm.NINE_YEAR


def test_the_template_is_read_by_the_import_itself(desk: Any) -> None:
    """What is handed out names every column that is read; its example row is never imported."""
    head = desk.service.template(ImportKind.SCHOOLS).decode("utf-8-sig").splitlines()
    filled = "\n".join([*head, "zx-001,乌杨小学,小学,普通中小学,1201"])
    _, plan = desk.receive(filled)
    assert plan.ignored == ()
    assert len(plan.columns) >= 25
    assert [(row.number, row.outcome) for row in plan.rows] == [(3, RowOutcome.CHANGED)]
    for kind in ImportKind:
        with pytest.raises(CollectorError) as refused:
            desk.receive(desk.service.template(kind), kind)
        assert refused.value.code == "import_empty"
