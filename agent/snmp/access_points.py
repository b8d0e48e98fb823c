"""The access points of a wireless controller, by the maker's own meaning of up and down.

"Down" means four different things. Huawei keeps the row and a state; H3C lists connected APs in one
table and all in another; Ruijie has a table of APs online and one of those that are not; Cisco
drops the row. `vendors/wireless/` says which, and `Inventory` is what they have in common. A state
that cannot be read is unknown, never down. Tables of stations hold people's devices: none is ever
asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from agent.snmp.client import Column, Oid, SnmpClient, SnmpError, number, oid, text
from agent.snmp.vendor_tables import by_likelihood

COMPLETE = 0.9
"""A table with fewer rows than this share of the device's own count is a stump."""
NAMES_ASKED = 40

StateName = Literal["up", "down", "idle", "joining"]


@dataclass(frozen=True)
class Scalars:
    """Counts that the controller keeps itself."""

    up: str | None = None
    down: str | None = None
    total: str | None = None
    terminals: str | None = None


@dataclass(frozen=True)
class AccessPointTable:
    """One table of access points. Columns are relative to the root.

    `lists` says which APs have a row: `all` (then `state` tells), `up` or `down`. `rows` is the
    column that is walked where there is no `state`.
    """

    lists: Literal["all", "up", "down"]
    state: str | None = None
    rows: str | None = None
    name: str | None = None
    terminals: str | None = None
    states: dict[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class TerminalTable:
    """Terminals by AP, or by radio where `drop` index parts lead to the AP."""

    column: str
    name: str | None = None
    drop: int = 0
    name_by_row: bool = False
    """The name's column has this table's index, not the AP's."""


@dataclass(frozen=True)
class ControllerTables:
    """Where one maker keeps what; the contents of a file of `vendors/wireless/`."""

    title: str
    system_object_ids: tuple[str, ...]
    roots: tuple[str, ...]
    known_by: str
    """An object or a column that every device of the kind has."""
    scalars: Scalars = field(default_factory=Scalars)
    access_points: tuple[AccessPointTable, ...] = ()
    terminals: tuple[TerminalTable, ...] = ()
    terminals_total: tuple[TerminalTable, ...] = ()
    forgets_lost: bool = False
    """A lost AP has no row at all."""
    is_one_access_point: bool = False
    """The device is an access point itself."""

    @property
    def is_known_by_object(self) -> bool:
        """Whether one GET tells, rather than a walk."""
        return self.known_by.endswith(".0")


@dataclass(slots=True)
class Inventory:
    """What a controller tells. None is unknown. Keys are table indexes."""

    title: str
    states: dict[Oid, str] = field(default_factory=dict)
    terminals: dict[Oid, int] = field(default_factory=dict)
    names: dict[Oid, str] = field(default_factory=dict)
    up: int | None = None
    down: int | None = None
    idle: int | None = None
    total: int | None = None
    terminals_total: int | None = None
    forgets_lost: bool = False

    @property
    def holds_none(self) -> bool:
        """Whether access points are configured and not one is joined: often a standby."""
        return bool(self.up == 0 and self.total)


async def find_controller(
    client: SnmpClient, tables: Sequence[ControllerTables], object_id: Oid
) -> tuple[ControllerTables, Oid]:
    """Return the maker's tables that the device answers to, and their root.

    Raises SnmpError `wireless_unknown_controller`.
    """
    ordered = by_likelihood(tables, object_id)
    places = [
        (table, oid(root), oid(root) + oid(table.known_by))
        for table in ordered
        if table.is_known_by_object
        for root in table.roots
    ]
    found = await client.get([where for _, _, where in places])
    for table, root, where in places:
        if where in found:
            return table, root
    for table in ordered:
        if table.is_known_by_object or not _claims(table, object_id):
            continue
        for root in map(oid, table.roots):
            column = root + oid(table.known_by)
            if (await client.bulk_columns([column]))[column]:
                return table, root
    raise SnmpError("wireless_unknown_controller", ".".join(map(str, object_id)))


def _claims(table: ControllerTables, object_id: Oid) -> bool:
    starts = map(oid, table.system_object_ids)
    return any(object_id[: len(start)] == start for start in starts)


async def read_inventory(client: SnmpClient, tables: ControllerTables, root: Oid) -> Inventory:
    """Read what the controller has. Raises SnmpError."""
    inventory = Inventory(tables.title, forgets_lost=tables.forgets_lost)
    await _read_scalars(client, tables.scalars, root, inventory)
    name_cells: dict[Oid, Oid] = {}
    complete = False
    for table in tables.access_points:
        if complete and table.lists != "down":
            continue
        rows, states, terminals = await _read_table(client, table, root)
        if table.lists == "all" and not _is_whole(rows, inventory):
            continue
        complete = complete or bool(rows)
        inventory.states |= states
        inventory.terminals |= terminals
        if table.name:
            name_cells |= {row: root + oid(table.name) + row for row in rows}
    for one in tables.terminals:
        name_cells |= await _read_terminals(client, one, root, inventory)
    if tables.is_one_access_point:
        inventory.states = {(): "up"}
    count(inventory, tables)
    if inventory.terminals_total is None:
        await _sum_terminals(client, tables, root, inventory)
    await _read_names(client, name_cells, inventory)
    return inventory


async def _read_scalars(
    client: SnmpClient, scalars: Scalars, root: Oid, inventory: Inventory
) -> None:
    where = {
        "up": scalars.up,
        "down": scalars.down,
        "total": scalars.total,
        "terminals_total": scalars.terminals,
    }
    wanted = {name: root + oid(place) for name, place in where.items() if place}
    found = await client.get(list(wanted.values()))
    for name, place in wanted.items():
        setattr(inventory, name, number(found.get(place)))


async def _read_table(
    client: SnmpClient, table: AccessPointTable, root: Oid
) -> tuple[set[Oid], dict[Oid, str], dict[Oid, int]]:
    """Return the rows, the states that are known, and the terminals by row."""
    columns = {
        name: root + oid(place)
        for name in ("state", "rows", "terminals")
        if (place := getattr(table, name))
    }
    read = await client.bulk_columns(list(dict.fromkeys(columns.values())))
    found: Mapping[str, Column] = {name: read[place] for name, place in columns.items()}
    rows = {row for column in found.values() for row in column}
    words = {value: word for word, values in table.states.items() for value in values}
    fixed = None if table.lists == "all" else table.lists
    states = {
        row: word
        for row in rows
        if (word := words.get(number(found.get("state", {}).get(row)) or 0) or fixed)
    }
    return rows, states, _numbers(found.get("terminals", {}))


def _numbers(column: Column) -> dict[Oid, int]:
    return {row: value for row, value in column.items() if isinstance(value, int)}


def _is_whole(rows: set[Oid], inventory: Inventory) -> bool:
    """Whether a table that should list all does, by the device's own count."""
    expected = inventory.total if inventory.total is not None else inventory.up
    return bool(rows) and len(rows) >= COMPLETE * (expected or 0)


async def _read_terminals(
    client: SnmpClient, table: TerminalTable, root: Oid, inventory: Inventory
) -> dict[Oid, Oid]:
    """Add up terminals by AP; return where the APs' names are."""
    column = root + oid(table.column)
    name_cells: dict[Oid, Oid] = {}
    for row, value in _numbers((await client.bulk_columns([column]))[column]).items():
        point = row[: len(row) - table.drop]
        inventory.terminals[point] = inventory.terminals.get(point, 0) + value
        if table.name:
            name_cells[point] = root + oid(table.name) + (row if table.name_by_row else point)
    return name_cells


def count(inventory: Inventory, tables: ControllerTables) -> None:
    """Fill in the counts that the tables give. Pure.

    Where a table names every AP, it is counted, because its parts then add up; the device's own
    count stands where there is no such table.
    """
    words = Counter(inventory.states.values())
    kinds = {table.lists for table in tables.access_points}
    if "all" in kinds and inventory.states and words.keys() != {"up"}:
        inventory.up, inventory.down = words["up"], words["down"]
        inventory.idle = words["idle"] + words["joining"]
        inventory.total = max(inventory.total or 0, len(inventory.states))
        return
    if tables.is_one_access_point:
        inventory.up, inventory.down, inventory.total = 1, 0, 1
    elif inventory.states and inventory.up is None:
        inventory.up = words["up"]
    if inventory.total is None and inventory.up is not None:
        inventory.total = inventory.up + (inventory.down or 0)
    # From a total and those that are up nothing follows for the rest: idle as well as down.


async def _sum_terminals(
    client: SnmpClient, tables: ControllerTables, root: Oid, inventory: Inventory
) -> None:
    for table in tables.terminals_total:
        column = root + oid(table.column)
        values = _numbers((await client.bulk_columns([column]))[column])
        if values:
            inventory.terminals_total = sum(values.values())
            return
    if inventory.terminals:
        inventory.terminals_total = sum(inventory.terminals.values())


async def _read_names(
    client: SnmpClient, name_cells: Mapping[Oid, Oid], inventory: Inventory
) -> None:
    """Ask for the names that a person needs: those that are down, and the busiest."""
    wanted = list(dict.fromkeys([*_down(inventory), *busiest(inventory)]))[:NAMES_ASKED]
    if inventory.forgets_lost:
        wanted = list(name_cells)
    cells = {point: name_cells[point] for point in wanted if point in name_cells}
    found = await client.get(list(cells.values())) if cells else {}
    inventory.names = {
        point: text(found.get(cells.get(point, ()))) or name_from_index(point) for point in wanted
    }


def name_from_index(index: Oid) -> str:
    """Return what an index says of an access point: its serial number as text, or its address."""
    octets = index[1:] if index and index[0] == len(index) - 1 else index
    if len(octets) == 6 and octets == index:
        return ":".join(f"{octet:02x}" for octet in octets)
    if octets and all(32 < octet < 127 for octet in octets):
        return bytes(octets).decode("ascii")
    return ".".join(map(str, index))


def _down(inventory: Inventory) -> Iterator[Oid]:
    return (point for point, state in inventory.states.items() if state == "down")


def busiest(inventory: Inventory, how_many: int = 10) -> list[Oid]:
    """Return the access points with most terminals, the busiest first."""
    points = sorted(inventory.terminals, key=lambda p: inventory.terminals[p], reverse=True)
    return points[:how_many]
