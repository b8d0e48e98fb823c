"""The anchors probe: what follows for the outlet, loopback anchors, and real namespaces."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.probes.anchors import (
    Anchor,
    AnchorKind,
    Anchors,
    AnchorsSettings,
    judge_outlet,
)
from agent.probes.base import Context, ProbeError
from agent.reading import Outcome, Reading
from agent.system.reach import Attempt

YES = Attempt(reached=True, connect_ms=1.0, address="198.51.100.1")
NO = Attempt(reached=False, reason="anchor_timeout", address="198.51.100.2")
UNTRIED = Attempt(reached=None, reason="icmp_not_permitted")
HERE = Attempt(reached=True, connect_ms=0.1, address="127.0.0.1", is_this_host=True)
GATEWAY_THERE = Attempt(reached=True, connect_ms=0.5)
GATEWAY_LOST = Attempt(reached=False, reason="lan_down")
GATEWAY_SILENT = Attempt(reached=None, reason="gateway_silent")
NO_GATEWAY = Attempt(reached=None, reason="no_default_gateway")
attempts = st.lists(st.sampled_from([YES, NO, UNTRIED, HERE]), max_size=6)
gateways = st.sampled_from([GATEWAY_THERE, GATEWAY_LOST, GATEWAY_SILENT, NO_GATEWAY])


@pytest.mark.parametrize(
    ("tried", "gateway", "outcome", "reason", "reachable"),
    [
        ([NO, NO, YES], GATEWAY_THERE, Outcome.OK, None, True),
        ([YES, NO, NO], GATEWAY_LOST, Outcome.OK, None, True),
        ([NO, NO, NO], GATEWAY_THERE, Outcome.OK, "all_anchors_failed", False),
        ([NO, NO, NO], GATEWAY_LOST, Outcome.FAILED, "lan_down", None),
        ([NO, NO, NO], GATEWAY_SILENT, Outcome.FAILED, "gateway_silent", None),
        ([NO, NO, NO], NO_GATEWAY, Outcome.FAILED, "no_default_gateway", None),
        ([NO, NO], GATEWAY_THERE, Outcome.FAILED, "too_few_anchors", None),
        ([NO, NO, UNTRIED], GATEWAY_THERE, Outcome.FAILED, "too_few_anchors", None),
        ([], GATEWAY_THERE, Outcome.FAILED, "too_few_anchors", None),
        ([HERE, HERE, HERE], GATEWAY_THERE, Outcome.LIMITED, "anchors_on_this_host", True),
        ([HERE, NO, NO, NO], GATEWAY_THERE, Outcome.OK, "all_anchors_failed", False),
    ],
)
def test_what_follows_for_the_outlet(
    tried: list[Attempt],
    gateway: Attempt,
    outcome: Outcome,
    reason: str | None,
    reachable: bool | None,
) -> None:
    """Up by any anchor; down only by three silent ones behind a gateway that is there."""
    assert judge_outlet(tried, gateway) == (outcome, reason, reachable)


@given(attempts, gateways)
def test_an_outage_is_never_concluded_from_too_little(
    tried: list[Attempt], gateway: Attempt
) -> None:
    """A conclusive 0 needs three silent anchors and a gateway; any outcome but ok has a reason."""
    outcome, reason, reachable = judge_outlet(tried, gateway)
    if reachable is False and outcome is Outcome.OK:
        assert tried.count(NO) >= 3
        assert gateway.reached
        assert YES not in tried
    assert (outcome is Outcome.OK) or reason


@given(attempts, gateways, st.sampled_from([NO, UNTRIED, HERE]))
def test_more_silence_never_brings_the_outlet_up(
    tried: list[Attempt], gateway: Attempt, extra: Attempt
) -> None:
    """Adding an anchor that proves nothing does not turn a conclusive down into an up."""
    before, after = judge_outlet(tried, gateway), judge_outlet([*tried, extra], gateway)
    if before == (Outcome.OK, "all_anchors_failed", False):
        assert after == before


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Anchor("", AnchorKind.TCP, "h", 1), "needs a name"),
        (lambda: Anchor("a", AnchorKind.TCP, "h"), "needs a port"),
        (lambda: Anchor("outlet", AnchorKind.DNS, "h"), "cannot be named"),
        (lambda: Anchor("a", AnchorKind.DNS, "h", query="a..b"), "domain|label"),
        (lambda: Anchor("a", AnchorKind.HTTP, "h", path="x"), "start with /"),
        (lambda: AnchorsSettings(answer_within_s=9), "between"),
        (lambda: AnchorsSettings(anchors=(Anchor("a", AnchorKind.DNS, "h"),) * 2), "own"),
    ],
)
def test_wrong_settings_are_refused(wrong: Any, message: str) -> None:
    """A mistake in the settings is an error that names it."""
    with pytest.raises(ValueError, match=message):
        wrong()


def test_nothing_is_sent_before_the_school_chose_whom(host: Any) -> None:
    """Without anchors neither an anchor nor the gateway is asked; the reading says what to do."""
    with pytest.raises(ProbeError, match="no_anchors"):
        list(Anchors("linux").collect(AnchorsSettings(), host.context()))


def collect(tree: Any, settings: AnchorsSettings) -> dict[str, Reading]:
    """Run a fresh probe; readings by target."""
    found = list(Anchors("linux").collect(settings, tree.context()))
    assert [r.target for r in found[:1] + found[-1:]] == ["gateway", "outlet"]
    return {reading.target: reading for reading in found}


def test_anchors_on_this_host_prove_nothing(host: Any) -> None:
    """Loopback anchors answer, but the outlet's reading is void."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        anchors = tuple(Anchor(f"a{n}", AnchorKind.TCP, "127.0.0.1", port) for n in range(3))
        found = collect(host, AnchorsSettings(anchors))
    assert dict(found["a0"].values).keys() == {"reachable", "connect_ms"}
    outlet = found["outlet"]
    assert (outlet.outcome, outlet.limited_by) == (Outcome.LIMITED, ("same_host",))
    assert outlet.reason == "anchors_on_this_host"
    assert found["gateway"].reason == "no_default_gateway"
    assert found["gateway"].outcome is Outcome.SKIPPED


