"""Power supplies: every recording answered by a real agent, and the ways to spell "unknown"."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.power.supply import values_of
from agent.probes.base import Context
from agent.probes.ups_snmp import UpsSnmp, UpsSnmpSettings
from agent.reading import Outcome, Reading
from agent.snmp.client import Oid, Value, oid
from agent.snmp.power_supply import PowerSupplyTable, judge_power_supply
from agent.snmp.settings import Device
from agent.snmp.vendor_tables import load_tables

from .conftest import Recording, Serve

MINUTES, CHARGE, LOAD, SOURCE = (
    f"1.3.6.1.2.1.33.1.{part}" for part in ("2.3.0", "2.4.0", "4.4.1.5.1", "4.1.0")
)
ON_MAINS, ON_BATTERY = 3, 5


def ask(port: int, community: str) -> Reading:
    """Run the probe once against one power supply."""
    device = Device(name="ups", address="127.0.0.1", port=port)
    settings = UpsSnmpSettings(devices=(device,), community=community, answer_within_s=10.0)
    (reading,) = UpsSnmp().collect(settings, Context())
    return reading


def judge(minutes: int | None, source: int | None = ON_MAINS, charge: int | None = 100) -> Reading:
    """Judge a supply that answers UPS-MIB."""
    found: dict[Oid, Value] = {}
    for name, value in ((MINUTES, minutes), (SOURCE, source), (CHARGE, charge)):
        if value is not None:
            found[oid(name)] = value
    supply = judge_power_supply(load_tables(PowerSupplyTable, "ups"), found)
    return Reading("ups_snmp", "ups", Context().now(), Outcome.OK, values=values_of(supply))


@pytest.mark.parametrize(
    ("name", "hours", "charge", "load"),
    [
        ("eaton-9px-ups", 24 / 60, 1.0, 0.35),
        ("apc-smt750x-nmc2", 109_762 / 3600, 1.0, 0.0),
        ("huawei-ups2000", None, 1.0, 0.27),  # prints 4294967295
        ("phoenixtec-ups-zero-runtime", None, 1.0, 0.0),  # prints 0 on mains
    ],
)
def test_real_power_supplies(
    name: str, hours: float | None, charge: float, load: float, devices_port: int
) -> None:
    """Runtime, charge and load are those of the file; an unknown runtime is left out."""
    reading = ask(devices_port, name)
    assert reading.outcome is Outcome.OK
    assert reading.values["on_battery"] == 0
    assert reading.values["charge_ratio"] == charge
    assert reading.values["load_ratio"] == load
    if hours is None:
        assert "runtime_hours" not in reading.values
        assert reading.reason == "ups_runtime_unknown"
    else:
        assert math.isclose(reading.values["runtime_hours"], hours, rel_tol=1e-9)
        assert reading.reason is None


@pytest.mark.parametrize("minutes", [0, -1, 65_535, 2_147_483_647, 4_294_967_295])
def test_unknown_is_spelled_in_many_ways(minutes: int) -> None:
    """None of them is a runtime while the supply is on mains."""
    assert judge(minutes).values == {"on_battery": 0, "charge_ratio": 1}
    assert "runtime_hours" not in judge(minutes, source=None).values


def test_a_power_cut_is_no_small_battery() -> None:
    """On battery, and while it recharges, the estimate is what is left."""
    assert judge(30, ON_BATTERY, 60).values["remaining_hours"] == 0.5
    assert "runtime_hours" not in judge(30, ON_BATTERY, 60).values
    assert judge(30, ON_MAINS, 60).values["remaining_hours"] == 0.5
    assert judge(90, ON_MAINS, 95).values["runtime_hours"] == 1.5


def test_an_empty_battery_is_told() -> None:
    """A zero from a battery that is being emptied is a zero."""
    assert judge(0, ON_BATTERY, 2).values["remaining_hours"] == 0


@pytest.mark.parametrize("charge", [-1, 255, 65_535])
def test_a_charge_that_cannot_be_is_unknown(charge: int) -> None:
    """More than full, or less than empty, is no charge."""
    assert "charge_ratio" not in judge(30, charge=charge).values


def test_a_makers_table_stands_in_for_the_standard(
    serve: Serve, recording: Callable[[str], Recording], tmp_path: Path
) -> None:
    """Where UPS-MIB does not know, the maker's MIB may: Eaton tells seconds in its own."""
    eaton = recording("eaton-9px-ups")
    eaton.write(tmp_path / "own.snmprec", added=[("1.3.6.1.2.1.33.1.2.3.0", "2", "-1")])
    reading = ask(serve(tmp_path), "own")
    assert math.isclose(reading.values["runtime_hours"], 1464 / 3600)
    assert reading.details["tables"] == ["UPS-MIB", "Eaton MGE"]


def test_what_is_no_power_supply_says_so(devices_port: int) -> None:
    """A switch under a power supply's name is told apart."""
    reading = ask(devices_port, "tplink-sg2218p")
    assert (reading.outcome, reading.reason) == (Outcome.FAILED, "ups_not_found")
