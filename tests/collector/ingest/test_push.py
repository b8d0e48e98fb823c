"""Pushing over HTTP: every row of the wire's answer table, on real stores."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from collector.ingest.limits import IngestLimits

PROBLEM = "application/problem+json"


def test_golden_batch_is_stored_and_reaches_the_series_store(county: Any, golden: Any) -> None:
    """What an agent pushed can be queried, with school and agent taken from the key."""
    answer = county.push(gzip.compress(json.dumps(golden).encode()), **{"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["status"]) == (200, "stored")
    assert answer.json()["readings"] == 3
    county.wait_applied()
    stored = county.series.latest_readings("zx-001")
    assert {(r.agent_id, r.reading.sequence) for r in stored} == {
        (county.agent_id, n) for n in (1201, 1202, 1203)
    }


def test_the_same_batch_again_changes_nothing(county: Any, golden: Any) -> None:
    """A repeated batch is acknowledged as duplicate, before and after it was applied."""
    assert county.push(golden).json()["status"] == "stored"
    assert county.push(golden).json()["status"] == "duplicate"
    county.wait_applied()
    golden["sent_at"] = "2026-11-20T01:00:19Z"
    assert county.push(golden).json()["status"] == "duplicate"
    county.wait_applied()
    assert len(county.series.latest_readings("zx-001")) == 3


def test_the_same_id_with_other_content_is_a_conflict(county: Any, golden: Any) -> None:
    """409, and the first content stays what is stored."""
    county.push(golden)
    golden["readings"][0]["values"]["cpu_used_ratio"] = 0.99
    answer = county.push(golden)
    assert (answer.status_code, answer.json()["code"]) == (409, "batch_conflict")
    assert answer.json()["retry"] is False
    county.wait_applied()
    stored = county.series.latest_readings("zx-001", probe="server_headroom")
    assert [r.reading.values["cpu_used_ratio"] for r in stored] == [0.125]


def test_two_agents_may_use_the_same_batch_id(county: Any, golden: Any) -> None:
    """A batch id only has to be unique within its agent."""
    _, county.keys["second"] = county.enrol("zx-002")
    assert county.push(golden).json()["status"] == "stored"
    assert county.push(golden, key="second").json()["status"] == "stored"
    county.wait_applied()
    assert len(county.series.latest_readings("zx-002")) == 3


def test_payload_cannot_choose_the_school(county: Any, golden: Any) -> None:
    """School and agent in the payload are passed over; the key decides."""
    golden["school"] = golden["school_id"] = "zx-002"
    golden["agent"]["id"] = "someone-else"
    assert county.push(golden).status_code == 200
    county.wait_applied()
    assert county.series.latest_readings("zx-002") == []


def test_wrong_rows_are_named_and_nothing_of_the_batch_is_stored(county: Any, golden: Any) -> None:
    """422 names row and field; the good rows come again in a new batch."""
    golden["readings"][1]["values"]["download_line_rate_mbps"] = "fast"
    answer = county.push(golden)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == PROBLEM
    errors = answer.json()["errors"]
    assert [(e["row"], e["field"]) for e in errors] == [(1, "values.download_line_rate_mbps")]
    assert county.records.pending_count() == 0
    assert county.series.latest_readings("zx-001") == []
    del golden["readings"][1]
    golden["batch_id"] = "a-new-batch-id"
    assert county.push(golden).json()["status"] == "stored"


def test_a_reading_from_the_future_is_refused_by_row(county: Any, golden: Any) -> None:
    """A host whose clock runs ahead learns which rows, and why."""
    golden["readings"][2]["time"] = "2026-11-20T01:10:21Z"
    answer = county.push(golden)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["row"] == 2
    assert "clock" in answer.json()["errors"][0]["reason"]


def test_clock_skew_version_and_contact_are_noted(county: Any, golden: Any) -> None:
    """The agent's page can say when it last reported and how far its clock is off."""
    county.push(golden)
    agent = county.records.agent(county.agent_id)
    assert agent.clock_skew_s == pytest.approx(-4.75)
    assert agent.version == "0.1.0"
    assert agent.last_seen_at == county.clock()


