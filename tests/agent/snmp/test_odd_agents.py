"""Controllers as no recording shows them: huge, empty, unordered, or answering in a circle."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto.api import v2c

from agent.probes.base import Context
from agent.probes.wireless_controller import WirelessController, WirelessControllerSettings
from agent.reading import Outcome, Reading
from agent.snmp.client import Oid, oid
from agent.snmp.settings import Device

ARUBA = "1.3.6.1.4.1.14823"
UP, CLIENTS = f"{ARUBA}.2.2.1.1.3.1.0", f"{ARUBA}.2.2.1.1.3.2.0"
STATE, RADIO = f"{ARUBA}.2.2.1.5.2.1.4.1.19", f"{ARUBA}.2.2.1.5.2.1.5.1.7"
Row = tuple[Oid, Any]
AFTER_THE_TREE: Row = (oid("1.3.6.1.6.9.9.0"), v2c.Integer(0))


class OddAgent:
    """Answers version 2c from a list of rows in the list's own order."""

    def __init__(self, rows: Sequence[Row], *, circle: bool = False) -> None:
        self._rows = list(rows)
        self._place = {name: at for at, (name, _) in enumerate(rows)}
        self._circle = circle
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self.port: int = self._sock.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._sock.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._sock.close()

    def _serve(self) -> None:
        while True:
            raw, sender = self._sock.recvfrom(65535)
            if not raw:
                return
            message, _ = decoder.decode(raw, asn1Spec=v2c.Message())
            asked = v2c.apiMessage.get_pdu(message)
            answer = v2c.apiMessage.get_response(message)
            pdu = v2c.apiMessage.get_pdu(answer)
            names = [tuple(name) for name, _ in v2c.apiPDU.get_varbinds(asked)]
            if asked.isSameTypeWith(v2c.GetRequestPDU()):
                found = [(name, self._at(self._place.get(name))[1]) for name in names]
            else:
                times = 1
                if asked.isSameTypeWith(v2c.GetBulkRequestPDU()):
                    times = int(v2c.apiBulkPDU.get_max_repetitions(asked))
                found = self._walk(names, times)
            v2c.apiPDU.set_varbinds(pdu, [(v2c.ObjectIdentifier(n), v) for n, v in found])
            self._sock.sendto(encoder.encode(answer), sender)

    def _at(self, place: int | None) -> Row:
        return ((), v2c.NoSuchObject("")) if place is None else self._rows[place]

    def _walk(self, names: list[Oid], times: int) -> list[Row]:
        found = []
        for _ in range(times):
            names = [self._after(name)[0] for name in names]
            found += [self._at(self._place.get(name)) for name in names]
        return found

    def _after(self, name: Oid) -> Row:
        place = self._place.get(name)
        if place is not None:
            if place + 1 < len(self._rows):
                return self._rows[place + 1]
            return self._rows[0] if self._circle else self._rows[place]
        # A column: the first row that the list has under it, else the first one after it.
        under = [row for row in self._rows if row[0][: len(name)] == name]
        return under[0] if under else next((r for r in self._rows if r[0] > name), self._rows[-1])


Start = Callable[..., int]


@pytest.fixture
def odd_agent() -> Iterator[Start]:
    """Return a starter of odd agents; all end with the test."""
    started: list[OddAgent] = []

    def start(rows: Sequence[Row], *, circle: bool = False) -> int:
        system = [
            (oid("1.3.6.1.2.1.1.1.0"), v2c.OctetString("lab")),
            (oid("1.3.6.1.2.1.1.2.0"), v2c.ObjectIdentifier(oid(f"{ARUBA}.1.1.9"))),
        ]
        after = [] if circle else [AFTER_THE_TREE]
        started.append(OddAgent([*system, *rows, *after], circle=circle))
        return started[-1].port

    yield start
    for agent in started:
        agent.close()


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


def scalars(up: int, clients: int) -> list[Row]:
    """Return the controller's own counts, as the old 32-bit counters."""
    return [(oid(UP), v2c.Counter32(up)), (oid(CLIENTS), v2c.Counter32(clients))]


def table(count: int, down: int) -> tuple[list[Row], list[Row]]:
    """Return the states and the clients of `count` access points, the last `down` of them down."""
    index = [(2, 0, 0, 0, n // 256, n % 256) for n in range(count)]
    states = [
        ((*oid(STATE), *row), v2c.Integer(2 if n >= count - down else 1))
        for n, row in enumerate(index)
    ]
    radios = [((*oid(RADIO), *row, 1), v2c.Gauge32(n % 40)) for n, row in enumerate(index)]
    return states, radios


def test_rows_in_an_order_of_their_own_all_count(odd_agent: Start) -> None:
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


def test_an_agent_that_walks_in_a_circle_ends(odd_agent: Start) -> None:
    """The first row again after the last: each counts once, and the walk ends."""
    states, _ = table(30, down=1)
    reading = ask(odd_agent([*scalars(29, 5), *states], circle=True))
    assert reading.values["access_points_count"] == 30
    assert reading.values["access_points_down_count"] == 1


def test_a_controller_without_access_points(odd_agent: Start) -> None:
    """A new controller has none: that is a count of zero, and nobody is called down."""
    reading = ask(odd_agent(scalars(0, 0)))
    assert reading.values["access_points_up_count"] == 0
    assert reading.values["terminals_count"] == 0
    assert "access_points_down_count" not in reading.values


def test_a_controller_without_its_tables(odd_agent: Start) -> None:
    """Firmware that hides the tables still tells its counts; the rest is unknown, not zero."""
    reading = ask(odd_agent(scalars(12, 88)))
    assert reading.values["access_points_up_count"] == 12
    assert reading.values["terminals_count"] == 88
    assert "busiest_ap_terminals" not in reading.values
    assert reading.reason == "wireless_down_unknown"
