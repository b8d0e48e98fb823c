"""Two writers of one stream: seen, kept apart, shown, and ended by a person."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.domain import Act
from collector.storage.sql_records import quarantine

ACT = Act("cli:test", datetime(2026, 11, 20, tzinfo=UTC), "agent.release", "checked")


def batch(golden: Any, number: int, sequence: int, **more: Any) -> Any:
    """Return a batch of one reading of its own."""
    reading = golden["readings"][0] | {"sequence": number}
    return golden | {
        "batch_id": f"{number:032x}",
        "sequence": sequence,
        "readings": [reading],
        **more,
    }


def code(answer: Any) -> str:
    """Return the receipt's status or the refusal's code."""
    said = answer.json()
    return str(said.get("code") or said.get("status"))


def test_the_same_number_with_another_batch_is_a_second_writer(county: Any, golden: Any) -> None:
    """The first counts, the second is kept apart; from then on nothing of the agent counts."""
    assert code(county.push(batch(golden, 1, 1))) == "stored"
    refused = county.push(batch(golden, 2, 1))
    assert (refused.status_code, code(refused)) == (403, "agent_quarantined")
    assert "隔离" in refused.json()["detail"]
    assert code(county.push(batch(golden, 3, 2))) == "agent_quarantined"
    assert code(county.push(batch(golden, 1, 1))) == "duplicate", "what is stored stays stored"
    county.wait_applied()
    assert len(county.series.latest_readings("zx-001")) == 1
    shown = county.client.get("/api/v1/schools/zx-001/quarantine").json()
    assert [one["batch_id"][-1] for one in shown["batches"]] == ["3", "2"]
    assert [one["agent_id"] for one in shown["agents"]] == [county.agent_id]
    settings = county.client.get(
        "/api/v1/agent/settings", headers={"Authorization": f"Bearer {county.keys['agent']}"}
    )
    assert settings.json()["quarantined"] is True


def test_numbers_out_of_order_are_not_a_second_writer(county: Any, golden: Any) -> None:
    """A client that sends side by side is no clone: numbers that nobody used are taken."""
    order = [5, 3, 4, 1, 2, 6]
    assert [code(county.push(batch(golden, n, n))) for n in order] == ["stored"] * 6


def test_a_number_below_all_that_is_remembered_is_a_second_writer(county: Any, golden: Any) -> None:
    """A clone that wakes after weeks is seen although the numbers it repeats were forgotten."""
    for number in range(1, 21):
        assert code(county.push(batch(golden, number, number))) == "stored"
    county.wait_applied()
    county.clock.advance(days=8)
    late = (county.clock() - timedelta(minutes=1)).isoformat()
    assert code(county.push(batch(golden, 21, 21, sent_at=late))) == "stored"
    county.wait_applied()
    assert code(county.push(batch(golden, 99, 2, sent_at=late))) == "agent_quarantined"


def test_released_the_next_writer_counts_and_another_is_seen_again(
    county: Any, golden: Any
) -> None:
    """After the release the host that goes on is trusted from its own number, and only it."""
    for number, sequence in ((1, 1), (2, 2), (3, 1)):
        county.push(batch(golden, number, sequence))
    assert county.records.release_agent(county.agent_id, ACT, accept=False)
    assert not county.records.release_agent(county.agent_id, ACT, accept=False)
    assert county.records.quarantined("zx-001", 10) == []
    assert code(county.push(batch(golden, 3, 1))) == "stored"
    assert code(county.push(batch(golden, 4, 2))) == "stored"
    assert code(county.push(batch(golden, 5, 2))) == "agent_quarantined"


def test_a_person_may_take_what_was_kept_apart(county: Any, golden: Any) -> None:
    """A restore card wiped the host: the quarantine's copy is the only one, and becomes data."""
    for number, sequence in ((1, 1), (2, 1), (3, 2)):
        county.push(batch(golden, number, sequence))
    assert county.records.release_agent(county.agent_id, ACT, accept=True)
    assert code(county.push(batch(golden, 3, 2))) == "duplicate"
    county.push(batch(golden, 4, 3))
    county.wait_applied()
    assert len(county.series.latest_readings("zx-001")) == 4


def test_a_quarantine_is_bounded(county: Any, golden: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound nothing more is kept and the host is still told to keep it."""
    monkeypatch.setattr(quarantine, "KEPT_PER_AGENT", 3)
    county.push(batch(golden, 1, 1))
    said = {code(county.push(batch(golden, n, 1))) for n in range(2, 9)}
    assert said == {"agent_quarantined"}
    assert len(county.records.quarantined("zx-001", 100)) == 3


def test_a_foreign_client_numbers_as_it_likes(county: Any, golden: Any) -> None:
    """A key for other software promises no order, so nothing follows from its numbers."""
    said = [code(county.push(batch(golden, n, 1), key="write")) for n in range(1, 4)]
    assert said == ["stored"] * 3


def test_the_quarantine_is_in_the_audit_chain(county: Any, golden: Any) -> None:
    """Who was quarantined, from which address, and who released with which reason."""
    county.push(batch(golden, 1, 1))
    county.push(batch(golden, 2, 1))
    county.push(batch(golden, 3, 1))
    county.records.release_agent(county.agent_id, ACT, accept=False)
    acts = [r for r in county.records.all_audit_records() if r.row_key == county.agent_id]
    assert [(a.action, a.why, a.row_key) for a in acts] == [
        ("agent.quarantine", "two_writers", county.agent_id),
        ("agent.release", "checked", county.agent_id),
    ]
    assert acts[0].address == "testclient"
    assert json.dumps(acts[0].actor) == f'"agent:{county.agent_id}"'