def test_refused_bodies_are_kept_with_their_reason(county: Any, golden: Any) -> None:
    """The school can see what was wrong; the body comes with it."""
    golden["readings"][0]["outcome"] = "?"
    body = json.dumps(golden).encode()
    county.push(gzip.compress(body), **{"Content-Encoding": "gzip"})
    (refusal,) = county.records.refusals("zx-001", 10)
    assert refusal.status == 422
    assert "row 0 outcome" in refusal.reason
    assert refusal.body == body
    assert county.records.refusal_count("zx-001").total == 1


def test_a_school_can_see_what_was_refused(county: Any, golden: Any) -> None:
    """The read API shows the newest refusals with reason and body; bytes that are no text too."""
    county.push(b"\xff\xfe")
    golden["readings"][2]["probe"] = "Link Speed"
    county.push(golden)
    seen = county.client.get("/api/v1/schools/zx-001/refusals", params={"limit": 5}).json()
    assert (seen["total"], seen["kept"]) == (2, 2)
    assert [refusal["status"] for refusal in seen["refused"]] == [422, 400]
    assert "row 2 probe" in seen["refused"][0]["reason"]
    assert seen["refused"][0]["agent_id"] == county.agent_id
    other = county.client.get("/api/v1/schools/zx-002/refusals").json()
    assert other == {"total": 0, "kept": 0, "refused": []}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"", {}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {"Content-Encoding": "br"}, 415),
        (b"not gzip", {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(bytes(9 << 20)), {"Content-Encoding": "gzip"}, 413),
        (bytes((1 << 20) + 1), {}, 413),
    ],
)
def test_unreadable_bodies_are_permanent(
    county: Any, body: bytes, headers: dict[str, str], status: int
) -> None:
    """Each is a problem document that says a retry cannot help, is counted and kept."""
    answer = county.push(body, **headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["status"] == status
    assert answer.json()["retry"] is False
    assert answer.json()["detail"]
    assert county.records.refusal_count("zx-001").total == 1
    metrics = county.client.get("/metrics").text
    assert 'campusgauge_collector_batches_total{result="refused"} 1.0' in metrics


def test_a_body_without_announced_length_is_bounded_too(county: Any) -> None:
    """Chunked transfer cannot smuggle more bytes in than the limit."""

    def chunks() -> Any:
        for _ in range(20):
            yield bytes(100_000)

    answer = county.client.post(
        "/api/v1/readings",
        content=chunks(),
        headers={
            "Authorization": f"Bearer {county.keys['agent']}",
            "Content-Type": "application/json",
        },
    )
    assert answer.status_code == 413


def test_series_per_school_are_bounded(start_county: Callable[..., Any], golden: Any) -> None:
    """A target that changes with every reading is stopped, and known series go on."""
    county = start_county(limits=IngestLimits(series_per_school=4))
    assert county.push(golden).status_code == 200
    other = json.loads(json.dumps(golden))
    other["batch_id"] = "another-batch"
    for number, reading in enumerate(other["readings"]):
        reading["target"] = f"random-{number}"
    answer = county.push(other)
    assert (answer.status_code, answer.json()["code"]) == (422, "series_per_school")
    assert {e["field"] for e in answer.json()["errors"]} == {"target"}
    golden |= {"batch_id": "the-old-series-again", "sequence": golden["sequence"] + 1}
    for reading in golden["readings"]:
        reading["sequence"] += 10
    assert county.push(golden).json()["status"] == "stored"


def test_series_bound_is_remembered_over_a_restart(
    start_county: Callable[..., Any], golden: Any
) -> None:
    """The bound counts what the school ever had, not what this process has seen."""
    first = start_county(limits=IngestLimits(series_per_school=3))
    first.push(golden)
    first.wait_applied()
    first.client.__exit__(None, None, None)
    again = start_county(limits=IngestLimits(series_per_school=3))
    golden["batch_id"] = "another-batch"
    golden["readings"][0]["target"] = "other"
    assert again.push(golden).status_code == 422


def test_a_full_inbox_asks_agents_to_wait(start_county: Callable[..., Any], golden: Any) -> None:
    """503 with Retry-After: transient, so agents keep their data."""
    county = start_county(limits=IngestLimits(pending_batches=0))
    answer = county.push(golden)
    assert answer.status_code == 503
    assert answer.json()["retry"] is True
    assert int(answer.headers["retry-after"]) > 0
    assert county.records.refusal_count("zx-001").total == 0
