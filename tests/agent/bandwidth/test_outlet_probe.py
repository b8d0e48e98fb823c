"""The probe `outlet_bandwidth` against a real collector and a real measurement server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
import yaml

from agent.bandwidth.result import DirectionResult
from agent.probes.base import CollectorAccess, Context
from agent.probes.outlet_bandwidth import OutletBandwidth, OutletBandwidthSettings, held_back
from agent.reading import Outcome, Reading
from collector.app import create_app, open_stores
from collector.domain import Occasion, School, SchoolKind, Stage
from collector.enrolment.service import EnrolmentService, new_code
from collector.settings import ServerAddress, Settings
from collector.speedtest.command import build_server
from collector.speedtest.slots import SlotBook
from collector.speedtest.slots.overview import overview, school_tests

QUICK = OutletBandwidthSettings(max_seconds=1.0, max_bytes=1_000_000_000, slot_wait_s=0.0)
REASONS = Path(__file__).parents[3] / "rubrics" / "reasons.yaml"


@dataclass
class Bureau:
    """A serving collector with its measurement server, and an enrolled agent's access."""

    access: CollectorAccess
    slots: SlotBook
    stop_measurement_server: Callable[[], None]


@pytest.fixture
def bureau(tmp_path: Path) -> Iterator[Bureau]:
    """Yield a bureau on loopback."""
    token_file = tmp_path / "slots.token"
    server = build_server("127.0.0.1", 0, token_file, open=False)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    address = ServerAddress(
        url=f"http://127.0.0.1:{server.server_port}", name="s", token_file=token_file
    )
    settings = Settings(data=tmp_path / "data", measurement_servers=(address,))
    stores = open_stores(settings, lambda _: None)
    for school_id in ("zx-001", "zx-002"):
        stores.records.put_school(School(school_id, "示例", SchoolKind.GENERAL, (Stage.PRIMARY,)))
    app = create_app(settings, stores, {})
    code, _ = new_code(stores.records, "zx-001", datetime.now(UTC))
    service: EnrolmentService = app.state.enrolment
    key = service.enrol(code, "lab-1", "linux", "127.0.0.1").key_text
    web = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=web.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not web.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    port = web.servers[0].sockets[0].getsockname()[1]
    access = CollectorAccess(f"http://127.0.0.1:{port}", key)

    def stop() -> None:
        server.shutdown()
        server.server_close()

    yield Bureau(access, app.state.slots, stop)
    web.should_exit = True
    thread.join(20)
    server.shutdown()
    server.server_close()


def collect(
    access: CollectorAccess | None,
    settings: OutletBandwidthSettings = QUICK,
) -> list[Reading]:
    """Run the probe once, as a person would."""
    context = Context(collector=access, on_demand=True)
    return list(OutletBandwidth().collect(settings, context))


def test_a_test_in_a_slot_gives_all_values_and_frees_the_slot(bureau: Bureau) -> None:
    """Slot, session, both directions, release; on one host the result is marked as such."""
    (reading,) = collect(bureau.access)
    assert (reading.outcome, reading.reason) == (Outcome.LIMITED, "same_host")
    assert reading.limited_by == ("same_host",)
    uncounted = {"download_cross_traffic_mbps", "upload_cross_traffic_mbps"}
    assert set(reading.values) == {m.name for m in OutletBandwidth.metrics} - uncounted
    assert reading.values["transferred_bytes"] > 1_000_000
    assert bureau.access.key not in str(reading)
    assert reading.labels == {"occasion": "retest"}
    view = bureau.slots.view()
    assert overview(view).servers[0].school_id is None
    used = school_tests(view, "zx-001").summary.used_bytes
    assert used == reading.values["transferred_bytes"]


def test_an_occupied_server_is_a_reason_not_a_rate(bureau: Bureau) -> None:
    """Another school is testing: skipped, with the time to ask again."""
    bureau.slots.grant("zx-002", Occasion.RETEST)
    (reading,) = collect(bureau.access)
    assert (reading.outcome, reading.reason) == (Outcome.SKIPPED, "slot_busy")
    assert not reading.values
    assert reading.details["retry_after_s"]


def test_each_uplink_has_its_reading(bureau: Bureau) -> None:
    """An uplink whose address is gone fails alone, and gives its slot back."""
    uplinks = {"telecom": "127.0.0.1", "mobile": "192.0.2.9"}
    readings = collect(
        bureau.access,
        OutletBandwidthSettings(uplinks=uplinks, directions=("download",), max_seconds=1.0),
    )
    assert [(r.target, r.reason) for r in readings] == [
        ("telecom", "same_host"),
        ("mobile", "source_address_missing"),
    ]
    assert not readings[1].values
    assert overview(bureau.slots.view()).servers[0].school_id is None


