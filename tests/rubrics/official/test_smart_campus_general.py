"""附件3-2: the official words, and every criterion with a number at its exact boundary."""

import re
from typing import Any

import pytest

from rubrics.engine import evaluate
from rubrics.loader import load_rubric

RUBRIC = load_rubric("zhongxian-smart-campus-general")
SCHOOL = {"kind": "general", "stages": ["primary"], "students": 1110, "staff": 90}  # 1200 heads


def squeezed(text: str) -> str:
    """Leave out the white space of the table's layout."""
    return re.sub(r"\s", "", text)


def finding(criterion: str, **case: Any) -> dict[str, Any]:
    """Score a case and return one criterion's finding."""
    sheet = evaluate(RUBRIC, {"school": SCHOOL, **case}).to_json()
    item = re.match(r"\d+", criterion)
    assert item is not None
    findings = {one["id"]: one for one in sheet["items"][item[0]]["findings"]}
    found: dict[str, Any] = findings[criterion]
    return found


def outlet(value: float | str, **fields: Any) -> dict[str, Any]:
    """Write an outlet capacity with enough evidence."""
    enough = {"unit": "Mbit/s", "statistic": "p90", "samples": 60, "days": 14, "limited_by": []}
    return {"outlet_capacity": {**enough, "value": value, **fields}}


def test_texts_are_verbatim(zhongxian_seed: str) -> None:
    """Every item carries the official words, in the order of the document."""
    table = zhongxian_seed.partition("普通中小学智慧校园建设情况表")[2].partition("附件3-3")[0]
    flat = squeezed(table)
    at = 0
    for number, item in enumerate(RUBRIC.items(), start=1):
        assert item.id == str(number)
        found = flat.find(squeezed(item.text), at)
        assert found > 0, item.id
        assert flat[:found].rstrip(".．").endswith(item.id)
        at = found
    assert number == 35


def test_names_of_the_groups_are_verbatim(zhongxian_seed: str) -> None:
    """The nine 名称 are those of the document, with the printed numbers of items."""
    table = squeezed(zhongxian_seed.partition("普通中小学智慧校园建设情况表")[2])
    assert [len(section.items) for section in RUBRIC.sections] == [6, 2, 5, 2, 3, 6, 8, 2, 1]
    for section in RUBRIC.sections:
        assert section.title.zh in table


def test_clauses_are_words_of_their_item() -> None:
    """What a criterion quotes stands in its item's text."""
    for item in RUBRIC.items():
        for criterion in getattr(item.rule, "criteria", ()):
            assert criterion.clause is None or criterion.clause in item.text


def test_every_criterion_of_the_numbered_clauses_exists() -> None:
    """The lettered criteria of the domain list are all there."""
    ids = {c.id for item in RUBRIC.items() for c in getattr(item.rule, "criteria", ())}
    letters = (
        [f"1{x}" for x in "abcdefg"] + [f"3{x}" for x in "abc"] + [f"4{x}" for x in "abcdefgh"]
    )
    assert {*letters, *(f"6{x}" for x in "abcd"), "2", "5", "26", "29", "32"} <= ids


def ind(name: str, unit: str, value: object) -> dict[str, Any]:
    """Write an indicator with ample evidence."""
    evidence = {"samples": 5000, "days": 60, "weeks": 10, "coverage": 0.95, "limited_by": []}
    return {"indicators": {name: {"value": value, "unit": unit, **evidence}}}


def ent(item: str, **entries: Any) -> dict[str, Any]:
    """Write entries of one item."""
    return {"entries": {item: entries}}


