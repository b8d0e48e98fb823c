"""Probe `anchors`: whether the outlet works, seen from inside the school.

What: every minute a few well-known addresses beyond the outlet (anchors) and the local gateway are
tried side by side, three seconds for all. The outlet is up when any anchor answers, and down only
when at least three were tried, none answered, and the local gateway is there.

Rights: none for tcp, http and dns. An icmp anchor needs CAP_NET_RAW or `net.ipv4.ping_group_range`.

Settings: `anchors` (name, kind, host, and by kind port, path, expect_status, query), `gateway`
(empty: the default route's), `answer_within_s`. No anchor is built in: whom a school's host asks
every minute is the school's choice, and until it chose, nothing is sent anywhere, the gateway
included. The sample configuration lists anchors that suit mainland China.

Metrics: see `Anchors.metrics`. Targets: `gateway`, the anchors' names, and `outlet`.

What makes it invalid: fewer than three anchors; anchors that a filter or sign-in page blocks
(`anchor_wrong_answer`); anchors on this very host (`limited`, void); a lost local gateway, which
leaves the outlet's state unknown (`lan_down`) and is no outage of the outlet.

Evidence kept: address tried, how it ended, the system's words.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import ClassVar

from agent.probes.base import Context, Metric, Probe, ProbeError, require_supported_system
from agent.reading import Outcome, Reading
from agent.system.bounded_calls import BoundedCalls
from agent.system.gateway import read_default_gateway, read_neighbours, try_gateway
from agent.system.reach import Attempt, build_dns_question, try_dns, try_http, try_icmp, try_tcp

GATEWAY = "gateway"
OUTLET = "outlet"
ENOUGH_ANCHORS = 3
"""One silent anchor may be the anchor's own trouble; three at once are the outlet's."""
_LONGEST_S = 3.0
_MARGIN_S = 0.3
"""What is left of the longest time for names that do not resolve and threads that start late."""


class AnchorKind(StrEnum):
    """How an anchor is asked."""

    TCP = "tcp"
    HTTP = "http"
    DNS = "dns"
    ICMP = "icmp"


@dataclass(frozen=True)
class Anchor:
    """One address beyond the outlet. `port` 0 means the kind's own (http 80, dns 53).

    `expect_status` is for http (None: any 2xx or 3xx), `query` is what a dns anchor is asked for.
    """

    name: str
    kind: AnchorKind
    host: str
    port: int = 0
    path: str = "/"
    expect_status: int | None = None
    query: str = "www.edu.cn"

    def __post_init__(self) -> None:
        if not self.name or not self.host.isprintable() or not 0 < len(self.host) < 254:
            raise ValueError("an anchor needs a name and a host")
        if self.name in {GATEWAY, OUTLET}:
            raise ValueError(f"an anchor cannot be named {self.name!r}: that target has a meaning")
        if self.kind is AnchorKind.TCP and self.port == 0:
            raise ValueError(f"anchor {self.name!r}: kind tcp needs a port")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"anchor {self.name!r}: port must be between 0 and 65535")
        if not self.path.startswith("/"):
            raise ValueError(f"anchor {self.name!r}: path must start with /")
        build_dns_question(0, self.query)


@dataclass(frozen=True)
class AnchorsSettings:
    """What to try. `gateway` empty: the IPv4 default gateway."""

    anchors: tuple[Anchor, ...] = ()
    gateway: str = ""
    answer_within_s: float = 2.0

    def __post_init__(self) -> None:
        names = [anchor.name for anchor in self.anchors]
        if len(set(names)) != len(names):
            raise ValueError("every anchor needs a name of its own")
        if len(self.anchors) > 16:
            raise ValueError("at most 16 anchors")
        longest_s = _LONGEST_S - _MARGIN_S
        if not 0.1 <= self.answer_within_s <= longest_s:
            raise ValueError(f"answer_within_s must be between 0.1 and {longest_s}")


class Anchors(Probe[AnchorsSettings]):
    """Reachability of the gateway, of each anchor, and the outlet's state that follows."""

    name = "anchors"
    title = "出口连通"
    interval_s = 60.0
    settings_type = AnchorsSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("reachable", "bool", "Whether the target answered: 1 yes, 0 no"),
        Metric("connect_ms", "ms", "Round trip of the first exchange; for the outlet the fastest"),
    )

    def __init__(self, system: str = sys.platform) -> None:
        self._system = system
        self._calls: BoundedCalls[Attempt] = BoundedCalls()

    def collect(self, settings: AnchorsSettings, context: Context) -> Iterable[Reading]:
        """Yield the gateway, each anchor, then the outlet, within three seconds.

        Raises ProbeError `unsupported_system`, and `no_anchors` before any packet is sent.
        """
        require_supported_system(self._system)
        if not settings.anchors:
            raise ProbeError("no_anchors")
        calls: dict[str, Callable[[], Attempt]] = {
            anchor.name: partial(try_anchor, anchor, settings.answer_within_s)
            for anchor in settings.anchors
        }
        address = settings.gateway or read_default_gateway(self._system, context.proc_root)
        if address:
            table = None
            if self._system == "linux":
                table = partial(read_neighbours, context.proc_root)
            calls[GATEWAY] = partial(try_gateway, address, settings.answer_within_s, table)
        answers = self._calls.run(calls, settings.answer_within_s + _MARGIN_S)
        silent = Attempt(reached=False, reason="anchor_timeout", detail="no end in time")
        unseen = Attempt(reached=None, reason="gateway_silent" if address else "no_default_gateway")
        gateway = answers.get(GATEWAY, unseen)
        attempts = {a.name: answers.get(a.name, silent) for a in settings.anchors}
        yield target_reading(GATEWAY, gateway, {"kind": GATEWAY}, context)
        for anchor in settings.anchors:
            labels = {"kind": anchor.kind.value}
            yield target_reading(anchor.name, attempts[anchor.name], labels, context)
        yield outlet_reading(attempts, gateway, context)


