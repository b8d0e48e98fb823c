"""Wireless controllers: every recording answered by a real agent, against what its file says."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.probes.base import Context
from agent.probes.wireless_controller import WirelessController, WirelessControllerSettings
from agent.reading import Outcome, Reading
from agent.snmp.access_points import ControllerTables
from agent.snmp.client import dotted
from agent.snmp.lost_access_points import lost_since_last
from agent.snmp.settings import Device
from agent.snmp.vendor_tables import load_tables

from .conftest import Recording, Serve

WALK_S = 2.0
HUAWEI = "1.3.6.1.4.1.2011.6.139"
H3C = "1.3.6.1.4.1.2011.10.2.75"
RUIJIE = "1.3.6.1.4.1.4881.1.1.10.2.56"
CISCO_RADIO_USERS = "1.3.6.1.4.1.14179.2.2.2.1.15"
ARUBA_RADIO_CLIENTS = "1.3.6.1.4.1.14823.2.2.1.5.2.1.5.1.7"
UNIFI_STATIONS = "1.3.6.1.4.1.41112.1.6.1.2.1.8"


def ask(port: int, community: str, state: Path | None = None, own: Path | None = None) -> Reading:
    """Run the probe once against one controller."""
    settings = WirelessControllerSettings(
        devices=(Device(name="ac", address="127.0.0.1", port=port),),
        community=community,
        answer_within_s=10.0,
        vendor_folder=own,
    )
    (reading,) = WirelessController().collect(settings, Context(state_dir=state))
    return reading


def by_access_point(column: dict[tuple[int, ...], str], drop: int) -> Counter[tuple[int, ...]]:
    """Add up a raw column over the radios of each access point."""
    sums: Counter[tuple[int, ...]] = Counter()
    for index, value in column.items():
        sums[index[: len(index) - drop]] += int(value)
    return sums


def expected(name: str, raw: Recording) -> dict[str, float]:
    """Return what the file itself says, by hand and by maker."""
    match name:
        case "huawei-s12704-core-ac":
            states = Counter(raw.column(f"{HUAWEI}.13.3.10.1.7").values())
            return {
                "access_points_count": raw.number(f"{HUAWEI}.12.1.5.7.0"),
                "access_points_up_count": states["8"],
                "access_points_down_count": states["4"],
                "access_points_idle_count": states["1"],
                "terminals_count": raw.number(f"{HUAWEI}.12.1.2.2.0"),
                "busiest_ap_terminals": max(
                    map(int, raw.column(f"{HUAWEI}.13.3.10.1.45").values())
                ),
            }
        case "h3c-lsq1wcmd0-ac":
            states = Counter(raw.column(f"{H3C}.2.1.10.1.7").values())
            return {
                "access_points_count": raw.number(f"{H3C}.1.1.2.7.0"),
                "access_points_up_count": states["1"],
                "access_points_down_count": states["2"],
                "access_points_idle_count": 0,
                "terminals_count": raw.number(f"{H3C}.1.1.2.2.0"),
                "busiest_ap_terminals": max(map(int, raw.column(f"{H3C}.2.1.2.1.7").values())),
            }
        case "ruijie-m18000-ac":
            return {
                "access_points_count": raw.number(f"{RUIJIE}.1.1.81.0"),
                "access_points_up_count": len(raw.column(f"{RUIJIE}.2.1.1.1.34")),
                "access_points_down_count": len(raw.column(f"{RUIJIE}.2.1.5.1.1")),
                "terminals_count": raw.number(f"{RUIJIE}.1.1.15.0"),
                "busiest_ap_terminals": max(map(int, raw.column(f"{RUIJIE}.2.1.1.1.34").values())),
            }
        case "cisco-cbw240ac-wlc":
            users = by_access_point(raw.column(CISCO_RADIO_USERS), 1)
            return {
                "access_points_count": len(raw.column("1.3.6.1.4.1.14179.2.2.1.1.3")),
                "access_points_up_count": raw.number("1.3.6.1.4.1.9.9.618.1.8.4.0"),
                "terminals_count": users.total(),
                "busiest_ap_terminals": max(users.values()),
            }
        case "aruba-m3-ac":
            clients = by_access_point(raw.column(ARUBA_RADIO_CLIENTS), 1)
            return {
                "access_points_count": raw.number("1.3.6.1.4.1.14823.2.2.1.1.3.1.0"),
                "access_points_up_count": raw.number("1.3.6.1.4.1.14823.2.2.1.1.3.1.0"),
                "terminals_count": raw.number("1.3.6.1.4.1.14823.2.2.1.1.3.2.0"),
                "busiest_ap_terminals": max(clients.values()),
            }
        case _:  # unifi-nanohd-ap
            stations = sum(map(int, raw.column(UNIFI_STATIONS).values()))
            return {
                "access_points_count": 1,
                "access_points_up_count": 1,
                "access_points_down_count": 0,
                "terminals_count": stations,
                "busiest_ap_terminals": stations,
            }


# The same figures read by eye, so that a mistake in `expected` shows.
BY_EYE = {
    "huawei-s12704-core-ac": {"access_points_count": 816, "access_points_up_count": 247},
    "h3c-lsq1wcmd0-ac": {"access_points_down_count": 3, "terminals_count": 1218},
    "ruijie-m18000-ac": {"access_points_count": 3247, "access_points_down_count": 8},
    "cisco-cbw240ac-wlc": {"access_points_count": 4, "terminals_count": 23},
    "aruba-m3-ac": {"access_points_up_count": 1386, "terminals_count": 2654},
    "unifi-nanohd-ap": {"terminals_count": 18},
}


@pytest.mark.parametrize("name", BY_EYE)
def test_counts_of_real_controllers(
    name: str, devices_port: int, recording: Callable[[str], Recording]
) -> None:
    """What is up, down, idle and associated is what the file says, at two seconds at most."""
    started_s = time.process_time()
    reading = ask(devices_port, name)
    assert time.process_time() - started_s < WALK_S
    assert reading.outcome is Outcome.OK
    assert reading.values == expected(name, recording(name))
    assert reading.values.items() >= BY_EYE[name].items()


def test_the_largest_controller_is_read_in_time(devices_port: int) -> None:
    """3,247 access points on the wall's clock, the simulator's own time included.

    The better of two walks, with slack for a machine that others use as well;
    `benchmarks/snmp_walks.py` holds the two seconds themselves.
    """
    taken_s = []
    for _ in range(2):
        started_s = time.perf_counter()
        ask(devices_port, "ruijie-m18000-ac")
        taken_s.append(time.perf_counter() - started_s)
    assert min(taken_s) < WALK_S * 3


@pytest.mark.parametrize("name", ["cisco-cbw240ac-wlc", "aruba-m3-ac"])
def test_what_a_controller_does_not_tell_is_unknown(name: str, devices_port: int) -> None:
    """A controller that lists what is up says nothing of what is down: no zero is made of that."""
    reading = ask(devices_port, name)
    assert "access_points_down_count" not in reading.values
    assert reading.reason == "wireless_down_unknown"


def test_names_of_what_is_down_help_to_find_it(devices_port: int) -> None:
    """Ruijie's names end in NUL, H3C's lost ones have a serial number only: both are readable."""
    ruijie = ask(devices_port, "ruijie-m18000-ac").details["down"]
    assert "W_HeYuan_F3_1" in ruijie  # type: ignore[operator]  # a list by contract
    h3c = ask(devices_port, "h3c-lsq1wcmd0-ac").details["down"]
    assert h3c == ["219801A0FH9138Q14179", "219801A0CSC12B002164", "210235A0T3C125000308"]


@pytest.fixture(scope="module")
def made_port(
    serve: Serve, recording: Callable[[str], Recording], tmp_path_factory: pytest.TempPathFactory
) -> int:
    """Serve recordings with something taken away or changed, each as real devices do it."""
    folder = tmp_path_factory.mktemp("made")
    huawei, h3c = recording("huawei-s12704-core-ac"), recording("h3c-lsq1wcmd0-ac")
    by_id, by_address = f"{HUAWEI}.13.3.10", f"{HUAWEI}.13.3.3"
    # An AC6605 has names and no state; an ACU2 has the table by address alone.
    huawei.write(folder / "no-state.snmprec", without=[f"{by_id}.1.7", f"{by_address}.1.6"])
    huawei.write(folder / "by-address.snmprec", without=[by_id])
    states = h3c.column(f"{H3C}.2.1.10.1.7")
    away = [(f"{H3C}.2.1.10.1.7.{dotted(index)}", "2", "2") for index in states]
    h3c.write(
        folder / "standby.snmprec",
        without=[f"{H3C}.2.1.1", f"{H3C}.2.1.2"],
        added=[*away, (f"{H3C}.1.1.2.1.0", "2", "0"), (f"{H3C}.1.1.2.2.0", "2", "0")],
    )
    # Newer firmware answers under H3C's own root.
    moved = [
        (f"1.3.6.1.4.1.25506.2.75.{dotted(name[10:])}", tag, value)
        for name, (tag, value) in h3c.rows.items()
        if dotted(name).startswith(f"{H3C}.")
    ]
    h3c.write(folder / "new-root.snmprec", without=[H3C], added=moved)
    cisco = recording("cisco-cbw240ac-wlc")
    gone = "20.22.157.36.236.128"
    cisco.write(
        folder / "one-gone.snmprec",
        without=[f"1.3.6.1.4.1.14179.2.2.1.1.3.{gone}"],
        added=[("1.3.6.1.4.1.9.9.618.1.8.4.0", "66", "3")],
    )
    return serve(folder)


def test_a_missing_state_column_is_unknown_not_down(made_port: int) -> None:
    """Names without states (AC6605): the device's own counts stand, nobody is called down."""
    reading = ask(made_port, "no-state")
    assert reading.values["access_points_up_count"] == 247
    assert reading.values["access_points_count"] == 816
    assert "access_points_down_count" not in reading.values