@pytest.mark.parametrize(
    ("criterion", "met", "not_met"),
    [
        ("1b", ent("1", wired_points=1440), ent("1", wired_points=1439)),
        (
            "1c",
            ind("backbone_link_speed", "Mbit/s", 10000),
            ind("backbone_link_speed", "Mbit/s", 9999),
        ),
        ("1d", ind("desktop_port_share", "ratio", 1), ind("desktop_port_share", "ratio", "0.9999")),
        (
            "1e",
            ind("outlet_capacity", "Mbit/s", 629.1456),
            ind("outlet_capacity", "Mbit/s", 614.3999),
        ),
        (
            "1f",
            ind("wireless_terminal_rate", "ratio", 1),
            ind("wireless_terminal_rate", "ratio", 0.9499),
        ),
        ("3b", ind("server_headroom", "ratio", 0.3), ind("server_headroom", "ratio", 0.2999)),
        (
            "3c",
            ind("storage_usable_bytes", "B", 6 * 10**12),
            ind("storage_usable_bytes", "B", 6 * 10**12 - 1),
        ),
        ("3c", ent("3", usable_gb=6000), ent("3", usable_gb="5999.999")),
        (
            "4a",
            ent("4", classrooms=25, multimedia_rooms=20),
            ent("4", classrooms=25, multimedia_rooms=19),
        ),
        ("4b", ent("4", smallest_display_inches=80), ent("4", smallest_display_inches=79.9)),
        ("4c", ent("4", multimedia_use_percent=50), ent("4", multimedia_use_percent=49.99)),
        ("4d", ent("4", classrooms=30, smart_rooms=3), ent("4", classrooms=30, smart_rooms=2)),
        ("4e", ent("4", smart_room_wifi_percent=120), ent("4", smart_room_wifi_percent=119)),
        (
            "4f",
            ent("4", room_video_1080p=True, recording_1080p=True),
            ent("4", recording_1080p=False),
        ),
        ("4g", ent("4", smart_room_use_percent=50), ent("4", smart_room_use_percent=49)),
        ("6b", ent("6", discharge_test_hours=8), ent("6", discharge_test_hours=7.99)),
        ("6b", ent("6", discharge_test_hours=8), ind("ups_runtime_hours", "h", 7.9)),
        ("6c", ind("camera_1080p_share", "ratio", 1), ind("camera_1080p_share", "ratio", 0.99)),
        ("26", ent("26", it_staff=2), ent("26", it_staff=0)),
        (
            "29",
            ent("29", leadership_meetings_per_year=2),
            ent("29", leadership_meetings_per_year=1),
        ),
        ("32", ent("32", training_events_per_year=2), ent("32", training_events_per_year=1)),
    ],
)
def test_boundary(criterion: str, met: dict[str, Any], not_met: dict[str, Any]) -> None:
    """不低于 includes the number itself; the least bit below is not met; nothing known is open."""
    assert finding(criterion, **met)["result"] == "met"
    assert finding(criterion, **not_met)["result"] == "not_met"
    assert finding(criterion)["result"] == "insufficient"


@pytest.mark.parametrize(
    ("indicators", "facts", "result", "reason"),
    [
        (outlet(980), {}, "met", None),
        (outlet(480), {}, "not_met", None),
        (outlet(480, limited_by=["line"]), {}, "not_met", None),
        (outlet(480, limited_by=["nic"]), {}, "insufficient", "limited_by_nic"),
        (outlet(480, limited_by=["line", "wifi"]), {}, "insufficient", "limited_by_wifi"),
        (outlet(980, limited_by=["nic"]), {}, "met", None),
        (outlet(980, limited_by=["same_host"]), {}, "insufficient", "same_host"),
        (outlet(980, samples=9), {}, "insufficient", "too_few_samples"),
        (outlet(980, days=4), {}, "insufficient", "too_few_days"),
        (outlet(980, samples=None), {}, "insufficient", "evidence_not_stated"),
        (outlet(None), {}, "insufficient", "missing_indicator"),  # type: ignore[arg-type]  # null
        (outlet(480), {"contracted_mbps": 500}, "not_met", None),
        (outlet(480, limited_by=["nic"]), {"contracted_mbps": 500}, "not_met", None),
        (outlet(480), {"contracted_mbps": 1000}, "insufficient", "contract_exceeds_measurement"),
        (
            outlet(480, limited_by=["nic"]),
            {"contracted_mbps": 1000},
            "insufficient",
            "limited_by_nic",
        ),
        (outlet(980, samples=3), {"contracted_mbps": 500}, "insufficient", "too_few_samples"),
        ({}, {"contracted_mbps": 1000}, "insufficient", "missing_indicator"),
    ],
)
def test_outlet_against_limits_and_contract(
    indicators: dict[str, Any], facts: dict[str, Any], result: str, reason: str | None
) -> None:
    """A limited test never fails a school, a contract never passes it, same_host proves nothing."""
    found = finding("1e", indicators=indicators, facts=facts)
    assert (found["result"], found["reason"]) == (result, reason)


