"""Network namespaces with shaped links of known capacity, for the bandwidth benchmarks and tests.

client ── router ── server, or client and neighbour ── gateway ── router ── server, where the
gateway can hold each address of the school to a rate of its own. The router shapes both directions
with tbf and, for a base round-trip time, the path between router and server goes through
`delay_relay.py`, because netem is not in every kernel. Needs root; everything disappears with the
namespaces.

True payload capacity of a tbf link: rate x 1448 / 1514 (full frames of 1500-byte IPv4 with TCP
timestamps; tbf counts Ethernet frames without preamble, gap and FCS).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PAYLOAD_SHARE = 1448 / 1514
CLIENT_ADDRESS = "10.77.1.2"
SECOND_ADDRESS = "10.77.1.12"
SERVER_ADDRESS = "10.77.2.2"
MAX_LATE_S = 0.01
"""Of the relay: what it held back for longer moves points of a stretch of half a second by 2 %."""
RELAY = Path(__file__).with_name("delay_relay.py")

_numbers = itertools.count()
"""Of the labs in this process: several may run side by side."""

NO_OFFLOAD = """
import array, fcntl, socket, struct, sys
for command in (0x1F, 0x24, 0x2C):  # ETHTOOL_STSO, _SGSO, _SGRO: what `ethtool -K` does
    value = array.array("I", [command, 0])
    request = struct.pack("16sP", sys.argv[1].encode(), value.buffer_info()[0])
    fcntl.ioctl(socket.socket(), 0x8946, request)
"""


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
    has_gateway: bool = False
    """With a gateway (its interface `out` leads to the line) and a neighbour behind it."""
    address_mbps: float | None = None
    """The gateway's limit for each address of the client."""
    flow_mbps: float | None = None
    """A limit for each connection, in both directions, on the path behind the line."""
    police_mbps: float | None = None
    """A policer on the path: what is above this rate, with 100 ms of bucket, is dropped."""


@dataclass(frozen=True)
class Conduct:
    """How well the relay did its part: its worst delay beyond the asked one, frames it lost."""

    late_s: float
    lost_frames: int

    @property
    def is_fair(self) -> bool:
        """Whether what was measured meanwhile was the line, not the relay."""
        return self.late_s <= MAX_LATE_S and not self.lost_frames


@dataclass
class Lab:
    """A running link. Commands run with `client_command` and `server_command`."""

    name: str
    link: Link
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    relay: subprocess.Popen[bytes] | None = None
    _dropped: int = 0

    def client(self, *command: str) -> list[str]:
        """Return `command` as to be run on the school's side."""
        return ["ip", "netns", "exec", f"{self.name}c", *command]

    def router(self, *command: str) -> list[str]:
        """Return `command` as to be run on the router."""
        return ["ip", "netns", "exec", f"{self.name}r", *command]

    def gateway(self, *command: str) -> list[str]:
        """Return `command` as to be run on the school's gateway."""
        return ["ip", "netns", "exec", f"{self.name}g", *command]

    def neighbour(self, *command: str) -> list[str]:
        """Return `command` as to be run on another host of the school."""
        return ["ip", "netns", "exec", f"{self.name}n", *command]

    def server(self, *command: str) -> list[str]:
        """Return `command` as to be run on the bureau's side."""
        return ["ip", "netns", "exec", f"{self.name}s", *command]

    def start(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Start a process that ends with the lab."""
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def conduct(self) -> Conduct:
        """Return how well the lab itself kept time since this was last asked."""
        if self.relay is None or self.relay.stdout is None:
            return Conduct(0.0, 0)
        self.relay.send_signal(signal.SIGUSR1)
        told = json.loads(self.relay.stdout.readline())
        dropped = sum(
            _device_drops(self.name + side, device) for side, device in (("r", "rs"), ("s", "eth0"))
        )
        since, self._dropped = dropped - self._dropped, dropped
        return Conduct(told["late_s"], told["lost_frames"] + since)

    def shape(self, down_mbps: float | None, up_mbps: float | None) -> None:
        """Change the shaping now."""
        for device, rate in (("rc", down_mbps), ("rs", up_mbps)):
            _shape(self.router(), device, rate, self.link)


@contextlib.contextmanager
def lab(link: Link) -> Iterator[Lab]:
    """Build the namespaces for `link`, and remove them and what was started in them."""
    made = Lab(f"cg{os.getpid() % 100000}{next(_numbers)}", link)
    try:
        _build(made)
        yield made
    finally:
        for process in made.processes:
            process.kill()
            process.wait(5)
        if made.relay and made.relay.stdout:
            made.relay.stdout.close()
        for side in _sides(link):
            subprocess.run(
                ["ip", "netns", "del", made.name + side], check=False, capture_output=True
            )


def run(*command: str) -> None:
    """Run a system command; an error names it and what it said."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def await_listening(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until something in this process's network namespace listens; RuntimeError if never."""
    for _ in range(300):
        tables = [Path(f"/proc/{process.pid}/net/{kind}") for kind in ("tcp", "tcp6")]
        lines = "".join(table.read_text() for table in tables)
        if re.search(rf":{port:04X} [0-9A-F:]+ 0A ", lines):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port}")


