"""Network namespaces with shaped links of known capacity, for the bandwidth benchmarks and tests.

client ── router ── server. The router shapes both directions with tbf and, for a base round-trip
time, the path between router and server goes through `delay_relay.py`, because netem is not in
every kernel. Needs root; everything disappears with the namespaces.

True payload capacity of a tbf link: rate x 1448 / 1514 (full frames of 1500-byte IPv4 with TCP
timestamps; tbf counts Ethernet frames without preamble, gap and FCS).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PAYLOAD_SHARE = 1448 / 1514
CLIENT_ADDRESS = "10.77.1.2"
SERVER_ADDRESS = "10.77.2.2"
RELAY = Path(__file__).with_name("delay_relay.py")


@dataclass(frozen=True)
class Link:
    """A line: rates in Mbit/s on the wire, None = unshaped; base round-trip time."""

    down_mbps: float | None
    up_mbps: float | None
    rtt_ms: float = 0.0
    bucket_bytes: int = 65536
    queue_ms: float = 50.0
    peak_mbps: float | None = None
    """Rate while a large bucket has credit."""
    loss_percent: float = 0.0


@dataclass
class Lab:
    """A running link. Commands run with `client_command` and `server_command`."""

    name: str
    link: Link
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def client(self, *command: str) -> list[str]:
        """Return `command` as to be run on the school's side."""
        return ["ip", "netns", "exec", f"{self.name}c", *command]

    def router(self, *command: str) -> list[str]:
        """Return `command` as to be run on the router."""
        return ["ip", "netns", "exec", f"{self.name}r", *command]

    def server(self, *command: str) -> list[str]:
        """Return `command` as to be run on the bureau's side."""
        return ["ip", "netns", "exec", f"{self.name}s", *command]

    def start(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Start a process that ends with the lab."""
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def shape(self, down_mbps: float | None, up_mbps: float | None) -> None:
        """Change the shaping now."""
        for device, rate in (("rc", down_mbps), ("rs", up_mbps)):
            _shape(self.router(), device, rate, self.link)


@contextlib.contextmanager
def lab(link: Link) -> Iterator[Lab]:
    """Build the namespaces for `link`, and remove them and what was started in them."""
    made = Lab(f"cg{os.getpid() % 100000}", link)
    try:
        _build(made)
        yield made
    finally:
        for process in made.processes:
            process.kill()
            process.wait(5)
        for side in "crs":
            subprocess.run(
                ["ip", "netns", "del", made.name + side], check=False, capture_output=True
            )


def run(*command: str) -> None:
    """Run a system command; an error names it and what it said."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def _build(made: Lab) -> None:
    for side in "crs":
        run("ip", "netns", "add", made.name + side)
        run("ip", "-n", made.name + side, "link", "set", "lo", "up")
    c, r, s = (made.name + side for side in "crs")
    run("ip", "-n", c, "link", "add", "wan", "type", "veth", "peer", "name", "rc", "netns", r)
    run("ip", "-n", c, "addr", "add", f"{CLIENT_ADDRESS}/24", "dev", "wan")
    run("ip", "-n", r, "addr", "add", "10.77.1.1/24", "dev", "rc")
    for name, device in ((c, "wan"), (r, "rc")):
        run("ip", "-n", name, "link", "set", device, "up")
    if made.link.rtt_ms > 0 or made.link.loss_percent > 0:
        delay, loss = str(made.link.rtt_ms / 2000), str(made.link.loss_percent)
        ready = subprocess.Popen(
            [sys.executable, str(RELAY), r, "rs", s, "eth0", delay, loss],
            stdout=subprocess.PIPE,
        )
        made.processes.append(ready)
        if ready.stdout is None or ready.stdout.readline().strip() != b"ready":
            raise RuntimeError("the delay relay did not start")
        ready.stdout.close()
    else:
        run("ip", "-n", r, "link", "add", "rs", "type", "veth", "peer", "name", "eth0", "netns", s)
    run("ip", "-n", r, "addr", "add", "10.77.2.1/24", "dev", "rs")
    run("ip", "-n", s, "addr", "add", f"{SERVER_ADDRESS}/24", "dev", "eth0")
    for name, device in ((r, "rs"), (s, "eth0")):
        run("ip", "-n", name, "link", "set", device, "up")
    run("ip", "-n", c, "route", "add", "default", "via", "10.77.1.1")
    run("ip", "-n", s, "route", "add", "default", "via", "10.77.2.1")
    subprocess.run(made.router("sysctl", "-qw", "net.ipv4.ip_forward=1"), check=True)
    made.shape(made.link.down_mbps, made.link.up_mbps)
    time.sleep(0.05)


def _shape(prefix: list[str], device: str, rate_mbps: float | None, link: Link) -> None:
    if rate_mbps is None:
        return
    bits = round(rate_mbps * 1e6)
    # A limit in bytes, not in time: a large bucket would otherwise count as queue.
    queue = max(int(bits / 8 * link.queue_ms / 1000), 8 * 1514)
    bucket = max(link.bucket_bytes, int(bits / 8 / 250))
    command = [
        *prefix, "tc", "qdisc", "replace", "dev", device, "root", "tbf", "rate", f"{bits}bit",
        "burst", str(bucket), "limit", str(queue),
    ]  # fmt: skip
    if link.peak_mbps is not None:
        command += ["peakrate", f"{round(link.peak_mbps * 1e6)}bit", "mtu", "65536"]
    subprocess.run(command, check=True, capture_output=True)
