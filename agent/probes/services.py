"""Probe `services`: whether the services that the school lists can be reached from inside.

What: every minute each listed service is tried side by side: the platform, the DNS server, the
portal, an address that only the education network has.

Rights: none for tcp, http, tls and dns. An icmp service needs CAP_NET_RAW or
`net.ipv4.ping_group_range`.

Settings: `services`, each with `name`, `kind` (tcp, http, tls, dns, icmp), `host`, and by kind
`port`, `path`, `expect_status`, `query`; `purpose`, a word that groups them: `iot_gateway` (access
and sensor gateways), `portal` (portal and management systems), `learning_space`, `campus_card`,
`data_platform` and `broadcast` (public-address servers) have an indicator each, any other word is
the school's own; `ca_file`, `answer_within_s`. None is built in.

Metrics: see `Services.metrics`. The target is the service's name.

What makes it invalid: services on this very host (`limited`, void). When none answers and the
local gateway is silent as well, it is this host's network and no service's: nothing is said.

Evidence kept: address tried, how it ended, the system's words, the certificate's end.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import ClassVar

from agent.probes.base import Context, Metric, Probe, ProbeError, require_supported_system
from agent.reading import Outcome, Reading
from agent.system.bounded_calls import BoundedCalls
from agent.system.gateway import read_default_gateway, read_neighbours, try_gateway
from agent.system.reach import (
    Attempt,
    build_dns_question,
    try_dns,
    try_http,
    try_icmp,
    try_tcp,
)

SECONDS_A_DAY = 86_400.0
_GATEWAY = " gateway"
"""No service can be named so: names are stripped."""
_MARGIN_S = 0.5


class ServiceKind(StrEnum):
    """How a service is asked."""

    TCP = "tcp"
    HTTP = "http"
    TLS = "tls"
    DNS = "dns"
    ICMP = "icmp"


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service. `port` 0 means the kind's own (http 80, tls 443, dns 53)."""

    name: str
    kind: ServiceKind
    host: str
    port: int = 0
    path: str = "/"
    expect_status: int | None = None
    query: str = "www.edu.cn"
    purpose: str = ""

    def __post_init__(self) -> None:
        if not self.name or self.name != self.name.strip():
            raise ValueError("a service needs a name without blanks around it")
        if not self.host.isprintable() or not 0 < len(self.host) < 254:
            raise ValueError(f"service {self.name!r}: a host is needed")
        if self.kind is ServiceKind.TCP and self.port == 0:
            raise ValueError(f"service {self.name!r}: kind tcp needs a port")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"service {self.name!r}: port must be between 0 and 65535")
        if not self.path.startswith("/"):
            raise ValueError(f"service {self.name!r}: path must start with /")
        build_dns_question(0, self.query)


@dataclass(frozen=True, kw_only=True)
class ServicesSettings:
    """See the module's text."""

    services: tuple[Service, ...] = ()
    ca_file: Path | None = None
    answer_within_s: float = 3.0

    def __post_init__(self) -> None:
        names = [service.name for service in self.services]
        if len(set(names)) != len(names):
            raise ValueError("every service needs a name of its own")
        if len(names) > 30:
            raise ValueError("at most 30 services")
        if not 0.1 <= self.answer_within_s <= 5:
            raise ValueError("answer_within_s must be between 0.1 and 5")


@dataclass(frozen=True, slots=True)
class _Found:
    """How one attempt ended, and until when the certificate holds."""

    attempt: Attempt
    certificate_until: datetime | None = None


class Services(Probe[ServicesSettings]):
    """Reachability of each listed service."""

    name = "services"
    title = "业务可用性"
    interval_s = 60.0
    settings_type = ServicesSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("reachable", "bool", "Whether the service answered: 1 yes, 0 no"),
        Metric("connect_ms", "ms", "Round trip of the first exchange"),
        Metric("certificate_left_days", "d", "Days until the service's certificate ends"),
    )

    def __init__(self, system: str = sys.platform) -> None:
        self._system = system
        self._calls: BoundedCalls[_Found] = BoundedCalls()

    def idle_reason(self, settings: ServicesSettings) -> str | None:
        """Without a service there is nothing to try."""
        return None if settings.services else "services_not_named"

    def collect(self, settings: ServicesSettings, context: Context) -> Iterable[Reading]:
        """Yield one reading per service. Raises ProbeError `services_not_named`."""
        require_supported_system(self._system)
        if not settings.services:
            raise ProbeError("services_not_named", outcome=Outcome.SKIPPED)
        within_s = settings.answer_within_s
        calls: dict[str, Callable[[], _Found]] = {
            one.name: partial(try_service, one, within_s, settings.ca_file)
            for one in settings.services
        }
        if address := read_default_gateway(self._system, context.proc_root):
            calls[_GATEWAY] = partial(self._try_gateway, address, within_s, context.proc_root)
        answers = self._calls.run(calls, within_s + _MARGIN_S)
        gateway = answers.pop(_GATEWAY, None)
        silent = _Found(Attempt(reached=False, reason="service_timeout", detail="no end in time"))
        found = {one.name: answers.get(one.name, silent) for one in settings.services}
        is_lan_lost = not any(one.attempt.reached for one in found.values()) and (
            gateway is not None and not gateway.attempt.reached
        )
        for service in settings.services:
            if is_lan_lost and gateway is not None:
                yield _unknown(service, gateway.attempt, context)
            else:
                yield report(service, found[service.name], context)

    def _try_gateway(self, address: str, within_s: float, proc_root: Path) -> _Found:
        table = partial(read_neighbours, proc_root) if self._system == "linux" else None
        return _Found(try_gateway(address, within_s, table))


