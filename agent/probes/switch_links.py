"""Probe `switch_links`: the speed that the links of the school's switches negotiated, over SNMP.

What: one reading per link that has a role (backbone, desktop, uplink, server), and one per switch
with the number of its ports. A link aggregation counts the sum of its active members.

Rights: SNMP read access to IF-MIB, and where the device has them LLDP-MIB and the aggregation
tables. Addresses of end devices are never read.

Settings: `devices`, each with `name`, `address`, `port`, `credential`, `context`, `role` (`core`:
links to other switches seen by LLDP are backbone; `access`: ports without a switch, router or
access point behind them are desktop), `ports` (port name or pattern -> role, overrides LLDP) and
`links` (port name -> name of the link, the same at both ends, where LLDP does not tell them).
`credentials_file`, `community`, `answer_within_s`, `retries`, `rows_per_request`: see
`agent/snmp/settings.py`. A link between two of the devices is one reading, the slower end's. A
switch that two agents ask counts twice: let one agent ask.

Metrics: see `SwitchLinks.metrics`. Desktop ports without a device are counted but have no reading.

What makes it invalid: a rate that no Ethernet has (stack ports, backplanes, an administrator's
`bandwidth`) is unknown unless the port's name says at least so much. A port that is down runs at
nothing, whatever it prints. Negotiated speed is not throughput.

Evidence kept: the rate as printed, members of an aggregation, LLDP neighbours that are network
devices, how many ports have and run at each rate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from agent.probes.base import Context, Cost, Metric, Probe
from agent.reading import Json, Outcome, Reading
from agent.snmp.roles import Assigned, PortRole, Switch, assign_roles, unmatched_ports
from agent.snmp.settings import NO_DEVICE, AskSettings, require_distinct

if TYPE_CHECKING:
    from agent.snmp.client import SnmpClient
    from agent.snmp.interfaces import Port
    from agent.snmp.links import Neighbour
    from agent.snmp.poll import System

TEN_GIGABIT_MBPS = 10_000
NEIGHBOURS_KEPT = 60


@dataclass(frozen=True, kw_only=True)
class SwitchLinksSettings(AskSettings):
    """See the module's text."""

    devices: tuple[Switch, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        require_distinct(self.devices)


@dataclass(frozen=True, slots=True)
class SwitchTables:
    """What was read from one switch."""

    system: System
    ports: Mapping[int, Port]
    members: Mapping[int, Sequence[int]]
    neighbours: Sequence[Neighbour]


class SwitchLinks(Probe[SwitchLinksSettings]):
    """Speed of each link that has a role; the target is `<device>/<port>`, or the device."""

    name = "switch_links"
    title = "交换机链路"
    interval_s = 1800.0
    timeout_s = 300.0
    cost = Cost.HEAVY
    settings_type = SwitchLinksSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("speed_mbps", "Mbit/s", "Negotiated speed, summed over active members"),
        Metric("up", "bool", "State of the link: 1 up, 0 down"),
        Metric("ports_count", "count", "Ethernet ports with a connector, without aggregations"),
        Metric("ports_up_count", "count", "Those of them that are up"),
        Metric("desktop_ports_count", "count", "Ports of an access switch for end devices"),
        Metric("ten_gigabit_ports_count", "count", "Ports that can do 10 Gbit/s or more"),
        Metric("ten_gigabit_ports_up_count", "count", "Ports that run at 10 Gbit/s or more"),
    )

    def idle_reason(self, settings: SwitchLinksSettings) -> str | None:
        """Without a device there is nothing to ask."""
        return None if settings.devices else NO_DEVICE

    def collect(self, settings: SwitchLinksSettings, context: Context) -> Iterable[Reading]:
        """Yield the readings of every switch, or one failed reading for one that cannot be asked.

        Raises ProbeError `snmp_no_device`, or what is wrong with the credentials.
        """
        from agent.snmp.link_ends import KnownEnds, Seen, match_ends, merge_ends, named_ends
        from agent.snmp.poll import poll

        seen: list[Seen] = []

        async def work(switch: Switch, client: SnmpClient) -> list[Reading]:
            found = await read_switch(client)
            neighbours = found.neighbours
            seen.append(Seen(switch, found.system.name, found.ports, found.members, neighbours))
            return list(report(switch, found, context))

        readings = list(poll(self.name, settings, settings.devices, context, work))
        known = KnownEnds(context.state_dir / "link-ends.json" if context.state_dir else None)
        told = {one.switch.name for one in seen}
        yield from merge_ends(
            readings, known.update(match_ends(seen), told) | named_ends(settings.devices)
        )


async def read_switch(client: SnmpClient) -> SwitchTables:
    """Read one switch. Raises SnmpError."""
    from agent.snmp.interfaces import read_ports
    from agent.snmp.links import read_members, read_neighbours
    from agent.snmp.poll import read_system

    system = await read_system(client)
    ports = await read_ports(client)
    return SwitchTables(
        system, ports, await read_members(client, ports), await read_neighbours(client, ports)
    )