def test_a_stump_of_a_table_is_not_counted(made_port: int) -> None:
    """Four rows of 816 are no inventory; the device's own counts stand."""
    reading = ask(made_port, "by-address")
    assert reading.values["access_points_up_count"] == 247
    assert reading.values["access_points_count"] == 816
    assert "access_points_down_count" not in reading.values


def test_a_standby_controller_reports_nothing_down(made_port: int) -> None:
    """All 174 are away from it: probably they are with the main controller."""
    reading = ask(made_port, "standby")
    assert reading.reason == "wireless_none_joined"
    assert reading.values == {
        "access_points_count": 174,
        "access_points_up_count": 0,
        "access_points_idle_count": 0,
        "terminals_count": 0,
    }


def test_the_tree_may_stand_under_another_root(made_port: int, devices_port: int) -> None:
    """H3C moved its tree from 2011.10 to 25506.2: both give the same counts."""
    assert ask(made_port, "new-root").values == ask(devices_port, "h3c-lsq1wcmd0-ac").values


def test_a_lost_access_point_is_remembered(
    made_port: int, devices_port: int, tmp_path: Path
) -> None:
    """Cisco drops the row of a lost AP: the agent remembers that there were four."""
    first = ask(devices_port, "cisco-cbw240ac-wlc", tmp_path)
    assert "access_points_down_count" not in first.values
    second = ask(made_port, "one-gone", tmp_path)
    assert second.values["access_points_down_count"] == 1
    assert second.values["access_points_count"] == 4
    assert second.details["down"] == ["ap1"]


