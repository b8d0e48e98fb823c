"""What an uninterruptible power supply says of its battery: UPS-MIB first, then its maker's MIB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.power.supply import NO_NUMBERS, PowerSupply, is_runtime
from agent.snmp.client import Oid, SnmpClient, SnmpError, Value, number, oid
from agent.snmp.vendor_tables import by_likelihood


@dataclass(frozen=True)
class Runtime:
    """The estimate of the time left, and the length of its unit in seconds."""

    object: str
    seconds: float


@dataclass(frozen=True)
class Share:
    """A share of something full; of several objects (phases) the largest counts."""

    objects: tuple[str, ...]
    full: float


@dataclass(frozen=True)
class Output:
    """Where the output comes from; any other value is neither."""

    object: str
    mains: tuple[int, ...]
    battery: tuple[int, ...]


@dataclass(frozen=True)
class PowerSupplyTable:
    """Where one MIB keeps what; the contents of a file of `vendors/ups/`."""

    title: str
    system_object_ids: tuple[str, ...]
    runtime: Runtime | None = None
    charge: Share | None = None
    load: Share | None = None
    output: Output | None = None

    def objects(self) -> list[Oid]:
        """Return everything there is to ask for."""
        single = [part.object for part in (self.runtime, self.output) if part]
        shares = [one for part in (self.charge, self.load) if part for one in part.objects]
        return [oid(text) for text in (*single, *shares)]


async def read_power_supply(
    client: SnmpClient, tables: Sequence[PowerSupplyTable], object_id: Oid
) -> PowerSupply:
    """Ask for everything at once and judge it. Raises SnmpError `ups_not_found`."""
    standard = [table for table in tables if table.title == "UPS-MIB"]
    ordered = standard + by_likelihood([t for t in tables if t not in standard], object_id)
    wanted = [one for table in ordered for one in table.objects()]
    found = await client.get(wanted)
    supply = judge_power_supply(ordered, found)
    if not supply.tables:
        raise SnmpError("ups_not_found", ".".join(map(str, object_id)))
    return supply


def judge_power_supply(
    tables: Sequence[PowerSupplyTable], found: Mapping[Oid, Value]
) -> PowerSupply:
    """Take every quantity from the first table that knows it. Pure."""
    supply = PowerSupply()
    for table in tables:
        if not any(one in found for one in table.objects()):
            continue
        supply.tables.append(table.title)
        if supply.on_battery is None:
            supply.on_battery = _on_battery(table.output, found)
        if supply.charge_ratio is None:
            supply.charge_ratio = _ratio(table.charge, found, at_most=1.0)
        if supply.load_ratio is None:
            supply.load_ratio = _ratio(table.load, found, at_most=2.0)
    for table in tables:
        if table.runtime is not None and supply.runtime_s is None:
            supply.runtime_s = _runtime_s(table.runtime, found, supply)
    return supply


def _on_battery(output: Output | None, found: Mapping[Oid, Value]) -> bool | None:
    value = number(found.get(oid(output.object))) if output else None
    if output is None or value is None or value not in (*output.mains, *output.battery):
        return None
    return value in output.battery


def _ratio(share: Share | None, found: Mapping[Oid, Value], at_most: float) -> float | None:
    if share is None:
        return None
    values = [number(found.get(oid(one))) for one in share.objects]
    ratios = [v / share.full for v in values if v is not None and v not in NO_NUMBERS and v >= 0]
    known = [ratio for ratio in ratios if ratio <= at_most]
    return max(known, default=None)


def _runtime_s(runtime: Runtime, found: Mapping[Oid, Value], supply: PowerSupply) -> float | None:
    """Return the estimate; a zero counts only from a battery that is being emptied."""
    value = number(found.get(oid(runtime.object)))
    if value is None:
        return None
    supply.printed_runtime = value
    return value * runtime.seconds if is_runtime(value, supply) else None
