"""Controllers as no recording shows them: huge, empty, unordered, or answering in a circle."""

from __future__ import annotations

import random

from pysnmp.proto.api import v2c

from agent.probes.base import Context
from agent.probes.wireless_controller import WirelessController, WirelessControllerSettings
from agent.reading import Outcome, Reading
from agent.snmp.client import oid
from agent.snmp.settings import Device

from .conftest import ARUBA, OddRow, StartOdd

UP, CLIENTS = f"{ARUBA}.2.2.1.1.3.1.0", f"{ARUBA}.2.2.1.1.3.2.0"
STATE, RADIO = f"{ARUBA}.2.2.1.5.2.1.4.1.19", f"{ARUBA}.2.2.1.5.2.1.5.1.7"


def ask(port: int) -> Reading:
    """Run the probe once."""
    settings = WirelessControllerSettings(
        devices=(Device(name="ac", address="127.0.0.1", port=port),),
        community="public",
        answer_within_s=5.0,
        retries=0,
    )
    (reading,) = WirelessController().collect(settings, Context())
    return reading


def scalars(up: int, clients: int) -> list[OddRow]:
    """Return the controller's own counts, as the old 32-bit counters."""
    return [(oid(UP), v2c.Counter32(up)), (oid(CLIENTS), v2c.Counter32(clients))]


def table(count: int, down: int) -> tuple[list[OddRow], list[OddRow]]:
    """Return the states and the clients of `count` access points, the last `down` of them down."""
    index = [(2, 0, 0, 0, n // 256, n % 256) for n in range(count)]
    states = [
        ((*oid(STATE), *row), v2c.Integer(2 if n >= count - down else 1))
        for n, row in enumerate(index)
    ]
    radios = [((*oid(RADIO), *row, 1), v2c.Gauge32(n % 40)) for n, row in enumerate(index)]
    return states, radios


def test_rows_in_an_order_of_their_own_all_count(odd_agent: StartOdd) -> None:
    """1,200 access points whose agent hashes its rows: none is lost, in two columns of each."""
    states, radios = table(1200, down=7)
    chance = random.Random(1)
    chance.shuffle(states)
    chance.shuffle(radios)
    reading = ask(odd_agent([*scalars(1193, 9000), *states, *radios]))
    assert reading.outcome is Outcome.OK
    assert reading.values == {
        "access_points_count": 1200, "access_points_up_count": 1193,
        "access_points_down_count": 7, "access_points_idle_count": 0,
        "terminals_count": 9000, "busiest_ap_terminals": 39,
    }  # fmt: skip


def test_an_agent_that_walks_in_a_circle_ends(odd_agent: StartOdd) -> None:
    """The first row again after the last: each counts once, and the walk ends."""
    states, _ = table(30, down=1)
    reading = ask(odd_agent([*scalars(29, 5), *states], circle=True))
    assert reading.values["access_points_count"] == 30
    assert reading.values["access_points_down_count"] == 1


def test_a_controller_without_access_points(odd_agent: StartOdd) -> None:
    """A new controller has none: that is a count of zero, and nobody is called down."""
    reading = ask(odd_agent(scalars(0, 0)))
    assert reading.values["access_points_up_count"] == 0
    assert reading.values["terminals_count"] == 0
    assert "access_points_down_count" not in reading.values


def test_a_controller_without_its_tables(odd_agent: StartOdd) -> None:
    """Firmware that hides the tables still tells its counts; the rest is unknown, not zero."""
    reading = ask(odd_agent(scalars(12, 88)))
    assert reading.values["access_points_up_count"] == 12
    assert reading.values["terminals_count"] == 88
    assert "busiest_ap_terminals" not in reading.values
    assert reading.reason == "wireless_down_unknown"
