"""Probe `wireless_controller`: access points and terminals as the wireless controller counts them.

What: one reading per controller: how many access points there are, are up, down or idle, how many
terminals are associated, and how many with the busiest access point. One reading per smart room:
the terminals associated with its access points, for each hundred seats (Q9).

Rights: SNMP read access to the maker's WLAN MIB. Tables of stations are never asked for: no
address, name or device of a person is read, only counts.

Settings: `devices` (`name`, `address`, `port`, `credential`, `context`); `rooms` (`name`, `seats`,
`access_points`: their names as the controller knows them, `device`: the controller, the first one
where none is named); `vendor_folder`, a folder of own tables for makers that
`agent/snmp/vendors/wireless/` does not know; `credentials_file`,
`community`, `answer_within_s`, `retries`, `rows_per_request`: see `agent/snmp/settings.py`.

Metrics: see `WirelessController.metrics`. What a controller does not tell is left out: Aruba counts
what is up and not what is missing; Cisco forgets a lost access point, which the agent remembers.

What makes it invalid: a standby controller shows every access point as away, so one that holds none
reports no count of those that are down, and says why. Idle ones (configured, never joined) are not
down. Counts and sums differ by a few percent within one walk, because terminals come and go. A
terminal in the corridor, or of the room next door, counts with the access point that it chose.

Evidence kept: maker's table used, names of what is down and of the busiest, sum over access points.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from agent.probes.base import Context, Cost, Metric, Probe, ProbeError
from agent.reading import Json, Outcome, Reading
from agent.snmp.settings import NO_DEVICE, AskSettings, Device, require_distinct

if TYPE_CHECKING:
    from agent.snmp.access_points import ControllerTables, Inventory
    from agent.snmp.client import SnmpClient
    from agent.snmp.poll import System

NAMES_KEPT = 40


@dataclass(frozen=True, kw_only=True)
class SmartRoom:
    """One room with its own access points; see the module's text."""

    name: str
    seats: int
    access_points: tuple[str, ...]
    device: str = ""

    def __post_init__(self) -> None:
        if not self.name or not 1 <= self.seats <= 1000:
            raise ValueError("a room needs a name, and between 1 and 1000 seats")
        if not self.access_points or len(set(self.access_points)) != len(self.access_points):
            raise ValueError(f"room {self.name!r}: access_points must name each of its own once")


@dataclass(frozen=True, kw_only=True)
class WirelessControllerSettings(AskSettings):
    """See the module's text. AP tables are slow on real controllers: the default wait is longer."""

    answer_within_s: float = 8.0
    devices: tuple[Device, ...] = ()
    rooms: tuple[SmartRoom, ...] = ()
    vendor_folder: Path | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_distinct(self.devices)
        controllers = {one.name for one in self.devices}
        names = [room.name for room in self.rooms]
        if len(set(names)) != len(names) or len(names) > 200 or controllers & set(names):
            raise ValueError("at most 200 rooms, each with a name of its own and no controller's")
        unknown = {room.device for room in self.rooms} - controllers - {""}
        if unknown:
            raise ValueError(f"rooms name controllers that are not among devices: {unknown}")

    def rooms_of(self, device: Device) -> list[SmartRoom]:
        """Return the rooms whose access points this controller holds."""
        first = self.devices[0].name if self.devices else ""
        return [room for room in self.rooms if (room.device or first) == device.name]


class WirelessController(Probe[WirelessControllerSettings]):
    """Counts of access points and terminals; the target is the device's name."""

    name = "wireless_controller"
    title = "无线控制器"
    interval_s = 300.0
    timeout_s = 240.0
    cost = Cost.HEAVY
    settings_type = WirelessControllerSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("access_points_count", "count", "Access points that the controller knows"),
        Metric("access_points_up_count", "count", "Access points that are up"),
        Metric("access_points_down_count", "count", "Access points that were up and are not"),
        Metric("access_points_idle_count", "count", "Access points configured and never joined"),
        Metric("terminals_count", "count", "Terminals associated with all access points"),
        Metric("busiest_ap_terminals", "terminals", "Terminals associated with the busiest one"),
        Metric("room_terminals_count", "count", "Terminals associated with the room's own ones"),
        Metric("seats_associated_percent", "percent", "Those terminals for each hundred seats"),
    )

    def idle_reason(self, settings: WirelessControllerSettings) -> str | None:
        """Without a device there is nothing to ask."""
        return None if settings.devices else NO_DEVICE

    def collect(self, settings: WirelessControllerSettings, context: Context) -> Iterable[Reading]:
        """Yield one reading per controller, and one for each of its rooms.

        Raises ProbeError `snmp_no_device`, or what is wrong with credentials or own tables.
        """
        from agent.snmp.access_points import ControllerTables
        from agent.snmp.client import SnmpError
        from agent.snmp.poll import poll
        from agent.snmp.vendor_tables import load_tables

        try:
            tables = load_tables(ControllerTables, "wireless", settings.vendor_folder)
        except SnmpError as error:
            raise ProbeError(error.reason, error.detail) from error

        async def work(device: Device, client: SnmpClient) -> list[Reading]:
            system, inventory = await read_controller(client, tables)
            rooms = [room_reading(one, inventory, context) for one in settings.rooms_of(device)]
            return [report(device, system, inventory, context), *rooms]

        yield from poll(self.name, settings, settings.devices, context, work)


