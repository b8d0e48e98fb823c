"""The bureau's pages without JavaScript: plain forms, over the collector as it is wired."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from collector.domain import Side, Summary
from collector.domain.cases import CaseState

RUBRIC = "zhongxian-inspection"


def verdicts(page: str) -> list[str]:
    """Return the numbers of the tallies of a list of cases."""
    return re.findall(r"</span>(\d+)</span>", page.split('class="cards"', 1)[1])


def hidden(page: str, item_id: str, name: str) -> str:
    """Return a hidden field of an item's form."""
    part = page.split(f'id="item-{item_id}"', 1)[1]
    found = re.search(rf'name="{re.escape(name)}" value="([^"]*)"', part)
    assert found, name
    return found[1]


def test_a_round_goes_from_draft_to_publication(bureau: Any) -> None:
    """Create, open, close, review, publish: every step by a plain form."""
    round_id = bureau.open_round()
    key = bureau.hand_in(round_id)
    bureau.post(f"/rounds/{round_id}/close", revision="2")
    page = bureau.post(
        f"/rounds/{round_id}/cases", want=200, action="accept",
        case=f"zx-001/{RUBRIC}/3",
    ).text  # fmt: skip
    assert "已办理" in page
    review = f"/rounds/{round_id}/schools/zx-001/rubrics/{RUBRIC}/review"
    bureau.post(f"{review}/finish", revision="4")
    bureau.now += timedelta(days=4)
    bureau.sign_in()
    bureau.post(f"{review}/finish", revision="5")
    case = bureau.records.case(key)
    assert case is not None
    assert case.state is CaseState.FINAL
    refused = bureau.post(f"/rounds/{round_id}/publish", want=422, revision="3")
    assert "请先勾选确认" in refused.text
    bureau.post(f"/rounds/{round_id}/publish", revision="3", confirmed="yes")
    assert "乌杨小学" in bureau.get(f"/rounds/{round_id}/publications/1")


def test_a_wrong_draft_comes_back_with_what_was_typed(bureau: Any) -> None:
    """Nothing typed is lost, and the wrong field is named."""
    page = bureau.draft(want=422, title="长假之后", since="九月一日", terms="2026-09-01").text
    assert 'value="长假之后"' in page
    assert 'value="九月一日"' in page
    assert "日期写成 2026-09-01 的样子" in page
    assert "每行写起止" in page


def test_the_list_sums_up_from_memory_until_somebody_changes_the_case(bureau: Any) -> None:
    """A page of cases is not scored on every look, and never shows what was before a change."""
    round_id = bureau.open_round()
    key = bureau.hand_in(round_id)
    scored = verdicts(bureau.get("/review"))
    version = bureau.records.round(round_id).rubric(RUBRIC).version
    made_at = bureau.now + timedelta(minutes=1)
    kept = Summary(round_id, "zx-001", RUBRIC, version, made_at, "sha256:x", counts={"met": 5})
    bureau.records.put_summaries(round_id, "zx-001", [kept])
    assert verdicts(bureau.get("/review")) == ["5"] != scored
    bureau.now += timedelta(minutes=2)
    review = f"/rounds/{round_id}/schools/zx-001/rubrics/{RUBRIC}/review"
    bureau.post(f"{review}/accept", revision="3")
    assert bureau.records.case(key).state is CaseState.REVIEW
    assert verdicts(bureau.get("/review")) == scored


def test_the_county_opens_with_a_document_for_the_schools_it_has(bureau: Any) -> None:
    """The document with most indicators is for vocational schools, of which there is none here."""
    chosen = re.findall(r'aria-current="page" lang="[^"]+">([^<]+)</a>', bureau.get("/"))
    assert len(chosen) == 1
    assert "中职" not in chosen[0]