def test_silent_anchors_take_bounded_time(host: Any) -> None:
    """Servers that accept and never answer: all are tried at once, inside the budget."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        anchors = tuple(Anchor(f"a{n}", AnchorKind.HTTP, "127.0.0.1", port) for n in range(16))
        started = time.monotonic()
        found = collect(host, AnchorsSettings(anchors, answer_within_s=0.3))
        assert time.monotonic() - started < 1.0
    assert {found[a.name].reason for a in anchors} == {"anchor_timeout"}
    assert {found[a.name].values["reachable"] for a in anchors} == {0.0}


def test_other_systems_are_told() -> None:
    """Elsewhere the probe says that the system is not supported."""
    with pytest.raises(ProbeError, match="unsupported_system"):
        list(Anchors("sunos5").collect(AnchorsSettings(), Context()))


ANCHOR_ADDRESSES = ("198.51.100.1", "198.51.100.2", "198.51.100.3")
IN_NAMESPACE = """
import json, sys
from agent.probes.anchors import Anchor, AnchorKind, Anchors, AnchorsSettings
from agent.probes.base import Context
anchors = tuple(Anchor(a, AnchorKind.ICMP, a) for a in sys.argv[1:])
found = Anchors().collect(AnchorsSettings(anchors, answer_within_s=0.5), Context())
print(json.dumps({r.target: [r.outcome, r.reason, dict(r.values), dict(r.details)] for r in found}))
"""


class School:
    """A host and its gateway in two network namespaces; the anchors live behind the gateway."""

    def __init__(self) -> None:
        tag = os.getpid() % 100_000
        self.host, self.gateway = f"cgh{tag}", f"cgg{tag}"

    def ip(self, *words: str) -> None:
        """Run `ip` with these words."""
        subprocess.run(["ip", *words], check=True, capture_output=True)

    def build(self) -> None:
        """Connect both namespaces by a cable and put the anchors on the gateway's loopback."""
        self.ip("netns", "add", self.host)
        self.ip("netns", "add", self.gateway)
        peer = ("peer", "name", "lan0", "netns", self.gateway)
        self.ip("-n", self.host, "link", "add", "eth0", "type", "veth", *peer)
        for namespace, device, address in (
            (self.host, "eth0", "192.0.2.10/24"),
            (self.gateway, "lan0", "192.0.2.1/24"),
        ):
            self.ip("-n", namespace, "addr", "add", address, "dev", device)
            self.ip("-n", namespace, "link", "set", device, "up")
            self.ip("-n", namespace, "link", "set", "lo", "up")
        self.ip("-n", self.host, "route", "add", "default", "via", "192.0.2.1")
        for address in ANCHOR_ADDRESSES:
            self.ip("-n", self.gateway, "addr", "add", f"{address}/32", "dev", "lo")

    def lose_outlet(self) -> None:
        """Take the anchors away, as a cut outlet does."""
        for address in ANCHOR_ADDRESSES:
            self.ip("-n", self.gateway, "addr", "del", f"{address}/32", "dev", "lo")
            self.ip("-n", self.gateway, "route", "add", "blackhole", address)

    def forbid_ping(self) -> None:
        """Let the gateway answer no echo, as many do."""
        sysctl = ["sysctl", "-q", "-w", "net.ipv4.icmp_echo_ignore_all=1"]
        subprocess.run(["ip", "netns", "exec", self.gateway, *sysctl], check=True)

    def observe(self) -> dict[str, Any]:
        """Run the probe inside the host's namespace: target -> outcome, reason, values, details."""
        python = ["ip", "netns", "exec", self.host, sys.executable, "-c", IN_NAMESPACE]
        done = subprocess.run(
            [*python, *ANCHOR_ADDRESSES], check=True, capture_output=True, timeout=20
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def school() -> Iterator[School]:
    """Build a school's network and take it down again."""
    built = School()
    try:
        built.build()
        yield built
    finally:
        for namespace in (built.host, built.gateway):
            subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True)