def test_a_measurement_server_that_is_down_is_named(bureau: Bureau) -> None:
    """The slot was given, but nobody answers: failed, without a rate."""
    bureau.stop_measurement_server()
    settings = OutletBandwidthSettings(directions=("download",), max_seconds=1.0)
    (reading,) = collect(bureau.access, settings)
    assert reading.outcome is Outcome.FAILED
    assert reading.reason == "server_unreachable"
    assert not reading.values


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0])
def test_a_clock_that_is_set_meanwhile_changes_no_rate(bureau: Bureau, jump_s: float) -> None:
    """Rates rest on the monotonic clock; the reading says that its time is in doubt."""
    began = datetime.now(UTC)
    asked: list[datetime] = []

    def now() -> datetime:
        asked.append(began)
        return began + timedelta(seconds=jump_s * (len(asked) > 1))

    context = Context(collector=bureau.access, on_demand=True, now=now)
    settings = OutletBandwidthSettings(directions=("download",), max_seconds=1.0)
    (reading,) = OutletBandwidth().collect(settings, context)
    assert reading.details["clock_jump_s"] == pytest.approx(jump_s, abs=10)
    assert 0 < reading.values["duration_s"] < 10
    rate = reading.values["transferred_bytes"] * 8e-6 / reading.values["duration_s"]
    assert reading.values["download_goodput_mbps"] == pytest.approx(rate, rel=0.6)


def test_without_a_collector_nothing_is_tried() -> None:
    """Not enrolled, or the collector cannot be reached: skipped, and said so."""
    (reading,) = collect(None)
    assert (reading.outcome, reading.reason) == (Outcome.SKIPPED, "not_enrolled")
    (reading,) = collect(CollectorAccess("http://127.0.0.1:9", "cg_x"))
    assert (reading.outcome, reading.reason) == (Outcome.SKIPPED, "collector_unreachable")


def test_a_refused_key_is_told_apart(bureau: Bureau) -> None:
    """A wrong key is not a busy server."""
    (reading,) = collect(CollectorAccess(bureau.access.url, "cg_unknown_0000"))
    assert (reading.outcome, reading.reason) == (Outcome.SKIPPED, "push_key_refused")


@pytest.mark.parametrize(
    ("limited_by", "margin", "capacity", "held"),
    [
        (("line",), 0.002, None, ()),
        ((), 0.002, None, ("unstable",)),
        ((), None, None, ()),
        (("cross_traffic", "unstable"), 0.01, 100.0, ()),
        (("cross_traffic", "wifi"), 0.01, 100.0, ("cross_traffic", "wifi")),
    ],
)
def test_only_a_full_line_is_conclusive(
    limited_by: tuple[str, ...], margin: float | None, capacity: float | None, held: tuple[str, ...]
) -> None:
    """Full by its own signs or by its counters; a rate without either is a lower bound."""
    part = DirectionResult(
        90.0,
        94.0,
        1.0,
        10**7,
        limited_by,
        margin,
        converged=True,
        loaded_rtt_s=None,
        capacity_line_rate_mbps=capacity,
    )
    assert held_back([part]) == held


def test_every_reason_has_its_sentence() -> None:
    """Each reason this part can give is explained in both languages."""
    known = yaml.safe_load(REASONS.read_text(encoding="utf-8"))["reasons"]
    used = {
        "bandwidth_limited", "same_host", "not_enrolled", "slot_busy", "slot_budget_spent",
        "slot_none_configured", "slot_refused", "slot_token_missing", "slot_token_expired",
        "slot_token_used", "slot_token_refused", "server_busy", "server_refused", "server_error",
        "server_unreachable", "server_gone", "collector_unreachable", "name_unknown",
        "tls_refused", "proxy_refused", "source_address_missing", "bad_server_address", "not_http",
        "captive_portal", "middlebox_changed_data", "middlebox_cache", "upload_not_counted",
        "too_few_data", "push_key_refused",
    }  # fmt: skip
    assert used <= set(known)
    assert all(known[code]["zh"] and known[code]["en"] for code in used)


@pytest.mark.parametrize("wrong", [{"directions": ()}, {"max_seconds": 0.0}, {"max_seconds": 99.0}])
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    """A test needs a direction and a time between one second and one minute."""
    with pytest.raises(ValueError, match=r"directions|max_seconds"):
        OutletBandwidthSettings(**wrong)  # type: ignore[arg-type]  # by name
