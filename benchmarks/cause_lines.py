"""Lines of known make-up for `bandwidth_causes.py` and the scoring tests: what truly limits each.

A condition is a line in network namespaces, what happens on it meanwhile, and the cause that a
test over it has to name. Needs root.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from netlab import SECOND_ADDRESS, SERVER_ADDRESS, Lab, Link, await_listening

MEASURE_ONCE = Path(__file__).with_name("measure_once.py")

PORT, IPERF_PORT = 8989, 5202
RATE_MBPS = 100.0
FAKE_PORT = """
mount -t tmpfs none /sys/class/net && mkdir -p /sys/class/net/wan/device {extra} &&
cd /sys/class/net/wan && ln -s /sys/devices/virtual/net/wan/statistics statistics &&
echo {speed} > speed && echo up > operstate && echo 1 > carrier && echo 1 > type && exec "$@"
"""
"""What the kernel shows of a real card; a virtual one has no speed that would limit."""

Disturbance = Callable[[Lab], "contextlib.AbstractContextManager[None]"]


@contextlib.contextmanager
def nothing(made: Lab) -> Iterator[None]:
    """Let the test be alone."""
    del made
    yield


def neighbour(*options: str) -> Disturbance:
    """Let another host of the school receive meanwhile."""
    return _iperf3(lambda made, *command: made.neighbour(*command), options)


def same_host_traffic(*options: str) -> Disturbance:
    """Let the testing host itself receive meanwhile."""
    return _iperf3(lambda made, *command: made.client(*command), options)


def _iperf3(place: Callable[..., list[str]], options: tuple[str, ...]) -> Disturbance:
    @contextlib.contextmanager
    def receiving(made: Lab) -> Iterator[None]:
        process = subprocess.Popen(
            place(made, "iperf3", "-c", SERVER_ADDRESS, "-p", str(IPERF_PORT), "-R", "-t", "60",
                  *options),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(1.0)
        try:
            yield
        finally:
            process.kill()
            process.wait()
            time.sleep(0.3)

    return receiving


@contextlib.contextmanager
def wavering(made: Lab) -> Iterator[None]:
    """Let the line change its rate all the time."""
    ended = threading.Event()

    def change() -> None:
        rates = (RATE_MBPS, RATE_MBPS * 0.4, RATE_MBPS * 0.7, RATE_MBPS * 0.3)
        for turn in range(1000):
            if ended.wait(0.15 + 0.05 * (turn % 5)):
                return
            made.shape(rates[turn % len(rates)], rates[turn % len(rates)])

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        made.shape(RATE_MBPS, RATE_MBPS)


@dataclass(frozen=True)
class Condition:
    """A line, what happens on it, and the cause that a test has to name."""

    cause: str
    link: Link
    asked: Mapping[str, Any] = field(default_factory=dict)
    """For `measure_once.py`."""
    disturbed: Disturbance = nothing
    announced_mbps: float | None = None
    wrapper: str = ""
    """A shell text that the test runs in."""
    on_gateway: bool = False
    directions: tuple[str, ...] = ("download", "upload")
    or_cause: str = ""
    """As right: where both ends of a path run on the machine that is the limit."""
    expected_mbps: float | None = None
    """The true capacity, where the test can know it."""
    host_id: str | None = "lab"
    """Who the server says it is; None for the truth: this very machine."""


LINE = Link(RATE_MBPS, RATE_MBPS, 20)
SCHOOL = Link(RATE_MBPS, RATE_MBPS, 20, has_gateway=True)
SECOND = {"second_source": SECOND_ADDRESS}
COUNTED = {"interface": "out"}
UDP = ("-u", "-b", "30M", "-l", "1400")


def counted(*options: str) -> Condition:
    """Return the school's line beside a neighbour, with the outlet's port counted."""
    return Condition(
        "cross_traffic", SCHOOL, COUNTED, neighbour(*options), on_gateway=True,
        directions=("download",), expected_mbps=RATE_MBPS,
    )  # fmt: skip


CONDITIONS = {
    "line": Condition("line", LINE, expected_mbps=RATE_MBPS),
    "line, second address": Condition("line", SCHOOL, SECOND, expected_mbps=RATE_MBPS),
    "policed line": Condition("line", Link(None, None, 20, police_mbps=RATE_MBPS)),
    "connection": Condition("per_ip_limit", Link(RATE_MBPS * 5, RATE_MBPS * 5, 20, flow_mbps=16)),
    "address": Condition(
        "per_ip_limit",
        Link(RATE_MBPS * 2, RATE_MBPS * 2, 20, has_gateway=True, address_mbps=75),
        SECOND,
    ),
    "own udp": Condition(
        "cross_traffic", LINE, disturbed=same_host_traffic(*UDP), directions=("download",)
    ),
    "neighbour's one tcp": Condition(
        "cross_traffic", SCHOOL, disturbed=neighbour("-P", "1"), directions=("download",)
    ),
    "neighbour's tcp": Condition(
        "cross_traffic", SCHOOL, disturbed=neighbour("-P", "4"), directions=("download",)
    ),
    "neighbour's udp, counted": counted(*UDP),
    "neighbour's one tcp, counted": counted("-P", "1"),
    "neighbour's tcp, counted": counted("-P", "4"),
    "burst": Condition(
        "burst",
        Link(RATE_MBPS, RATE_MBPS, 20, bucket_bytes=25_000_000, peak_mbps=2 * RATE_MBPS),
        {"seconds": 1.0},
    ),
    "unstable": Condition("unstable", LINE, {"seconds": 5.0}, wavering),
    "nic": Condition("nic", LINE, wrapper=FAKE_PORT.format(speed=100, extra="")),
    "wifi": Condition(
        "wifi", LINE, wrapper=FAKE_PORT.format(speed=-1, extra="/sys/class/net/wan/wireless")
    ),
    "server's port": Condition("server", LINE, announced_mbps=100.0),
    "host": Condition("host_cpu", Link(None, None), or_cause="server"),
    "same host": Condition("same_host", LINE, host_id=None),
}


def serve(made: Lab, condition: Condition) -> None:
    """Start the measurement server and the disturbance's other side."""
    script = (
        "from collector.speedtest.command import serve;"
        f"serve('0.0.0.0', {PORT}, None, True, host_id={condition.host_id!r}, "
        f"port_mbps={condition.announced_mbps})"
    )
    servers = {
        PORT: made.start(made.server(sys.executable, "-c", script)),
        IPERF_PORT: made.start(made.server("iperf3", "-s", "-p", str(IPERF_PORT))),
    }
    for port, process in servers.items():
        await_listening(process, port)


def measure(made: Lab, condition: Condition, direction: str, **asked: Any) -> dict[str, Any]:
    """Measure as if for the first time, from where the condition says: see `measure_once.py`."""
    request = {
        "server": f"http://{SERVER_ADDRESS}:{PORT}", "direction": direction,
        **condition.asked, **asked,
    }  # fmt: skip
    command = [sys.executable, str(MEASURE_ONCE), json.dumps(request)]
    if condition.wrapper:
        command = ["sh", "-c", condition.wrapper, "sh", *command]
    place = made.gateway if condition.on_gateway else made.client
    with condition.disturbed(made):
        done = subprocess.run(place(*command), capture_output=True, check=False, timeout=90)
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"error": done.stderr.decode()[-300:]}
    return answer
