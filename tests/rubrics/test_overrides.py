"""A person's verdict beside a finding, and a fact that several forms ask for."""

from __future__ import annotations

from typing import Any

import pytest

from rubrics.engine import CaseError, evaluate
from rubrics.loader import RubricError, load_rubric, official_paths, parse_rubric

GENERAL = load_rubric("zhongxian-smart-campus-general")
PROFILE = load_rubric("zhongxian-smart-campus-profile")
SCHOOL = {"kind": "general", "stages": ["primary"], "students": 1200, "staff": 90}
SLOW = {
    "outlet_capacity": {
        "value": 480, "unit": "Mbit/s", "samples": 60, "days": 14, "limited_by": ["line"],
    }
}  # fmt: skip
JUDGED = {
    "result": "met",
    "why": "新线路已开通",
    "by": "person:7",
    "at": "2026-11-20T01:00:00+00:00",
}


def findings(rubric: Any, item: str, **case: Any) -> dict[str, Any]:
    """Score a case and return the findings of an item by id."""
    sheet = evaluate(rubric, {"school": SCHOOL, **case}).to_json()
    return {finding["id"]: finding for finding in sheet["items"][item]["findings"]}


def test_a_measured_finding_stays_beside_the_verdict_that_counts() -> None:
    """480 < 660.48 stays readable; the person's verdict counts, with who, when and why."""
    (found,) = [f for f in findings(GENERAL, "1", indicators=SLOW).values() if f["id"] == "1e"]
    assert found["result"] == "not_met"
    judged = findings(GENERAL, "1", indicators=SLOW, overrides={"1": {"1e": JUDGED}})["1e"]
    assert judged["result"] == "met"
    assert judged["origin"] == {
        "kind": "judged", "name": "1e", "by": "person:7", "why": "新线路已开通", "at": JUDGED["at"],
    }  # fmt: skip
    assert judged["overridden"] == found
    assert judged["working"].startswith("人工判定：符合（新线路已开通）；原判定：不符合")
    assert "480" in judged["working"]
    assert judged["working_en"].startswith("judged by a person: met (新线路已开通); found: not met")


def test_a_verdict_settles_a_criterion_that_waits_for_a_person() -> None:
    """Counts follow the verdict, and the sheet's hash covers it."""
    case: dict[str, Any] = {"school": SCHOOL, "overrides": {"1": {"1e": JUDGED}}}
    with_verdict, without = evaluate(GENERAL, case), evaluate(GENERAL, {"school": SCHOOL})
    before, after = (one.to_json()["total"]["counts"] for one in (without, with_verdict))
    assert after["met"] == before["met"] + 1
    assert after["insufficient"] == before["insufficient"] - 1
    assert with_verdict.content_hash != without.content_hash


@pytest.mark.parametrize(
    ("overrides", "path"),
    [
        ({"99": {"1e": JUDGED}}, "overrides.99"),
        ({"1": {"1z": JUDGED}}, "overrides.1.1z"),
        ({"1": {"1e": {**JUDGED, "why": ""}}}, "overrides.1.1e"),
        ({"1": {"1e": {**JUDGED, "result": "disputed"}}}, "overrides.1.1e"),
        ({"1": {"1e": "met"}}, "overrides.1.1e"),
        ({"1": ["1e"]}, "overrides.1"),
    ],
)
def test_a_verdict_that_cannot_be_used_is_an_error(overrides: Any, path: str) -> None:
    """No item, no criterion, no reason, no verdict: named, never passed over."""
    with pytest.raises(CaseError) as refused:
        evaluate(GENERAL, {"school": SCHOOL, "overrides": overrides})
    assert [problem.path for problem in refused.value.problems] == [path]


def test_a_fact_typed_once_fills_every_form_that_asks_for_it() -> None:
    """The contracted rate stands in 附件3-1 f17 and beside 附件3-2 1e, from one declaration."""
    facts = {"contracted_mbps": {"value": 1000, "as_of": "2026-09-01"}}
    field = findings(PROFILE, "f17", facts=facts, indicators=SLOW)["outlet_mbps"]
    assert (field["value"], field["origin"]["as_of"]) == ("1000", "2026-09-01")
    assert field["result"] == "disputed"
    beside = findings(GENERAL, "1", facts=facts, indicators=SLOW)["1e"]["values"]
    assert "1000" in {value["value"] for value in beside}


def test_what_was_entered_for_the_item_itself_stands() -> None:
    """A figure written into the form is not replaced by the fact; the two are compared."""
    given: dict[str, Any] = {
        "facts": {"contracted_mbps": 1000},
        "entries": {"f17": {"outlet_mbps": 500}},
    }
    field = findings(PROFILE, "f17", **given)["outlet_mbps"]
    assert field["value"] == "500"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("type: number, fact: contracted_gbps,", "is not listed under `facts:`"),
        ("type: bool, fact: contracted_mbps,", "is a number in Mbit/s, the entry a bool"),
    ],
)
def test_a_field_names_a_fact_of_its_own_kind(entry: str, message: str) -> None:
    """A misspelt fact, or one of another type, is found when the rubric is loaded."""
    text = official_paths()[PROFILE.id].read_text(encoding="utf-8")
    broken = text.replace(
        "outlet_mbps: {type: number, fact: contracted_mbps,", f"outlet_mbps: {{{entry}", 1
    )
    if "bool" in entry:
        broken = broken.replace(
            "fact: contracted_mbps, unit: Mbit/s, min: 0, zh: 互联网",
            "fact: contracted_mbps, zh: 互联网",
        )
    with pytest.raises(RubricError, match=message):
        parse_rubric(broken)
