"""A backbone link with both of its ends asked is one link, by LLDP or by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.probes.base import Context
from agent.probes.switch_links import SwitchLinks, SwitchLinksSettings
from agent.reading import Reading
from agent.snmp.client import oid
from agent.snmp.link_ends import KnownEnds
from agent.snmp.roles import PortRole, Switch, SwitchRole

from .conftest import Recording, Serve

IF, IFX, LLDP = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1", "1.0.8802.1.1.2.1.4.1.1"
BRIDGE = "28"
"""LldpSystemCapabilitiesMap: bridge and router."""
Rows = list[tuple[str, str, str]]


def switch_rows(
    name: str, ports: dict[int, tuple[str, int]], far: dict[int, tuple[str, str]]
) -> Rows:
    """Return a small switch: ports as index -> (name, Mbit/s), LLDP as index -> (system, port)."""
    rows: Rows = [
        ("1.3.6.1.2.1.1.1.0", "4", "lab switch"),
        ("1.3.6.1.2.1.1.2.0", "6", "1.3.6.1.4.1.99999.1"),
        ("1.3.6.1.2.1.1.5.0", "4", name),
    ]
    for index, (port, speed) in ports.items():
        rows += [
            (f"{IF}.2.{index}", "4", port), (f"{IF}.3.{index}", "2", "6"),
            (f"{IF}.5.{index}", "66", str(min(speed * 10**6, 4_294_967_295))),
            (f"{IF}.8.{index}", "2", "1"), (f"{IFX}.1.{index}", "4", port),
            (f"{IFX}.15.{index}", "66", str(speed)), (f"{IFX}.17.{index}", "2", "1"),
        ]  # fmt: skip
    for index, (system, port) in far.items():
        row = f"0.{index}.1"
        rows += [
            (f"{LLDP}.4.{row}", "2", "4"), (f"{LLDP}.6.{row}", "2", "5"),
            (f"{LLDP}.7.{row}", "4", port), (f"{LLDP}.9.{row}", "4", system),
            (f"{LLDP}.12.{row}", "4x", BRIDGE),
        ]  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def lab(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> int:
    """Serve a core with three buildings: two that tell LLDP, one that does not."""
    folder = tmp_path_factory.mktemp("ends")
    ten = {index: (f"Ten1/0/{index}", 10_000) for index in (1, 2, 3)}
    devices = {
        "core": switch_rows("CORE", ten, {1: ("BLD-A", "Ten0/49"), 2: ("BLD-B", "Ten0/49")}),
        "a": switch_rows("BLD-A", {49: ("Ten0/49", 10_000)}, {49: ("CORE", "Ten1/0/1")}),
        "b": switch_rows("BLD-B", {49: ("Ten0/49", 1000)}, {49: ("CORE", "Ten1/0/2")}),
        "c": switch_rows("BLD-C", {49: ("Ten0/49", 10_000)}, {}),
    }
    for name, rows in devices.items():
        Recording({oid(where): (tag, value) for where, tag, value in rows}).write(
            folder / f"{name}.snmprec"
        )
    return serve(folder)


def ask(port: int, folder: Path, *silent: str) -> dict[str, Reading]:
    """Run the probe once over core and buildings, all marked as core; return links by target."""
    credentials = folder / "snmp.toml"
    credentials.write_text(
        "".join(f'[{n}]\ncommunity = "{"nobody" if n in silent else n}"\n' for n in
                ("core", "a", "b", "c"))
    )  # fmt: skip
    credentials.chmod(0o600)
    more = {
        "core": {"ports": {"Ten1/0/3": PortRole.BACKBONE}, "links": {"Ten1/0/3": "to-c"}},
        "c": {"ports": {"Ten0/49": PortRole.BACKBONE}, "links": {"Ten0/49": "to-c"}},
    }
    settings = SwitchLinksSettings(
        devices=tuple(
            Switch(
                name=name, address="127.0.0.1", port=port, credential=name, role=SwitchRole.CORE,
                **more.get(name, {}),  # type: ignore[arg-type]  # two fields of one class
            )
            for name in ("core", "a", "b", "c")
        ),
        credentials_file=credentials,
        answer_within_s=0.5,
        retries=0,
    )  # fmt: skip
    found = SwitchLinks().collect(settings, Context(state_dir=folder))
    return {one.target: one for one in found if one.labels.get("role") == "backbone"}


def test_each_link_counts_once_by_its_slower_end(lab: int, tmp_path: Path) -> None:
    """Six ends, three links; the one whose ends differ has the slower end's speed."""
    links = ask(lab, tmp_path)
    assert {target: one.values["speed_mbps"] for target, one in links.items()} == {
        "a/Ten0/49": 10_000, "b/Ten0/49": 1000, "link/to-c": 10_000,
    }  # fmt: skip


def test_a_silent_switch_does_not_rename_the_link(lab: int, tmp_path: Path) -> None:
    """While building A is silent the core's end stands in under the same name; nothing is added."""
    before = ask(lab, tmp_path)
    during = ask(lab, tmp_path, "a")
    assert during.keys() == before.keys()
    assert during["a/Ten0/49"].details["read_at"] == "core/Ten1/0/1"


def test_a_moved_cable_is_forgotten_and_a_damaged_memory_begun_anew(tmp_path: Path) -> None:
    """Both switches answer and tell otherwise: the old pair is gone."""
    path = tmp_path / "ends.json"
    assert KnownEnds(path).update({"core/1": "a/49"}, {"core", "a"}) == {"core/1": "a/49"}
    assert KnownEnds(path).update({}, {"core"}) == {"core/1": "a/49"}
    assert KnownEnds(path).update({}, {"core", "a"}) == {}
    path.write_text("[")
    assert KnownEnds(path).update({}, set()) == {}
