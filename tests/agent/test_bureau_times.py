"""What the bureau keeps free: fetched over the pusher's connection, remembered, never trusted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.bureau_times import LOOK_EVERY_S, BureauTimes
from agent.collector_client import CollectorClient
from agent.probes.base import CollectorAccess
from agent.pusher import Pusher
from agent.reading import Reading
from agent.settings import PushSettings
from agent.spool import Spool

EXAM = {"exams": ["2027-06-07T00:00+00:00/2027-06-09T10:00+00:00"], "holidays": []}
DURING = datetime(2027, 6, 8, tzinfo=UTC)


def client(scripted: Any) -> CollectorClient:
    """Connect to the scripted collector."""
    return CollectorClient(CollectorAccess(scripted.url, "k"), timeout_s=5)


def test_an_exam_is_heard_kept_and_ended(scripted: Any, tmp_path: Path) -> None:
    """The bureau's examination counts, also for an agent started offline, until taken back."""
    clock = [0.0]
    memory = tmp_path / "bureau_times.json"
    bureau = BureauTimes(memory, lambda: clock[0])
    connection = client(scripted)
    scripted.say(200, {"schedule": EXAM, "heads": 7})
    bureau.look(connection)
    bureau.look(connection)
    assert bureau.times.refusal(DURING) == "schedule_exam"
    assert len(scripted.requests) == 1, "asked again at once"
    assert BureauTimes(memory).times.refusal(DURING) == "schedule_exam"

    clock[0] += LOOK_EVERY_S
    scripted.say(200, {"schedule": {"exams": [], "holidays": []}})
    bureau.look(connection)
    connection.close()
    assert bureau.times.refusal(DURING) is None
    assert BureauTimes(memory).times.refusal(DURING) is None


def test_trouble_leaves_what_was_known(scripted: Any, tmp_path: Path) -> None:
    """Errors, nonsense and an older collector never raise, and never end an examination."""
    clock = [0.0]
    bureau = BureauTimes(tmp_path / "bureau_times.json", lambda: clock[0])
    connection = client(scripted)
    scripted.say(200, {"schedule": EXAM})
    bureau.look(connection)
    for status, body in [(500, {}), (200, b"<html>"), (200, {"schedule": {"exams": ["x"]}})]:
        clock[0] += LOOK_EVERY_S
        scripted.say(status, body)
        bureau.look(connection)
        assert bureau.times.refusal(DURING) == "schedule_exam"
    connection.close()
    (tmp_path / "bureau_times.json").write_text("torn")
    assert BureauTimes(tmp_path / "bureau_times.json").times.refusal(DURING) is None


def test_it_is_asked_after_a_delivery(
    scripted: Any,
    tmp_path: Path,
    open_spool: Callable[..., Spool],
    make_reading: Callable[..., Reading],
) -> None:
    """Batch and question go over one connection, one after the other."""
    spool, connection = open_spool(), client(scripted)
    bureau = BureauTimes(tmp_path / "bureau_times.json")
    pusher = Pusher(spool, lambda: connection, PushSettings(), after_delivery=bureau.look)
    spool.put([make_reading()])
    scripted.say(200, {"status": "stored"})
    scripted.say(200, {"schedule": EXAM})
    pusher.push_once()
    connection.close()
    paths = [request["path"] for request in scripted.requests]
    assert paths == ["/api/v1/readings", "/api/v1/agent/settings"]
    assert bureau.times.refusal(DURING) == "schedule_exam"
