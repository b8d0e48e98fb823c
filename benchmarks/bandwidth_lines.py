"""The lines of `bandwidth.py`: what each can carry, and what happens on it meanwhile.

A line's name says rate in Mbit/s, base round-trip time in ms, and what is special. Needs root.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from netlab import PAYLOAD_SHARE, SERVER_ADDRESS, Lab, Link

RATES_MBPS = (20, 100, 500, 1000)
RTTS_MS = (0, 20, 80)
BOTH = ("download", "upload")
CROSS_PORT = 5202
HALVES_AFTER_S = 2.0

Disturbance = Callable[[Lab, str], "contextlib.AbstractContextManager[None]"]


@contextlib.contextmanager
def nothing(made: Lab, direction: str) -> Iterator[None]:
    """Let the test be alone."""
    del made, direction
    yield


def iperf3_beside(*options: str) -> Disturbance:
    """Let iperf3 use the line meanwhile, in the same direction."""

    @contextlib.contextmanager
    def moving(made: Lab, direction: str) -> Iterator[None]:
        way = ["-R"] if direction == "download" else []
        process = subprocess.Popen(
            made.client("iperf3", "-c", SERVER_ADDRESS, "-p", str(CROSS_PORT), "-t", "60",
                        *options, *way),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(1.5)
        try:
            yield
        finally:
            process.kill()
            process.wait()
            time.sleep(0.5)

    return moving


@contextlib.contextmanager
def halving(made: Lab, direction: str) -> Iterator[None]:
    """Let the line fall to half its rate while the test runs."""
    del direction
    down, up = made.link.down_mbps, made.link.up_mbps
    if down is None or up is None:
        raise ValueError("only a shaped line can halve")
    timer = threading.Timer(HALVES_AFTER_S, made.shape, (down / 2, up / 2))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        made.shape(down, up)


@dataclass(frozen=True)
class Line:
    """A line and how it is measured. `peers`: whether others measure it too."""

    link: Link
    is_first: bool = False
    """Measured as if for the first time; else it is known at its true rate."""
    disturbed: Disturbance = nothing
    directions: tuple[str, ...] = BOTH
    peers: bool = False
    true_share: float = 1.0
    """Of the shaper's rate: what can be had of it at the end."""
    must_name: str = ""
    """The cause to be named where the rate cannot be had."""

    def true_mbps(self, direction: str) -> float | None:
        """Return the line rate that a perfect test would give; None on an unshaped path."""
        rate = self.link.down_mbps if direction == "download" else self.link.up_mbps
        rate = rate or self.link.police_mbps
        return None if rate is None else rate * self.true_share

    def known_bytes_s(self, direction: str) -> float | None:
        """Return the payload rate that the agent remembers from before."""
        rate = self.true_mbps(direction)
        return None if rate is None or self.is_first else rate * 125_000 * PAYLOAD_SHARE


def _usual() -> dict[str, Line]:
    return {
        f"{rate}/{rtt_ms}": Line(Link(rate, rate, rtt_ms), peers=True)
        for rate in RATES_MBPS
        for rtt_ms in RTTS_MS
    }


def _credit(megabytes: float) -> Line:
    return Line(
        Link(100, 100, 20, bucket_bytes=round(megabytes * 1e6), peak_mbps=200), is_first=True
    )


LINES = {
    **_usual(),
    "100/20 loss 0.1 %": Line(Link(100, 100, 20, loss_percent=0.1)),
    "100/20 loss 1 %": Line(Link(100, 100, 20, loss_percent=1.0)),
    "100/20 bucket 32 kB": Line(Link(100, 100, 20, bucket_bytes=32_000)),
    "100/20 first, bucket 1 MB": _credit(1),
    "100/20 first, bucket 5 MB": _credit(5),
    "100/20 first, bucket 25 MB": _credit(25),
    "100 down, 20 up/20": Line(Link(100, 20, 20)),
    "2/20": Line(Link(2, 2, 20)),
    "2/20 first": Line(Link(2, 2, 20), is_first=True),
    "4000/0": Line(Link(4000, 4000, 0)),
    "8000/0": Line(Link(8000, 8000, 0)),
    "100/20 queue 2 ms": Line(Link(100, 100, 20, queue_ms=2)),
    "100/20 queue 300 ms": Line(Link(100, 100, 20, queue_ms=300)),
    "100/20 queue 8 frames": Line(Link(100, 100, 20, queue_ms=0)),
    "100/20 queue 8 frames, loss 0.1 %": Line(
        Link(100, 100, 20, queue_ms=0, loss_percent=0.1)
    ),
    "100/20 policer": Line(Link(None, None, 20, police_mbps=100)),
    "100/20 first, halves": Line(
        Link(100, 100, 20), is_first=True, disturbed=halving, true_share=0.5
    ),
    "100/20 UDP 30 %": Line(
        Link(100, 100, 20), disturbed=iperf3_beside("-u", "-b", "30M", "-l", "1400"),
        true_share=0.7, must_name="cross_traffic",
    ),
    "100/20 one TCP flow": Line(
        Link(100, 100, 20), disturbed=iperf3_beside(), must_name="cross_traffic"
    ),
    "100/20 four TCP flows": Line(
        Link(100, 100, 20), disturbed=iperf3_beside("-P", "4"), must_name="cross_traffic"
    ),
    "unshaped": Line(Link(None, None), is_first=True, peers=True, must_name="host_cpu"),
}  # fmt: skip
"""By name: `rate/RTT`, then what is special."""
