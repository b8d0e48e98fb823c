"""Switches as no recording shows them: old tables, empty names, many rows, half an answer."""

from __future__ import annotations

from typing import Any

import pytest
from pysnmp.proto.api import v2c

from agent.probes.base import Context
from agent.probes.switch_links import SwitchLinks, SwitchLinksSettings
from agent.reading import Outcome, Reading
from agent.snmp.client import Oid, oid
from agent.snmp.roles import PortRole, Switch, SwitchRole

from .conftest import OddRow, StartOdd

DESCRIPTION, TYPE, SPEED, OPER = (oid(f"1.3.6.1.2.1.2.2.1.{n}") for n in (2, 3, 5, 8))
NAME, HIGH_SPEED, CONNECTOR = (oid(f"1.3.6.1.2.1.31.1.1.1.{n}") for n in (1, 15, 17))
TUNNEL = 131


def table(columns: dict[Oid, list[Any]]) -> list[OddRow]:
    """Return the rows of columns, numbered from 1, in the order of their names."""
    return [
        ((*column, number), value)
        for column, values in sorted(columns.items())
        for number, value in enumerate(values, start=1)
    ]


def ports(count: int, *, first: str = "GigabitEthernet0/", tunnels: int = 0) -> list[OddRow]:
    """Return an old switch: IF-MIB alone, 32-bit speeds, every other port up."""
    kinds = [6] * count + [TUNNEL] * tunnels
    return table(
        {
            DESCRIPTION: [v2c.OctetString(f"{first}{n}") for n, _ in enumerate(kinds)],
            TYPE: [v2c.Integer(kind) for kind in kinds],
            SPEED: [v2c.Gauge32(1_000_000_000) for _ in kinds],
            OPER: [v2c.Integer(1 + n % 2) for n, _ in enumerate(kinds)],
        }
    )


def ask(port: int, answer_within_s: float = 5.0, **switch: Any) -> list[Reading]:
    """Run the probe once."""
    device = Switch(name="sw", address="127.0.0.1", port=port, **switch)
    settings = SwitchLinksSettings(
        devices=(device,), community="public", answer_within_s=answer_within_s, retries=0
    )
    return list(SwitchLinks().collect(settings, Context()))


@pytest.mark.parametrize("oddity", [{}, {"circle": True}, {"most_values": 7}])
def test_an_old_switch_has_ports_and_speeds(odd_agent: StartOdd, oddity: dict[str, int]) -> None:
    """No ifXTable, no LLDP, no aggregations; rows in a circle; answers of seven values at most."""
    found = ask(odd_agent(ports(24), **oddity), role=SwitchRole.ACCESS)
    device, *links = found
    assert device.outcome is Outcome.OK
    assert (device.values["ports_count"], device.values["ports_up_count"]) == (24, 12)
    assert device.values["desktop_ports_count"] == 24
    assert {one.values["speed_mbps"] for one in links} == {1000}
    assert len(links) == 12


def test_a_saturated_speed_goes_by_the_name(odd_agent: StartOdd) -> None:
    """The 32-bit gauge stops at 4.29 Gbit/s: by its name the port runs at ten, else unknown."""
    rows = table(
        {
            DESCRIPTION: [v2c.OctetString("TenGigabitEthernet1/1"), v2c.OctetString("Port 2")],
            TYPE: [v2c.Integer(6)] * 2,
            SPEED: [v2c.Gauge32(4_294_967_295)] * 2,
            OPER: [v2c.Integer(1)] * 2,
        }
    )
    roles = {"TenGigabitEthernet1/1": PortRole.BACKBONE, "Port 2": PortRole.BACKBONE}
    _, named, unnamed = ask(odd_agent(rows), ports=roles)
    assert named.values["speed_mbps"] == 10_000
    assert "speed_mbps" not in unnamed.values
    assert unnamed.reason == "switch_speed_unknown"


def test_empty_names_and_strange_cells(odd_agent: StartOdd) -> None:
    """An empty ifName leaves ifDescr; a text for a speed, or a state of 99, is no crash."""
    rows = table(
        {
            DESCRIPTION: [v2c.OctetString("Gi1"), v2c.OctetString("Gi2"), v2c.OctetString("Gi3")],
            TYPE: [v2c.Integer(6)] * 3,
            SPEED: [v2c.Gauge32(0)] * 3,
            OPER: [v2c.Integer(1), v2c.Integer(99), v2c.Integer(1)],
            NAME: [v2c.OctetString("")] * 3,
            HIGH_SPEED: [v2c.Gauge32(1000), v2c.Gauge32(1000), v2c.OctetString("fast")],
            CONNECTOR: [v2c.Integer(1)] * 3,
        }
    )
    roles = dict.fromkeys(("Gi1", "Gi2", "Gi3"), PortRole.BACKBONE)
    device, *links = ask(odd_agent(rows), ports=roles)
    assert device.values["ports_count"] == 3
    by_port = {one.target: one for one in links}
    assert by_port["sw/Gi1"].values == {"speed_mbps": 1000, "up": 1}
    assert by_port["sw/Gi2"].values.get("up") == 0
    assert "speed_mbps" not in by_port["sw/Gi3"].values


def test_a_table_of_thousands_of_tunnels(odd_agent: StartOdd) -> None:
    """A controller's tunnels are told by their type; their other cells are never asked for."""
    device, *_ = ask(odd_agent(ports(20, tunnels=3000)))
    assert (device.values["ports_count"], device.values["ports_up_count"]) == (20, 10)


@pytest.mark.parametrize("answers", [1, 2, 5])
def test_a_device_that_falls_silent_in_the_middle(odd_agent: StartOdd, answers: int) -> None:
    """Half a table is no table: one failed reading, and nothing counted."""
    (reading,) = ask(odd_agent(ports(200), answers=answers), answer_within_s=0.2)
    assert (reading.outcome, reading.reason) == (Outcome.FAILED, "snmp_no_answer")
    assert reading.values == {}