async def read_controller(
    client: SnmpClient, tables: list[ControllerTables]
) -> tuple[System, Inventory]:
    """Read one controller. Raises SnmpError."""
    from agent.snmp.access_points import find_controller, read_inventory
    from agent.snmp.poll import read_system

    system = await read_system(client)
    table, root = await find_controller(client, tables, system.object_id)
    return system, await read_inventory(client, table, root)


def report(device: Device, system: System, inventory: Inventory, context: Context) -> Reading:
    """Return the reading of one controller."""
    from agent.snmp.access_points import busiest
    from agent.snmp.poll import identity

    down_names = [
        inventory.names.get(point, "")
        for point, state in inventory.states.items()
        if state == "down"
    ]
    if inventory.forgets_lost:
        down_names = list(_note_lost(device, inventory, context).values())
    top = busiest(inventory)
    details: dict[str, Json] = {
        **identity(system),
        "tables": inventory.title,
        "down": list(down_names[:NAMES_KEPT]),
        "busiest": [
            {"name": inventory.names.get(point, ""), "terminals": inventory.terminals[point]}
            for point in top
        ],
        "terminals_summed": sum(inventory.terminals.values()) if inventory.terminals else None,
    }
    values = counts(inventory)
    return Reading(
        probe=WirelessController.name,
        target=device.name,
        time=context.now(),
        outcome=Outcome.OK if values else Outcome.FAILED,
        reason=_reason(inventory, values),
        values=values,
        labels={"device": device.name, "maker": inventory.title},
        details=details,
    )


def room_reading(room: SmartRoom, inventory: Inventory, context: Context) -> Reading:
    """Return how many terminals the room's own access points hold, for each hundred seats."""
    points = {name: point for point, name in inventory.names.items()}
    missing = [name for name in room.access_points if name not in points]
    counted = {
        name: inventory.terminals[points[name]]
        for name in room.access_points
        if name in points and points[name] in inventory.terminals
    }
    reason = None
    if missing:
        reason = "wireless_room_unknown_ap"
    elif not counted:
        reason = "wireless_room_not_counted"
    terminals = float(sum(counted.values()))
    return Reading(
        probe=WirelessController.name,
        target=room.name,
        time=context.now(),
        outcome=Outcome.FAILED if reason else Outcome.OK,
        reason=reason,
        values={}
        if reason
        else {
            "room_terminals_count": terminals,
            "seats_associated_percent": 100 * terminals / room.seats,
        },
        labels={"room": room.name},
        details={"seats": room.seats, "missing": list(missing), "counted": dict(counted)},
    )


def counts(inventory: Inventory) -> dict[str, float]:
    """Return the values that are known. Pure.

    A controller that holds no access point may be a standby: what is down is then unknown, and so
    is its busiest one.
    """
    found = {
        "access_points_count": inventory.total,
        "access_points_up_count": inventory.up,
        "access_points_down_count": None if inventory.holds_none else inventory.down,
        "access_points_idle_count": inventory.idle,
        "terminals_count": inventory.terminals_total,
        "busiest_ap_terminals": max(inventory.terminals.values(), default=None),
    }
    if inventory.holds_none:
        del found["busiest_ap_terminals"]
    return {name: float(value) for name, value in found.items() if value is not None and value >= 0}


def _reason(inventory: Inventory, values: Mapping[str, float]) -> str | None:
    if not values:
        return "wireless_nothing_told"
    if inventory.holds_none:
        return "wireless_none_joined"
    return None if "access_points_down_count" in values else "wireless_down_unknown"


def _note_lost(device: Device, inventory: Inventory, context: Context) -> dict[str, str]:
    """Count as down what the controller dropped since it was last seen."""
    from agent.snmp.client import dotted
    from agent.snmp.lost_access_points import lost_since_last

    if context.state_dir is None:
        return {}
    present = {
        dotted(point): inventory.names.get(point, "")
        for point, state in inventory.states.items()
        if state == "up"
    }
    lost = lost_since_last(context.state_dir, device.name, present, context.now())
    if lost is None:
        return {}
    inventory.down = len(lost)
    inventory.total = (inventory.up or 0) + len(lost)
    return lost