def try_anchor(anchor: Anchor, within_s: float) -> Attempt:
    """Try one anchor by its kind."""
    match anchor.kind:
        case AnchorKind.TCP:
            return try_tcp(anchor.host, anchor.port, within_s)
        case AnchorKind.HTTP:
            port = anchor.port or 80
            return try_http(anchor.host, port, anchor.path, anchor.expect_status, within_s)
        case AnchorKind.DNS:
            return try_dns(anchor.host, anchor.port or 53, anchor.query, within_s)
        case AnchorKind.ICMP:
            return try_icmp(anchor.host, within_s)


def judge_outlet(
    attempts: Iterable[Attempt], gateway: Attempt
) -> tuple[Outcome, str | None, bool | None]:
    """Return (outcome, reason, reachable) of the outlet; reachable None where it is unknown.

    Any anchor beyond this host that answers is proof; silence is proof only together with a gateway
    that is there. A gateway of unknown state (none set, or silent) leaves the outlet's unknown.
    """
    tried = [a for a in attempts if a.reached is not None]
    beyond = [a for a in tried if not a.is_this_host]
    if any(a.reached for a in beyond):
        return Outcome.OK, None, True
    if tried and not beyond:
        return Outcome.LIMITED, "anchors_on_this_host", any(a.reached for a in tried)
    if len(beyond) < ENOUGH_ANCHORS:
        return Outcome.FAILED, "too_few_anchors", None
    if not gateway.reached:
        return Outcome.FAILED, gateway.reason, None
    return Outcome.OK, "all_anchors_failed", False


def target_reading(
    target: str, attempt: Attempt, labels: Mapping[str, str], context: Context
) -> Reading:
    """Report one attempt: 1 or 0 where it was made, `skipped` with the reason where it was not."""
    values: dict[str, float] = {}
    if attempt.reached is not None:
        values["reachable"] = float(attempt.reached)
    if attempt.connect_ms is not None:
        values["connect_ms"] = attempt.connect_ms
    return Reading(
        probe=Anchors.name,
        target=target,
        time=context.now(),
        outcome=Outcome.SKIPPED if attempt.reached is None else Outcome.OK,
        reason=attempt.reason,
        values=values,
        labels=labels,
        details={
            "address": attempt.address,
            "is_this_host": attempt.is_this_host,
            "detail": attempt.detail,
        },
    )


def outlet_reading(attempts: Mapping[str, Attempt], gateway: Attempt, context: Context) -> Reading:
    """Report the outlet as it follows from the anchors and the gateway."""
    outcome, reason, reachable = judge_outlet(attempts.values(), gateway)
    values: dict[str, float] = {}
    if reachable is not None:
        values["reachable"] = float(reachable)
    round_trips = [
        a.connect_ms
        for a in attempts.values()
        if a.connect_ms is not None and (outcome is Outcome.LIMITED or not a.is_this_host)
    ]
    if round_trips:
        values["connect_ms"] = min(round_trips)
    return Reading(
        probe=Anchors.name,
        target=OUTLET,
        time=context.now(),
        outcome=outcome,
        reason=reason,
        values=values,
        labels={"kind": OUTLET},
        limited_by=("same_host",) if outcome is Outcome.LIMITED else (),
        details={
            "answered": [name for name, a in attempts.items() if a.reached],
            "silent": {name: a.reason for name, a in attempts.items() if not a.reached},
            "gateway": gateway.reached,
        },
    )
