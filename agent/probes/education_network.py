"""Probe `education_network`: whether the education network is reached, and by its own way (Q23).

What: every five minutes each listed address that only the education network has is tried, and the
address that this host has there is held against the network's ranges.

Rights: none for tcp, http and dns. An icmp address needs CAP_NET_RAW or
`net.ipv4.ping_group_range`.

Settings: `addresses`, each as in `services` (`name`, `kind`, `host`, `port`, …); `source_ranges`,
what the county gave (`10.128.0.0/9`); `source_url`, a page inside the education network that
answers with the visitor's address, where the school's outlet translates addresses; without it the
address is that of this host's own route; `answer_within_s`.

Metrics: see `EducationNetwork.metrics`. The target is the address's name.

What makes it invalid: an address reached from outside the ranges was reached through the Internet
(`limited`, void). Nothing is said while the gateway is silent too: that is this host's network.

Evidence kept: address tried, source address, how it ended, the system's words.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from agent.probes.base import Context, Cost, Metric, Probe, ProbeError
from agent.probes.services import Service, ServiceKind, try_service
from agent.reading import Outcome, Reading
from agent.system.gateway import read_default_gateway, read_neighbours, try_gateway
from agent.system.reach import Attempt
from agent.trouble import TroubleError

NOT_NAMED = "education_network_not_named"
OUTSIDE = "outside_education_range"
_KINDS = (ServiceKind.TCP, ServiceKind.HTTP, ServiceKind.DNS, ServiceKind.ICMP)
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}")


@dataclass(frozen=True, kw_only=True)
class EducationNetworkSettings:
    """See the module's text."""

    addresses: tuple[Service, ...] = ()
    source_ranges: tuple[str, ...] = ()
    source_url: str = ""
    answer_within_s: float = 3.0

    def __post_init__(self) -> None:
        names = [one.name for one in self.addresses]
        if len(set(names)) != len(names) or len(names) > 10:
            raise ValueError("at most 10 addresses, each with a name of its own")
        if any(one.kind not in _KINDS for one in self.addresses):
            raise ValueError(f"kind must be one of {[kind.value for kind in _KINDS]}")
        for text in self.source_ranges:
            ipaddress.ip_network(text)
        if self.source_url and not self.source_url.startswith(("http://", "https://")):
            raise ValueError(f"source_url: not an http(s) address: {self.source_url!r}")
        if not 0.1 <= self.answer_within_s <= 10:
            raise ValueError("answer_within_s must be between 0.1 and 10")


class EducationNetwork(Probe[EducationNetworkSettings]):
    """Reachability of addresses inside the education network."""

    name = "education_network"
    title = "教育专网"
    interval_s = 300.0
    timeout_s = 150.0
    cost = Cost.HEAVY
    settings_type = EducationNetworkSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("reachable", "bool", "Whether the address answered: 1 yes, 0 no"),
        Metric("connect_ms", "ms", "Round trip of the first exchange"),
    )

    def __init__(self, system: str = sys.platform) -> None:
        self._system = system

    def idle_reason(self, settings: EducationNetworkSettings) -> str | None:
        """Without an address and the network's ranges nothing could be concluded."""
        return None if settings.addresses and settings.source_ranges else NOT_NAMED

    def collect(self, settings: EducationNetworkSettings, context: Context) -> Iterable[Reading]:
        """Yield one reading per address. Raises ProbeError `education_network_not_named`."""
        if self.idle_reason(settings) is not None:
            raise ProbeError(NOT_NAMED, outcome=Outcome.SKIPPED)
        within_s = settings.answer_within_s
        tried = [(one, try_service(one, within_s, None).attempt) for one in settings.addresses]
        gateway = None
        if not any(attempt.reached for _, attempt in tried):
            gateway = self._try_gateway(within_s, context)
        for service, attempt in tried:
            if gateway is not None and not gateway.reached:
                yield _reading(service, context, Outcome.FAILED, gateway.reason or "gateway_silent")
            elif attempt.reached:
                yield _reached(service, attempt, settings, context)
            elif attempt.reached is None:
                yield _reading(service, context, Outcome.SKIPPED, attempt.reason, attempt)
            else:
                values = {"reachable": 0.0}
                yield _reading(service, context, Outcome.OK, attempt.reason, attempt, values)

    def _try_gateway(self, within_s: float, context: Context) -> Attempt | None:
        address = read_default_gateway(self._system, context.proc_root)
        if not address:
            return None
        table = partial(read_neighbours, context.proc_root) if self._system == "linux" else None
        return try_gateway(address, within_s, table)


def _reached(
    service: Service, attempt: Attempt, settings: EducationNetworkSettings, context: Context
) -> Reading:
    """Judge an address that answered by the address that this host has on the way there."""
    values = {"reachable": 1.0}
    if attempt.connect_ms is not None:
        values["connect_ms"] = attempt.connect_ms
    try:
        source = source_address(attempt.address, settings)
    except TroubleError as error:
        return _reading(
            service, context, Outcome.FAILED, error.reason, attempt, detail=error.detail
        )
    if is_inside(source, settings.source_ranges):
        return _reading(service, context, Outcome.OK, None, attempt, values, source)
    return _reading(service, context, Outcome.LIMITED, OUTSIDE, attempt, values, source)


def source_address(address: str, settings: EducationNetworkSettings) -> str:
    """Return this host's address as the education network sees it. Raises TroubleError."""
    if not settings.source_url:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.connect((address, 9))  # nothing is sent: the route alone tells
                return str(sock.getsockname()[0])
        except OSError as error:
            raise TroubleError("education_source_unknown", str(error)) from error
    from agent.web.fetch import Ask, fetch

    ask = Ask(within_s=settings.answer_within_s, max_bytes=4096)
    fetched = fetch(settings.source_url, ask)
    text = fetched.body.decode("utf-8", "replace")
    for candidate in _ADDRESS.findall(text):
        try:
            return str(ipaddress.ip_address(candidate))
        except ValueError:
            continue
    raise TroubleError("education_source_unknown", f"HTTP {fetched.status}: {text[:80]}")


def is_inside(address: str, ranges: Iterable[str]) -> bool:
    """Whether the address lies in one of the ranges. Pure."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return any(found in ipaddress.ip_network(text) for text in ranges)


def _reading(
    service: Service,
    context: Context,
    outcome: Outcome,
    reason: str | None,
    attempt: Attempt | None = None,
    values: dict[str, float] | None = None,
    source: str = "",
    *,
    detail: str = "",
) -> Reading:
    return Reading(
        probe=EducationNetwork.name,
        target=service.name,
        time=context.now(),
        outcome=outcome,
        reason=reason,
        values=values or {},
        labels={"kind": service.kind.value},
        limited_by=(OUTSIDE,) if outcome is Outcome.LIMITED else (),
        details={
            "address": attempt.address if attempt else "",
            "source": source,
            "detail": detail or (attempt.detail if attempt else ""),
        },
    )
