"""The link_speed probe over made-up interface trees, Windows tables, a real veth pair and here."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.probes.base import Context, ProbeError
from agent.probes.link_speed import LinkSpeed, LinkSpeedSettings, Role, windows_interfaces
from agent.reading import Outcome, Reading
from agent.system.interfaces import Kind, parse_speed

NET = "sys/class/net"


def card(name: str, speed: str, *, up: bool = True, driver: str = "igb") -> dict[str, Any]:
    """Return the files and links of one network card."""
    folder = f"{NET}/{name}"
    return {
        "files": {
            f"{folder}/type": "1\n",
            f"{folder}/operstate": "up\n" if up else "down\n",
            f"{folder}/carrier": "1\n" if up else "0\n",
            f"{folder}/speed": speed,
            f"{folder}/duplex": "full\n" if up else "unknown\n",
        },
        "links": {f"{folder}/device/driver": f"sys/bus/pci/drivers/{driver}"},
    }


def put(tree: Any, *cards: dict[str, Any]) -> Any:
    """Add cards to a tree that is bare metal by its DMI table."""
    tree.files({"sys/class/dmi/id/sys_vendor": "Inspur", "sys/class/dmi/id/product_name": "SA5212"})
    tree.files({"proc/cpuinfo": "flags\t: fpu vme sse2\n"})
    for each in cards:
        tree.files(each["files"])
        if each["links"]:
            tree.links(each["links"])
    return tree


def bond(mode: str, members: str, **files: str) -> dict[str, Any]:
    """Return the files of bond0."""
    folder = f"{NET}/bond0"
    texts = {
        f"{folder}/type": "1\n",
        f"{folder}/operstate": "up\n",
        f"{folder}/carrier": "1\n",
        f"{folder}/speed": "20000\n",
        f"{folder}/duplex": "full\n",
        f"{folder}/bonding/mode": mode,
        f"{folder}/bonding/slaves": members,
    }
    return {"files": texts | {f"{folder}/bonding/{k}": v for k, v in files.items()}, "links": {}}


def member(name: str, **files: str) -> dict[str, Any]:
    """Return what bonding adds to a card's folder."""
    return {
        "files": {f"{NET}/{name}/bonding_slave/{k}": v for k, v in files.items()},
        "links": {},
    }


def collect(tree: Any, settings: LinkSpeedSettings | None = None) -> dict[str, Reading]:
    """Run a fresh probe over a tree; readings by interface."""
    found = LinkSpeed("linux").collect(settings or LinkSpeedSettings(), tree.context())
    return {reading.target: reading for reading in found}


def test_cards_with_and_without_a_speed(host: Any) -> None:
    """A negotiated speed is reported; -1 is unknown; unplugged is down without a speed."""
    put(host, card("eno1", "1000\n"), card("eno2", "-1\n"), card("eno3", "-1\n", up=False))
    found = collect(host, LinkSpeedSettings(roles={"eno1": Role.BACKBONE}))
    assert dict(found["eno1"].values) == {"speed_mbps": 1000.0, "up": 1.0}
    assert found["eno1"].labels == {"kind": "wired", "duplex": "full", "role": "backbone"}
    assert (found["eno2"].outcome, found["eno2"].reason) == (Outcome.FAILED, "link_speed_unknown")
    assert dict(found["eno2"].values) == {}
    assert dict(found["eno3"].values) == {"up": 0.0}
    assert found["eno3"].reason == "link_down"


def test_stale_speed_of_an_unplugged_card_is_no_value(host: Any) -> None:
    """Some drivers keep printing the last speed after the cable is gone."""
    found = collect(put(host, card("eno1", "1000\n", up=False)))
    assert dict(found["eno1"].values) == {"up": 0.0}