def test_a_dismantled_access_point_is_forgotten(tmp_path: Path) -> None:
    """Thirty days without it, and it is no longer missed; a damaged memory is begun anew."""
    start = datetime(2026, 9, 1, tzinfo=UTC)
    assert lost_since_last(tmp_path, "ac", {"a": "A", "b": "B"}, start) is None
    assert lost_since_last(tmp_path, "ac", {"a": "A"}, start + timedelta(days=29)) == {"b": "B"}
    assert lost_since_last(tmp_path, "ac", {"a": "A"}, start + timedelta(days=31)) == {}
    (memory,) = tmp_path.iterdir()
    memory.write_text('{"access_points": [1]}')
    assert lost_since_last(tmp_path, "ac", {"a": "A"}, start + timedelta(days=32)) is None


def test_a_school_can_add_a_maker(devices_port: int, tmp_path: Path) -> None:
    """A device in no shipped table is counted by a file of the school's own, without code."""
    assert ask(devices_port, "mikrotik-crs317").reason == "wireless_unknown_controller"
    (tmp_path / "routeros.toml").write_text(
        'title = "RouterOS"\nsystem_object_ids = ["1.3.6.1.4.1.14988"]\n'
        'roots = ["1.3.6.1.2.1"]\nknown_by = "1.3.0"\n'
        '[[access_points]]\nlists = "up"\nrows = "31.1.1.1.1"\n'
    )
    reading = ask(devices_port, "mikrotik-crs317", own=tmp_path)
    assert reading.values["access_points_up_count"] == 20  # its interfaces stand in for APs


def test_an_own_table_with_a_mistake_is_named(devices_port: int, tmp_path: Path) -> None:
    """The error names the file instead of counting by half a table."""
    (tmp_path / "bad.toml").write_text('title = "x"\nrots = ["1.3"]\n')
    with pytest.raises(Exception, match=r"snmp_vendor_table_wrong.*bad\.toml"):
        ask(devices_port, "mikrotik-crs317", own=tmp_path)


def test_no_table_of_stations_is_shipped() -> None:
    """Station tables hold people's devices; none of their columns is in a shipped table."""
    stations = (
        f"{HUAWEI}.18", f"{H3C}.3", "1.3.6.1.4.1.25506.2.75.3", f"{RUIJIE}.5",
        "1.3.6.1.4.1.14179.2.1.4", "1.3.6.1.4.1.14823.2.2.1.4",
    )  # fmt: skip
    asked = [
        f"{root}.{column}"
        for table in load_tables(ControllerTables, "wireless")
        for root in table.roots
        for column in columns(table)
    ]
    assert len(asked) > 30
    assert not [one for one in asked for start in stations if one.startswith(f"{start}.")]


def columns(table: ControllerTables) -> list[str]:
    """Return every object and column that a table names."""
    scalars = table.scalars
    found = [table.known_by, scalars.up, scalars.down, scalars.total, scalars.terminals]
    for points in table.access_points:
        found += [points.state, points.rows, points.name, points.terminals]
    for terminals in (*table.terminals, *table.terminals_total):
        found += [terminals.column, terminals.name]
    return [one for one in found if one]
