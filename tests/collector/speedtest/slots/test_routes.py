"""Slots over HTTP, in the wired collector: what agents, bureau and viewers get."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from collector.scoring.calendar import SchoolCalendar
from collector.speedtest.slots import SlotBook, SlotRules, SlotServer


@pytest.fixture
def county(start_county: Callable[..., Any]) -> Any:
    """Return a county with a measurement server, at nine on a Friday morning in China."""
    made = start_county()
    server = SlotServer("http://10.0.0.1:8989", "m1", "0" * 32)
    made.app.state.slots = SlotBook(
        [server], SlotRules(), made.records, SchoolCalendar(), made.clock
    )
    return made


def ask(county: Any, method: str, path: str, key: str, **body: Any) -> Any:
    """Call the slots' interface with a key of the county."""
    headers = {"Authorization": f"Bearer {county.keys[key]}"}
    return county.client.request(method, f"/api/v1/slots{path}", headers=headers, json=body)


def test_an_agent_is_told_when_to_come(county: Any) -> None:
    """409 with Retry-After before its time; a re-test is granted at once and given back."""
    refused = ask(county, "POST", "", "agent", purpose="outlet_bandwidth")
    assert (refused.status_code, refused.json()["code"]) == (409, "slot_not_yet")
    assert int(refused.headers["Retry-After"]) > 0
    coming = ask(county, "GET", "/next", "agent").json()
    assert coming["due"] is False
    assert 1 <= coming["wait_s"] <= 300
    assert coming["planned_at"].rstrip("Z") in refused.json()["detail"]
    granted = ask(county, "POST", "", "agent", occasion="retest").json()
    assert granted["occasion"] == "retest"
    assert granted["server"] == "http://10.0.0.1:8989"
    done = ask(county, "POST", f"/{granted['id']}/release", "agent", used_bytes=5)
    assert done.status_code == 204


def test_an_examination_is_declared_and_ended_over_http(county: Any) -> None:
    """While it lasts nobody tests; wrong times are named; ending it twice is 404."""
    now = county.clock()
    times = {"since": now.isoformat(), "until": (now + timedelta(hours=2)).isoformat()}
    made = ask(county, "POST", "/exams", "bureau", note="英语听力", **times)
    assert made.status_code == 201
    assert made.json()["author"] == "test"
    refused = ask(county, "POST", "", "agent", occasion="retest")
    assert refused.json()["code"] == "slot_exam"
    assert "英语听力" in refused.json()["detail"]
    assert ask(county, "GET", "", "read").json()["pauses"] == [made.json()]
    exam = f"/exams/{made.json()['id']}"
    assert ask(county, "DELETE", exam, "bureau").status_code == 204
    assert ask(county, "DELETE", exam, "bureau").status_code == 404
    assert ask(county, "POST", "", "agent", occasion="retest").status_code == 200
    swapped = {"since": times["until"], "until": times["since"]}
    wrong = ask(county, "POST", "/exams", "bureau", note=" ", **swapped)
    assert wrong.status_code == 422
    assert {row["field"] for row in wrong.json()["errors"]} == {"until", "note"}


def test_the_bureau_asks_for_a_retest_and_the_agent_runs_it(county: Any) -> None:
    """The agent finds it due; its planned question is answered with the re-test."""
    assert ask(county, "POST", "/retests", "bureau", school_id="zx-001").status_code == 202
    assert ask(county, "POST", "/retests", "bureau", school_id="zx-001").status_code == 409
    assert ask(county, "POST", "/retests", "bureau", school_id="none").status_code == 404
    coming = ask(county, "GET", "/next", "agent").json()
    assert (coming["due"], coming["occasion"]) == (True, "retest")
    assert ask(county, "POST", "", "agent").json()["occasion"] == "retest"
    shown = ask(county, "GET", "", "read").json()
    assert shown["servers"][0]["school_id"] == "zx-001"
    assert next(s for s in shown["schools"] if s["school_id"] == "zx-001")["retests"] == 1


def test_a_school_gets_rules_of_its_own(county: Any) -> None:
    """Quiet hours hold its planned tests back; wrong hours are refused with their place."""
    answer = ask(county, "PUT", "/schools/zx-001", "bureau", quiet_hours=["07:00-18:00"])
    assert answer.status_code == 204
    for wrong in (["9-10x"], ["10:00-09:00"]):
        refused = ask(county, "PUT", "/schools/zx-001", "bureau", quiet_hours=wrong)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == "quiet_hours"
    county.clock.advance(hours=10)
    told = ask(county, "GET", "/schools/zx-001", "read").json()
    assert set(told["summary"]["skipped"]) == {"slot_quiet_hours"}
    assert {test["reason"] for test in told["tests"]} == {"slot_quiet_hours"}
