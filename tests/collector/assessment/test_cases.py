"""One case: fields, sides, clashes, history, what a signature and an announcement fix."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from collector.domain import Act, CaseKey
from collector.errors import ConflictError, UnprocessableError

INSPECTION, GENERAL = "zhongxian-inspection", "zhongxian-smart-campus-general"
PROFILE, YUHUATAI = "zhongxian-smart-campus-profile", "yuhuatai-informatization-2020"
ROOMS = "entries/C4/rooms_missing"


@pytest.fixture
def case(cast: Any) -> Any:
    """Return an open case of the primary school by 附件1."""
    return cast.case(cast.open(INSPECTION), "primary", INSPECTION)


def test_a_field_carries_what_may_be_typed_and_who_typed_it(case: Any) -> None:
    """Type and label come from the rubric; the saved value has author and revision."""
    field = case.field("C4", "rooms_missing")
    assert (field["type"], field["value"], field["school"]) == ("count", None, None)
    saved = case.put("editor-primary", ROOMS, {"value": 3, "revision": 0})
    assert (saved["value"], saved["revision"]) == (3, 1)
    assert saved["author"].startswith("person:editor-primary")
    assert case.item("C4")["sheet"]["working"].startswith("3 − 3 × 0.5 = 1.5")


@pytest.mark.parametrize("value", [-1, 2.5, "three", True, [1], "9" * 50])
def test_a_value_that_the_field_does_not_take_is_refused_by_name(case: Any, value: Any) -> None:
    """422 names the field and says in Chinese what it wants; nothing is stored."""
    problem = case.put("editor-primary", ROOMS, {"value": value, "revision": 0}, want=422)
    (row,) = problem["errors"]
    assert row["field"] == "C4.rooms_missing"
    assert "非负整数" in row["reason"]
    assert "没有丢失" in problem["detail"]
    assert case.field("C4", "rooms_missing")["school"] is None


def test_many_fields_are_filled_in_together_or_not_at_all(case: Any) -> None:
    """One wrong value or one that is filled in already refuses all; a right set is all there."""
    writer = case.cast.client.app.state.assessment.writer
    _, _, round_id, _, school_id, _, rubric_id = case.path.split("/")
    key = CaseKey(round_id, school_id, rubric_id)
    act = Act("person:editor-primary", case.cast.now, "entry.save")
    rooms, keepers = ("C4", "rooms_missing"), ("C2", "rooms_without_keeper")
    with pytest.raises(UnprocessableError) as refused:
        writer.fill_in(key, {rooms: 3, keepers: -1}, act)
    assert [row.field for row in refused.value.errors] == ["C2.rooms_without_keeper"]
    assert case.field(*rooms)["school"] is None
    saved = writer.fill_in(key, {rooms: 3, keepers: 2}, act)
    assert [one.revision for one in saved] == [1, 1]
    assert [case.field(*each)["school"]["value"] for each in (rooms, keepers)] == [3, 2]
    with pytest.raises(ConflictError):
        writer.fill_in(key, {keepers: 5}, act)
    assert case.field(*keepers)["school"]["value"] == 2


def test_the_second_of_two_savers_sees_both_values(case: Any) -> None:
    """Neither is lost: the first is stored, the second comes back beside it, then wins openly."""
    case.put("editor-primary", ROOMS, {"value": 3, "revision": 0})
    problem = case.put("head-primary", ROOMS, {"value": 5, "revision": 0}, want=409)
    assert problem["code"] == "entry_changed_meanwhile"
    assert (problem["current"]["value"], problem["current"]["revision"]) == (3, 1)
    assert problem["given"] == {"value": 5}
    case.put("head-primary", ROOMS, {"value": 5, "revision": 1})
    history = case.cast.call("admin", "GET", f"{case.path}/{ROOMS}/history")
    assert [(one["value"], one["author"].split("/")[0]) for one in history] == [
        (3, "person:editor-primary"),
        (5, "person:head-primary"),
    ]


def test_of_many_who_save_at_once_exactly_one_succeeds(case: Any) -> None:
    """Eight threads save the same field on the same revision; seven are told, one is stored."""
    answers: list[int] = []
    start = threading.Barrier(8)

    def save(number: int) -> None:
        start.wait()
        answer = case.cast.client.put(
            f"/api/v1{case.path}/{ROOMS}",
            json={"value": number, "revision": 0},
            headers={"Authorization": f"Bearer {case.cast.tokens['editor-primary']}"},
        )
        answers.append(answer.status_code)

    threads = [threading.Thread(target=save, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [409] * 7
    assert len(case.cast.call("admin", "GET", f"{case.path}/{ROOMS}/history")) == 1


def test_the_official_value_stands_beside_the_schools(case: Any) -> None:
    """The inspector counts four, the school one: the sheet takes four, the school's stays."""
    case.put("editor-primary", ROOMS, {"value": 1, "revision": 0})
    case.put("admin", f"review/{ROOMS}", {"value": 4, "revision": 0}, want=409)
    case.hand_in("head-primary")
    case.put("editor-primary", ROOMS, {"value": 0, "revision": 1}, want=409)
    case.put("admin", f"review/{ROOMS}", {"value": 4, "revision": 0})
    field = case.field("C4", "rooms_missing")
    assert (field["value"], field["school"]["value"], field["official"]["value"]) == (4, 1, 4)
    (row,) = case.cast.call("admin", "GET", f"{case.path}/differences")
    assert (row["item_id"], row["fields"][0]["school"], row["fields"][0]["official"]) == (
        "C4",
        1,
        4,
    )
    case.put("admin", f"review/{ROOMS}", {"value": None, "revision": 1})
    assert case.field("C4", "rooms_missing")["value"] == 1


