"""The page of agents: clones are settled by a person, and each test says why it did not run."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.domain import Occasion, SlotState, SlotTest
from collector.enrolment.service import new_code

GOLDEN = Path(__file__).parents[3] / "contract" / "batch_v1.json"


@pytest.fixture
def clone(bureau: Any) -> tuple[str, str]:
    """Let two hosts send under one identity, as of a cloned disk; return the agent and its key."""
    code, _ = new_code(bureau.records, "zx-001", bureau.now)
    host = {"name": "<b>lab-1</b>", "system": "linux"}
    enrolled = bureau.client.post("/api/v1/enrol", json={"code": code, "host": host}).json()
    for number, status in ((1, 200), (2, 403)):
        assert push(bureau, enrolled["key"], number).status_code == status
    return enrolled["agent_id"], enrolled["key"]


def push(bureau: Any, key: str, number: int) -> Any:
    """Send the first batch of a stream, with a content of its own."""
    batch = json.loads(GOLDEN.read_text(encoding="utf-8"))
    reading = {**batch["readings"][0], "sequence": number}
    batch |= {"batch_id": f"{number:032x}", "sequence": 1, "readings": [reading]}
    bearer = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    return bureau.client.post("/api/v1/readings", content=json.dumps(batch), headers=bearer)


def actions(bureau: Any) -> list[tuple[str, str]]:
    """Return what the audit chain says was done, newest first, with the reasons."""
    return [(one.action, one.why) for one in bureau.records.audit_records(limit=50)]


def test_a_clone_waits_in_front_and_is_released(bureau: Any, clone: tuple[str, str]) -> None:
    """Whose it is, from where, and why in words; after the release the host counts again."""
    agent_id, key = clone
    page = bureau.get("/agents?q=no-such-school")
    assert "等待处理的隔离" in page
    assert "两台主机同用这一个身份" in page
    assert "1 批、1 条读数" in page
    assert "testclient" in page
    assert "two_writers" not in page
    assert "<b>lab-1</b>" not in page
    bureau.post(f"/agents/{agent_id}/release", why="克隆机已重装")
    assert ("agent.release", "克隆机已重装") in actions(bureau)
    assert "等待处理的隔离" not in bureau.get("/agents")
    assert push(bureau, key, 3).status_code == 200
    refused = bureau.post(f"/agents/{agent_id}/release", want=409).text
    assert "已不在隔离中" in refused


def test_what_was_kept_apart_counts_where_a_person_says_so(
    bureau: Any, clone: tuple[str, str]
) -> None:
    """Accepted batches go the way of all others; nothing is left in quarantine."""
    bureau.post(f"/agents/{clone[0]}/release", accept="yes", why="同一台主机，还原过")
    assert bureau.records.quarantine_sources() == []
    assert bureau.records.quarantined("zx-001", 10) == []


def test_an_agent_is_revoked_with_a_reason_alone(bureau: Any, clone: tuple[str, str]) -> None:
    """Without a reason nothing happens; with one the next push is refused and the chain knows."""
    agent_id, key = clone
    assert "请写明吊销的理由" in bureau.post(f"/agents/{agent_id}/revoke", want=422, why=" ").text
    bureau.post(f"/agents/{agent_id}/revoke", why="认不出哪一台是克隆")
    assert ("agent.revoke", "认不出哪一台是克隆") in actions(bureau)
    assert push(bureau, key, 4).status_code == 401
    assert "等待处理的隔离" not in bureau.get("/agents")
    assert "已经吊销" in bureau.post(f"/agents/{agent_id}/revoke", want=409, why="x").text


def test_each_test_says_why_it_did_not_run(bureau: Any) -> None:
    """Day by day with sentences; the sum counts each reason; the page of agents leads there."""
    now = bureau.now
    blank = SlotTest(
        now.date(),
        "zx-001",
        Occasion.PLANNED,
        "http://10.0.0.1:8989",
        now,
        now + timedelta(hours=1),
    )
    skipped = replace(blank, state=SlotState.SKIPPED, reason="slot_line_busy")
    yesterday = now - timedelta(days=1)
    bureau.records.add_slot_tests(
        [
            replace(blank, state=SlotState.DONE),
            skipped,
            replace(skipped, day=yesterday.date(), planned_at=yesterday),
            replace(skipped, reason="slot_exam", occasion=Occasion.RETEST),
            replace(skipped, day=now.date() - timedelta(days=40), reason="slot_holiday"),
        ]
    )
    assert "/agents/schools/zx-001" in bureau.get("/agents")
    page = bureau.get("/agents/schools/zx-001")
    assert "安排 4 次，测了 1 次" in page
    assert "没有测 2 次" in page
    assert re.findall(r"2026-11-(?:20|19)<", page) == ["2026-11-20<", "2026-11-19<"]
    assert page.count("09:00–10:00") >= 3
    assert "slot_" not in page
    assert "近四周没有安排" not in page
    assert bureau.client.get("/agents/schools/nowhere").status_code == 404


def test_a_school_without_tests_is_told_what_brings_them(bureau: Any) -> None:
    """An empty page says what is missing."""
    assert "每天自动安排" in bureau.get("/agents/schools/zx-001")
