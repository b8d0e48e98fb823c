"""Probe `wireless_controller`: access points and terminals as the wireless controller counts them.

What: one reading per controller: how many access points there are, are up, down or idle, how many
terminals are associated, and how many with the busiest access point.

Rights: SNMP read access to the maker's WLAN MIB. Tables of stations are never asked for: no
address, name or device of a person is read, only counts.

Settings: `devices` (`name`, `address`, `port`, `credential`, `context`); `vendor_folder`, a folder
of own tables for makers that `agent/snmp/vendors/wireless/` does not know; `credentials_file`,
`community`, `answer_within_s`, `retries`, `rows_per_request`: see `agent/snmp/settings.py`.

Metrics: see `WirelessController.metrics`. What a controller does not tell is left out: Aruba counts
what is up and not what is missing; Cisco forgets a lost access point, which the agent remembers.

What makes it invalid: a standby controller shows every access point as away, so one that holds none
reports no count of those that are down, and says why. Idle ones (configured, never joined) are not
down. Counts and sums differ by a few percent within one walk, because terminals come and go.

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
class WirelessControllerSettings(AskSettings):
    """See the module's text. AP tables are slow on real controllers: the default wait is longer."""

    answer_within_s: float = 8.0
    devices: tuple[Device, ...] = ()
    vendor_folder: Path | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_distinct(self.devices)


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
    )

    def idle_reason(self, settings: WirelessControllerSettings) -> str | None:
        """Without a device there is nothing to ask."""
        return None if settings.devices else NO_DEVICE

    def collect(self, settings: WirelessControllerSettings, context: Context) -> Iterable[Reading]:
        """Yield one reading per controller.

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
            return [report(device, system, inventory, context)]

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
