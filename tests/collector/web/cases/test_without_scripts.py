"""A school fills in, proves, signs and submits in a browser that runs no script."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from collector.domain import Side

INSPECTION = "zhongxian-inspection"
PROFILE = "zhongxian-smart-campus-profile"


def section_of(house: Any, item_id: str, rubric_id: str = INSPECTION) -> str:
    """Return the ending of the address of the section with this item."""
    rubric = house.app.state.assessment.reader.read(house.key(rubric_id)).rubric
    for section in _leaves(rubric.sections):
        if any(item.id == item_id for item in section.items):
            return f"/sections/{section.id}"
    raise LookupError(item_id)


def _leaves(sections: Any) -> Any:
    for section in sections:
        if section.items:
            yield section
        yield from _leaves(section.sections)


def stored(house: Any, item_id: str, name: str) -> Any:
    """Return the school's stored value."""
    entry = house.app.state.assessment.reader.read(house.key()).entry(Side.SCHOOL, item_id, name)
    return entry.value if entry else None


def test_a_school_goes_from_home_to_submitted(house: Any) -> None:
    """Home, form, evidence, signature, submission: plain forms and links all the way."""
    editor = house.visitor("editor")
    home = editor.get("/my-school")
    assert "乌杨初级中学" in home.text
    assert "继续填报" in home.text
    assert home.text.count('class="panel"') == 3

    form = editor.get(house.address())
    ending = section_of(house, "C4")
    saved = editor.type(form, ending, {"e:C4:rooms_missing": "２"})
    assert saved.status == 200
    assert "已保存 1 处修改" in saved.text
    assert stored(house, "C4", "rooms_missing") == 2, "full-width digits are digits"
    assert "editor老师 保存于" in saved.text

    png = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
    action, fields = saved.form("/evidence?item=C4")
    answer = editor.client.post(
        action, data=fields, files={"file": ("功能室.png", png, "image/png")}
    )
    assert "功能室.png" in answer.text

    head = house.visitor("head")
    checking = head.get(f"{house.address()}/signing")
    assert "校长签字" in checking.text
    signed = head.send(checking, "/sign")
    assert "签字于" in signed.text
    refused = editor.type(form, ending, {"e:C4:rooms_missing": "3"})
    assert refused.status == 409
    assert 'value="3"' in refused.text, "what was typed stays"
    assert stored(house, "C4", "rooms_missing") == 2

    submitted = head.send(signed, "/submit")
    assert "已提交，待接收" in submitted.text
    assert house.records.case(house.key()).state.value == "submitted"


def test_wrong_values_stay_beside_their_errors_and_the_rest_is_saved(house: Any) -> None:
    """One mistake must not cost a page of typing."""
    editor = house.visitor("editor")
    form = editor.get(house.address())
    ending = section_of(house, "C4")
    answer = editor.type(form, ending, {"e:C4:rooms_missing": "两间", "e:C5:occupied_rooms": "1"})
    assert answer.status == 422
    assert "有 1 处需要更正" in answer.text
    assert 'value="两间"' in answer.text
    assert "这里要填非负整数" in answer.text
    assert stored(house, "C4", "rooms_missing") is None
    assert stored(house, "C5", "occupied_rooms") == 1


@pytest.mark.parametrize(("choice", "left"), [("mine", 4), ("theirs", 7)])
def test_two_editors_choose_between_their_values(house: Any, choice: str, left: int) -> None:
    """The later one sees both values and decides; nothing is overwritten unseen."""
    editor, second = house.visitor("editor"), house.visitor("second")
    form, ending = editor.get(house.address()), section_of(house, "C4")
    second.type(second.get(house.address()), ending, {"e:C4:rooms_missing": "7"})
    clash = editor.type(form, ending, {"e:C4:rooms_missing": "4"})
    assert clash.status == 409
    assert "second老师 在您填写期间保存了这一项" in clash.text
    assert "保留对方的值：7" in clash.text
    assert "改用我填的值：4" in clash.text
    assert stored(house, "C4", "rooms_missing") == 7
    decided = editor.type(clash, ending, {"k:e:C4:rooms_missing": choice})
    assert decided.status == 200
    assert stored(house, "C4", "rooms_missing") == left