def report(switch: Switch, tables: SwitchTables, context: Context) -> Iterator[Reading]:
    """Yield the readings of one switch. Pure but for the clock."""
    roles = assign_roles(switch, tables.ports, tables.members, tables.neighbours)
    yield _device_reading(switch, tables, roles, context)
    for index, assigned in roles.items():
        port = tables.ports[index]
        if assigned.role is PortRole.DESKTOP and not port.is_up:
            continue
        yield _link_reading(switch, tables, port, assigned, context)
    for missing in unmatched_ports(switch, tables.ports):
        yield Reading(
            probe=SwitchLinks.name,
            target=f"{switch.name}/{missing}",
            time=context.now(),
            outcome=Outcome.FAILED,
            reason="switch_port_missing",
            labels={"device": switch.name, "role": switch.ports[missing].value},
        )


def _device_reading(
    switch: Switch, tables: SwitchTables, roles: Mapping[int, Assigned], context: Context
) -> Reading:
    from agent.snmp.poll import identity

    physical = [port for port in tables.ports.values() if port.is_physical]
    has = Counter(port.nominal_mbps for port in physical if port.nominal_mbps)
    runs = Counter(port.speed_mbps for port in physical if port.speed_mbps)
    values = {
        "ports_count": float(len(physical)),
        "ten_gigabit_ports_count": float(_at_least(has, TEN_GIGABIT_MBPS)),
        "ten_gigabit_ports_up_count": float(_at_least(runs, TEN_GIGABIT_MBPS)),
    }
    if switch.role == "access":
        desktop = sum(one.role is PortRole.DESKTOP for one in roles.values())
        values["desktop_ports_count"] = float(desktop)
    if all(port.is_up is not None for port in physical):
        values["ports_up_count"] = float(sum(port.is_up is True for port in physical))
    details: dict[str, Json] = {
        **identity(tables.system),
        "ports_by_nominal_mbps": {str(rate): n for rate, n in sorted(has.items())},
        "ports_by_speed_mbps": {str(rate): n for rate, n in sorted(runs.items())},
        "neighbours": _neighbours(tables),
        "neighbours_unplaced": sum(one.port is None for one in tables.neighbours),
    }
    return Reading(
        probe=SwitchLinks.name,
        target=switch.name,
        time=context.now(),
        outcome=Outcome.OK,
        reason=None if roles else "switch_without_roles",
        values=values,
        labels={"device": switch.name, **({"switch_role": switch.role} if switch.role else {})},
        details=details,
    )


def _at_least(rates: Mapping[int, int], rate_mbps: int) -> int:
    return sum(count for rate, count in rates.items() if rate >= rate_mbps)


def _neighbours(tables: SwitchTables) -> list[Json]:
    """List the neighbours that are network devices; others may be people's and are left out."""
    told = [one for one in tables.neighbours if one.kind in ("switch", "router", "access_point")]
    return [
        {
            "port": tables.ports[one.port].name if one.port is not None else None,
            "system_name": one.system_name,
            "kind": one.kind.value,
        }
        for one in told[:NEIGHBOURS_KEPT]
    ]


def _link_reading(
    switch: Switch, tables: SwitchTables, port: Port, assigned: Assigned, context: Context
) -> Reading:
    members = [tables.ports[index] for index in tables.members.get(port.index, ())]
    speed = link_speed_mbps(port, members)
    outcome, reason = Outcome.OK, None
    values: dict[str, float] = {}
    if port.is_up is None:
        outcome, reason = Outcome.FAILED, "switch_link_state_unknown"
    elif not port.is_up:
        values, reason = {"up": 0.0}, "switch_link_down"
    elif speed is None:
        outcome, reason = Outcome.FAILED, "switch_speed_unknown"
    else:
        values = {"up": 1.0, "speed_mbps": speed}
        if any(not member.is_up for member in members):
            reason = "lag_member_down"
    details: dict[str, Json] = {
        "description": port.description,
        "alias": port.alias,
        "printed_mbps": _printed(port),
        "speed_from": port.speed_from,
        "role_from": assigned.source,
    }
    if port.is_aggregation:
        details["members"] = [
            {"name": one.name, "is_up": one.is_up, "speed_mbps": one.speed_mbps} for one in members
        ]
    return Reading(
        probe=SwitchLinks.name,
        target=f"{switch.name}/{port.name}",
        time=context.now(),
        outcome=outcome,
        reason=reason,
        values=values,
        labels={
            "device": switch.name,
            "role": assigned.role.value,
            "kind": "aggregation" if port.is_aggregation else "port",
        },
        details=details,
    )


def link_speed_mbps(port: Port, members: Sequence[Port]) -> float | None:
    """Return what the link runs at, None where it is down or that cannot be told.

    An aggregation is the sum of its active members; where the device does not tell them, what it
    prints for the aggregation itself.
    """
    if not port.is_up:
        return None
    if not port.is_aggregation:
        return port.speed_mbps
    if members:
        speeds = [one.speed_mbps for one in members if one.is_up]
        known = [speed for speed in speeds if speed is not None]
        return float(sum(known)) if speeds and len(known) == len(speeds) else None
    return _printed(port)


def _printed(port: Port) -> float | None:
    printed = port.printed_mbps
    return None if printed is None or printed == float("inf") else printed
