"""Probe `endpoint_sweep`: how many devices answer in the school's subnets, and on its inventory.

What: one reading per subnet with how many addresses answered, and one for the inventory: the share
of the listed devices that were seen within the last days (Q14).

Rights: none. With CAP_NET_RAW the sweep sends ARP itself, which is quicker.

Settings: `subnets` (name -> `192.168.1.0/24`; only these are swept, private ones, none larger than
a /20), `inventory_file` (a line a device: name, then hardware address, IPv4 address or salted
digest), `salt_file` for digests, `window_days` (12 hold ten school days), `tcp_ports` for subnets
behind a router where ICMP is not allowed.

Metrics: see `EndpointSweep.metrics`.

What makes it invalid: off is not broken, so the share can only prove a pass. Behind a router there
is no hardware address: devices there are to be listed by their address. A firewall that drops
everything hides a device; phones change their hardware address.

Evidence kept: counts and the way of asking, never an address. Names of devices that were not seen
are written to `unseen.csv` in the probe's state folder, for the school's own technician.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from agent.probes.base import Context, Cost, Metric, Probe, ProbeError
from agent.reading import Json, Outcome, Reading
from agent.sweep.subnets import parse_subnets

if TYPE_CHECKING:
    from agent.sweep.ask import Answers
    from agent.sweep.subnets import Subnet

NO_SUBNET = "sweep_no_subnet"
CHINA = timedelta(hours=8)
"""A device's last day is a day of the school."""


@dataclass(frozen=True, kw_only=True)
class EndpointSweepSettings:
    """See the module's text."""

    subnets: dict[str, str] = field(default_factory=dict)
    inventory_file: Path | None = None
    salt_file: Path | None = None
    window_days: int = 12
    tcp_ports: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        parse_subnets(self.subnets)
        if not 1 <= self.window_days <= 60:
            raise ValueError("window_days must be between 1 and 60")
        if len(self.tcp_ports) > 16 or not all(0 < port < 65536 for port in self.tcp_ports):
            raise ValueError("tcp_ports must be at most 16 ports between 1 and 65535")


class EndpointSweep(Probe[EndpointSweepSettings]):
    """Devices that answer; the target is the subnet's name, or `inventory`."""

    name = "endpoint_sweep"
    title = "终端在线"
    interval_s = 3600.0
    timeout_s = 240.0
    cost = Cost.HEAVY
    settings_type = EndpointSweepSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("addresses_count", "count", "Addresses of the subnet that were asked"),
        Metric("answered_count", "count", "Addresses that answered"),
        Metric("registered_count", "count", "Devices on the inventory"),
        Metric("registered_now_count", "count", "Those of them that answered now"),
        Metric("registered_seen_ratio", "ratio", "Share of them seen within the last days"),
    )

    def idle_reason(self, settings: EndpointSweepSettings) -> str | None:
        """Nothing is asked until the school names its subnets."""
        return None if settings.subnets else NO_SUBNET

    def collect(self, settings: EndpointSweepSettings, context: Context) -> Iterable[Reading]:
        """Yield a reading per subnet, then the inventory's. Raises ProbeError."""
        if not settings.subnets:
            raise ProbeError(NO_SUBNET, f"[probes.{self.name}] subnets", outcome=Outcome.SKIPPED)
        everything: Answers = {}
        for subnet in parse_subnets(settings.subnets):
            answers, method = sweep(subnet, settings)
            everything.update(answers)
            yield self._subnet_reading(subnet, answers, method, context)
        if settings.inventory_file is not None:
            yield from self._inventory(settings.inventory_file, everything, settings, context)

    def _subnet_reading(
        self, subnet: Subnet, answers: Answers, method: str, context: Context
    ) -> Reading:
        asked = len(subnet.addresses())
        unreachable = not answers and method != "arp"
        return Reading(
            probe=self.name,
            target=subnet.name,
            time=context.now(),
            outcome=Outcome.FAILED if unreachable else Outcome.OK,
            reason="sweep_nothing_answered" if not answers else None,
            values={}
            if unreachable
            else {"addresses_count": float(asked), "answered_count": float(len(answers))},
            labels={"method": method},
        )

    def _inventory(
        self, path: Path, answers: Answers, settings: EndpointSweepSettings, context: Context
    ) -> Iterator[Reading]:
        from agent.sweep.inventory import LastSeen, keys_seen, read_inventory

        try:
            devices = read_inventory(path)
            salt = settings.salt_file.read_bytes().strip() if settings.salt_file else None
        except (OSError, ValueError) as error:
            yield self._failure("inventory_unreadable", str(error), context)
            return
        if not devices:
            yield self._failure("inventory_empty", str(path), context)
            return
        keys = keys_seen(answers, salt)
        today = (context.now() + CHINA).date()
        memory = LastSeen(context.state_dir / "seen.json" if context.state_dir else None)
        memory.note(devices, keys, today)
        memory.save()
        seen = memory.within(devices, today, settings.window_days)
        if context.state_dir is not None:
            unseen = sorted({one.name for one in devices} - {one.name for one in seen})
            (context.state_dir / "unseen.csv").write_text(
                "".join(f"{name}\n" for name in unseen), encoding="utf-8-sig"
            )
        details: dict[str, Json] = {"window_days": settings.window_days, "as_of": str(today)}
        yield Reading(
            probe=self.name,
            target="inventory",
            time=context.now(),
            outcome=Outcome.OK,
            values={
                "registered_count": float(len(devices)),
                "registered_now_count": float(sum(one.key in keys for one in devices)),
                "registered_seen_ratio": len(seen) / len(devices),
            },
            details=details,
        )

    def _failure(self, reason: str, detail: str, context: Context) -> Reading:
        return Reading(
            probe=self.name,
            target="inventory",
            time=context.now(),
            outcome=Outcome.FAILED,
            reason=reason,
            details={"detail": detail[:300]},
        )


def sweep(subnet: Subnet, settings: EndpointSweepSettings) -> tuple[Answers, str]:
    """Ask one subnet in the best way that is allowed here; return the answers and the way."""
    from agent.sweep.listed import ask_attached, ask_routed, attachment

    own = attachment(subnet.network)
    if own is not None:
        return ask_attached(subnet.addresses(), own)
    return ask_routed(subnet.addresses(), settings.tcp_ports)