def test_measured_above_the_contract_is_met_with_a_warning() -> None:
    """The line delivers: the declaration is out of date, not the measurement."""
    case = {"school": SCHOOL, "indicators": outlet(980), "facts": {"contracted_mbps": 500}}
    item = evaluate(RUBRIC, case).to_json()["items"]["1"]
    assert item["warnings"] == ["measured_above_contract"]
    beside = next(one for one in item["findings"] if one["id"] == "1e")["values"]
    assert beside[0]["value"] == "500"
    assert beside[0]["origin"]["kind"] == "contracted"


@pytest.mark.parametrize(
    ("value", "chosen", "result"),
    [
        ("998.3999", None, "not_met"),
        ("998.4", None, "insufficient"),
        ("1022.3615", None, "insufficient"),
        ("1022.3616", None, "met"),
        ("998.4", "1000", "met"),
        ("1022.3615", "1024", "not_met"),
    ],
)
def test_k_decides_for_1950_people(value: str, chosen: str | None, result: str) -> None:
    """Between 998.4 and 1022.3616 Mbit/s the verdict depends on K; outside it does not."""
    case = {
        "school": {**SCHOOL, "students": 1860},
        "indicators": outlet(value),
        "readings": {"kbps": chosen} if chosen else {},
    }
    found = finding("1e", **case)
    assert found["result"] == result
    if result == "insufficient":
        assert found["reason"] == "reading_undecided"
        assert "512 × 1950 × 1024 ÷ 1000000 = 1022.3616" in found["working"]


@pytest.mark.parametrize(
    ("criterion", "reason"), [("1f", "missing_indicator"), ("1c", "missing_indicator")]
)
def test_nobody_is_sent_to_switch_on_a_probe_that_does_not_exist(
    criterion: str, reason: str
) -> None:
    """What this release cannot measure is said to be so; the rest asks for the measurement."""
    found = finding(criterion)
    assert (found["result"], found["reason"]) == ("insufficient", reason)


def test_numbers_beside_a_verdict_say_what_they_measure() -> None:
    """3a shows two measurements; without names nobody could tell them apart."""
    headroom = {"value": 0.5, "unit": "ratio", "samples": 9, "days": 9, "coverage": 1}
    shown = finding("3a", indicators={"server_headroom": headroom})["values"]
    assert [(one["label"], one["label_en"], one["value"]) for one in shown] == [
        ("服务器资源冗余", "Server headroom", "0.5"),
        ("可用存储总容量", "Usable storage", None),
    ]


@pytest.mark.parametrize("criterion", ["1b", "1e"])
def test_a_school_of_nobody_meets_nothing(criterion: str) -> None:
    """Zero heads is a profile that nobody filled in: no threshold of zero is met by anything."""
    found = finding(
        criterion,
        school={**SCHOOL, "students": 0, "staff": 0},
        indicators=outlet(980),
        entries={"1": {"wired_points": 10}},
    )
    assert (found["result"], found["reason"]) == ("insufficient", "nobody_counted")