def test_the_token_of_forms_never_looks_the_same_twice(bureau: Any) -> None:
    """Pages are compressed, and their lengths must not tell of a token that stays."""
    tokens = [
        re.findall(r'name="csrf_token" value="([^"]+)"', bureau.get("/rounds/new"))[0]
        for _ in range(2)
    ]
    assert tokens[0] != tokens[1]
    assert bureau.token not in "".join(tokens)
    for token in tokens:
        bureau.draft(csrf_token=token)
    wrong = ("0" if tokens[0][0] != "0" else "1") + tokens[0][1:]
    for token in (wrong, "x" * len(wrong), wrong[:64], ""):
        bureau.draft(want=403, csrf_token=token)


def test_one_item_is_reviewed_and_sent_again_without_harm(bureau: Any) -> None:
    """The same form twice, as after a lost answer, is one change in the history."""
    round_id = bureau.open_round()
    key = bureau.hand_in(round_id)
    review = f"/rounds/{round_id}/schools/zx-001/rubrics/{RUBRIC}/review"
    bureau.post(f"{review}/accept", revision="3")
    page = bureau.get(review)
    form = {"v.rooms_missing": "2", "s.rooms_missing": hidden(page, "C4", "s.rooms_missing"),
            "r.rooms_missing": hidden(page, "C4", "r.rooms_missing"), "points": "2",
            "s.points": "", "remark": "缺 2 间", "s.remark": "", "r.mark": "0"}  # fmt: skip
    bureau.post(f"{review}/items/C4", **form)
    bureau.post(f"{review}/items/C4", **form)
    history = bureau.records.case_entry_history(key, "C4", "rooms_missing")
    assert [(one.side, one.value) for one in history] == [(Side.OFFICIAL, 2)]
    assert len(bureau.records.case_mark_history(key, "C4")) == 1
    again = bureau.post(f"{review}/items/C4", want=409, **{**form, "v.rooms_missing": "3"}).text
    assert "现在存的是“2”（李督学）" in again
    assert 'value="3"' in again


def test_a_value_that_the_field_does_not_take_is_named(bureau: Any) -> None:
    """The form comes back with the value and what is wrong with it."""
    round_id = bureau.open_round()
    bureau.hand_in(round_id)
    review = f"/rounds/{round_id}/schools/zx-001/rubrics/{RUBRIC}/review"
    bureau.post(f"{review}/accept", revision="3")
    page = bureau.post(
        f"{review}/items/C4", want=422, **{"v.rooms_missing": "约两间", "r.rooms_missing": "0"}
    ).text
    assert 'value="约两间"' in page
    assert "这里要填非负整数" in page


def test_the_audit_page_names_people_and_verifies(bureau: Any) -> None:
    """What was done shows who did it; the button says whether anything was altered."""
    bureau.draft()
    page = bureau.get("/audit?q=round.create")
    assert "李督学" in page
    assert re.search(r"新建轮次 <small[^>]*>round\.create<", page)
    assert "新建轮次" in bureau.get("/audit?q=新建")
    verified = bureau.post("/audit/verify", want=200).text
    assert "核验通过" in verified


def test_a_new_person_gets_a_code_once(bureau: Any) -> None:
    """The code is on the answer to the form and on no later page."""
    page = bureau.post(
        "/people", want=200, name="wang", display_name="王老师", role="editor", school_id="zx-001"
    ).text
    code = re.search(r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}", page)
    assert code
    person = bureau.records.person_named("wang")
    assert person is not None
    assert code[0] not in bureau.get(f"/people/{person.id}")
    assert "请" in bureau.post("/people", want=422, name="li", role="editor").text


def test_an_examination_stops_tests_and_ends(bureau: Any) -> None:
    """The pause is listed, can be ended, and a wrong one says why."""
    bureau.post(
        "/agents/exams", note="期中考试", since="2026-11-21T08:00", until="2026-11-21T12:00"
    )
    page = bureau.get("/agents")
    assert "期中考试" in page
    number = re.search(r'name="id" value="(\d+)"', page)
    assert number
    bureau.post("/agents/exams/end", id=number[1])
    assert "期中考试" not in bureau.get("/agents")
    assert bureau.post("/agents/exams", want=422, note="", since="", until="").text
