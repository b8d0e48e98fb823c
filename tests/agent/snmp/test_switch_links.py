"""Switches: every recording answered by a real agent, against what its file says."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.probes.base import Context
from agent.probes.switch_links import SwitchLinks, SwitchLinksSettings
from agent.reading import Outcome, Reading
from agent.snmp.roles import PortRole, Switch, SwitchRole

from .conftest import Recording, Serve

IF_TYPE, IF_OPER = "1.3.6.1.2.1.2.2.1.3", "1.3.6.1.2.1.2.2.1.8"
IF_HIGH_SPEED = "1.3.6.1.2.1.31.1.1.1.15"
WALK_S = 2.0

# Read off the files by hand: ports that are up, by rate in Mbit/s. Backplane ports of the S12704
# print 20000 and are XGigabitEthernet by name; the management ports are ports too.
RUNNING: dict[str, dict[int, int]] = {
    "huawei-s12704-core-ac": {10_000: 14},
    "huawei-ce12804-core": {1000: 1, 10_000: 3, 40_000: 4},
    "huawei-s5720-32x": {1000: 10, 10_000: 1},
    "hp-comware7-irf-core": {100: 1, 1000: 71},
    "ruijie-s6220-core": {1000: 1, 10_000: 32},
    "ruijie-m18000-ac": {1000: 4, 10_000: 12},
    "zte-zxr10-9908-core": {1000: 148, 10_000: 1},
    "cisco-c9300": {1000: 1},
    "mikrotik-crs317": {1000: 1, 10_000: 8},
    "tplink-sg2218p": {100: 11, 1000: 4},
    "h3c-lsq1wcmd0-ac": {10_000: 1},
    "aruba-m3-ac": {10: 1, 100: 6, 1000: 11},
    "unifi-nanohd-ap": {},
}


def ask(port: int, community: str, **switch: Any) -> list[Reading]:
    """Run the probe once against one device."""
    device = Switch(name="sw", address="127.0.0.1", port=port, **switch)
    settings = SwitchLinksSettings(
        devices=(device,), community=community, answer_within_s=10.0, retries=1
    )
    return list(SwitchLinks().collect(settings, Context()))


@pytest.mark.parametrize("name", RUNNING)
def test_ports_of_real_devices(
    name: str, devices_port: int, recording: Callable[[str], Recording]
) -> None:
    """Ports that run, by rate, are those of the file; a walk costs two seconds at most."""
    started_s = time.process_time()  # not the clock on the wall: the machine may be busy
    (device,) = ask(devices_port, name)
    assert time.process_time() - started_s < WALK_S
    assert device.outcome is Outcome.OK
    assert device.details["ports_by_speed_mbps"] == {
        str(rate): count for rate, count in RUNNING[name].items()
    }
    raw = recording(name)
    kinds, states = raw.column(IF_TYPE), raw.column(IF_OPER)
    speeds = raw.column(IF_HIGH_SPEED)
    running = [int(v) for i, v in speeds.items() if states[i] == "1" and kinds[i] == "6"]
    fast = sum(speed >= 10_000 for speed in running)
    assert device.values["ten_gigabit_ports_up_count"] == fast


def test_down_ports_are_had_and_do_not_run(devices_port: int) -> None:
    """31 ports of the IRF stack print 10000 and are down: the stack runs nothing at 10G."""
    (device,) = ask(devices_port, "hp-comware7-irf-core")
    assert device.values["ten_gigabit_ports_up_count"] == 0
    assert device.values["ten_gigabit_ports_count"] == 64  # by name, with their 1G transceivers


def test_roles_from_the_settings_become_links(devices_port: int) -> None:
    """Named ports are reported with their role; a pattern names many, the exact name wins."""
    readings = ask(
        devices_port,
        "huawei-s5720-32x",
        ports={
            "GigabitEthernet0/0/*": PortRole.DESKTOP,
            "XGigabitEthernet0/0/4": PortRole.BACKBONE,
            "XGigabitEthernet0/0/3": PortRole.BACKBONE,
            "XGigabitEthernet9/9/9": PortRole.BACKBONE,
        },
    )
    links = {reading.target: reading for reading in readings[1:]}
    assert links["sw/XGigabitEthernet0/0/4"].values == {"up": 1, "speed_mbps": 10_000}
    assert links["sw/XGigabitEthernet0/0/3"].values == {"up": 0}
    assert links["sw/XGigabitEthernet0/0/3"].reason == "switch_link_down"
    missing = links["sw/XGigabitEthernet9/9/9"]
    assert (missing.outcome, missing.reason) == (Outcome.FAILED, "switch_port_missing")
    desktop = [link for link in links.values() if link.labels["role"] == "desktop"]
    assert len(desktop) == 10  # those that are up; the other 18 have nobody behind them
    assert all(link.values["speed_mbps"] == 1000 for link in desktop)


def test_an_access_switch_has_desktop_ports(devices_port: int) -> None:
    """On a switch that is set as access, what is in use and fast enough for a desk is a desk."""
    _, *links = ask(devices_port, "tplink-sg2218p", role=SwitchRole.ACCESS)
    speeds = Counter(link.values["speed_mbps"] for link in links)
    assert speeds == {100: 11, 1000: 4}
    assert {link.labels["role"] for link in links} == {"desktop"}


def test_neighbours_that_no_port_can_be_told_of_give_no_role(devices_port: int) -> None:
    """RouterOS leaves the local port out of the LLDP index, so its 18 neighbours stay unplaced."""
    (device,) = ask(devices_port, "mikrotik-crs317", role=SwitchRole.CORE)
    assert device.reason == "switch_without_roles"
    assert device.details["neighbours_unplaced"] == 18


@pytest.fixture(scope="module")
def made_port(
    serve: Serve, recording: Callable[[str], Recording], tmp_path_factory: pytest.TempPathFactory
) -> int:
    """Serve recordings with something taken away or added, each as real devices do it."""
    folder = tmp_path_factory.mktemp("made")
    ruijie, zte = recording("ruijie-s6220-core"), recording("zte-zxr10-9908-core")
    # Neighbours say what they are (LLDP), and two ports are attached to AggregatePort 1 (dot3ad).
    capabilities = "1.0.8802.1.1.2.1.4.1.1.12"
    kinds = dict.fromkeys(ruijie.column("1.0.8802.1.1.2.1.4.1.1.4"), "2800")  # bridge and router
    rows = [
        (".".join(map(str, (*map(int, capabilities.split(".")), *index))), "4x", value)
        for index, value in kinds.items()
    ]
    aggregate = next(i[0] for i, v in ruijie.column("1.3.6.1.2.1.31.1.1.1.1").items() if v == "Ag1")
    attached = "1.2.840.10006.300.43.1.2.1.1.13"
    members = [(f"{attached}.{number}", "2", str(aggregate)) for number in (3, 6)]
    down = [("1.3.6.1.2.1.2.2.1.8.6", "2", "2")]
    ruijie.write(folder / "lldp-core.snmprec", added=rows + members)
    ruijie.write(folder / "lame-core.snmprec", added=rows + members + down)
    saturated = [
        (f"1.3.6.1.2.1.2.2.1.5.{index[0]}", "66", "4294967295")
        for index, value in zte.column(IF_HIGH_SPEED).items()
        if value == "10000"
    ]
    zte.write(folder / "no-ifx.snmprec", without=["1.3.6.1.2.1.31"], added=saturated)
    zte.write(folder / "no-tables.snmprec", without=["1.3.6.1.2.1.2", "1.3.6.1.2.1.31"])
    return serve(folder)


def test_links_of_a_core_switch_are_found_by_lldp(made_port: int) -> None:
    """Ports with a switch behind them are backbone; members of an aggregation are one link."""
    device, *links = ask(made_port, "lldp-core", role=SwitchRole.CORE)
    assert device.reason is None
    assert {link.labels["role"] for link in links} == {"backbone"}
    by_name = {link.target: link for link in links}
    aggregate = by_name.pop("sw/Ag1")
    assert aggregate.values["speed_mbps"] == 20_000
    assert len(aggregate.details["members"]) == 2  # type: ignore[arg-type]  # a list by contract
    assert len(by_name) == 16
    assert {link.values["speed_mbps"] for link in by_name.values()} == {10_000}


def test_an_aggregation_counts_its_active_members(made_port: int) -> None:
    """With one of two members down the link runs at half, and says why."""
    aggregate = next(
        link
        for link in ask(made_port, "lame-core", role=SwitchRole.CORE)
        if link.target == "sw/Ag1"
    )
    assert aggregate.values["speed_mbps"] == 10_000
    assert aggregate.reason == "lag_member_down"


def test_a_device_without_ifxtable_is_read_by_name(made_port: int) -> None:
    """The gauge ifSpeed stops at 4.29 Gbit/s; ZTE's xgei ports are 10G by their name."""
    (device,) = ask(made_port, "no-ifx")
    assert device.details["ports_by_speed_mbps"] == {"1000": 148, "10000": 1}


def test_a_device_without_interfaces_says_so(made_port: int) -> None:
    """One failed reading that a technician can act on."""
    (reading,) = ask(made_port, "no-tables")
    assert (reading.outcome, reading.reason) == (Outcome.FAILED, "snmp_no_interfaces")


def test_addresses_of_neighbours_are_never_kept(made_port: int) -> None:
    """No hardware address reaches a reading: a neighbour may be somebody's own device."""
    for reading in ask(made_port, "lldp-core", role=SwitchRole.CORE):
        for neighbour in reading.details.get("neighbours", []):  # type: ignore[union-attr]  # a list
            assert set(neighbour) == {"port", "system_name", "kind"}


def test_no_device_is_said_without_asking(tmp_path: Path) -> None:
    """A probe that nobody gave a device is idle, and says what to set when asked."""
    probe = SwitchLinks()
    assert probe.idle_reason(SwitchLinksSettings()) == "snmp_no_device"
    with pytest.raises(Exception, match="snmp_no_device"):
        list(probe.collect(SwitchLinksSettings(), Context(state_dir=tmp_path)))
