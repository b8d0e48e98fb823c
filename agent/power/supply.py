"""What is known of one power supply, and what may be said from it. Pure.

"Unknown" is spelled 0, -1, 65535, 2 147 483 647 or 4 294 967 295, often while the device is on
mains with a full battery: none of these is ever taken for a runtime.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.probes.base import Metric

NO_NUMBERS = frozenset({-1, 65_535, 2_147_483_647, 4_294_967_295})
CHARGED_RATIO = 0.9
"""Below this an estimate is of what is left, not of what the battery can do."""
SECONDS_AN_HOUR = 3600.0
METRICS = (
    Metric("runtime_hours", "h", "Estimated backup time of the charged battery"),
    Metric("remaining_hours", "h", "Estimated time left while on battery or recharging"),
    Metric("longest_discharge_hours", "h", "Longest time that it was seen to run on battery"),
    Metric("charge_ratio", "ratio", "Charge of the battery"),
    Metric("load_ratio", "ratio", "Load of the output, of its busiest phase, at most 1"),
    Metric("on_battery", "bool", "Source of the output: 1 battery, 0 mains"),
)


@dataclass(slots=True)
class PowerSupply:
    """What is known of one power supply. None is unknown."""

    runtime_s: float | None = None
    charge_ratio: float | None = None
    load_ratio: float | None = None
    on_battery: bool | None = None
    printed_runtime: float | None = None
    """The estimate as the device writes it, kept as evidence where it is no estimate."""
    tables: list[str] = field(default_factory=list)

    @property
    def is_charged(self) -> bool:
        """Whether the estimate is one of a charged battery on mains."""
        return not self.on_battery and (self.charge_ratio or 1.0) >= CHARGED_RATIO


def values_of(supply: PowerSupply) -> dict[str, float]:
    """Return the values that are known."""
    values: dict[str, float] = {}
    if supply.runtime_s is not None:
        name = "runtime_hours" if supply.is_charged else "remaining_hours"
        values[name] = supply.runtime_s / SECONDS_AN_HOUR
    if supply.charge_ratio is not None:
        values["charge_ratio"] = supply.charge_ratio
    if supply.load_ratio is not None:
        values["load_ratio"] = min(1.0, supply.load_ratio)
    if supply.on_battery is not None:
        values["on_battery"] = float(supply.on_battery)
    return values


def reason_of(supply: PowerSupply) -> str | None:
    """Return why there is no runtime of a charged battery, None where there is one."""
    if supply.runtime_s is None:
        return "ups_runtime_unknown"
    return None if supply.is_charged else "ups_not_charged"


def is_runtime(value: float, supply: PowerSupply) -> bool:
    """Whether a printed number is an estimate; a zero is one only while the battery is emptied."""
    return value not in NO_NUMBERS and value >= 0 and (value > 0 or bool(supply.on_battery))
