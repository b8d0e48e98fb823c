"""Outlets: counters that really move, from a real agent, and what is kept between runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.probes.base import Context
from agent.probes.wan_counters import Gateway, WanCounters, WanCountersSettings
from agent.reading import Outcome, Reading
from agent.snmp.counter_memory import CounterMemory
from agent.snmp.counters import Sample

from .conftest import Recording, Serve

PORT = "XGigabitEthernet0/0/4"
IN_64, OUT_64 = "1.3.6.1.2.1.31.1.1.1.6", "1.3.6.1.2.1.31.1.1.1.10"
IN_32, OUT_32 = "1.3.6.1.2.1.2.2.1.10", "1.3.6.1.2.1.2.2.1.16"
DOWNLOAD_MBPS, UPLOAD_MBPS = 900.0, 60.0


def moving(mbps: float, width: int) -> str:
    """Return a counter that grows at a rate, in snmpsim's words."""
    return f"rate={int(mbps * 1e6 / 8)},initial=1000000000,max={2**width - 1},deviation=0"


@pytest.fixture(scope="module")
def gateway_port(
    serve: Serve, recording: Callable[[str], Recording], tmp_path_factory: pytest.TempPathFactory
) -> int:
    """Serve a switch whose uplink carries traffic; once with 64-bit counters, once without."""
    folder = tmp_path_factory.mktemp("gateways")
    raw = recording("huawei-s5720-32x")
    index = next(i[0] for i, v in raw.column("1.3.6.1.2.1.31.1.1.1.1").items() if v == PORT)
    wide = [
        (f"{IN_64}.{index}", "70:numeric", moving(DOWNLOAD_MBPS, 64)),
        (f"{OUT_64}.{index}", "70:numeric", moving(UPLOAD_MBPS, 64)),
    ]
    narrow = [
        (f"{IN_32}.{index}", "65:numeric", moving(DOWNLOAD_MBPS, 32)),
        (f"{OUT_32}.{index}", "65:numeric", moving(UPLOAD_MBPS, 32)),
    ]
    raw.write(folder / "wide.snmprec", added=wide)
    raw.write(folder / "narrow.snmprec", without=[IN_64, OUT_64], added=narrow)
    raw.write(folder / "none.snmprec", without=[IN_64, OUT_64, IN_32, OUT_32])
    return serve(folder)


def ask(port: int, community: str, state: Path | None = None, **gateway: Any) -> list[Reading]:
    """Run the probe once; it watches for a second and a half."""
    device = Gateway(
        name="gw", address="127.0.0.1", port=port, **({"uplinks": {"telecom": PORT}} | gateway)
    )
    settings = WanCountersSettings(
        devices=(device,), community=community, answer_within_s=10.0, watch_s=1.5, watch_step_s=0.5
    )
    return list(WanCounters().collect(settings, Context(state_dir=state)))


def ask_in_peace(port: int, *arguments: Any, **more: Any) -> list[Reading]:
    """Ask up to four times: a simulator starved of processor time moves its counters late."""
    readings = []
    for _ in range(4):
        readings = ask(port, *arguments, **more)
        if math.isclose(readings[0].values["download_mbps"], DOWNLOAD_MBPS, rel_tol=0.05):
            break
    return readings


def test_the_rate_of_a_moving_counter(gateway_port: int) -> None:
    """What goes through the port, in both directions, within five percent."""
    (reading,) = ask_in_peace(gateway_port, "wide", capacity_mbps={"telecom": 1000.0})
    assert reading.outcome is Outcome.OK
    assert reading.target == "telecom"
    assert math.isclose(reading.values["download_mbps"], DOWNLOAD_MBPS, rel_tol=0.05)
    assert math.isclose(reading.values["upload_mbps"], UPLOAD_MBPS, rel_tol=0.05)
    assert math.isclose(reading.values["download_used_ratio"], 0.9, rel_tol=0.05)
    assert reading.values["port_speed_mbps"] == 10_000
    assert reading.values["download_peak_mbps"] >= reading.values["download_mbps"] * 0.99
    assert reading.details["counter_bits"] == 64


def test_the_mean_covers_the_time_since_the_last_run(gateway_port: int, tmp_path: Path) -> None:
    """The second run reaches back to the end of the first."""
    ask(gateway_port, "wide", tmp_path)
    (reading,) = ask_in_peace(gateway_port, "wide", tmp_path)
    assert reading.details["since_last_run"] is True
    assert reading.values["interval_s"] > 1.5
    assert math.isclose(reading.values["download_mbps"], DOWNLOAD_MBPS, rel_tol=0.05)


def test_counters_below_those_of_the_last_run_are_discarded(
    gateway_port: int, tmp_path: Path
) -> None:
    """The counters were cleared meanwhile: only the watch counts, and the reading says so."""
    context = Context()
    high = Sample(context.now().timestamp() - 300, None, 2**62, 2**62, 64)
    CounterMemory(tmp_path, "gw").save({"telecom": high})
    (reading,) = ask(gateway_port, "wide", tmp_path)
    assert reading.reason == "wan_counters_reset"
    assert reading.details["since_last_run"] is False
    assert math.isclose(reading.values["download_mbps"], DOWNLOAD_MBPS, rel_tol=0.05)


def test_narrow_counters_give_the_watch_alone(gateway_port: int, tmp_path: Path) -> None:
    """Ten minutes at 10 Gbit/s are many turns of 32 bits; a second and a half is none."""
    start = Context().now().timestamp() - 600
    CounterMemory(tmp_path, "gw").save({"telecom": Sample(start, None, 0, 0, 32)})
    (reading,) = ask(gateway_port, "narrow", tmp_path)
    assert reading.reason == "wan_counters_32_bit"
    assert reading.details["counter_bits"] == 32
    assert math.isclose(reading.values["download_mbps"], DOWNLOAD_MBPS, rel_tol=0.05)


def test_a_damaged_memory_is_begun_anew(gateway_port: int, tmp_path: Path) -> None:
    """Half a file costs the interval before, not the run."""
    (tmp_path / "counters-gw.json").write_text('{"samples": {"telecom": {"at_s"')
    (reading,) = ask(gateway_port, "wide", tmp_path)
    assert reading.outcome is Outcome.OK
    assert CounterMemory(tmp_path, "gw").load().keys() == {"telecom"}


def test_what_is_missing_is_named(gateway_port: int) -> None:
    """A port that the device does not have, and one without counters, each by its uplink."""
    good, bad = ask(gateway_port, "wide", uplinks={"telecom": PORT, "unicom": "GE9/9"})
    assert good.outcome is Outcome.OK
    assert (bad.target, bad.outcome, bad.reason) == (
        "unicom", Outcome.FAILED, "wan_interface_missing",
    )  # fmt: skip
    (without,) = ask(gateway_port, "none")
    assert (without.outcome, without.reason) == (Outcome.FAILED, "wan_counters_missing")


def test_settings_that_cannot_be_meant_are_refused() -> None:
    """A gateway without an uplink, or a capacity for an uplink that is not there."""
    with pytest.raises(ValueError, match="at least one uplink"):
        Gateway(name="gw", address="192.0.2.1")
    with pytest.raises(ValueError, match="unknown uplink mobile"):
        Gateway(name="gw", address="192.0.2.1", uplinks={"a": "ge1"}, capacity_mbps={"mobile": 1.0})
