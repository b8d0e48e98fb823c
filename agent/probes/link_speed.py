"""Probe `link_speed`: the speed that each network interface of this host negotiated.

What: one reading per interface: up or down, and the speed where a cable negotiated one. A link
aggregation counts the sum of its active members and is reported as such.

Rights: none.

Settings: `roles` (interface -> `uplink`, `backbone`, `desktop`, `server`) says what a link is for;
`kinds` (interface -> `wired`, `wireless`, `virtual`) corrects the kind, needed on Windows where an
interface's name is all there is to go by.

Metrics: see `LinkSpeed.metrics`. A speed of 0, -1 or 65535 is unknown, never a value. A virtual
interface has no link (veth prints 10000), so it is `skipped` once, when first seen.

What makes it invalid: a wireless PHY rate (not a link speed, never reported here), a hypervisor's
interface (prints an invented speed), a link that negotiated 1000 because of its SFP. Negotiated
speed is not throughput.

Evidence kept: driver, members of an aggregation, the number printed where it was not trusted.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar

import psutil

from agent.probes.base import Context, Metric, Probe, ProbeError, require_supported_system
from agent.reading import Json, Outcome, Reading
from agent.system.interfaces import Interface, Kind, parse_interfaces, read_interfaces
from agent.system.virtualization import NONE, read_virtualization

_WINDOWS_KINDS = (
    (re.compile(r"loopback|环回", re.IGNORECASE), None),
    (re.compile(r"wi-?fi|wlan|wireless|无线", re.IGNORECASE), Kind.WIRELESS),
    (
        re.compile(r"vethernet|vmware|virtualbox|vpn|tap-|tunnel|isatap", re.IGNORECASE),
        Kind.VIRTUAL,
    ),
    (re.compile(r"ethernet|以太网|本地连接|local area connection", re.IGNORECASE), Kind.WIRED),
)


class Role(StrEnum):
    """What a link is for; the collector's indicators choose by it."""

    UPLINK = "uplink"
    BACKBONE = "backbone"
    DESKTOP = "desktop"
    SERVER = "server"


@dataclass(frozen=True)
class LinkSpeedSettings:
    """`roles` and `kinds`: interface name -> role, interface name -> corrected kind."""

    roles: dict[str, Role] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)


class LinkSpeed(Probe[LinkSpeedSettings]):
    """Negotiated speed of each interface; the target is the interface's name."""

    name = "link_speed"
    title = "链路速率"
    interval_s = 60.0
    settings_type = LinkSpeedSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("speed_mbps", "Mbit/s", "Negotiated speed, summed over a bond's active members"),
        Metric("up", "bool", "State of the link: 1 up, 0 down"),
    )

    def __init__(self, system: str = sys.platform) -> None:
        self._system = system
        self._told_virtual: set[str] = set()
        self._is_guest: bool | None = None

    def collect(self, settings: LinkSpeedSettings, context: Context) -> Iterable[Reading]:
        """Yield a reading per interface and one for each that is set but missing.

        Raises ProbeError `unsupported_system`, or `interfaces_unreadable`.
        """
        interfaces = [correct_kind(i, settings.kinds) for i in self._interfaces(context)]
        virtual = {i.name for i in interfaces if is_without_card(i)}
        told = (virtual & self._told_virtual) - settings.roles.keys()
        self._told_virtual = virtual
        for interface in interfaces:
            if interface.name not in told:
                yield report(interface, settings, context)
        for name in sorted(settings.roles.keys() - {i.name for i in interfaces}):
            yield Reading(
                probe=self.name,
                target=name,
                time=context.now(),
                outcome=Outcome.FAILED,
                reason="interface_missing",
                labels={"role": settings.roles[name].value},
            )

    def _interfaces(self, context: Context) -> tuple[Interface, ...]:
        require_supported_system(self._system)
        if self._is_guest is None:
            known = read_virtualization(self._system, context.proc_root, context.sys_root)
            self._is_guest = known.guest != NONE
        if self._system == "win32":
            stats = psutil.net_if_stats().items()
            by_name = {name: (s.isup, s.speed, int(s.duplex)) for name, s in stats}
            return tuple(windows_interfaces(by_name, is_guest=self._is_guest))
        try:
            raw = read_interfaces(context.sys_root)
        except OSError as error:
            raise ProbeError("interfaces_unreadable", str(error)) from error
        return parse_interfaces(raw, is_guest=self._is_guest)