def test_stages_give_points_on_their_own_side_only(cast: Any) -> None:
    """雨花台: 自评 and 区评 side by side; each in its time, in range, with a remark."""
    case = cast.case(cast.open(YUHUATAI), "primary", YUHUATAI)
    case.put("editor-primary", "stages/self/items/1", {"points": 2, "revision": 0})
    wrong = case.put(
        "editor-primary", "stages/self/items/1", {"points": 9, "revision": 1}, want=422
    )
    assert "0 到 2" in wrong["errors"][0]["reason"]
    case.put("editor-primary", "stages/official/items/1", {"points": 2, "revision": 0}, want=409)
    case.hand_in("head-primary")
    body = {"points": "1.5", "remark": "职责不全", "revision": 0}
    case.put("admin", "review/stages/official/items/1", body)
    item = case.item("1")
    assert item["sheet"]["stages"] == {"self": "2", "official": "1.5"}
    assert (item["sheet"]["proven"], item["marks"]["official"]["remark"]) == ("1.5", "职责不全")


def test_a_document_without_points_takes_remarks(cast: Any) -> None:
    """附件3-2 has no column of points: a remark is kept, points are refused."""
    case = cast.case(cast.open(GENERAL), "primary", GENERAL)
    case.hand_in("head-primary")
    case.put("admin", "review/stages/official/items/1", {"remark": "已实地核对", "revision": 0})
    assert case.item("1")["marks"]["official"]["remark"] == "已实地核对"
    refused = {"points": 1, "revision": 1}
    wrong = case.put("admin", "review/stages/official/items/1", refused, want=422)
    assert "不计分" in wrong["errors"][0]["reason"]


def test_a_fact_typed_in_one_form_serves_the_others(cast: Any) -> None:
    """The outlet rate typed as f17 of 附件3-1 stands beside 1e of 附件3-2 and item 17 of 雨花台."""
    round_id = cast.open(PROFILE, GENERAL, YUHUATAI)
    form = cast.case(round_id, "primary", PROFILE)
    saved = form.put("editor-primary", "entries/f17/outlet_mbps", {"value": 1000, "revision": 0})
    other = cast.case(round_id, "primary", GENERAL)
    (fact,) = [f for f in other.form()["facts"] if f["name"] == "contracted_mbps"]
    assert (fact["value"], fact["school"]["revision"]) == ("1000", saved["revision"])
    (shown,) = [
        value
        for value in other.finding("1", "1e")["values"]
        if value["origin"]["name"] == "contracted_mbps"
    ]
    assert shown["value"] == "1000"
    # Typed anew in the other form on what was seen there; the first form follows.
    other.put(
        "editor-primary", "facts/contracted_mbps", {"value": 500, "revision": saved["revision"]}
    )
    assert form.field("f17", "outlet_mbps")["value"] == "500"
    stale = {"value": 800, "revision": saved["revision"]}
    clash = form.put("head-primary", "entries/f17/outlet_mbps", stale, want=409)
    assert clash["current"]["value"] == "500"


