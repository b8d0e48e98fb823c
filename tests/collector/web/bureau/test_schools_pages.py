"""Schools without JavaScript: the list, registering one, a new version, first steps."""

from __future__ import annotations

from datetime import date
from typing import Any

from collector.domain import Act, SchoolForm, SchoolKind, Township

PROFILE = {
    "name": "乌杨小学", "kind": "general", "stages": "primary", "students": "1,250",
    "staff": "９５", "classes": "", "as_of": "2026-11-01", "seen": "1",
}  # fmt: skip


def test_a_profile_becomes_a_new_version(bureau: Any) -> None:
    """Kind, township and counts change with their author; a blank count is unknown again."""
    act = Act("system", bureau.now, "township.put")
    bureau.records.put_township(Township("t-1", "乌杨街道"), act)
    page = bureau.get("/schools/zx-001/profile")
    assert 'value="1200"' in page
    bureau.post("/schools/zx-001/profile", **PROFILE, township_id="t-1", why="转入 50 人")
    school = bureau.records.school("zx-001")
    assert (school.students, school.staff, school.classes) == (1250, 95, None)
    assert (school.township_id, school.as_of) == ("t-1", date(2026, 11, 1))
    page = bureau.get("/schools/zx-001/profile")
    assert "转入 50 人" in page
    assert "李督学" in page
    assert "乌杨街道" in bureau.get("/schools?township=t-1")


def test_a_wrong_profile_comes_back_with_what_was_typed(bureau: Any) -> None:
    """Each wrong field says why, nothing is lost, and a stale version is refused."""
    wrong = PROFILE | {"students": "约500人", "kind": "kindergarten", "as_of": "2027-01-01"}
    page = bureau.post("/schools/zx-001/profile", want=422, **wrong).text
    assert 'value="约500人"' in page
    assert "不是数字" in page
    assert "请从列出的选项中选" in page
    late = bureau.post("/schools/zx-001/profile", want=422, **PROFILE | {"as_of": "2027-01-01"})
    assert "应不晚于今天" in late.text
    bureau.post("/schools/zx-001/profile", want=409, **PROFILE | {"seen": "0"})
    assert bureau.records.school("zx-001").students == 1200


def test_a_school_is_registered_once(bureau: Any) -> None:
    """A new school gets its first version; a taken or impossible id is named."""
    given = PROFILE | {"id": "zx-002", "name": "职教中心", "kind": "vocational"}
    place = bureau.post("/schools", **given).headers["location"]
    assert place == "/schools/zx-002/profile"
    school = bureau.records.school("zx-002")
    assert (school.kind, school.form) == (SchoolKind.VOCATIONAL, SchoolForm.VOCATIONAL)
    assert "已有这个编号的学校" in bureau.post("/schools", want=422, **given).text
    assert "1–64 个字母" in bureau.post("/schools", want=422, **given | {"id": "忠县 1"}).text


def test_schools_with_unknown_counts_come_first(bureau: Any) -> None:
    """What is missing is what somebody has to do."""
    bureau.post("/schools", **PROFILE | {"id": "zx-900", "name": "白石小学", "students": ""})
    page = bureau.get("/schools")
    assert page.index("白石小学") < page.index("乌杨小学")
    assert "1 所人数未知" in page
    assert "没有符合条件的学校" in bureau.get("/schools?q=没有")


def test_an_empty_county_leads_to_its_first_round(start: Any) -> None:
    """Import, agents, people, round: each step has its link, on the overview as well."""
    bureau = start(with_school=False)
    for path in ("/schools", "/"):
        page = bureau.get(path)
        for step in ("/imports", "/agents", "/people", "/rounds/new"):
            assert f'href="{step}"' in page
    assert "先导入学校名单" in bureau.get("/rounds/new")
