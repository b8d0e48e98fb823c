"""The two connections beside a transfer: pings, and what the server sees."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from agent.bandwidth.connection import Endpoint
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.pinger import Pinger
from agent.bandwidth.server_view import ServerView
from agent.bandwidth.session import Session
from agent.bandwidth.upload import acknowledgement_bytes

SESSION = Session(Endpoint("127.0.0.1", 1, ""), id="one")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield this end, which never blocks, and the server's."""
    here, there = socket.socketpair()
    here.settimeout(0)
    there.settimeout(5)
    with here, there:
        yield here, there


@pytest.mark.parametrize("how", ["closed", "reset"])
def test_a_hung_up_ping_connection_does_not_make_the_transfer_spin(
    pair: tuple[socket.socket, socket.socket], how: str
) -> None:
    """A closed socket is always readable: waiting on it would take no time and a whole core."""
    here, there = pair
    pinger = Pinger(SESSION, here)
    pinger.turn()
    if how == "closed":
        there.recv(4096)  # unread data would make a close a reset
    there.close()
    pinger.turn()
    assert pinger.is_closed
    began, used = time.monotonic(), time.process_time()
    for _ in range(20):
        pinger.turn()
        pinger.wait(0.005)
    assert time.monotonic() - began >= 0.1
    assert time.process_time() - used < 0.05
    assert pinger.times_s == []


def test_an_answer_wakes_the_wait_and_is_timed(pair: tuple[socket.socket, socket.socket]) -> None:
    """The wait ends when the answer is there, long before its time."""
    here, there = pair
    pinger = Pinger(SESSION, here)
    pinger.turn()
    assert b"/empty" in there.recv(4096)
    there.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    began = time.monotonic()
    pinger.wait(5.0)
    pinger.turn()
    assert time.monotonic() - began < 1.0
    assert len(pinger.times_s) == 1


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="Windows has no TCP_INFO")
def test_acknowledgements_are_counted_as_what_they_take_of_the_line() -> None:
    """Who only listens sends frames too: uncounted, a line of 2 Mbit/s uploads 2 % too little."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        speaking = socket.create_connection(listener.getsockname())
        listening, _ = listener.accept()
        with speaking, listening:
            speaking.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            before = acknowledgement_bytes(listening), acknowledgement_bytes(speaking)
            for _ in range(50):
                speaking.sendall(b"x" * 100)
                listening.recv(4096)
            time.sleep(0.1)  # an acknowledgement may be held back for 40 ms
            after = acknowledgement_bytes(listening), acknowledgement_bytes(speaking)
    assert 66 <= after[0] - before[0] <= 50 * 66
    assert (after[0] - before[0]) % 66 == 0
    assert after[1] == before[1]


@pytest.mark.parametrize(
    ("line", "busy_ratio"),
    [
        (b"2000000 500 400 3 90 20000", None),
        (b"2000000 500 400 3 90 20000 1500000", 0.5),
        (b"2000000 500 400 3 90 20000 1500000 77 88", 0.5),
    ],
)
def test_a_progress_line_may_be_older_or_newer(
    pair: tuple[socket.socket, socket.socket], line: bytes, busy_ratio: float | None
) -> None:
    """Fields are only added at the end: agents and servers of different age understand each other.

    Server and agents are not updated on the same day.
    """
    here, there = pair
    view = ServerView(SESSION, here)
    there.recv(4096)
    first = b" ".join([b"1000000 0 0 0 10 20000", *([b"1000000"] if line.count(b" ") > 5 else [])])
    there.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + first + b"\n" + line + b"\n")
    view.turn(0)
    assert [(s.t_s, s.total_bytes) for s in view.received] == [(2.0, 500)]
    assert view.sums.retransmitted_segments == 3
    assert view.busy_ratio == busy_ratio


def test_a_progress_line_that_is_none_is_said(pair: tuple[socket.socket, socket.socket]) -> None:
    """Something on the way answers in the server's place."""
    here, there = pair
    view = ServerView(SESSION, here)
    there.recv(4096)
    there.sendall(b"HTTP/1.1 200 OK\r\n\r\n<html> sign in </html>\n")
    with pytest.raises(MeasurementError, match="middlebox_changed_data"):
        view.turn(0)