@pytest.mark.root
def test_outlet_up_then_cut(school: School) -> None:
    """Real packets: the outlet is up, then down with the gateway still there, ping or no ping."""
    up = school.observe()
    assert up["outlet"][:2] == ["ok", None]
    assert up["outlet"][2]["reachable"] == up["gateway"][2]["reachable"] == 1.0
    school.lose_outlet()
    cut = school.observe()
    assert cut["outlet"][:3] == ["ok", "all_anchors_failed", {"reachable": 0.0}]
    assert cut["gateway"][2]["reachable"] == 1.0
    school.forbid_ping()
    mute = school.observe()
    assert mute["outlet"][:3] == ["ok", "all_anchors_failed", {"reachable": 0.0}]
    assert mute["gateway"][3]["detail"] == "answered by TCP"


@pytest.mark.root
def test_a_lost_gateway_is_no_outage_of_the_outlet(school: School) -> None:
    """A dead LAN, then a host without a route: the outlet is unknown, not down."""
    school.ip("-n", school.gateway, "link", "set", "lan0", "down")
    lost = school.observe()
    assert lost["outlet"][:3] == ["failed", "lan_down", {}]
    assert lost["gateway"][:3] == ["ok", "lan_down", {"reachable": 0.0}]
    school.ip("-n", school.host, "route", "del", "default")
    bare = school.observe()
    assert bare["outlet"][:3] == ["failed", "no_default_gateway", {}]
