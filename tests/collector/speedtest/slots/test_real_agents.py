"""Twenty real agents, one real collector, one real measurement server: one test at a time."""

from __future__ import annotations

import threading
import time as clock_time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import uvicorn

from agent.appointments import Appointments
from agent.collector_client import CollectorClient
from agent.probes.base import CollectorAccess, Context, utc_now
from agent.probes.outlet_bandwidth import OutletBandwidth, OutletBandwidthSettings
from agent.reading import Outcome, Reading
from collector.app import create_app, open_stores
from collector.domain import School, SchoolKind, SlotState, SlotTest
from collector.enrolment.service import new_code
from collector.scoring.calendar import SchoolCalendar
from collector.settings import ServerAddress, Settings
from collector.speedtest.command import build_server
from collector.speedtest.slots import SlotBook, SlotRules, SlotServer
from collector.speedtest.tokens import read_secret
from collector.storage.ports import RecordStore

QUICK = OutletBandwidthSettings(
    directions=("download",), max_seconds=1.0, max_bytes=100_000_000, slot_wait_s=120.0
)


@dataclass
class RealBureau:
    """A serving collector and measurement server, and one enrolled agent for each school."""

    records: RecordStore
    agents: dict[str, CollectorAccess]

    def tests(self) -> list[SlotTest]:
        """Return the tests that ran, in order."""
        found = self.records.slot_tests(datetime(2026, 1, 1, tzinfo=UTC).date())
        ran = [test for test in found if test.started_at is not None]
        return sorted(ran, key=lambda test: test.started_at or utc_now())


Start = Callable[[int, SlotRules, SchoolCalendar], RealBureau]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a bureau with this many schools."""
    closing: list[Callable[[], object]] = []

    def begin(schools: int, rules: SlotRules, calendar: SchoolCalendar) -> RealBureau:
        token_file = tmp_path / "slots.token"
        server = build_server("127.0.0.1", 0, token_file, open=False)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        address = ServerAddress(url=url, name="s", token_file=token_file)
        stores = open_stores(Settings(data=tmp_path / "data"), lambda _: None)
        app = create_app(
            Settings(data=tmp_path / "data", measurement_servers=(address,)), stores, {}
        )
        keys = {}
        for n in range(schools):
            stores.records.put_school(School(f"zx-{n:03}", "示例", SchoolKind.GENERAL))
            code, _ = new_code(stores.records, f"zx-{n:03}", utc_now())
            enrolled = app.state.enrolment.enrol(code, "lab", "linux", "127.0.0.1")
            keys[f"zx-{n:03}"] = enrolled.key_text
        listed = [SlotServer(url, "s", read_secret(token_file))]
        app.state.slots = SlotBook(listed, rules, stores.records, calendar, utc_now)
        web = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
        thread = threading.Thread(target=web.run, daemon=True)
        thread.start()
        deadline_s = clock_time.monotonic() + 20
        while not web.started:
            assert clock_time.monotonic() < deadline_s
            clock_time.sleep(0.01)
        port = web.servers[0].sockets[0].getsockname()[1]

        def close() -> None:
            web.should_exit = True
            thread.join(20)
            server.shutdown()
            server.server_close()

        closing.append(close)
        access = {s: CollectorAccess(f"http://127.0.0.1:{port}", key) for s, key in keys.items()}
        return RealBureau(stores.records, access)

    yield begin
    for close in closing:
        close()


def all_at_once(
    agents: dict[str, CollectorAccess], work: Callable[[CollectorAccess], list[Reading]]
) -> dict[str, list[Reading]]:
    """Run one thread per agent and return what each measured."""
    found: dict[str, list[Reading]] = {}

    def one(school_id: str, access: CollectorAccess) -> None:
        found[school_id] = work(access)

    threads = [
        threading.Thread(target=one, args=(school_id, access), daemon=True)
        for school_id, access in agents.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert found.keys() == agents.keys()
    return found


def overlaps(tests: list[SlotTest]) -> list[tuple[SlotTest, SlotTest]]:
    """Return neighbouring tests of which the later began before the earlier had ended."""
    return [
        (a, b)
        for a, b in pairwise(tests)
        if a.ended_at is None or b.started_at is None or b.started_at < a.ended_at
    ]


def test_twenty_agents_at_once_test_one_after_the_other(start: Start) -> None:
    """Each waits its turn in the real client, gets the server alone, and gives it back."""
    bureau = start(20, SlotRules(busy_retry_s=0.5), SchoolCalendar())

    def work(access: CollectorAccess) -> list[Reading]:
        context = Context(collector=access, on_demand=True)
        return list(OutletBandwidth().collect(QUICK, context))

    found = all_at_once(bureau.agents, work)
    outcomes = {(r.outcome, r.reason) for readings in found.values() for r in readings}
    assert outcomes == {(Outcome.LIMITED, "same_host")}
    tests = bureau.tests()
    assert len(tests) == 20
    assert overlaps(tests) == []
    assert {(test.state, test.reason) for test in tests} == {(SlotState.DONE, None)}
    assert all(0 < (test.used_bytes or 0) < 1_000_000_000 for test in tests)


def test_planned_tests_run_when_planned(start: Start) -> None:
    """Real steady agents come at their own times, one test each, labelled as planned."""
    now = utc_now()
    zone = ZoneInfo(f"Etc/GMT{now.hour - 12:+d}")  # noon somewhere: far from midnight
    opens = (now + timedelta(seconds=2)).astimezone(zone)
    hours = ((opens.time(), (opens + timedelta(seconds=12)).time()),)
    calendar = SchoolCalendar(zone, hours, is_workday=lambda _day: True)
    rules = SlotRules(tests_per_day=1, max_seconds=2.5, token_valid_s=1.0, guard_s=0.5)
    bureau = start(3, rules, calendar)

    def work(access: CollectorAccess) -> list[Reading]:
        client = CollectorClient(access, timeout_s=5)
        try:
            return attend(client, access)
        finally:
            client.close()

    def attend(client: CollectorClient, access: CollectorAccess) -> list[Reading]:
        steady = Appointments(
            "outlet_bandwidth", lambda: client, memory=None, retell_s=3600, now=utc_now
        )
        readings: list[Reading] = []
        deadline_s = clock_time.monotonic() + 20
        while clock_time.monotonic() < deadline_s:
            appointment = steady.ask()
            readings += appointment.readings
            if appointment.due:
                found = OutletBandwidth().collect(QUICK, Context(collector=access))
                readings += steady.accounted(found)
                if readings:
                    return readings
            clock_time.sleep(min(appointment.wait_s, 1.0))
        return readings

    found = all_at_once(bureau.agents, work)
    said = {s: [(r.reason, r.labels["occasion"]) for r in own] for s, own in found.items()}
    assert said == {school_id: [("same_host", "planned")] for school_id in bureau.agents}
    tests = bureau.tests()
    assert overlaps(tests) == []
    late = [test.started_at - test.planned_at for test in tests if test.started_at]
    assert len(late) == 3
    assert all(timedelta(0) <= delay < timedelta(seconds=rules.cell_s) for delay in late)
    assert min(t.planned_at.astimezone(zone).time() for t in tests) >= time(
        opens.hour, opens.minute
    )
