"""A whole round: six kinds of schools, every rubric that applies, to the verified bundle."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from collector.domain import Occasion
from rubrics.loader import official_rubrics

GENERAL, PROFILE = "zhongxian-smart-campus-general", "zhongxian-smart-campus-profile"
INSPECTION, VOCATIONAL = "zhongxian-inspection", "zhongxian-smart-campus-vocational"
YUHUATAI = "yuhuatai-informatization-2020"
SCHOOLS = ("primary", "junior", "nine", "complete", "vocational", "point")


@pytest.fixture(params=["sqlite", "postgresql"])
def county(request: pytest.FixtureRequest, start_cast: Callable[..., Any]) -> Any:
    """Return a county whose records are on one engine or the other."""
    if request.param == "postgresql":
        return start_cast(request.getfixturevalue("postgresql").new_database())
    return start_cast()


def test_a_round_from_draft_to_verified_bundle(county: Any, tmp_path: Path) -> None:
    """Play 自评、签字、提交、退回、接收、考评、改判、公示、申诉复测、定稿、公布、验证."""
    county.measure_outlet("primary", 480)
    round_id = county.open(*official_rubrics(), schools=SCHOOLS)
    cases = everything(county, round_id)
    kinds = {(case["school_id"], case["rubric_id"]) for case in cases}
    assert len(cases) == len(kinds) == 34
    assert ("vocational", VOCATIONAL) in kinds
    assert ("vocational", GENERAL) not in kinds
    assert {school for school, rubric in kinds if rubric == INSPECTION} == {*SCHOOLS} - {
        "vocational"
    }

    fill_in(county, round_id)
    return_one(county, round_id)
    for case in everything(county, round_id):
        calls = county.case(round_id, case["school_id"], case["rubric_id"])
        revision = case["revision"]
        if case["state"] == "filling":
            calls.step(f"head-{case['school_id']}", "sign", revision=revision)
            calls.step(f"head-{case['school_id']}", "submit", revision=revision + 1)
            revision += 2
        calls.step("admin", "accept", revision=revision)
    review(county, round_id)
    finish_all(county, round_id)
    appeal(county, round_id)

    county.now += timedelta(days=20)
    county.call("admin", "POST", f"/rounds/{round_id}/close", {"revision": 2})
    early = {"revision": 3, "why": ""}
    refused = county.call("admin", "POST", f"/rounds/{round_id}/publish", early, want=409)
    assert refused["cases"] == {"announced": 34}
    finish_all(county, round_id)
    county.call("admin", "POST", f"/rounds/{round_id}/publish", early)
    verify(county, round_id, tmp_path)
    frozen_for_good(county, round_id)
    audit(county)


def everything(county: Any, round_id: str) -> list[Any]:
    """Return all cases, page by page."""
    found, after = [], ""
    while after is not None:
        page = county.call("admin", "GET", f"/rounds/{round_id}/cases?limit=10{after}")
        found += page["cases"]
        after = None if page["next"] is None else f"&after={page['next']}"
    return found


def finish_all(county: Any, round_id: str) -> None:
    """End what is under way in every case."""
    for case in everything(county, round_id):
        calls = county.case(round_id, case["school_id"], case["rubric_id"])
        calls.step("admin", "finish", revision=case["revision"])


def fill_in(county: Any, round_id: str) -> None:
    """Let schools type: two people clash, one declared rate contradicts the measurement."""
    inspection = county.case(round_id, "nine", INSPECTION)
    place = "entries/C4/rooms_missing"
    inspection.put("editor-nine", place, {"value": 2, "revision": 0})
    clash = inspection.put("head-nine", place, {"value": 4, "revision": 0}, want=409)
    assert (clash["current"]["value"], clash["given"]["value"]) == (2, 4)

    profile = county.case(round_id, "primary", PROFILE)
    profile.put("editor-primary", "entries/f17/outlet_mbps", {"value": 1000, "revision": 0})
    (field,) = profile.item("f17")["sheet"]["findings"]
    assert (field["result"], field["reason"]) == ("disputed", "declared_contradicts_measured")
    general = county.case(round_id, "primary", GENERAL)
    assert general.finding("1", "1e")["reason"] == "contract_exceeds_measurement"


def return_one(county: Any, round_id: str) -> None:
    """Return 附件1 of the nine-year school; it is corrected and signed again."""
    case = county.case(round_id, "nine", INSPECTION)
    case.step("head-nine", "sign")
    case.step("head-nine", "submit")
    case.step("admin", "return", why="功能室清单没有附上")
    case.put("editor-nine", "entries/C4/rooms_missing", {"value": 3, "revision": 1})
    case.step("head-nine", "sign")
    case.step("head-nine", "submit")
    assert case.state()["version"] == 2


def review(county: Any, round_id: str) -> None:
    """Officials give points and remarks beside the school's, and judge a measured finding."""
    yuhuatai = county.case(round_id, "complete", YUHUATAI)
    body = {"points": "1.5", "remark": "分工不明确", "revision": 0}
    yuhuatai.put("admin", "review/stages/official/items/1", body)
    assert yuhuatai.item("1")["sheet"]["proven"] == "1.5"

    general = county.case(round_id, "primary", GENERAL)
    verdict = {"result": "not_met", "why": "现场测速 480", "revision": 0}
    general.put("admin", "overrides/1/1e", {**verdict, "why": " "}, want=422)
    general.put("admin", "overrides/1/1e", verdict)
    judged = general.finding("1", "1e")
    assert (judged["result"], judged["origin"]["kind"]) == ("not_met", "judged")
    assert judged["overridden"]["reason"] == "contract_exceeds_measurement"


