"""The education network: inside its ranges, outside of them, away, and behind an outlet."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.probes.base import Context
from agent.probes.education_network import EducationNetwork, EducationNetworkSettings, is_inside
from agent.probes.services import Service, ServiceKind
from agent.reading import Outcome, Reading


@pytest.fixture
def echo_port() -> Iterator[int]:
    """Answer every request with an address of the education network, as a getIP page does."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.recv(4096)
                body = b'{"processedString": "10.130.7.9 - school"}'
                head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
                client.sendall(head % len(body) + body)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield int(listener.getsockname()[1])
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def ask(port: int, proc: Path, *ranges: str, **more: Any) -> Reading:
    """Try one address on this host; `proc` has no route, so no gateway is asked."""
    service = Service(name="county", kind=ServiceKind.TCP, host="127.0.0.1", port=port)
    settings = EducationNetworkSettings(
        addresses=(service,), source_ranges=ranges, answer_within_s=1.0, **more
    )
    (reading,) = EducationNetwork().collect(settings, Context(proc_root=proc))
    return reading


def test_reached_from_inside_the_ranges(echo_port: int, tmp_path: Path) -> None:
    """The route's own source address lies in a range: the network is there."""
    reading = ask(echo_port, tmp_path, "10.128.0.0/9", "127.0.0.0/8")
    assert (reading.outcome, reading.values["reachable"]) == (Outcome.OK, 1)
    assert reading.details["source"] == "127.0.0.1"


def test_reached_from_outside_proves_nothing(echo_port: int, tmp_path: Path) -> None:
    """It may have gone through the Internet: limited, and void for the indicator."""
    reading = ask(echo_port, tmp_path, "10.128.0.0/9")
    assert reading.limited_by == ("outside_education_range",)


def test_behind_an_outlet_the_page_inside_tells(echo_port: int, tmp_path: Path) -> None:
    """The address is translated on the way; what the far side saw decides."""
    url = f"http://127.0.0.1:{echo_port}/getIP"
    reading = ask(echo_port, tmp_path, "10.128.0.0/9", source_url=url)
    assert (reading.outcome, reading.details["source"]) == (Outcome.OK, "10.130.7.9")


def test_an_address_that_is_away_is_zero(tmp_path: Path) -> None:
    """Nobody listens: an observation, with its reason."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    reading = ask(port, tmp_path, "127.0.0.0/8")
    assert (reading.outcome, reading.values, reading.reason) == (
        Outcome.OK, {"reachable": 0}, "service_refused",
    )  # fmt: skip


def test_nothing_is_asked_without_ranges() -> None:
    """An address alone could be reached through the Internet as well."""
    service = Service(name="county", kind=ServiceKind.TCP, host="127.0.0.1", port=9)
    alone = EducationNetworkSettings(addresses=(service,))
    assert EducationNetwork().idle_reason(alone) == "education_network_not_named"
    assert is_inside("fd00::7%eth0", ["fd00::/8"])
