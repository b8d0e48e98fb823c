"""What a failed test really moved is asked of the real measurement server, and charged."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from collector.domain import Occasion
from collector.scoring.calendar import SchoolCalendar
from collector.speedtest.host import HostFacts
from collector.speedtest.server import MeasurementServer
from collector.speedtest.sessions import Limits
from collector.speedtest.slots import SlotBook, SlotRules, SlotServer
from collector.speedtest.slots.moved import ask_moved_bytes
from collector.speedtest.slots.overview import school_tests
from collector.speedtest.tokens import TokenSpender, server_id

MIB = 1024 * 1024
RESERVE = 3_000_000_000
SESSION_S = 1.5


@pytest.fixture
def server(bureau: Any) -> Iterator[MeasurementServer]:
    """Yield a serving measurement server that shares the bureau's secret and clock."""
    spender = TokenSpender(bureau.secret, lambda: bureau.now.timestamp())
    made = MeasurementServer(
        ("127.0.0.1", 0),
        spender,
        server_id(bureau.secret),
        limits=Limits(session_seconds=SESSION_S),
        facts=HostFacts(None, None),
    )
    threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def book(bureau: Any, server: MeasurementServer) -> SlotBook:
    """Return slots at that server."""
    listed = SlotServer(f"http://127.0.0.1:{server.server_port}", "s", bureau.secret)
    hours = SchoolCalendar()
    return SlotBook([listed], SlotRules(), bureau.records, hours, bureau.clock, ask_moved_bytes)


def move(server: MeasurementServer, token: str, *, end: bool) -> None:
    """Open a session with the slot's token and download 2 MiB in it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    connection.request("POST", "/session", headers={"Authorization": f"Bearer {token}"})
    opened = json.loads(connection.getresponse().read())
    headers = {"CampusGauge-Session": opened["session"]}
    connection.request("GET", "/garbage?ckSize=2", headers=headers)
    assert len(connection.getresponse().read()) == 2 * MIB
    if end:
        connection.request("DELETE", "/session", headers=headers)
        connection.getresponse().read()
    connection.close()


def used(book: SlotBook) -> int:
    """Return what the school is charged today, after its agent has asked for the next test."""
    book.next_test("zx-001", None)
    return school_tests(book.view(), "zx-001").summary.used_bytes


def test_a_test_that_failed_midway_is_charged_what_it_moved(
    book: SlotBook, server: MeasurementServer
) -> None:
    """Its agent gives the slot back without a number; the server knows."""
    slot = book.grant("zx-001", Occasion.RETEST)
    move(server, slot.token, end=True)
    book.release(slot.id, "zx-001", None)
    assert school_tests(book.view(), "zx-001").summary.used_bytes == RESERVE
    assert used(book) == 2 * MIB


def test_a_test_whose_agent_died_is_charged_what_it_moved(
    bureau: Any, book: SlotBook, server: MeasurementServer
) -> None:
    """Nobody ends the session or gives the slot back."""
    slot = book.grant("zx-001", Occasion.RETEST)
    move(server, slot.token, end=False)
    assert used(book) == RESERVE
    time.sleep(SESSION_S + 0.1)
    bureau.now += timedelta(seconds=61)
    assert used(book) == 2 * MIB


def test_a_slot_that_was_never_used_costs_nothing(bureau: Any, book: SlotBook) -> None:
    """The agent died before it connected."""
    book.grant("zx-001", Occasion.RETEST)
    bureau.now += timedelta(seconds=61)
    assert used(book) == 0


def test_a_server_that_forgot_or_is_gone_leaves_the_reserve_charged(
    bureau: Any, book: SlotBook, server: MeasurementServer
) -> None:
    """Unknown is not zero: after a restart it would say that nothing was moved."""
    slot = book.grant("zx-001", Occasion.RETEST)
    book.release(slot.id, "zx-001", None)
    bureau.now += timedelta(seconds=5)
    server.spender = TokenSpender(bureau.secret, lambda: bureau.now.timestamp())
    assert used(book) == RESERVE
    server.shutdown()
    server.server_close()
    assert used(book) == RESERVE


def test_only_the_collector_is_told(server: MeasurementServer) -> None:
    """A stranger, and the holder of a slot's token, learn nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    for headers in ({}, {"Authorization": "Bearer made.up"}):
        connection.request("GET", "/session/moved", headers=headers)
        answer = connection.getresponse()
        assert answer.status == 401
        assert "reason" in json.loads(answer.read())
    connection.close()
