"""What is believed of an interface table: the traps that recordings of real devices hold."""

from __future__ import annotations

import pytest

from agent.snmp.client import Column, Oid, Value
from agent.snmp.interfaces import (
    CONNECTOR,
    DESCRIPTION,
    HIGH_SPEED,
    NAME,
    OPER,
    SPEED,
    STANDARD_RATES_MBPS,
    TYPE,
    Port,
    believed_rate,
    judge_ports,
)


def table(*rows: dict[Oid, Value]) -> dict[Oid, Column]:
    """Build columns from rows; the first row has ifIndex 1."""
    columns: dict[Oid, dict[Oid, Value]] = {}
    for number, row in enumerate(rows, start=1):
        for column, value in row.items():
            columns.setdefault(column, {})[(number,)] = value
    return dict(columns)


def port(name: str, kind: int = 6, high: int = 1000, oper: int = 1, **more: int) -> Port:
    """Judge a table of one row."""
    row: dict[Oid, Value] = {NAME: name.encode(), TYPE: kind, HIGH_SPEED: high, OPER: oper}
    row |= {CONNECTOR: more["connector"]} if "connector" in more else {}
    return judge_ports(table(row))[1]


@pytest.mark.parametrize("rate", STANDARD_RATES_MBPS)
def test_every_standard_rate_is_believed(rate: int) -> None:
    """What Ethernet has, and a device prints, is what the port runs at."""
    assert believed_rate(float(rate), ("x",)) == (rate, "device")


@pytest.mark.parametrize(
    ("name", "kind", "printed", "expected"),
    [
        ("XGigabitEthernet3/0/0", 6, 20_000, 10_000),  # Huawei backplane
        ("10GE1/0/5", 6, 12_000, 10_000),  # YunShan
        ("port 1", 6, 20_000, None),  # no Ethernet rate, and a name that tells nothing
        ("port 1", 6, 1_000_000_000, 1000),  # D-Link prints bit/s
        ("Te1/1/1", 6, 1000, 1000),  # a 1G transceiver in a 10G port
    ],
)
def test_inventions_are_not_believed(
    name: str, kind: int, printed: int, expected: int | None
) -> None:
    """A rate that no Ethernet has is unknown, or as low as the port's name promises."""
    assert port(name, kind, printed).speed_mbps == expected


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("StackPort1", 53),
        ("VLAN-1003", 53),
        ("Vlan-interface1", 6),  # TP-Link gives it the type of a cable
        ("WLAN-DBSS0:5", 6),
        ("Eth-Trunk1", 53),
        ("AggregatePort 1", 53),
        ("Bridge-Aggregation8", 161),
        ("Tunnel7", 131),
    ],
)
def test_what_is_no_cable_is_no_port(name: str, kind: int) -> None:
    """Stack ports, VLANs, radios, tunnels and aggregations are not counted as ports."""
    assert not port(name, kind, 240_000).is_physical


def test_a_down_port_has_a_rate_and_runs_at_none() -> None:
    """The speed of a port that is down is nominal, so "the backbone runs at 10G" needs up."""
    down = port("Ten-GigabitEthernet1/0/1", high=10_000, oper=2)
    assert (down.speed_mbps, down.nominal_mbps) == (None, 10_000)


def test_a_saturated_gauge_leaves_the_name_to_go_by() -> None:
    """Without ifXTable, 4.29 Gbit/s means that or more; only a name can say how much."""
    rows = table(
        {DESCRIPTION: b"TenGigabitEthernet 1/1", TYPE: 6, SPEED: 4_294_967_295, OPER: 1},
        {DESCRIPTION: b"port2", TYPE: 6, SPEED: 4_294_967_295, OPER: 1},
        {DESCRIPTION: b"port3", TYPE: 6, SPEED: 1_000_000_000, OPER: 1},
    )
    ports = judge_ports(rows)
    assert (ports[1].speed_mbps, ports[1].speed_from) == (10_000, "name")
    assert ports[2].speed_mbps is None
    assert ports[3].speed_mbps == 1000


def test_a_connector_counts_only_where_the_device_tells_them_apart() -> None:
    """ZTE says "no connector" of every port; elsewhere it does mean a port inside the box."""
    everywhere_false = table(*({NAME: b"gei-0/1", TYPE: 6, CONNECTOR: 2} for _ in range(3)))
    assert all(one.is_physical for one in judge_ports(everywhere_false).values())
    mixed = table(
        {NAME: b"gei-0/1", TYPE: 6, CONNECTOR: 1}, {NAME: b"gei-0/2", TYPE: 6, CONNECTOR: 2}
    )
    assert [one.is_physical for one in judge_ports(mixed).values()] == [True, False]


def test_a_table_without_states_leaves_states_unknown() -> None:
    """A missing column is unknown, never down."""
    found = judge_ports(table({NAME: b"ge1", TYPE: 6, HIGH_SPEED: 1000}))[1]
    assert found.is_up is None
    assert found.speed_mbps is None


def test_names_in_chinese_code_pages_are_read() -> None:
    """Labels written in GBK are as readable as those in UTF-8, and NUL ends a string."""
    rows = table(
        {NAME: "教学楼".encode("gb18030"), TYPE: 6},
        {NAME: "教学楼".encode() + b"\0\0junk", TYPE: 6},
    )
    assert [one.name for one in judge_ports(rows).values()] == ["教学楼", "教学楼"]