def test_virtual_interfaces_have_no_speed_and_are_told_once(host: Any) -> None:
    """A veth prints 10000; it is skipped, and not repeated every minute."""
    veth = card("veth1a2b", "10000\n")
    put(host, {"files": veth["files"], "links": {}}, card("eno1", "1000\n"))
    probe = LinkSpeed("linux")
    first = {r.target: r for r in probe.collect(LinkSpeedSettings(), host.context())}
    again = {r.target for r in probe.collect(LinkSpeedSettings(), host.context())}
    assert (first["veth1a2b"].outcome, first["veth1a2b"].reason) == (
        Outcome.SKIPPED,
        "virtual_interface",
    )
    assert first["veth1a2b"].details["printed_speed_mbps"] == 10000
    assert again == {"eno1"}


@pytest.mark.parametrize(("vendor", "driver"), [("Inspur", "virtio_net"), ("VMware", "e1000")])
def test_a_hypervisors_card_has_an_invented_speed(host: Any, vendor: str, driver: str) -> None:
    """The printed number is kept as evidence and is not a value."""
    put(host, card("eth0", "1000\n", driver=driver))
    host.files({"sys/class/dmi/id/sys_vendor": vendor})
    reading = collect(host)["eth0"]
    assert (reading.reason, dict(reading.values)) == ("link_speed_unknown", {})
    assert reading.labels["kind"] == "virtual"
    assert reading.details["printed_speed_mbps"] == 1000


def test_the_same_driver_on_bare_metal_counts(host: Any) -> None:
    """An e1000 in a real machine is a real card."""
    assert (
        collect(put(host, card("eth0", "100\n", driver="e1000")))["eth0"].values["speed_mbps"]
        == 100
    )


def test_wireless_rate_is_no_link_speed(host: Any) -> None:
    """A wireless card is skipped with its own reason, whatever it prints."""
    put(host, card("wlp2s0", "866\n", driver="iwlwifi"))
    host.links({f"{NET}/wlp2s0/phy80211": "sys/class/ieee80211/phy0"})
    reading = collect(host)["wlp2s0"]
    assert (reading.outcome, reading.reason) == (Outcome.SKIPPED, "wireless_link")
    assert reading.labels["kind"] == "wireless"
    assert dict(reading.values) == {}


def test_aggregation_counts_active_members_only(host: Any) -> None:
    """One member of an LACP group is dead: half the speed, said by reason and members."""
    put(
        host,
        card("eno1", "10000\n"),
        card("eno2", "-1\n", up=False),
        bond("802.3ad 4\n", "eno1 eno2\n", ad_aggregator="1"),
        member("eno1", mii_status="up", ad_aggregator_id="1"),
        member("eno2", mii_status="down", ad_aggregator_id="2"),
    )
    reading = collect(host)["bond0"]
    assert dict(reading.values) == {"speed_mbps": 10000.0, "up": 1.0}
    assert (reading.outcome, reading.reason) == (Outcome.OK, "lag_member_down")
    assert reading.labels["kind"] == "bond"
    assert reading.details["members"] == [
        {"name": "eno1", "is_active": True, "speed_mbps": 10000.0},
        {"name": "eno2", "is_active": False, "speed_mbps": None},
    ]


def test_lacp_member_in_another_aggregator_does_not_count(host: Any) -> None:
    """A member that is up but could not join the group carries nothing."""
    put(
        host,
        card("eno1", "10000\n"),
        card("eno2", "10000\n"),
        bond("802.3ad 4\n", "eno1 eno2\n", ad_aggregator="1"),
        member("eno1", mii_status="up", ad_aggregator_id="1"),
        member("eno2", mii_status="up", ad_aggregator_id="2"),
    )
    assert collect(host)["bond0"].values["speed_mbps"] == 10000


def test_active_backup_is_as_fast_as_its_active_member(host: Any) -> None:
    """A standby member adds nothing."""
    put(
        host,
        card("eno1", "1000\n"),
        card("eno2", "10000\n"),
        bond("active-backup 1\n", "eno1 eno2\n", active_slave="eno1"),
    )
    assert collect(host)["bond0"].values["speed_mbps"] == 1000


