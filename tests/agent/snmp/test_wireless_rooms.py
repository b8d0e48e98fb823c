"""Smart rooms by their own access points, on recordings of real controllers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.probes.base import Context
from agent.probes.wireless_controller import (
    SmartRoom,
    WirelessController,
    WirelessControllerSettings,
)
from agent.reading import Reading
from agent.snmp.settings import Device

from .conftest import Recording

HUAWEI_AP = "1.3.6.1.4.1.2011.6.139.13.3.10.1"
NAME, USERS = 5, 45


def ask(port: int, community: str, *rooms: SmartRoom) -> dict[str, Reading]:
    """Run the probe once against one controller; return its readings by target."""
    settings = WirelessControllerSettings(
        devices=(Device(name="ac", address="127.0.0.1", port=port),),
        community=community,
        rooms=rooms,
        answer_within_s=10.0,
    )
    found = WirelessController().collect(settings, Context())
    return {reading.target: reading for reading in found}


def test_terminals_of_a_room_are_those_of_its_access_points(
    devices_port: int, recording: Callable[[str], Recording]
) -> None:
    """The two busiest access points of the file, for forty seats; what is unknown says so."""
    raw = recording("huawei-s12704-core-ac")
    names, users = raw.column(f"{HUAWEI_AP}.{NAME}"), raw.column(f"{HUAWEI_AP}.{USERS}")
    busiest = sorted(users, key=lambda index: -int(users[index]))[:2]
    expected = sum(int(users[index]) for index in busiest)
    written = tuple(bytes.fromhex(names[i]).decode() for i in busiest)  # kept as hex there
    room = SmartRoom(name="301", seats=40, access_points=written)
    unknown = SmartRoom(name="302", seats=40, access_points=("no such",))
    found = ask(devices_port, "huawei-s12704-core-ac", room, unknown)
    assert found["ac"].values["busiest_ap_terminals"] == int(users[busiest[0]])
    assert found["301"].values == {
        "room_terminals_count": expected,
        "seats_associated_percent": 100 * expected / 40,
    }
    assert expected > 0
    assert (found["302"].reason, found["302"].values) == ("wireless_room_unknown_ap", {})


def test_rooms_that_cannot_be_asked_are_refused() -> None:
    """A controller that is not there, a room twice, no seats."""
    ac = Device(name="ac", address="127.0.0.1")
    room = SmartRoom(name="301", seats=40, access_points=("a",))
    other = SmartRoom(name="302", seats=40, access_points=("b",), device="other")
    with pytest.raises(ValueError, match="not among devices"):
        WirelessControllerSettings(devices=(ac,), rooms=(other,))
    with pytest.raises(ValueError, match="name of its own"):
        WirelessControllerSettings(devices=(ac,), rooms=(room, room))
    with pytest.raises(ValueError, match="seats"):
        SmartRoom(name="303", seats=0, access_points=("a",))