def windows_interfaces(
    stats: Mapping[str, tuple[bool, int, int]], *, is_guest: bool
) -> Iterator[Interface]:
    """Yield interfaces from name -> (up, speed in Mbit/s or 0, psutil's duplex number).

    The kind comes from the name, in Chinese and English. A name that tells nothing has kind
    `unknown` and no speed, because it could be wireless. In a guest every card is the hypervisor's.
    """
    for name, (is_up, printed, duplex) in sorted(stats.items()):
        kind = kind_from_name(name)
        if kind is None:
            continue
        if is_guest and kind is Kind.WIRED:
            kind = Kind.VIRTUAL
        speed = float(printed) if printed > 0 else None
        negotiated = speed if is_up and kind is Kind.WIRED else None
        yield Interface(
            name=name,
            kind=kind,
            is_up=is_up,
            speed_mbps=negotiated,
            duplex={1: "half", 2: "full"}.get(duplex, "unknown"),
            printed_speed_mbps=speed if negotiated is None else None,
        )


def kind_from_name(name: str) -> Kind | None:
    """Return what a Windows interface name says; None for loopback, `unknown` for other names."""
    for pattern, kind in _WINDOWS_KINDS:
        if pattern.search(name):
            return kind
    return Kind.UNKNOWN


def correct_kind(interface: Interface, kinds: Mapping[str, Kind]) -> Interface:
    """Apply the kind that a person set; only a wired interface keeps or gains its speed."""
    kind = kinds.get(interface.name)
    if kind is None or kind is interface.kind:
        return interface
    printed = interface.speed_mbps or interface.printed_speed_mbps
    if kind is Kind.WIRED and interface.is_up:
        return replace(interface, kind=kind, speed_mbps=printed, printed_speed_mbps=None)
    return replace(interface, kind=kind, speed_mbps=None, printed_speed_mbps=printed)


def is_without_card(interface: Interface) -> bool:
    """Whether the interface has no card behind it, not even a hypervisor's."""
    return interface.kind is Kind.VIRTUAL and not interface.driver


def judge(interface: Interface) -> tuple[Outcome, str | None]:
    """Return the outcome and the reason of one interface's reading."""
    if is_without_card(interface):
        return Outcome.SKIPPED, "virtual_interface"
    if interface.kind is Kind.WIRELESS:
        return Outcome.SKIPPED, "wireless_link"
    if not interface.is_up:
        return Outcome.OK, "link_down"
    if interface.speed_mbps is None:
        return Outcome.FAILED, "link_speed_unknown"
    if any(not member.is_active for member in interface.members):
        return Outcome.OK, "lag_member_down"
    return Outcome.OK, None


def report(interface: Interface, settings: LinkSpeedSettings, context: Context) -> Reading:
    """Report one interface. Values are only given where the outcome is `ok`."""
    outcome, reason = judge(interface)
    values: dict[str, float] = {}
    if outcome is Outcome.OK:
        values["up"] = float(interface.is_up)
        if interface.speed_mbps is not None:
            values["speed_mbps"] = interface.speed_mbps
    labels = {"kind": interface.kind.value, "duplex": interface.duplex}
    if interface.name in settings.roles:
        labels["role"] = settings.roles[interface.name].value
    details: dict[str, Json] = {"is_up": interface.is_up, "driver": interface.driver}
    if interface.name in settings.kinds:
        details["kind_from"] = "settings"
    if interface.printed_speed_mbps is not None:
        details["printed_speed_mbps"] = interface.printed_speed_mbps
    if interface.kind is Kind.BOND:
        details["bond_mode"] = interface.bond_mode
        details["members"] = [
            {"name": m.name, "is_active": m.is_active, "speed_mbps": m.speed_mbps}
            for m in interface.members
        ]
    return Reading(
        probe=LinkSpeed.name,
        target=interface.name,
        time=context.now(),
        outcome=outcome,
        reason=reason,
        values=values,
        labels=labels,
        details=details,
    )
