"""The sweep over real networks in namespaces, with and without rights, and its inventory."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.probes.base import Context, ProbeError
from agent.probes.endpoint_sweep import EndpointSweep, EndpointSweepSettings
from agent.reading import Outcome
from agent.sweep.ask import parse_arp_reply, parse_linux_neighbours, parse_windows_neighbours
from agent.sweep.inventory import Device, LastSeen, keys_seen, parse_key, read_inventory
from agent.sweep.subnets import parse_subnets

DEVICES = 90
WITHOUT_RAW = ["setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw"]


@dataclass
class Site:
    """Two namespaces: the agent's, and one that holds the devices of two subnets."""

    agent: str
    hardware: str

    def sweep(self, config: Path, *prefix: str) -> list[dict[str, Any]]:
        """Run the probe as its own process on the agent's side."""
        command = ["ip", "netns", "exec", self.agent, *prefix, sys.executable, "-m", "agent"]
        command += ["probe", "endpoint_sweep", "--config", str(config)]
        command += ["--state", str(config.parent / "state")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Yield 90 addresses on a cable, and 20 in another subnet behind them."""
    agent, devices = f"cgsa{os.getpid()}", f"cgsd{os.getpid()}"
    near = [f"address add 10.213.7.{10 + n}/24 dev eth0" for n in range(DEVICES)]
    far = [f"address add 10.214.9.{1 + n}/32 dev lo" for n in range(20)]
    try:
        for name in (agent, devices):
            subprocess.run(["ip", "netns", "add", name], check=True)
        make = ["ip", "-n", agent, "link", "add", "eth0", "type", "veth"]
        subprocess.run([*make, "peer", "name", "eth0", "netns", devices], check=True)
        batch(devices, "link set lo up", "link set eth0 up", *near, *far)
        batch(agent, "link set lo up", "link set eth0 up", "address add 10.213.7.2/24 dev eth0")
        batch(agent, "route add 10.214.9.0/24 via 10.213.7.10")
        shown = subprocess.run(
            ["ip", "-n", devices, "link", "show", "eth0"],
            capture_output=True,
            text=True,
            check=True,
        )
        found = re.search(r"link/ether (\S+)", shown.stdout)
        assert found is not None
        yield Site(agent, found[1])
    finally:
        for name in (agent, devices):
            with suppress(OSError):
                subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def batch(namespace: str, *commands: str) -> None:
    """Run many `ip` commands at once."""
    subprocess.run(
        ["ip", "-n", namespace, "-batch", "-"], input="\n".join(commands), text=True, check=True
    )


def settings_file(folder: Path, *more: str) -> Path:
    """Write settings that name both subnets."""
    path = folder / "agent.toml"
    subnets = 'subnets = { near = "10.213.7.0/25", far = "10.214.9.0/27" }'
    path.write_text("\n".join(["[probes.endpoint_sweep]", subnets, *more]), encoding="utf-8")
    return path


@pytest.mark.root
@pytest.mark.parametrize(
    ("prefix", "near_method", "far_method"),
    [((), "arp", "icmp"), (tuple(WITHOUT_RAW), "neighbours", "tcp")],
    ids=["with CAP_NET_RAW", "without rights"],
)
def test_every_device_is_counted(
    site: Site, tmp_path: Path, prefix: tuple[str, ...], near_method: str, far_method: str
) -> None:
    """Ninety and this host on the cable, twenty behind the router, and no address is told."""
    near, far = site.sweep(settings_file(tmp_path, "tcp_ports = [80]"), *prefix)
    assert (near["target"], near["labels"]["method"]) == ("near", near_method)
    assert near["values"] == {"addresses_count": 126, "answered_count": DEVICES + 1}
    assert (far["labels"]["method"], far["values"]["answered_count"]) == (far_method, 20)
    assert not re.search(r"10\.21[34]\.|(?:[0-9a-f]{2}:){5}", json.dumps([near, far]))


@pytest.mark.root
def test_the_inventory_by_address_hardware_and_digest(site: Site, tmp_path: Path) -> None:
    """Three ways to list a device, one that is off, and its name for the technician alone."""
    salt = tmp_path / "salt"
    salt.write_text("of the school\n")
    digest = hmac.new(b"of the school", site.hardware.encode(), hashlib.sha256).hexdigest()
    inventory = tmp_path / "devices.csv"
    inventory.write_text(
        f"# 名称,地址\n301一体机,10.213.7.15\n服务器,{site.hardware.upper().replace(':', '-')}\n"
        f"投影,hmac:{digest}\n旧打印机,10.213.7.120\n",
        encoding="utf-8",
    )
    reading = site.sweep(
        settings_file(tmp_path, f'inventory_file = "{inventory}"', f'salt_file = "{salt}"')
    )[-1]
    assert reading["target"] == "inventory"
    assert reading["values"] == {
        "registered_count": 4, "registered_now_count": 3, "registered_seen_ratio": 0.75,
    }  # fmt: skip
    folder = tmp_path / "state/probes/endpoint_sweep"
    assert (folder / "unseen.csv").read_text(encoding="utf-8-sig") == "旧打印机\n"
    assert "10.213" not in (folder / "seen.json").read_text()
    assert "旧打印机" not in json.dumps(reading, ensure_ascii=False)


@pytest.mark.parametrize(
    ("subnets", "why"),
    [
        ({"a": "10.0.0.0/19"}, "larger than a /20"),
        ({"a": "8.8.8.0/24"}, "no private network"),
        ({"a": "0.0.0.0/0"}, "larger than a /20"),
        ({"a": "192.168.1.7/24"}, "write it as"),
        ({"a": "fd00::/120"}, "write it as"),
        ({"a": "10.0.0.0/20", "b": "10.0.1.0/24"}, "overlap"),
        ({"a": "10.0.0.0/20", "b": "10.1.0.0/20", "c": "10.2.0.0/20"}, "more than 8192"),
    ],
)
def test_only_small_private_subnets_are_swept(subnets: dict[str, str], why: str) -> None:
    """What may not be swept is an error in the settings, before a packet leaves."""
    with pytest.raises(ValueError, match=why):
        EndpointSweepSettings(subnets=subnets)


def test_a_subnet_holds_its_hosts() -> None:
    """Neither the network's nor the broadcast address is asked."""
    (subnet,) = parse_subnets({"a": "192.168.1.0/29"})
    assert subnet.addresses() == [f"192.168.1.{n}" for n in range(1, 7)]
    with pytest.raises(ProbeError, match="sweep_no_subnet"):
        list(EndpointSweep().collect(EndpointSweepSettings(), Context()))


def test_seen_within_the_last_days(tmp_path: Path) -> None:
    """Twelve days count; a device that left the list is forgotten; a damaged memory begins anew."""
    path = tmp_path / "seen.json"
    pc, tv = Device("pc", "10.0.0.1"), Device("tv", "02:00:00:00:00:01")
    first = date(2026, 9, 1)
    memory = LastSeen(path)
    memory.note([pc, tv], {pc.key, tv.key}, first)
    memory.note([pc, tv], {pc.key}, first + timedelta(days=5))
    memory.save()
    again = LastSeen(path)
    assert again.within([pc, tv], first + timedelta(days=11), 12) == [pc, tv]
    assert again.within([pc, tv], first + timedelta(days=12), 12) == [pc]
    again.note([pc], set(), first)
    assert again.within([pc, tv], first, 12) == [pc]
    path.write_text("{")
    assert LastSeen(path).within([pc], first, 12) == []


def test_keys_have_one_spelling() -> None:
    """However an address is written, it is the same device; what is none is refused."""
    written = ("AA-BB-CC-DD-EE-0F", "aabbccddee0f", "aa:bb:cc:dd:ee:0f")
    assert {parse_key(one) for one in written} == {"aa:bb:cc:dd:ee:0f"}
    assert parse_key("10.0.0.300") is None
    assert parse_key("aa:bb-cc:dd:ee:0f") is None
    assert keys_seen({"10.0.0.1": ""}, b"salt") == {"10.0.0.1"}


@pytest.mark.parametrize("content", ["pc\n", "pc,printer\n"])
def test_a_wrong_line_of_the_inventory_is_named(tmp_path: Path, content: str) -> None:
    """The technician reads which line to mend; nothing is counted by half a list."""
    path = tmp_path / "devices.csv"
    path.write_text("ok,10.0.0.1\n" + content)
    with pytest.raises(ValueError, match=r"devices\.csv:2"):
        read_inventory(path)
    settings = EndpointSweepSettings(subnets={"a": "10.255.255.252/30"}, inventory_file=path)
    now = datetime(2026, 9, 18, tzinfo=UTC)
    reading = next(
        EndpointSweep()._inventory(path, {}, settings, Context(now=lambda: now))  # noqa: SLF001 - no packet is to leave
    )
    assert (reading.outcome, reading.reason) == (Outcome.FAILED, "inventory_unreadable")


def test_tables_of_neighbours() -> None:
    """Linux marks what did not answer; Windows lists in its own language, multicast included."""
    linux = (
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "10.0.0.1         0x1         0x2         02:00:00:00:00:01     *        eth0\n"
        "10.0.0.2         0x1         0x0         00:00:00:00:00:00     *        eth0\n"
    )
    assert parse_linux_neighbours(linux) == {"10.0.0.1": "02:00:00:00:00:01"}
    windows = (
        "接口: 192.168.1.5 --- 0x4\n  Internet 地址         物理地址              类型\n"
        "  192.168.1.1           AC-22-05-DB-4D-5B     动态\n"
        "  224.0.0.22            01-00-5e-00-00-16     静态\n"
    )
    assert parse_windows_neighbours(windows) == {"192.168.1.1": "ac:22:05:db:4d:5b"}
    assert parse_arp_reply(b"\0" * 60) is None