def test_fields_of_others_are_not_saved_again(house: Any) -> None:
    """Sending a section with one change writes one field, though the form holds all of them."""
    editor = house.visitor("editor")
    form, ending = editor.get(house.address()), section_of(house, "C4")
    editor.type(form, ending, {"e:C4:rooms_missing": "1"})
    key = house.key()
    assert len(house.records.case_entries(key)) == 1
    unchanged = editor.type(editor.get(house.address()), ending, {})
    assert "已保存 0 处修改" in unchanged.text
    assert len(house.records.case_entry_history(key, "C4", "rooms_missing")) == 1


def test_a_figure_typed_once_serves_other_forms_and_says_so(house: Any) -> None:
    """附件3-1 asks for the outlet rate that 附件3-2 uses as well."""
    editor = house.visitor("editor")
    form = editor.get(house.address(PROFILE))
    assert "同一数据也用于：普通中小学智慧校园建设情况表" in form.text
    ending = section_of(house, "f17", PROFILE)
    editor.type(form, ending, {"e:f17:outlet_mbps": "1000"})
    other = editor.get(house.address("zhongxian-smart-campus-general"))
    assert 'value="1000"' in other.text


def test_values_of_the_round_before_are_offered_and_taken_over(house: Any) -> None:
    """Nothing is filled in by itself; one button takes over what still holds."""
    editor = house.visitor("editor")
    form, ending = editor.get(house.address()), section_of(house, "C4")
    editor.type(form, ending, {"e:C4:rooms_missing": "5"})
    house.now += timedelta(hours=1)
    house.open_round("第二轮", date(2026, 11, 1))
    assert stored(house, "C4", "rooms_missing") is None
    assert "上一轮填过的 1 个值可以沿用" in editor.get(house.address()).text
    offered = editor.get(f"{house.address()}/proposals")
    assert "2026 年秋季评估" in offered.text
    taken = editor.type(offered, "/proposals", {"all": "yes"})
    assert "已保存 1 处修改" in taken.text
    assert stored(house, "C4", "rooms_missing") == 5


def test_evidence_is_listed_taken_off_and_withdrawn(house: Any) -> None:
    """One file serves two items, leaves one list, and is gone from all when withdrawn."""
    editor = house.visitor("editor")
    page = editor.get(f"{house.address()}/evidence?item=C4")
    action, fields = page.form("/evidence?item=C4")
    png = ("a.png", b"\x89PNG\r\n\x1a\n" + b"\1" * 64, "image/png")
    period = {"since": "2026-09-01", "until": "2026-12-31"}
    answer = editor.client.post(action, data={**fields, **period}, files={"file": png})
    assert "2026-09-01 – 2026-12-31" in answer.text
    other = editor.get(f"{house.address()}/evidence?item=C1")
    sha256 = house.records.evidence_of("xx-1")[0].sha256
    token = other.form("/sign-out")[1]["csrf_token"]

    def change(item: str, do: str) -> str:
        answer = editor.client.post(
            f"{house.address()}/evidence/change?item={item}",
            data={"csrf_token": token, "sha256": sha256, "do": do},
        )
        assert answer.status_code == 200
        return answer.text

    change("C1", "support")
    change("C4", "drop")
    listed = [one.item_id for one in house.records.supports("xx-1", INSPECTION)]
    assert listed == ["C1"]
    assert "已撤回" in change("C1", "withdraw")
    assert list(house.records.supports("xx-1", INSPECTION)) == []


def test_a_file_of_a_wrong_kind_and_a_reversed_period_are_refused_in_words(house: Any) -> None:
    """The page says what is taken; nothing is stored."""
    editor = house.visitor("editor")
    page = editor.get(f"{house.address()}/evidence?item=C4")
    action, fields = page.form("/evidence?item=C4")
    answer = editor.client.post(action, data=fields, files={"file": ("a.exe", b"MZ" * 40)})
    assert answer.status_code == 415
    assert 'role="alert"' in answer.text
    png = ("a.png", b"\x89PNG\r\n\x1a\n" + b"\1" * 64, "image/png")
    days = {"since": "2026-12-01", "until": "2026-01-01"}
    answer = editor.client.post(action, data={**fields, **days}, files={"file": png})
    assert answer.status_code == 422
    assert "止期早于起期" in answer.text
    assert list(house.records.evidence_of("xx-1")) == []