def try_service(service: Service, within_s: float, ca_file: Path | None) -> _Found:
    """Try one service by its kind."""
    host, port = service.host, service.port
    match service.kind:
        case ServiceKind.TCP:
            found = _Found(try_tcp(host, port, within_s))
        case ServiceKind.HTTP:
            asked = (service.path, service.expect_status, within_s)
            found = _Found(try_http(host, port or 80, *asked))
        case ServiceKind.DNS:
            found = _Found(try_dns(host, port or 53, service.query, within_s))
        case ServiceKind.ICMP:
            found = _Found(try_icmp(host, within_s))
        case ServiceKind.TLS:
            found = try_tls(host, port or 443, within_s, ca_file)
    reason = found.attempt.reason
    if reason and reason.startswith("anchor_"):
        reason = "service_" + reason.removeprefix("anchor_")
    return replace(found, attempt=replace(found.attempt, reason=reason))


def try_tls(host: str, port: int, within_s: float, ca_file: Path | None) -> _Found:
    """Connect and shake hands, verifying the certificate."""
    import ssl  # most schools list no service with TLS

    attempt = try_tcp(host, port, within_s)
    if not attempt.reached:
        return _Found(attempt)
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    try:
        with (
            socket.create_connection((attempt.address, port), within_s) as sock,
            context.wrap_socket(sock, server_hostname=host) as wrapped,
        ):
            told = wrapped.getpeercert() or {}
            until_s = ssl.cert_time_to_seconds(str(told["notAfter"]))
    except ssl.SSLCertVerificationError as error:
        reason = "web_tls_expired" if error.verify_code == 10 else "web_tls_untrusted"
        return _Found(_refused(attempt, reason, error.verify_message))
    except (ssl.SSLError, OSError) as error:
        return _Found(_refused(attempt, "web_tls_broken", str(error)))
    return _Found(attempt, datetime.fromtimestamp(until_s, UTC))


def _refused(attempt: Attempt, reason: str, detail: str) -> Attempt:
    return replace(attempt, reached=False, reason=reason, detail=detail, connect_ms=None)


def report(service: Service, found: _Found, context: Context) -> Reading:
    """Report one attempt: 1 or 0 where it was made, `skipped` with the reason where it was not."""
    attempt = found.attempt
    values: dict[str, float] = {}
    if attempt.reached is not None:
        values["reachable"] = float(attempt.reached)
    if attempt.connect_ms is not None:
        values["connect_ms"] = attempt.connect_ms
    if found.certificate_until is not None:
        left = found.certificate_until - context.now()
        values["certificate_left_days"] = max(left.total_seconds() / SECONDS_A_DAY, 0.0)
    outcome, reason = Outcome.OK, attempt.reason
    if attempt.reached is None:
        outcome = Outcome.SKIPPED
    elif attempt.is_this_host:
        outcome, reason = Outcome.LIMITED, "service_on_this_host"
    return Reading(
        probe=Services.name,
        target=service.name,
        time=context.now(),
        outcome=outcome,
        reason=reason,
        values=values,
        labels=_labels(service),
        limited_by=("same_host",) if outcome is Outcome.LIMITED else (),
        details={"address": attempt.address, "detail": attempt.detail, "reason": attempt.reason},
    )


def _unknown(service: Service, gateway: Attempt, context: Context) -> Reading:
    return Reading(
        probe=Services.name,
        target=service.name,
        time=context.now(),
        outcome=Outcome.FAILED,
        reason=gateway.reason or "gateway_silent",
        labels=_labels(service),
        details={"gateway": gateway.address, "detail": gateway.detail},
    )


def _labels(service: Service) -> dict[str, str]:
    purpose = {"purpose": service.purpose} if service.purpose else {}
    return {"kind": service.kind.value, **purpose}
