"""What a port of a switch is for: from the settings, else from what LLDP shows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from agent.snmp.interfaces import Port
from agent.snmp.links import Neighbour, NeighbourKind
from agent.snmp.settings import Device

DESKTOP_UP_TO_MBPS = 5000
"""A faster port of an access switch leads to another switch, also where LLDP is off."""


class PortRole(StrEnum):
    """What a link is for; the same words as for a host's interfaces."""

    UPLINK = "uplink"
    BACKBONE = "backbone"
    DESKTOP = "desktop"
    SERVER = "server"


class SwitchRole(StrEnum):
    """Where a switch stands: `core` joins the buildings, `access` the outlets in the rooms."""

    CORE = "core"
    ACCESS = "access"


@dataclass(frozen=True, kw_only=True)
class Switch(Device):
    """A switch. `ports` maps a port's name, or a pattern with `*`, to its role; it outdoes LLDP.

    `links` maps a port's name to the name of its link, where LLDP does not tell both ends of it.
    """

    role: SwitchRole | None = None
    ports: dict[str, PortRole] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assigned:
    """A role and whence it is known: `settings`, `lldp` or `access_switch`."""

    role: PortRole
    source: str


def assign_roles(
    switch: Switch,
    ports: Mapping[int, Port],
    members: Mapping[int, Sequence[int]],
    neighbours: Sequence[Neighbour],
) -> dict[int, Assigned]:
    """Return the ports that have a role, by ifIndex; members are one link, the aggregation."""
    aggregation_of = {one: above for above, below in members.items() for one in below}
    kinds: dict[int, set[NeighbourKind]] = {}
    for neighbour in neighbours:
        if neighbour.port is not None:
            link = aggregation_of.get(neighbour.port, neighbour.port)
            kinds.setdefault(link, set()).add(neighbour.kind)
    assigned: dict[int, Assigned] = {}
    for index, port in ports.items():
        chosen = role_from_settings(switch, port)
        if chosen is not None:
            assigned[index] = Assigned(chosen, "settings")
        elif index not in aggregation_of:
            found = _role_from_place(switch, port, kinds.get(index, set()))
            if found is not None:
                assigned[index] = found
    return assigned


def role_from_settings(switch: Switch, port: Port) -> PortRole | None:
    """Return the role set for the port: under its own name first, else by the first pattern."""
    for wanted, role in switch.ports.items():
        if port.answers_to(wanted):
            return role
    if not (port.is_physical or port.is_aggregation):
        return None
    names = (port.name.casefold(), port.description.casefold())
    for pattern, role in switch.ports.items():
        if any(fnmatchcase(name, pattern.casefold()) for name in names):
            return role
    return None


def unmatched_ports(switch: Switch, ports: Mapping[int, Port]) -> list[str]:
    """Return the names in the settings that no port has; a pattern may match nothing."""
    return [
        wanted
        for wanted in switch.ports
        if not any(sign in wanted for sign in "*?[")
        and not any(port.answers_to(wanted) for port in ports.values())
    ]


def _role_from_place(switch: Switch, port: Port, kinds: set[NeighbourKind]) -> Assigned | None:
    if switch.role is SwitchRole.CORE:
        is_link = port.is_physical or port.is_aggregation
        if is_link and NeighbourKind.SWITCH in kinds:
            return Assigned(PortRole.BACKBONE, "lldp")
        return None
    if switch.role is SwitchRole.ACCESS and _is_outlet(port, kinds):
        return Assigned(PortRole.DESKTOP, "access_switch")
    return None


def _is_outlet(port: Port, kinds: set[NeighbourKind]) -> bool:
    return (
        port.is_physical
        and not port.is_management
        and (port.nominal_mbps or 0) <= DESKTOP_UP_TO_MBPS
        and not kinds & {NeighbourKind.SWITCH, NeighbourKind.ROUTER, NeighbourKind.ACCESS_POINT}
    )
