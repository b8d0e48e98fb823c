"""The interfaces of a device: IF-MIB (RFC 2863), and which of them are ports with a cable.

What devices taught, and what is done about it:

* `ifSpeed` stops at 4 294 967 295 bit/s, so `ifHighSpeed` is used; where a device has none, a
  saturated `ifSpeed` leaves only the port's name to go by.
* `ifHighSpeed` carries inventions: 480 000 on stack ports, 240 000 on VLAN rows, 20 000 on
  backplane ports, bit/s instead of Mbit/s, whatever an administrator set as `bandwidth`. Only a
  standard Ethernet rate is believed.
* `ifHighSpeed` of a port that is down is its nominal rate: it says what the port *has*.
* `ifConnectorPresent` is false on every port of some devices: there it says nothing.
* `ifType` 6 is also given to VLAN interfaces and to radios.
* `ifAlias` defaults are no labels, so only a person's settings are taken from names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agent.snmp.client import Column, Oid, SnmpClient, SnmpError, Value, number, oid, text

_IF = oid("1.3.6.1.2.1.2.2.1")
_IFX = oid("1.3.6.1.2.1.31.1.1.1")
DESCRIPTION, TYPE, SPEED, OPER = ((*_IF, n) for n in (2, 3, 5, 8))
NAME, HIGH_SPEED, CONNECTOR, ALIAS = ((*_IFX, n) for n in (1, 15, 17, 18))
IF_COLUMNS = (DESCRIPTION, SPEED, OPER)
IFX_COLUMNS = (NAME, HIGH_SPEED, CONNECTOR, ALIAS)

ETHERNET_TYPES = frozenset({6, 62, 117})
"""ethernetCsmacd, and the obsolete fastEther and gigabitEthernet."""
AGGREGATION_TYPES = frozenset({161})
_RELEVANT_TYPES = ETHERNET_TYPES | AGGREGATION_TYPES | {53}
"""Some makers give an aggregation type 53, propVirtual."""
MANY_ROWS = 500
STANDARD_RATES_MBPS = (
    10, 100, 1000, 2500, 5000, 10_000, 25_000, 40_000, 50_000, 100_000, 200_000, 400_000, 800_000,
)  # fmt: skip
TOLERANCE = 0.05
IF_SPEED_CEILING = 4_294_967_295

_AGGREGATION_NAME = re.compile(
    r"^(eth-trunk|aggregateport|(bridge|route)-aggregation|port-?channel|(ag|po|be|ae|bond|lag)\d)",
    re.IGNORECASE,
)
_NO_PORT_NAME = re.compile(
    r"^(vlan|vl\d|bridge|br\d|loopback|lo\d|null|nu\d|inloopback|stack|tunnel|cpu|register"
    r"|wlan|wifi|ath\d|rai?\d|wds|apcli|virtual|veth|docker|dialer|ppp)",
    re.IGNORECASE,
)
_MANAGEMENT_NAME = re.compile(r"^(meth|mgmt|mg\d|mg |m-|fxp|management|oob)", re.IGNORECASE)
_NOMINAL_NAMES: tuple[tuple[re.Pattern[str], int], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), rate)
    for pattern, rate in (
        (r"^(400gige|fourhundred|400ge)", 400_000),
        (r"^(hundredgig|100ge|hu\d)", 100_000),
        (r"^(fiftygig|50ge)", 50_000),
        (r"^(fortygig|40ge|fo\d|xlgi)", 40_000),
        (r"^(twenty-?five|25ge|twe\d)", 25_000),
        (r"^(xgigabit|ten-?gigabit|10ge|10gige|te\d|xge|xgei)", 10_000),
        (r"^(gigabit|ge\d|gi\d|gei|g\d)", 1000),
        (r"^(fastethernet|fa\d|fei)", 100),
    )
)


@dataclass(frozen=True, slots=True)
class Port:
    """One row of the interface table, judged.

    `speed_mbps` is the standard rate that the port runs at, None while it is down or where that
    cannot be told. `nominal_mbps` is what the port could do. `speed_from` is `device` or `name`.
    """

    index: int
    name: str
    description: str = ""
    alias: str = ""
    is_physical: bool = False
    is_aggregation: bool = False
    is_management: bool = False
    is_up: bool | None = None
    speed_mbps: int | None = None
    nominal_mbps: int | None = None
    speed_from: str = "device"
    printed_mbps: float | None = None

    def answers_to(self, wanted: str) -> bool:
        """Whether a person could mean this port: its name, its description or its alias."""
        known = {part.casefold() for part in (self.name, self.description, self.alias) if part}
        return wanted.strip().casefold() in known


async def read_ports(client: SnmpClient) -> dict[int, Port]:
    """Read the interface table, without the tunnels of a wireless controller.

    The types come first: a controller has a tunnel for each of thousands of access points, whose
    rows nobody needs, so that only the others are then asked for.

    Raises SnmpError `snmp_no_interfaces` where there is none.
    """
    types = (await client.bulk_columns([TYPE]))[TYPE]
    if not types:
        raise SnmpError("snmp_no_interfaces", "ifTable is empty")
    if len(types) <= MANY_ROWS:
        columns: Mapping[Oid, Column] = {
            **await client.bulk_columns(IF_COLUMNS),
            **await client.bulk_columns(IFX_COLUMNS),
        }
        return judge_ports({**columns, TYPE: types})
    wanted = [index for index, kind in types.items() if kind in _RELEVANT_TYPES]
    if len(wanted) > MANY_ROWS:  # radios, given the type of a cable
        names = (await client.bulk_columns([DESCRIPTION]))[DESCRIPTION]
        wanted = [index for index in wanted if not _NO_PORT_NAME.match(text(names.get(index)))]
    columns = await _rows(client, wanted)
    return judge_ports({**columns, TYPE: {index: types[index] for index in wanted}})


async def _rows(client: SnmpClient, indexes: Sequence[Oid]) -> Mapping[Oid, Column]:
    cells = [column + index for column in IF_COLUMNS + IFX_COLUMNS for index in indexes]
    found = await client.get(cells)
    return {
        column: {i: found[column + i] for i in indexes if column + i in found}
        for column in IF_COLUMNS + IFX_COLUMNS
    }


def judge_ports(columns: Mapping[Oid, Column]) -> dict[int, Port]:
    """Return the ports by ifIndex from the columns of IF-MIB. Pure."""
    indexes = {index for column in columns.values() for index in column if len(index) == 1}
    ports = {index[0]: _port(index, columns) for index in sorted(indexes)}
    told = {i for i in ports if number(columns.get(CONNECTOR, {}).get((i,))) == 1}
    if any(ports[i].is_physical for i in told):
        for i, port in ports.items():
            if port.is_physical and number(columns[CONNECTOR].get((i,))) == 2:
                ports[i] = replace(port, is_physical=False)
    return ports


def _port(index: Oid, columns: Mapping[Oid, Column]) -> Port:
    def cell(column: Oid) -> Value | None:
        return columns.get(column, {}).get(index)

    description = text(cell(DESCRIPTION))
    name = text(cell(NAME)) or description or f"if{index[0]}"
    kind = number(cell(TYPE))
    oper = number(cell(OPER))
    names = (name, description)
    is_up = None if oper is None else oper == 1
    printed = _printed_mbps(number(cell(HIGH_SPEED)), number(cell(SPEED)))
    rate, source = believed_rate(printed, names)
    aggregation = kind in AGGREGATION_TYPES or any(_AGGREGATION_NAME.match(n) for n in names)
    return Port(
        index=index[0],
        name=name,
        description=description,
        alias=text(cell(ALIAS)),
        is_physical=kind in ETHERNET_TYPES
        and not aggregation
        and not any(_NO_PORT_NAME.match(n) for n in names),
        is_aggregation=aggregation,
        is_management=any(_MANAGEMENT_NAME.match(n) for n in names),
        is_up=is_up,
        speed_mbps=rate if is_up else None,
        nominal_mbps=nominal_from_name(names) or rate,
        speed_from=source,
        printed_mbps=printed,
    )


def _printed_mbps(high_speed: int | None, speed: int | None) -> float | None:
    """Return the rate as the device prints it; `inf` for a saturated ifSpeed alone."""
    if high_speed:
        return float(high_speed)
    if speed == IF_SPEED_CEILING:
        return float("inf")
    return speed / 1e6 if speed else None


def believed_rate(printed: float | None, names: tuple[str, ...]) -> tuple[int | None, str]:
    """Return the standard Ethernet rate in Mbit/s that is meant, and whence it is known.

    A rate that no Ethernet has is believed only as far as the port's own name goes: an
    XGigabitEthernet that prints 20000 runs at 10000 at least. Otherwise it is unknown.
    """
    if printed is None:
        return None, "device"
    for candidate in (printed, printed / 1e6):  # some devices print bit/s
        for rate in STANDARD_RATES_MBPS:
            if abs(candidate - rate) <= rate * TOLERANCE:
                return rate, "device"
    nominal = nominal_from_name(names)
    if nominal is not None and printed >= nominal:
        return nominal, "name"
    return None, "device"


def nominal_from_name(names: tuple[str, ...]) -> int | None:
    """Return the rate in Mbit/s that a port's name promises, or None."""
    for pattern, rate in _NOMINAL_NAMES:
        if any(pattern.match(name) for name in names):
            return rate
    return None