def test_an_upload_is_bounded_before_it_is_read(house: Any) -> None:
    """A form of 25 MiB is refused by its length alone."""
    editor = house.visitor("editor")
    answer = editor.client.post(
        f"{house.address()}/evidence?item=C4",
        content=b"",
        headers={
            "content-length": str(25 << 20), "content-type": "multipart/form-data; boundary=x"
        },
    )  # fmt: skip
    assert answer.status_code == 413


def test_after_the_announcement_the_head_reads_differences_and_appeals(house: Any) -> None:
    """The result names what officials changed and why; an appeal is filed once and withdrawn."""
    editor, head = house.visitor("editor"), house.visitor("head")
    form, ending = editor.get(house.address()), section_of(house, "C4")
    editor.type(form, ending, {"e:C4:rooms_missing": "1"})
    signing = head.get(f"{house.address()}/signing")
    head.send(head.send(signing, "/sign"), "/submit")
    own, key, act = house.app.state.assessment, house.key(), house.act("review")

    def revision() -> int:
        return int(house.records.case(key).revision)

    own.steps.accept(key, revision(), act)
    own.writer.save_entry(key, Side.OFFICIAL, "C4", "rooms_missing", 6, 0, act)
    own.writer.save_mark(key, Side.OFFICIAL, "official", "C1", "1", "分工不明确", 0, act)
    own.steps.finish(key, revision(), act)

    home = head.get("/my-school")
    assert "查看结果；有异议可申诉" in home.text
    result = head.get(f"{house.address()}/result")
    assert "考评结果" in result.text
    assert "<b>" in result.text.split('id="difference-C4"')[1]
    assert "：6" in result.text
    page = head.get(f"{house.address()}/appeals?item=C4")
    empty = head.type(page, "/appeals", {"item": "C4", "grounds": " "})
    assert empty.status == 422
    filed = head.type(page, "/appeals", {"item": "C4", "grounds": "现场数错，附照片"})
    assert "现场数错，附照片" in filed.text
    assert head.type(page, "/appeals", {"item": "C4", "grounds": "再申"}).status == 409
    assert "已撤回" in head.send(filed, "/withdraw").text
    assert not [
        action
        for action in editor.get(f"{house.address()}/appeals").forms
        if action.endswith("/appeals")
    ]


def test_a_flag_is_explained_and_stays(house: Any) -> None:
    """What the school says about a conflict is shown with it."""
    editor = house.visitor("editor")
    form = editor.get(house.address())
    names = ("platforms_incomplete", "late_submissions", "audits_failed")
    typed = {f"e:C10:{name}": "1" for name in names}
    flagged = editor.type(form, section_of(house, "C10"), typed)
    actions = [action for action in flagged.forms if "/flags/" in action]
    assert actions, "a value at the threshold is flagged"
    said = editor.type(flagged, actions[0], {"text": "以台账为准"})
    assert "以台账为准" in said.text
    assert [action for action in said.forms if "/flags/" in action] == actions


def test_strangers_see_nothing(house: Any) -> None:
    """A person of another school gets the page that says so."""
    stranger = house.visitor("stranger")
    for path in ("", "/signing", "/evidence", "/result", "/appeals", "/proposals"):
        assert stranger.get(house.address() + path).status == 403, path
    home = stranger.get("/my-school")
    assert "还没有评估任务" in home.text


def test_an_editor_cannot_sign(house: Any) -> None:
    """The page offers no such button, and the address refuses."""
    editor = house.visitor("editor")
    page = editor.get(f"{house.address()}/signing")
    assert "等校长签字" in page.text
    assert not [action for action in page.forms if action.endswith("/sign")]
    token = page.form("/sign-out")[1]["csrf_token"]
    answer = editor.client.post(
        f"{house.address()}/sign", data={"csrf_token": token, "revision": "1"}
    )
    assert answer.status_code == 403