def _sides(link: Link) -> str:
    return "cgnrs" if link.has_gateway else "crs"


def _pair(first: str, device: str, second: str, other: str) -> None:
    """Connect two namespaces."""
    run("ip", "-n", first, "link", "add", device, "type", "veth", "peer", "name", other,
        "netns", second)  # fmt: skip


def _address(namespace: str, device: str, *addresses: str) -> None:
    for address in addresses:
        run("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", device)
    run("ip", "-n", namespace, "link", "set", device, "up")


def _build(made: Lab) -> None:
    for side in _sides(made.link):
        run("ip", "netns", "add", made.name + side)
        run("ip", "-n", made.name + side, "link", "set", "lo", "up")
    c, r, s = (made.name + side for side in "crs")
    if made.link.has_gateway:
        _build_school(made)
    else:
        _pair(c, "wan", r, "rc")
        _address(c, "wan", CLIENT_ADDRESS)
        _address(r, "rc", "10.77.1.1")
    _build_path(made, r, s)
    _address(r, "rs", "10.77.2.1")
    _address(s, "eth0", SERVER_ADDRESS)
    run("ip", "-n", c, "route", "add", "default", "via", "10.77.1.1")
    run("ip", "-n", s, "route", "add", "default", "via", "10.77.2.1")
    subprocess.run(made.router("sysctl", "-qw", "net.ipv4.ip_forward=1"), check=True)
    made.shape(made.link.down_mbps, made.link.up_mbps)
    time.sleep(0.05)


def _build_school(made: Lab) -> None:
    """Put the gateway between client, neighbour and router."""
    c, g, n, r = (made.name + side for side in "cgnr")
    _pair(c, "wan", g, "lan")
    _pair(n, "wan", g, "lan2")
    _pair(g, "out", r, "rc")
    _address(c, "wan", CLIENT_ADDRESS, SECOND_ADDRESS)
    _address(g, "lan", "10.77.1.1")
    _address(n, "wan", "10.77.4.2")
    _address(g, "lan2", "10.77.4.1")
    _address(g, "out", "10.77.3.2")
    _address(r, "rc", "10.77.3.1")
    for name, device in ((r, "rc"), (g, "out")):
        # Packets that offloading has merged would be counted with one header instead of each.
        run("ip", "netns", "exec", name, sys.executable, "-c", NO_OFFLOAD, device)
    run("ip", "-n", n, "route", "add", "default", "via", "10.77.4.1")
    run("ip", "-n", g, "route", "add", "default", "via", "10.77.3.1")
    for network in ("10.77.1.0/24", "10.77.4.0/24"):
        run("ip", "-n", r, "route", "add", network, "via", "10.77.3.2")
    subprocess.run(made.gateway("sysctl", "-qw", "net.ipv4.ip_forward=1"), check=True)
    if made.link.address_mbps is not None:
        _limit_addresses(made, "lan", "dst", made.link.address_mbps)
        _limit_addresses(made, "out", "src", made.link.address_mbps)


def _limit_addresses(made: Lab, device: str, side: str, mbps: float) -> None:
    """Hold each of the client's addresses to a rate, as a behaviour manager does."""
    bits = round(mbps * 1e6)
    tc = made.gateway("tc")
    queue = max(int(bits / 8 * made.link.queue_ms / 1000), 8 * 1514)
    run(*tc, "qdisc", "add", "dev", device, "root", "handle", "1:", "htb")
    for minor, address in enumerate((CLIENT_ADDRESS, SECOND_ADDRESS), 1):
        run(*tc, "class", "add", "dev", device, "parent", "1:", "classid", f"1:{minor}", "htb",
            "rate", f"{bits}bit", "burst", "64k", "cburst", "64k")  # fmt: skip
        run(*tc, "qdisc", "add", "dev", device, "parent", f"1:{minor}", "bfifo",
            "limit", str(queue))  # fmt: skip
        run(*tc, "filter", "add", "dev", device, "parent", "1:", "protocol", "ip", "u32",
            "match", "ip", side, f"{address}/32", "flowid", f"1:{minor}")  # fmt: skip


def _build_path(made: Lab, r: str, s: str) -> None:
    """Connect router and server: directly, or through what delays, loses or limits."""
    link = made.link
    rules = (link.rtt_ms / 2000, link.loss_percent, link.flow_mbps or 0, link.police_mbps or 0)
    if not any(rules):
        _pair(r, "rs", s, "eth0")
        return
    ready = subprocess.Popen(
        [sys.executable, str(RELAY), r, "rs", s, "eth0", *map(str, rules)],
        stdout=subprocess.PIPE,
    )
    made.processes.append(ready)
    if ready.stdout is None or ready.stdout.readline().strip() != b"ready":
        raise RuntimeError("the delay relay did not start")
    made.relay = ready


def _device_drops(namespace: str, device: str) -> int:
    """Return how many frames found the tap's ring full: the relay read too slowly."""
    done = subprocess.run(
        ["ip", "-n", namespace, "-j", "-s", "link", "show", "dev", device],
        check=True, capture_output=True,
    )  # fmt: skip
    return int(json.loads(done.stdout)[0]["stats64"]["tx"]["dropped"])


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