@pytest.mark.parametrize(
    ("measured", "declared", "result", "reason"),
    [
        (0.35, 20, "disputed", "declared_contradicts_measured"),
        (0.25, 40, "disputed", "declared_contradicts_measured"),
        (0.25, 20, "not_met", None),
        (0.35, 40, "met", None),
        (None, 40, "met", None),
        (None, 20, "not_met", None),
    ],
)
def test_declared_stands_beside_measured(
    measured: float | None, declared: int, result: str, reason: str | None
) -> None:
    """A declaration never overwrites a measurement; opposite verdicts are a dispute with both."""
    case = ind("server_headroom", "ratio", measured) if measured is not None else {}
    found = finding("3b", **case, **ent("3", server_headroom_percent=declared))
    assert (found["result"], found["reason"]) == (result, reason)
    kinds = {found["origin"]["kind"], *(one["origin"]["kind"] for one in found["values"])}
    assert "declared" in kinds
    assert ("measured" in kinds) == (measured is not None)


def test_ups_estimate_proves_a_fail_but_no_pass() -> None:
    """A run time estimated at present load is an upper bound: a discharge test must confirm it."""
    estimate = ind("ups_runtime_hours", "h", 9)
    assert finding("6b", **estimate)["reason"] == "upper_bound_only"
    confirmed = finding("6b", **estimate, **ent("6", discharge_test_hours=8.5))
    assert confirmed["result"] == "met"
    assert [one["value"] for one in confirmed["values"]] == ["9"]


@pytest.mark.parametrize(
    ("criterion", "entry"),
    [("1g", "ap_load_sufficient"), ("3a", "capacity_sufficient"), ("6d", "retention_meets_rule")],
)
def test_clause_without_a_number_waits_for_a_person(criterion: str, entry: str) -> None:
    """No number decides these; the measurement is shown and a person answers."""
    shown = ind("ap_clients_p95", "terminals", 40)["indicators"]
    shown |= ind("recording_retention_days", "d", 31)["indicators"]
    shown |= ind("server_headroom", "ratio", 0.5)["indicators"]
    waiting = finding(criterion, indicators=shown)
    assert waiting["result"] == "insufficient"
    assert any(one["value"] in ("40", "31", "0.5") for one in waiting["values"])
    judged = finding(criterion, indicators=shown, **ent(criterion[0], **{entry: True}))
    assert judged["result"] == "met"


@pytest.mark.parametrize(
    ("staff", "reading", "result"),
    [
        (2, "floor", "met"),
        (2, "none", "not_met"),
        (2, "ceil", "not_met"),
        (2, None, "insufficient"),
        (3, None, "met"),
        (1, None, "not_met"),
    ],
)
def test_part_thousands_of_people(staff: int, reading: str | None, result: str) -> None:
    """2600 people need 2, 2.6 or 3 of IT staff by the reading; 1 and 3 are clear in every one."""
    case = {
        "school": {**SCHOOL, "students": 2400, "staff": 200},
        "readings": {"per_thousand": reading} if reading else {},
        **ent("26", it_staff=staff),
    }
    assert finding("26", **case)["result"] == result


def test_no_points_are_invented() -> None:
    """The form has no points: sections and total count verdicts, their max is null."""
    sheet = evaluate(
        RUBRIC, {"school": SCHOOL, **ent("29", leadership_meetings_per_year=3)}
    ).to_json()
    assert sheet["total"]["max"] is None
    assert sheet["total"]["counts"]["met"] == 1
    assert sheet["sections"]["zhidu-baozhang"]["counts"]["met"] == 1
    assert sheet["sections"]["jiben-huanjing"]["counts"]["met"] == 0
    criteria = sum(len(getattr(item.rule, "criteria", ())) for item in RUBRIC.items())
    assert sum(sheet["total"]["counts"].values()) == criteria
    assert all(item["max"] is None for item in sheet["items"].values())
