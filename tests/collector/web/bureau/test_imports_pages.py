"""Imports without JavaScript: upload, preview, commit; what is wrong comes back with its place."""

from __future__ import annotations

from typing import Any

from collector.access import csrf_token

LIST = "学校编号,校名,学段,学生数\nzx-002,白石小学,小学,800\nzx-001,乌杨小学,小学,1250\n"


def upload(bureau: Any, content: str, kind: str = "schools", want: int = 303, **more: str) -> Any:
    """Hand a file in as a browser does."""
    answer = bureau.client.post(
        f"/imports/{kind}",
        data={"csrf_token": csrf_token(bureau.token), "as_of": "2026-09-01", **more},
        files={"file": ("名单.csv", content.encode("gbk"), "text/csv")},
    )
    assert answer.status_code == want, answer.text[:2000]
    return answer


def seen(page: str) -> str:
    """Return the digest that the preview carries."""
    return page.split('name="seen" value="')[1].split('"')[0]


def test_a_list_goes_from_upload_to_the_schools(bureau: Any) -> None:
    """The preview says what becomes of each row; the commit writes it and says by whom."""
    place = upload(bureau, LIST).headers["location"]
    page = bureau.get(place)
    assert "<ins>白石小学</ins>" in page
    assert "<del>1200</del> → <ins>1250</ins>" in page
    assert "导入 2 行" in page
    assert bureau.records.school("zx-002") is None
    assert bureau.post(f"{place}/commit", seen=seen(page), why="开学").headers["location"] == place
    assert "新增 1，变更 1，相同 0" in bureau.get(place)
    assert bureau.records.school("zx-001").students == 1250
    assert upload(bureau, LIST).headers["location"] == place
    assert "李督学" in bureau.get("/imports")


def test_rows_with_errors_are_named_and_nothing_is_written(bureau: Any) -> None:
    """Row and column as in the sheet, a list to hand back, and a commit that refuses."""
    place = upload(bureau, LIST + "zx-003,某校,幼儿园,\n").headers["location"]
    page = bureau.get(f"{place}?show=error")
    assert "C列 学段" in page
    assert "白石小学" not in page.split("<tbody>")[1]
    assert "幼儿园" in bureau.get(f"{place}/problems.csv")
    refused = bureau.post(f"{place}/commit", want=422, seen=seen(page)).text
    assert "有的行有错误，没有导入任何内容" in refused
    assert bureau.records.school("zx-002") is None
    bureau.post(f"{place}/commit", seen=seen(page), skip_errors="yes")
    assert bureau.records.school("zx-002") is not None


def test_a_file_that_cannot_be_read_comes_back_with_why(bureau: Any) -> None:
    """The form stays, with the reason beside it; so does a change after the preview."""
    assert "没有找到表头" in upload(bureau, "a,b\n1,2\n", want=422).text
    assert "日期写成" in upload(bureau, LIST, want=422, as_of="开学").text
    empty = bureau.post("/imports/schools", want=422, as_of="2026-09-01").text
    assert "请选择文件" in empty
    place = upload(bureau, LIST).headers["location"]
    stale = bureau.post(f"{place}/commit", want=409, seen="0" * 32).text
    assert "预览之后有人改动了数据" in stale
    bureau.post(f"{place}/discard")
    assert bureau.client.get(place).status_code == 404


def test_new_people_see_their_codes_once(bureau: Any) -> None:
    """The codes are on the answer of the commit alone."""
    people = "登录名,姓名,角色,学校\nwang.editor,王填报,填报员,乌杨小学\n"
    place = upload(bureau, people, "people").headers["location"]
    answer = bureau.post(f"{place}/commit", want=200, seen=seen(bureau.get(place))).text
    assert "1 个一次性代码" in answer
    assert "只显示这一次" not in bureau.get(place)
    assert "一次性代码" not in bureau.post(f"{place}/commit", seen="").text
    assert bureau.records.person_named("wang.editor") is not None


def test_the_template_opens_in_excel(bureau: Any) -> None:
    """A csv with a byte order mark, saved and not shown."""
    for kind in ("schools", "people"):
        answer = bureau.client.get(f"/imports/{kind}/template.csv")
        assert answer.content.startswith(b"\xef\xbb\xbf")
        assert "attachment" in answer.headers["content-disposition"]