def test_a_signature_pins_facts_and_profile(cast: Any) -> None:
    """What is declared after the signature changes no signed case, and the form says so."""
    round_id = cast.open(GENERAL, PROFILE)
    case = cast.case(round_id, "primary", GENERAL)
    case.put("editor-primary", "facts/contracted_mbps", {"value": 1000, "revision": 0})
    case.step("head-primary", "sign")
    before = case.form()
    seen = case.form()["facts"][0]["school"]["revision"]
    case.put("editor-primary", "facts/contracted_mbps", {"value": 1, "revision": seen}, want=409)
    other = cast.case(round_id, "primary", PROFILE)
    other.put("editor-primary", "facts/contracted_mbps", {"value": 200, "revision": seen})
    profile = {
        "seen": 1, "name": "示例 primary", "kind": "general", "stages": ["primary"],
        "students": 600, "staff": 90, "classes": 24, "as_of": "2026-09-01",
    }  # fmt: skip
    declared = cast.call("editor-primary", "POST", "/schools/primary/profile", profile, want=201)
    assert declared["kept"] == [GENERAL]
    after = case.form()
    assert after["content_hash"] == before["content_hash"]
    assert after["school"]["students"] == 1200
    assert [notice["code"] for notice in after["notices"]] == ["profile_kept_as_signed"]


def test_a_returned_case_says_why_and_is_signed_again(case: Any) -> None:
    """退回 needs a reason; the school corrects, signs again, and both versions stay."""
    case.step("head-primary", "sign")
    case.step("head-primary", "submit")
    case.step("admin", "return", want=422)
    returned = case.step("admin", "return", why="缺功能室清单")
    assert (returned["state"], returned["note"]) == ("returned", "缺功能室清单")
    case.put("editor-primary", ROOMS, {"value": 2, "revision": 0})
    case.step("editor-primary", "submit", want=409)
    case.hand_in("head-primary")
    versions = case.cast.call("admin", "GET", f"{case.path}/versions")
    assert [one["cause"] for one in versions] == ["sign", "sign"]
    first = case.cast.call("admin", "GET", f"{case.path}/sheet?version=1")
    assert first["items"]["C4"]["status"] == "pending"


def test_an_announced_result_does_not_change_with_late_data(cast: Any) -> None:
    """An agent that replays its readings after the announcement changes nothing of it."""
    case = cast.case(cast.open(GENERAL), "primary", GENERAL)
    case.hand_in("head-primary")
    case.step("admin", "finish")
    announced = case.form()
    assert announced["case"]["state"] == "announced"
    cast.measure_outlet("primary", 900)
    assert case.form()["content_hash"] == announced["content_hash"]
    assert case.finding("1", "1e")["result"] == "insufficient"


def test_after_the_deadline_nothing_is_taken(cast: Any) -> None:
    """The answer says what to do: the bureau can return the case with a new deadline."""
    limit = (cast.now + timedelta(hours=1)).isoformat()
    round_id = cast.open(INSPECTION, deadlines={"submit_by": limit})
    case = cast.case(round_id, "primary", INSPECTION)
    cast.now += timedelta(hours=2)
    problem = case.put("editor-primary", ROOMS, {"value": 2, "revision": 0}, want=409)
    assert problem["code"] == "case_deadline_over"
    assert "教委" in problem["detail"]
    assert "bureau" in problem["detail_en"]


def test_the_last_round_is_offered_and_never_filled_in(cast: Any) -> None:
    """What counted last time is proposed for empty fields; taking it over is the school's act."""
    old = cast.case(
        cast.open(INSPECTION, title="2025", as_of="2025-09-01", since="2025-09-01",
                  until="2025-11-30"),
        "primary", INSPECTION,
    )  # fmt: skip
    old.put("editor-primary", ROOMS, {"value": 2, "revision": 0})
    old.put("editor-primary", "entries/C8/teaching_aids", {"value": 4, "revision": 0})
    new = cast.case(cast.open(INSPECTION), "primary", INSPECTION)
    new.put("editor-primary", "entries/C8/teaching_aids", {"value": 6, "revision": 0})
    (offer,) = cast.call("editor-primary", "GET", f"{new.path}/proposals")
    assert (offer["name"], offer["value"], offer["round_title"]) == ("rooms_missing", 2, "2025")
    assert new.field("C4", "rooms_missing")["value"] is None
    accept = {"fields": [{"item_id": "C4", "name": "rooms_missing"}]}
    cast.call("editor-primary", "POST", f"{new.path}/proposals/accept", accept)
    assert new.field("C4", "rooms_missing")["value"] == 2
    cast.call("editor-primary", "POST", f"{new.path}/proposals/accept", accept, want=422)


def test_a_school_sees_its_own_cases_only(cast: Any) -> None:
    """Lists are cut to what the caller may read; another school's case is refused."""
    round_id = cast.open(INSPECTION, schools=("primary", "junior"))
    assert len(cast.call("admin", "GET", f"/rounds/{round_id}/cases")["cases"]) == 2
    own = cast.call("editor-junior", "GET", f"/rounds/{round_id}/cases")["cases"]
    assert [case["school_id"] for case in own] == ["junior"]
    cast.call("editor-junior", "GET", cast.case(round_id, "primary", INSPECTION).path, want=403)
