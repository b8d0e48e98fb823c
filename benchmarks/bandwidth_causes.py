"""How often the engine names what really limited a test, on lines of known make-up.

Needs root (network namespaces). Run for example:

    python benchmarks/bandwidth_causes.py                      # all conditions, 20 runs each
    python benchmarks/bandwidth_causes.py --only "address; burst" --runs 5

Every run measures a line as if for the first time. One line per condition: what it is, the share
of runs that named the right cause, all answers, and how many runs had called the line the limit.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from netlab import SECOND_ADDRESS, SERVER_ADDRESS, Lab, Link, lab

PORT = 8989
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
            place(made, "iperf3", "-c", SERVER_ADDRESS, "-p", "5202", "-R", "-t", "60", *options),
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
    options: tuple[str, ...] = ()
    disturbed: Disturbance = nothing
    announced_mbps: float | None = None
    wrapper: str = ""
    """A shell text that the test runs in."""
    on_gateway: bool = False
    directions: tuple[str, ...] = ("down", "up")
    or_cause: str = ""
    """As right: where both ends of a path run on the machine that is the limit."""
    expected_mbps: float | None = None
    """The true capacity, where the test can know it."""


LINE = Link(RATE_MBPS, RATE_MBPS, 20)
SCHOOL = Link(RATE_MBPS, RATE_MBPS, 20, has_gateway=True)
CONDITIONS = {
    "line": Condition("line", LINE, expected_mbps=RATE_MBPS),
    "line with a second address": Condition(
        "line", SCHOOL, ("--second-source", SECOND_ADDRESS), expected_mbps=RATE_MBPS
    ),
    "policed line": Condition("line", Link(None, None, 20, police_mbps=RATE_MBPS)),
    "connection": Condition("per_ip_limit", Link(RATE_MBPS * 5, RATE_MBPS * 5, 20, flow_mbps=8)),
    "address": Condition(
        "per_ip_limit",
        Link(RATE_MBPS, RATE_MBPS, 20, has_gateway=True, address_mbps=30),
        ("--second-source", SECOND_ADDRESS),
    ),
    "own udp": Condition(
        "cross_traffic", LINE, disturbed=same_host_traffic("-u", "-b", "30M", "-l", "1400"),
        directions=("down",),
    ),
    "neighbour's tcp": Condition(
        "cross_traffic", SCHOOL, disturbed=neighbour("-P", "4"), directions=("down",)
    ),
    "neighbour's udp, counted": Condition(
        "cross_traffic", SCHOOL, ("--outlet-interface", "out"),
        neighbour("-u", "-b", "30M", "-l", "1400"), on_gateway=True, directions=("down",),
        expected_mbps=RATE_MBPS,
    ),
    "neighbour's tcp, counted": Condition(
        "cross_traffic", SCHOOL, ("--outlet-interface", "out"), neighbour("-P", "4"),
        on_gateway=True, directions=("down",), expected_mbps=RATE_MBPS,
    ),
    "burst": Condition(
        "burst",
        Link(RATE_MBPS, RATE_MBPS, 20, bucket_bytes=25_000_000, peak_mbps=2 * RATE_MBPS),
        ("--max-seconds", "1"),
    ),
    "unstable": Condition("unstable", LINE, ("--max-seconds", "5"), wavering),
    "nic": Condition("nic", LINE, wrapper=FAKE_PORT.format(speed=100, extra="")),
    "wifi": Condition(
        "wifi", LINE, wrapper=FAKE_PORT.format(speed=-1, extra="/sys/class/net/wan/wireless")
    ),
    "server's port": Condition("server", LINE, announced_mbps=100.0),
    "host": Condition("host_cpu", Link(None, None), or_cause="server"),
}  # fmt: skip


def main() -> int:
    """Run the conditions asked for; 1 when one stays below the share asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--only", default="", help="conditions, separated by semicolons")
    parser.add_argument("--share", type=float, default=0.95)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("network namespaces need root")
    named = [name.strip() for name in options.only.split(";")] if options.only else []
    chosen = named or list(CONDITIONS)
    good = [report(name, CONDITIONS[name], options.runs) >= options.share for name in chosen]
    return 0 if all(good) else 1


def report(name: str, condition: Condition, runs: int) -> float:
    """Measure `runs` times, half of them in each direction asked for; return the share right."""
    answers: Counter[str] = Counter()
    right, errors, lengths = 0, [], []
    with lab(condition.link) as made:
        serve(made, condition)
        for turn in range(runs):
            direction = condition.directions[turn % len(condition.directions)]
            with condition.disturbed(made):
                part = measure(made, condition, direction)
            named = part.get("limited_by", [part.get("error")])
            answers["+".join(map(str, named)) or "nothing"] += 1
            right += bool({condition.cause, condition.or_cause} & set(named))
            lengths.append(part.get("seconds", 0.0))
            rate = part.get("capacity_line_rate_mbps") or part.get("line_rate_mbps")
            if condition.expected_mbps and rate:
                errors.append(abs(100 * (rate / condition.expected_mbps - 1)))
    worst = f", capacity off by at most {max(errors):.2f} %" if errors else ""
    print(
        f"{name:27s} {condition.cause:14s} {right}/{runs} = {right / runs:.0%}  "
        f"{dict(answers)}, {sorted(lengths)[len(lengths) // 2]:.1f} s{worst}",
        flush=True,
    )
    return right / runs


def serve(made: Lab, condition: Condition) -> None:
    """Start the measurement server and the disturbance's other side."""
    script = (
        "from collector.speedtest.command import serve;"
        f"serve('0.0.0.0', {PORT}, None, True, host_id='lab', port_mbps={condition.announced_mbps})"
    )
    made.start(made.server(sys.executable, "-c", script))
    made.start(made.server("iperf3", "-s", "-p", "5202"))
    time.sleep(1.0)


def measure(made: Lab, condition: Condition, direction: str) -> dict[str, Any]:
    """Run the command once, from where the condition says."""
    command = [
        sys.executable, "-m", "agent", "bandwidth", "--server", f"http://{SERVER_ADDRESS}:{PORT}",
        "--direction", direction, "--format", "json", "--forget", "--state", "/nonexistent",
        *condition.options,
    ]  # fmt: skip
    if condition.wrapper:
        command = ["sh", "-c", condition.wrapper, "sh", *command]
    place = made.gateway if condition.on_gateway else made.client
    done = subprocess.run(place(*command), capture_output=True, check=False)
    try:
        document = json.loads(done.stdout)
    except ValueError:
        return {"error": done.stderr.decode()[-200:]}
    part: dict[str, Any] = document.get({"down": "download", "up": "upload"}[direction], document)
    return part


if __name__ == "__main__":
    sys.exit(main())