def appeal(county: Any, round_id: str) -> None:
    """Appeal for the primary school; a re-test shows 900; another person decides for it."""
    case = county.case(round_id, "primary", GENERAL)
    announced = case.form()
    filed = county.call(
        "head-primary", "POST", f"{case.path}/appeals", {"item_id": "1", "grounds": "线路已扩容"}
    )
    place = f"{case.path}/appeals/{filed['id']}"
    county.call("second", "POST", f"{place}/accept", {"revision": 1})
    county.call("second", "POST", f"{place}/retest", {"revision": 2})
    tests = county.records.slot_tests(county.now.date() - timedelta(days=1), "primary")
    assert [test.occasion for test in tests] == [Occasion.RETEST]
    county.now += timedelta(hours=3)
    county.measure_outlet("primary", 900, days=1, hour=county.now.hour - 1)
    seen = county.call("second", "GET", place)["retest"]
    assert seen["measured"]["outlet_capacity"]["value"] == 900
    assert seen["counted"]["outlet_capacity"]["value"] == 480

    decision: dict[str, Any] = {
        "outcome": "upheld",
        "decision": "复测 900 Mbit/s，达到要求",
        "changes": {"verdicts": {"1e": "met"}},
        "revision": 3,
    }
    own = county.call("admin", "POST", f"{place}/decide", decision, want=403)
    assert own["code"] == "appeal_own_score"
    county.call("second", "POST", f"{place}/decide", {**decision, "changes": {}}, want=422)
    decided = county.call("second", "POST", f"{place}/decide", decision)
    results = [
        {f["id"]: f["result"] for f in decided[when]["findings"]}["1e"]
        for when in ("before", "after")
    ]
    assert results == ["not_met", "met"]
    after = case.form()
    assert after["case"]["version"] == announced["case"]["version"] + 1
    assert after["total"]["counts"]["met"] == announced["total"]["counts"]["met"] + 1
    again = {"item_id": "1", "grounds": "再来一次"}
    county.call("head-primary", "POST", f"{case.path}/appeals", again, want=409)


def verify(county: Any, round_id: str, folder: Path) -> None:
    """Compute the bundle again offline, equal to the digit."""
    answer = county.client.get(
        f"/api/v1/rounds/{round_id}/publications/1/bundle",
        headers={"Authorization": f"Bearer {county.tokens['admin']}"},
    )
    assert answer.status_code == 200, answer.text
    bundle = folder / "bundle.zip"
    bundle.write_bytes(answer.content)
    command = [sys.executable, "-m", "collector", "verify", str(bundle), "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["equal"] is True, verdict


def frozen_for_good(county: Any, round_id: str) -> None:
    """See that nothing changes after publishing; a correction is a new version, published again."""
    case = county.case(round_id, "nine", INSPECTION)
    place = "entries/C4/rooms_missing"
    case.put("editor-nine", place, {"value": 0, "revision": 2}, want=409)
    case.put("admin", f"review/{place}", {"value": 0, "revision": 0}, want=409)
    before = case.state()["version"]
    case.step("admin", "correct", why="清单核对有误")
    case.put("admin", f"review/{place}", {"value": 1, "revision": 0})
    case.step("admin", "finish")
    county.now += timedelta(days=20)
    case.step("admin", "finish")
    assert case.state()["version"] == before + 1
    old = county.call("admin", "GET", f"{case.path}/sheet?version={before}")
    assert old["items"]["C4"]["working"].startswith("3 − 3 × 0.5")
    revision = county.call("admin", "GET", f"/rounds/{round_id}")["revision"]
    body = {"revision": revision, "why": "更正一所学校"}
    county.call("admin", "POST", f"/rounds/{round_id}/publish", body)


def audit(county: Any) -> None:
    """Check the chain over everything that was done; it finds one row changed behind its back."""
    report = county.records.verify_audit(None, lambda *_: None)
    assert report.faults == ()
    assert report.rows > 140
    engine = create_engine(county.client.app.state.settings.records_url)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE case_marks SET points = '2' WHERE item_id = '1' AND points = '1.5'")
        )
    engine.dispose()
    (fault,) = county.records.verify_audit(None, lambda *_: None).faults
    assert (fault.kind, fault.table) == ("row_changed", "case_marks")
    assert "complete" in fault.row_key
