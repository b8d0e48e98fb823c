"""The clock against a real chronyd, a collector, and servers that are not to be believed."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.probes.base import CollectorAccess, Context, ProbeError
from agent.probes.clock import Clock, ClockSettings, TimeServer, is_synchronized
from agent.reading import Outcome, Reading
from agent.system.sntp import moment_of, read_answer
from agent.trouble import TroubleError

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)


def utc_now() -> datetime:
    """Return the real time."""
    return datetime.now(UTC)


def ask(port: int, now: Callable[[], datetime] = utc_now) -> Reading:
    """Run the probe once against one time server."""
    server = TimeServer(name="county", address="127.0.0.1", port=port)
    settings = ClockSettings(servers=(server,), answer_within_s=0.5)
    readings = Clock().collect(settings, Context(now=now))
    return next(one for one in readings if one.target == "county")


def free_udp_port() -> int:
    """Return a port that nobody has at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
def chronyd(tmp_path: Path) -> Iterator[int]:
    """Run a chronyd that serves this host's own time and touches no clock; return its port."""
    program = shutil.which("chronyd", path="/usr/sbin:/usr/bin")
    if program is None or os.geteuid() != 0:
        pytest.skip("needs root and Debian's chrony")
    port = free_udp_port()
    (tmp_path / "chrony.conf").write_text(
        f"local stratum 8\nallow 127.0.0.0/8\nport {port}\nbindaddress 127.0.0.1\ncmdport 0\n"
        f"bindcmdaddress /\npidfile {tmp_path}/pid\nuser root\n"
    )
    command = [program, "-x", "-d", "-u", "root", "-f", str(tmp_path / "chrony.conf")]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 10
    while ask(port).reason in {"clock_server_silent", "clock_server_unreachable"}:
        assert process.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < deadline, (tmp_path / "log").read_text()
        time.sleep(0.05)
    yield port
    process.terminate()
    process.wait(10)


@pytest.mark.parametrize(
    ("ahead", "reason"),
    [(timedelta(), None), (timedelta(seconds=-3), None), (timedelta(minutes=5), "clock_off")],
)
def test_a_real_time_server(chronyd: int, ahead: timedelta, reason: str | None) -> None:
    """A clock set ahead or back for the probe alone, is off by just that much."""
    reading = ask(chronyd, lambda: utc_now() + ahead)
    assert (reading.outcome, reading.reason) == (Outcome.OK, reason)
    assert reading.values["off_by_ms"] == pytest.approx(
        abs(ahead) / timedelta(milliseconds=1), abs=50
    )
    signed = reading.details["offset_ms"]
    assert isinstance(signed, float)
    assert signed == pytest.approx(-ahead / timedelta(milliseconds=1), abs=50)
    assert reading.details["stratum"] == 8


def answer(cookie: int, **changed: int) -> bytes:
    """Return a sound answer, with some of its fields changed."""
    fields = {"head": 4 << 3 | 4, "stratum": 2, "origin": cookie, "left": 0, **changed}
    seconds = int((NOW - datetime(1900, 1, 1, tzinfo=UTC)).total_seconds()) << 32
    return struct.pack(
        ">BBbb2i4s4Q",
        fields["head"],
        fields["stratum"],
        0,
        0,
        0,
        0,
        b"RATE",
        0,
        fields["origin"],
        seconds,
        seconds if fields["left"] == 0 else 0,
    )


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"stratum": 0}, "clock_server_refuses"),
        ({"head": 0xC0 | 4 << 3 | 4}, "clock_server_unsynchronized"),
        ({"stratum": 16}, "clock_server_unsynchronized"),
        ({"left": 1}, "clock_server_unsynchronized"),
        ({"origin": 7}, "clock_server_wrong_answer"),
        ({"head": 4 << 3 | 3}, "clock_server_wrong_answer"),
    ],
)
def test_servers_that_are_not_believed(changed: dict[str, int], reason: str) -> None:
    """Refusing, without time, answering something else: each for its own reason."""
    assert read_answer(answer(42), 42, NOW, NOW).offset == timedelta()
    with pytest.raises(TroubleError) as raised:
        read_answer(answer(42, **changed), 42, NOW, NOW)
    assert raised.value.reason == reason


@given(st.binary(max_size=100))
def test_garbage_is_no_time(packet: bytes) -> None:
    """Whatever comes back: a reason, for nobody guesses 64 random bits."""
    with pytest.raises(TroubleError, match="clock_server"):
        read_answer(packet, 2**63 + 12345, NOW, NOW)


def test_the_next_era_begins_in_2036() -> None:
    """A timestamp is of the era nearest to our own time (RFC 5905 §6)."""
    after = datetime(2036, 2, 7, 6, 28, 17, tzinfo=UTC)
    assert moment_of(1 << 32, after) == after
    assert moment_of((2**32 - 1) << 32, after) == after - timedelta(seconds=2)


def test_nobody_answers() -> None:
    """A closed port, and a name that is none."""
    assert ask(free_udp_port()).reason == "clock_server_unreachable"
    server = TimeServer(name="county", address="no-such-host.invalid")
    first = next(iter(Clock().collect(ClockSettings(servers=(server,)), Context())))
    assert (first.outcome, first.reason) == (Outcome.FAILED, "clock_server_unresolved")


def test_garbage_from_a_socket() -> None:
    """A server that answers something else is told, within the time."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=lambda: sock.sendto(b"\1" * 48, sock.recvfrom(100)[1]))
        thread.start()
        reading = ask(sock.getsockname()[1])
        thread.join()
    assert (reading.outcome, reading.reason) == (Outcome.FAILED, "clock_server_wrong_answer")


def test_the_collector_is_a_clock_too(scripted: Any) -> None:
    """The time in the collector's answer is compared; a refusal says why there is none."""
    access = CollectorAccess(scripted.url, "key")
    told = {"server_time": (utc_now() + timedelta(seconds=90)).isoformat()}
    scripted.say(200, told)
    scripted.say(200, told)
    found = {one.target: one for one in Clock().collect(ClockSettings(), Context(collector=access))}
    assert found["collector"].reason == "clock_off"
    assert found["collector"].values["off_by_ms"] == pytest.approx(90_000, abs=3000)
    scripted.say(401, {})
    scripted.say(401, {})
    found = {one.target: one for one in Clock().collect(ClockSettings(), Context(collector=access))}
    assert (found["collector"].outcome, found["collector"].reason) == (
        Outcome.FAILED,
        "clock_collector_silent",
    )


def test_nothing_to_compare_with() -> None:
    """No server is built in."""
    with pytest.raises(ProbeError) as raised:
        list(Clock().collect(ClockSettings(), Context()))
    assert (raised.value.reason, raised.value.outcome) == ("clock_no_reference", Outcome.SKIPPED)


@pytest.mark.parametrize(
    ("program", "output", "said"),
    [
        ("timedatectl", "yes\n", True),
        ("timedatectl", "no\n", False),
        ("timedatectl", "", None),
        ("chronyc", "C0000209,192.0.2.9,3,1,0,0,0,0,0,0,0,0,64.2,Normal\n", True),
        ("chronyc", "00000000,,0,0,0,0,0,0,0,0,1,1,0,Not synchronised\n", False),
        ("chronyc", "506 Cannot talk to daemon\n", None),
    ],
)
def test_what_the_system_says(program: str, output: str, said: bool | None) -> None:
    """Both programs' words; silence is unknown and not a no."""
    assert is_synchronized(program, output) is said
