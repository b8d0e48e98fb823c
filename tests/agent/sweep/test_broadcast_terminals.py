"""Public-address and television terminals: SIP answers as recorded, silence for real."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.probes.base import Context, ProbeError
from agent.probes.broadcast_terminals import (
    BroadcastTerminals,
    BroadcastTerminalsSettings,
    report,
)
from agent.reading import Outcome, Reading
from agent.sweep.inventory import Device
from agent.sweep.sip import ask_by_sip, is_answer, options_request

# What baresip 1.0.0 answered to this very request; {…} are the parts taken from the request.
RECORDED = (
    "SIP/2.0 404 Not Found\r\n"
    "Via: SIP/2.0/UDP {via};rport=57072;received=127.0.0.1\r\n"
    "From: {from_}\r\n"
    "To: <sip:127.0.0.1:5070>;tag=1fb50d79c45312aa\r\n"
    "Call-ID: {call_id}\r\n"
    "CSeq: 1 OPTIONS\r\n"
    "Server: baresip v1.0.0 (x86_64/linux)\r\n"
    "Content-Length: 0\r\n\r\n"
)
NOISE = b"SIP/2.0 200 OK\r\nCall-ID: of-somebody-else\r\n\r\n"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback answers in microseconds; whoever is silent there stays so."""
    monkeypatch.setattr("agent.sweep.sip.WAIT_S", 0.2)
    monkeypatch.setattr("agent.sweep.ask.WAIT_S", 0.1)


@contextmanager
def sip_device(address: str, port: int) -> Iterator[None]:
    """Answer OPTIONS at an address as the recorded device did, with noise before."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, port))
        sock.settimeout(0.05)
        is_over = threading.Event()

        def serve() -> None:
            while not is_over.is_set():
                try:
                    request, sender = sock.recvfrom(4096)
                except TimeoutError:
                    continue
                field = dict(re.findall(r"^([A-Za-z-]+): (.*?)\r$", request.decode(), re.M))
                sock.sendto(NOISE, sender)
                answer = RECORDED.format(
                    via=field["Via"].removeprefix("SIP/2.0/UDP "),
                    from_=field["From"],
                    call_id=field["Call-ID"],
                )
                sock.sendto(answer.encode(), sender)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()


def free_udp_port(address: str) -> int:
    """Return a UDP port that is free at that address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        return int(sock.getsockname()[1])


def look(tmp_path: Path, sip_port: int, *lines: str) -> dict[str, Reading]:
    """Run the probe over an inventory."""
    inventory = tmp_path / "devices.csv"
    inventory.write_text("".join(f"{line}\n" for line in lines))
    settings = BroadcastTerminalsSettings(inventory_file=inventory, sip_port=sip_port)
    return {one.target: one for one in BroadcastTerminals().collect(settings, Context())}


def test_a_sip_terminal_that_only_pings_is_off(tmp_path: Path) -> None:
    """An answer of any status counts; this host's own address is there, but speaks no SIP."""
    port = free_udp_port("127.0.0.11")
    with sip_device("127.0.0.11", port):
        found = look(
            tmp_path,
            port,
            "教学楼-301,127.0.0.11,301,sip_broadcast",
            "教学楼-302,127.0.0.1,302,sip_broadcast",
            "校长室电脑,127.0.0.15,,desktop",
        )
    assert {name: (one.values["online"], one.reason) for name, one in found.items()} == {
        "教学楼-301": (1, None),
        "教学楼-302": (0, "broadcast_sip_silent"),
    }
    assert "127.0.0" not in repr(found)


TERMINALS = (
    Device("操场", "10.0.0.3", "", "broadcast"),
    Device("门厅电视", "10.0.0.4", "门厅", "campus_tv"),
)


def test_others_by_the_network_alone() -> None:
    """One answers and one does not; each keeps its kind and its room."""
    square, hall = report(TERMINALS, set(), {"10.0.0.3"}, Context())
    assert (square.values, square.reason) == ({"online": 1}, None)
    assert (hall.values, hall.reason) == ({"online": 0}, "broadcast_terminal_silent")
    assert (hall.labels, hall.details["room"]) == ({"kind": "campus_tv"}, "门厅")


def test_all_silent_is_unknown() -> None:
    """No terminal of two answers: nothing is said of any. A single one may well be off."""
    for one in report(TERMINALS, set(), set(), Context()):
        assert (one.outcome, one.reason) == (Outcome.FAILED, "broadcast_all_silent")
        assert one.values == {}
    (alone,) = report(TERMINALS[:1], set(), set(), Context())
    assert alone.values == {"online": 0}


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["a,aa:bb:cc:dd:ee:ff,,broadcast"], "broadcast_terminal_incomplete"),
        (["a,10.0.0.1,,broadcast", "a,10.0.0.2,,broadcast"], "broadcast_terminal_twice"),
        (["a,10.0.0.1,,display"], "broadcast_terminals_none"),
        (["only a name"], "inventory_unreadable"),
    ],
)
def test_a_slip_in_the_inventory_is_named(tmp_path: Path, lines: list[str], reason: str) -> None:
    """Each kind of slip has a reason of its own, before any packet is sent."""
    with pytest.raises(ProbeError, match=reason):
        look(tmp_path, 5060, *lines)


def test_the_request_holds_what_the_protocol_asks_for() -> None:
    """RFC 3261 8.1.1: the six fields, CRLF, and an empty body; an answer must carry its Call-ID."""
    request = options_request("10.0.0.9:5060", "10.0.0.1:40000", "abc123").decode()
    head, _, body = request.partition("\r\n\r\n")
    names = [line.partition(":")[0] for line in head.split("\r\n")[1:]]
    assert {"Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq"} <= set(names)
    assert body == ""
    assert is_answer(b"SIP/2.0 486 Busy\r\ni: abc123\r\n\r\n", "abc123")
    for other in (
        b"SIP/2.0 200 OK\r\nCall-ID: abc1\r\n\r\n",
        b"OPTIONS sip:x SIP/2.0\r\n",
        b"",
        b"\xff",
    ):
        assert not is_answer(other, "abc123")


def test_a_host_that_refuses_does_not_end_the_round() -> None:
    """A closed port answers by ICMP, which the socket reports: the others are still asked."""
    port = free_udp_port("127.0.0.21")
    with sip_device("127.0.0.22", port):
        assert ask_by_sip(["127.0.0.21", "127.0.0.22"], port) == {"127.0.0.22"}
