"""Probe `ups_snmp`: how long the uninterruptible power supplies last, as they estimate it.

What: one reading per power supply: estimated backup time, charge, load, mains or battery.

Rights: SNMP read access to UPS-MIB or the maker's MIB.

Settings: `devices` (`name`, `address`, `port`, `credential`, `context`); `vendor_folder`, a folder
of own tables for makers that `agent/snmp/vendors/ups/` does not know; `credentials_file`,
`community`, `answer_within_s`, `retries`, `rows_per_request`: see `agent/snmp/settings.py`.

Metrics: see `UpsSnmp.metrics`. `runtime_hours` is only reported of a charged battery on mains;
during and after a power cut there is `remaining_hours`, so that an outage does not look like a
small battery. `longest_discharge_hours` is what was seen, not estimated.

What makes it invalid: an estimate spelled 0 (on mains), -1, 65535 or 4294967295 is unknown. The
estimate is at the present load and tends to be high; only a discharge test proves it. A supply that
feeds the server room says nothing of the switches elsewhere.

Evidence kept: tables that answered, the estimate as printed, load.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from agent.power.supply import METRICS, PowerSupply, reason_of, values_of
from agent.probes.base import Context, Cost, Metric, Probe, ProbeError
from agent.reading import Outcome, Reading
from agent.snmp.settings import NO_DEVICE, AskSettings, Device, require_distinct

if TYPE_CHECKING:
    from agent.snmp.client import SnmpClient
    from agent.snmp.poll import System


@dataclass(frozen=True, kw_only=True)
class UpsSnmpSettings(AskSettings):
    """See the module's text."""

    devices: tuple[Device, ...] = ()
    vendor_folder: Path | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_distinct(self.devices)


class UpsSnmp(Probe[UpsSnmpSettings]):
    """State of each power supply; the target is the device's name."""

    name = "ups_snmp"
    title = "不间断电源"
    interval_s = 300.0
    timeout_s = 120.0
    cost = Cost.HEAVY
    settings_type = UpsSnmpSettings
    metrics: ClassVar[tuple[Metric, ...]] = METRICS

    def idle_reason(self, settings: UpsSnmpSettings) -> str | None:
        """Without a device there is nothing to ask."""
        return None if settings.devices else NO_DEVICE

    def collect(self, settings: UpsSnmpSettings, context: Context) -> Iterable[Reading]:
        """Yield one reading per power supply.

        Raises ProbeError `snmp_no_device`, or what is wrong with credentials or own tables.
        """
        from agent.power.discharge import with_discharges
        from agent.snmp.client import SnmpError
        from agent.snmp.poll import poll, read_system
        from agent.snmp.power_supply import PowerSupplyTable, read_power_supply
        from agent.snmp.vendor_tables import load_tables

        try:
            tables = load_tables(PowerSupplyTable, "ups", settings.vendor_folder)
        except SnmpError as error:
            raise ProbeError(error.reason, error.detail) from error

        async def work(device: Device, client: SnmpClient) -> list[Reading]:
            system = await read_system(client)
            supply = await read_power_supply(client, tables, system.object_id)
            return [report(device, system, supply, context)]

        found = poll(self.name, settings, settings.devices, context, work)
        yield from with_discharges(found, context)


def report(device: Device, system: System, supply: PowerSupply, context: Context) -> Reading:
    """Return the reading of one power supply. Pure but for the clock."""
    from agent.snmp.poll import identity

    values = values_of(supply)
    return Reading(
        probe=UpsSnmp.name,
        target=device.name,
        time=context.now(),
        outcome=Outcome.OK if values else Outcome.FAILED,
        reason=reason_of(supply),
        values=values,
        labels={"device": device.name},
        details={
            **identity(system),
            "tables": list(supply.tables),
            "printed_runtime": supply.printed_runtime,
            "printed_load_ratio": supply.load_ratio,
        },
    )
