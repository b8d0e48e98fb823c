"""What joins ports: members of aggregations and LLDP neighbours. Pure, but for the reading.

Sources: IEEE 802.1AX dot3adAggPortTable, ifStackTable (RFC 2863), IEEE 802.1AB LLDP-MIB,
dot1dBasePortTable (RFC 4188).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.snmp.client import Column, Oid, SnmpClient, number, oid, text
from agent.snmp.interfaces import Port

ATTACHED_AGGREGATION = oid("1.2.840.10006.300.43.1.2.1.1.13")
STACK_STATUS = oid("1.3.6.1.2.1.31.1.2.1.3")
BASE_PORT_INDEX = oid("1.3.6.1.2.1.17.1.4.1.2")
_LLDP_LOCAL = oid("1.0.8802.1.1.2.1.3.7.1")
LOCAL_PORT_ID, LOCAL_PORT_DESCRIPTION = (*_LLDP_LOCAL, 3), (*_LLDP_LOCAL, 4)
_LLDP_REMOTE = oid("1.0.8802.1.1.2.1.4.1.1")
REMOTE_SUBTYPE, REMOTE_PORT_SUBTYPE, REMOTE_PORT_ID, REMOTE_SYSTEM_NAME, REMOTE_CAPABILITIES = (
    (*_LLDP_REMOTE, n) for n in (4, 6, 7, 9, 12)
)
REMOTE_COLUMNS = (
    REMOTE_SUBTYPE,
    REMOTE_PORT_SUBTYPE,
    REMOTE_PORT_ID,
    REMOTE_SYSTEM_NAME,
    REMOTE_CAPABILITIES,
)
_PORT_ID_IS_A_NAME = frozenset({1, 5, 7})
"""LldpPortIdSubtype: interfaceAlias, interfaceName, local. The others hold addresses."""
_BRIDGE, _ACCESS_POINT, _ROUTER = 0x20, 0x10, 0x08
"""Bits of LldpSystemCapabilitiesMap: bit 2 bridge, 3 wlanAccessPoint, 4 router, from the left."""


class NeighbourKind(StrEnum):
    """What a neighbour says it does; `other` for phones, cameras and stations."""

    SWITCH = "switch"
    ROUTER = "router"
    ACCESS_POINT = "access_point"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One LLDP neighbour. Its address is never read: it may be a person's device."""

    port: int | None
    """ifIndex of the port it was heard on; None where the device does not say."""
    system_name: str
    kind: NeighbourKind
    port_id: str = ""
    """The neighbour's own name of its port, where it is a network device and gives one."""


async def read_members(client: SnmpClient, ports: Mapping[int, Port]) -> dict[int, list[int]]:
    """Return the ifIndexes of the members of each aggregation, where the device tells."""
    if not any(port.is_aggregation for port in ports.values()):
        return {}
    attached = (await client.bulk_columns([ATTACHED_AGGREGATION]))[ATTACHED_AGGREGATION]
    members = members_from_attachment(attached, ports)
    if members:
        return members
    stacked = (await client.bulk_columns([STACK_STATUS]))[STACK_STATUS]
    return members_from_stack(stacked, ports)


def members_from_attachment(attached: Column, ports: Mapping[int, Port]) -> dict[int, list[int]]:
    """Group ports by the aggregation they are attached to; 0 is none."""
    members: dict[int, list[int]] = {}
    for index, value in attached.items():
        above = number(value)
        if above and above in ports and index[-1] in ports and above != index[-1]:
            members.setdefault(above, []).append(index[-1])
    return members


def members_from_stack(stacked: Column, ports: Mapping[int, Port]) -> dict[int, list[int]]:
    """Take the layers under an aggregation from ifStackTable (index: higher, lower)."""
    members: dict[int, list[int]] = {}
    for index, status in stacked.items():
        if len(index) != 2 or status != 1:
            continue
        above, below = ports.get(index[0]), ports.get(index[1])
        if above and below and above.is_aggregation and below.is_physical:
            members.setdefault(above.index, []).append(below.index)
    return members


async def read_neighbours(client: SnmpClient, ports: Mapping[int, Port]) -> list[Neighbour]:
    """Return the LLDP neighbours; empty where the device does not speak it."""
    remote = await client.bulk_columns(REMOTE_COLUMNS)
    if not any(remote.values()):
        return []
    local = await client.bulk_columns([LOCAL_PORT_ID, LOCAL_PORT_DESCRIPTION])
    base = (await client.bulk_columns([BASE_PORT_INDEX]))[BASE_PORT_INDEX]
    places = local_ports(local, base, ports)
    rows = sorted({index for column in remote.values() for index in column})
    return [_neighbour(row, remote, places) for row in rows]


def _neighbour(row: Oid, remote: Mapping[Oid, Column], places: Mapping[int, int]) -> Neighbour:
    # The standard index is time mark, local port, number; some devices write less.
    place = places.get(row[1]) if len(row) == 3 else None
    name = text(remote[REMOTE_SYSTEM_NAME].get(row))
    kind = kind_of(remote[REMOTE_CAPABILITIES].get(row))
    port_id = ""
    if (
        kind in (NeighbourKind.SWITCH, NeighbourKind.ROUTER)
        and number(remote[REMOTE_PORT_SUBTYPE].get(row)) in _PORT_ID_IS_A_NAME
    ):
        port_id = text(remote[REMOTE_PORT_ID].get(row))
    return Neighbour(place, name, kind, port_id)


def kind_of(capabilities: object) -> NeighbourKind:
    """Return what the enabled capabilities say, the most telling one first."""
    if not isinstance(capabilities, bytes) or not capabilities:
        return NeighbourKind.UNKNOWN
    bits = capabilities[0]
    if bits & _ACCESS_POINT:
        return NeighbourKind.ACCESS_POINT
    if bits & _BRIDGE and not capabilities_are_phone(bits):
        return NeighbourKind.SWITCH
    if bits & _ROUTER:
        return NeighbourKind.ROUTER
    return NeighbourKind.OTHER if bits else NeighbourKind.UNKNOWN


def capabilities_are_phone(bits: int) -> bool:
    """Whether bit 5, telephone, is set: a desk phone bridges the computer behind it."""
    return bool(bits & 0x04)


def local_ports(
    local: Mapping[Oid, Column], base: Column, ports: Mapping[int, Port]
) -> dict[int, int]:
    """Map LLDP's local port numbers to ifIndexes.

    By the port's name as LLDP gives it, else by bridge port number, else the number itself: the
    standard asks for none of them, and devices differ.
    """
    by_name = {name: port.index for port in ports.values() for name in _names(port)}
    places = {index: index for index in ports}
    places |= {
        row[-1]: where for row, value in base.items() if (where := number(value)) in ports and where
    }
    for column in (LOCAL_PORT_DESCRIPTION, LOCAL_PORT_ID):
        for row, value in local.get(column, {}).items():
            where = by_name.get(text(value).casefold())
            if where is not None:
                places[row[-1]] = where
    return places


def _names(port: Port) -> Iterator[str]:
    yield from (name.casefold() for name in (port.description, port.name) if name)