def test_aggregation_of_unknown_speed_is_unknown(host: Any) -> None:
    """A sum with an unknown part would be too small, so there is none."""
    put(
        host,
        card("eno1", "1000\n"),
        card("eno2", "-1\n"),
        bond("balance-xor 2\n", "eno1 eno2\n"),
    )
    assert collect(host)["bond0"].reason == "link_speed_unknown"


def test_role_of_a_missing_interface_is_told(host: Any) -> None:
    """A mistyped name in the settings is a reading, not silence."""
    put(host, card("eno1", "1000\n"))
    reading = collect(host, LinkSpeedSettings(roles={"eno9": Role.UPLINK}))["eno9"]
    assert (reading.outcome, reading.reason) == (Outcome.FAILED, "interface_missing")


def test_windows_names_in_both_languages() -> None:
    """Kinds come from names; wireless, virtual and unnamed ones never have a speed."""
    stats = {
        "以太网": (True, 1000, 2),
        "WLAN": (True, 866, 2),
        "vEthernet (Default Switch)": (True, 10000, 2),
        "Loopback Pseudo-Interface 1": (True, 1073, 2),
        "机房": (True, 1000, 2),
        "Ethernet 2": (True, 0, 0),
    }
    found = {i.name: i for i in windows_interfaces(stats, is_guest=False)}
    assert {n: (i.kind, i.speed_mbps) for n, i in found.items()} == {
        "以太网": (Kind.WIRED, 1000.0),
        "WLAN": (Kind.WIRELESS, None),
        "vEthernet (Default Switch)": (Kind.VIRTUAL, None),
        "机房": (Kind.UNKNOWN, None),
        "Ethernet 2": (Kind.WIRED, None),
    }
    guest = {i.name: i for i in windows_interfaces(stats, is_guest=True)}
    assert guest["以太网"].speed_mbps is None


def test_settings_correct_a_kind(host: Any) -> None:
    """A person may say what an interface is; the reading keeps that this came from settings."""
    put(host, card("eth0", "1000\n", driver="virtio_net"))
    reading = collect(host, LinkSpeedSettings(kinds={"eth0": Kind.WIRED}))["eth0"]
    assert reading.values["speed_mbps"] == 1000
    assert reading.details["kind_from"] == "settings"


@given(st.one_of(st.none(), st.text(), st.integers().map(str)))
def test_a_speed_is_positive_or_unknown(text: str | None) -> None:
    """No text of the kernel becomes 0, a negative or an all-ones speed."""
    speed = parse_speed(text)
    assert speed is None or (speed > 0 and speed not in (65535, 4294967295))


def test_unreadable_sys_and_other_systems_are_told(host: Any) -> None:
    """No /sys, or an unknown system: a reason, never an empty list."""
    with pytest.raises(ProbeError, match="interfaces_unreadable"):
        collect(host)
    with pytest.raises(ProbeError, match="unsupported_system"):
        list(LinkSpeed("sunos5").collect(LinkSpeedSettings(), Context()))


def test_this_host() -> None:
    """On the machine at hand every interface is explained and loopback is none."""
    found = {r.target: r for r in LinkSpeed().collect(LinkSpeedSettings(), Context())}
    assert "lo" not in found
    for reading in found.values():
        assert ("speed_mbps" in reading.values) <= (reading.outcome is Outcome.OK)
        assert reading.values.get("speed_mbps", 1.0) > 0


@pytest.mark.root
def test_a_real_veth_pair_is_virtual() -> None:
    """The kernel's own veth prints a speed; the probe does not believe it."""
    name = f"cgv{os.getpid() % 100_000}"
    pair = ["ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}p"]
    subprocess.run(pair, check=True)
    try:
        found = {r.target: r for r in LinkSpeed().collect(LinkSpeedSettings(), Context())}
    finally:
        subprocess.run(["ip", "link", "del", name], check=True)
    assert found[name].reason == "virtual_interface"
    assert dict(found[name].values) == {}
