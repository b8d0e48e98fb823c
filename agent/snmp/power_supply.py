"""What an uninterruptible power supply says of its battery: UPS-MIB first, then its maker's MIB.

"Unknown" is spelled 0, -1, 65535, 2 147 483 647 or 4 294 967 295, often while the device is on
mains with a full battery: none of these is ever taken for a runtime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.snmp.client import Oid, SnmpClient, SnmpError, Value, number, oid
from agent.snmp.vendor_tables import by_likelihood

NO_NUMBERS = frozenset({-1, 65_535, 2_147_483_647, 4_294_967_295})
CHARGED_RATIO = 0.9
"""Below this an estimate is of what is left, not of what the battery can do."""


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


@dataclass(slots=True)
class PowerSupply:
    """What is known of one power supply. None is unknown."""

    runtime_s: float | None = None
    charge_ratio: float | None = None
    load_ratio: float | None = None
    on_battery: bool | None = None
    printed_runtime: int | None = None
    """The estimate as the device writes it, kept as evidence where it is no estimate."""
    tables: list[str] = field(default_factory=list)

    @property
    def is_charged(self) -> bool:
        """Whether the estimate is one of a charged battery on mains."""
        return not self.on_battery and (self.charge_ratio or 1.0) >= CHARGED_RATIO


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
    if value in NO_NUMBERS or value < 0 or (value == 0 and not supply.on_battery):
        return None
    return value * runtime.seconds
