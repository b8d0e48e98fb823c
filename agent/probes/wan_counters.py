"""Probe `wan_counters`: what the school's outlets carry, by the counters of the outlet's device.

What: one reading per uplink: mean rate since the last run, highest rate while watching, share of
the capacity in use. Nothing is sent through the line.

Rights: SNMP read access to IF-MIB.

Settings: `devices`, each with `name`, `address`, `port`, `credential`, `context`, `uplinks` (uplink
-> name of the port that faces the provider, as the device shows it; use the names of
`outlet_bandwidth`) and `capacity_mbps` (uplink -> contracted rate; without it the port's speed);
`watch_s` and `watch_step_s`: how long and how often the counters are read in one run;
`credentials_file`, `community`, `answer_within_s`, `retries`, `rows_per_request`: see
`agent/snmp/settings.py`.

Metrics: see `WanCounters.metrics`. The mean covers `interval_s`: since the last run, or the watch
alone where there is no earlier sample.

What makes it invalid: a restart of the device, cleared counters, a rate above the port's speed, and
32-bit counters that may have wrapped more than once: the interval is discarded and the reading says
why. 64-bit counters are used wherever the device has them. A peak is one of the moments watched.

Evidence kept: port, width of the counters, what was discarded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from agent.probes.base import Context, Cost, Metric, Probe
from agent.reading import Outcome, Reading
from agent.snmp.settings import NO_DEVICE, AskSettings, Device, require_distinct

if TYPE_CHECKING:
    from agent.snmp.client import SnmpClient
    from agent.snmp.counters import Discarded, Rate, Sample
    from agent.snmp.interfaces import Port


@dataclass(frozen=True, kw_only=True)
class Gateway(Device):
    """The device at the outlet; see the module's text."""

    uplinks: dict[str, str] = field(default_factory=dict)
    capacity_mbps: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.uplinks:
            raise ValueError(f"{self.name}: name the port of at least one uplink under uplinks")
        strangers = sorted(self.capacity_mbps.keys() - self.uplinks.keys())
        if strangers:
            raise ValueError(f"{self.name}: capacity_mbps of an unknown uplink {strangers[0]}")
        if any(not rate > 0 for rate in self.capacity_mbps.values()):
            raise ValueError(f"{self.name}: capacity_mbps must be above 0")


@dataclass(frozen=True, kw_only=True)
class WanCountersSettings(AskSettings):
    """See the module's text."""

    devices: tuple[Gateway, ...] = ()
    watch_s: float = 30.0
    watch_step_s: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_distinct(self.devices)
        if not 0.2 <= self.watch_step_s <= self.watch_s <= 120:
            raise ValueError("watch_step_s must be 0.2 at least, and watch_s from that to 120")


@dataclass(frozen=True, slots=True)
class Watched:
    """The samples of one uplink in this run, and the port they are of."""

    uplink: str
    port: Port
    samples: Sequence[Sample]


class WanCounters(Probe[WanCountersSettings]):
    """Traffic of each uplink; the target is the uplink's name."""

    name = "wan_counters"
    title = "出口流量"
    interval_s = 300.0
    timeout_s = 240.0
    cost = Cost.HEAVY
    settings_type = WanCountersSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("download_mbps", "Mbit/s", "Mean rate into the school, Ethernet without preamble"),
        Metric("upload_mbps", "Mbit/s", "Mean rate out of the school, Ethernet without preamble"),
        Metric("download_peak_mbps", "Mbit/s", "Highest rate into the school while watching"),
        Metric("upload_peak_mbps", "Mbit/s", "Highest rate out of the school while watching"),
        Metric("download_used_ratio", "ratio", "Mean download of the capacity, at most 1"),
        Metric("upload_used_ratio", "ratio", "Mean upload of the capacity, at most 1"),
        Metric("interval_s", "s", "Time that the means are taken over"),
        Metric("port_speed_mbps", "Mbit/s", "Negotiated speed of the outlet's port"),
        Metric("up", "bool", "State of the outlet's port: 1 up, 0 down"),
    )

    def idle_reason(self, settings: WanCountersSettings) -> str | None:
        """Without a device there is nothing to ask."""
        return None if settings.devices else NO_DEVICE

    def collect(self, settings: WanCountersSettings, context: Context) -> Iterable[Reading]:
        """Yield one reading per uplink.

        Raises ProbeError `snmp_no_device`, or what is wrong with the credentials.
        """
        from agent.snmp.poll import poll

        async def work(gateway: Gateway, client: SnmpClient) -> list[Reading]:
            return await read_gateway(gateway, client, settings, context)

        yield from poll(self.name, settings, settings.devices, context, work)


async def read_gateway(
    gateway: Gateway, client: SnmpClient, settings: WanCountersSettings, context: Context
) -> list[Reading]:
    """Watch one device and compare with its last run. Raises SnmpError."""
    from agent.snmp.counter_memory import CounterMemory
    from agent.snmp.interfaces import read_ports

    ports = await read_ports(client)
    found = {
        uplink: port
        for uplink, wanted in gateway.uplinks.items()
        if (port := next((p for p in ports.values() if p.answers_to(wanted)), None))
    }
    watched = await watch(found, client, settings, context)
    memory = CounterMemory(context.state_dir, gateway.name)
    before = memory.load()
    readings = [report(gateway, one, before.get(one.uplink), context) for one in watched]
    memory.save({one.uplink: one.samples[-1] for one in watched if one.samples})
    readings += [
        _failed(gateway, uplink, "wan_interface_missing", context)
        for uplink in gateway.uplinks
        if uplink not in found
    ]
    return readings


async def watch(
    ports: dict[str, Port], client: SnmpClient, settings: WanCountersSettings, context: Context
) -> list[Watched]:
    """Read the counters every `watch_step_s` for `watch_s`, all uplinks in one request."""
    import asyncio  # 4 MiB, and other probes use this module's settings

    from agent.snmp.client import number
    from agent.snmp.counters import sample_objects, sample_of
    from agent.snmp.poll import UP_TIME

    series: dict[str, list[Sample]] = {uplink: [] for uplink in ports}
    wanted = [UP_TIME, *(one for port in ports.values() for one in sample_objects(port.index))]
    # One wall clock reading, then the monotonic clock: rates must not follow a clock being set.
    wall_s, started_s = context.now().timestamp(), context.monotonic()
    for step in range(int(settings.watch_s / settings.watch_step_s) + 1 if ports else 0):
        due_s = started_s + step * settings.watch_step_s
        await asyncio.sleep(max(0.0, due_s - context.monotonic()))
        found = await client.get(wanted)
        at_s = wall_s + context.monotonic() - started_s
        for uplink, port in ports.items():
            sample = sample_of(found, port.index, at_s=at_s, up_ticks=number(found.get(UP_TIME)))
            if sample is not None:
                series[uplink].append(sample)
    return [Watched(uplink, port, series[uplink]) for uplink, port in ports.items()]


def report(gateway: Gateway, watched: Watched, before: Sample | None, context: Context) -> Reading:
    """Return the reading of one uplink. Pure but for the clock."""
    from agent.snmp.counters import Rate, peak, rate_between

    port, samples = watched.port, watched.samples
    if len(samples) < 2:
        return _failed(gateway, watched.uplink, "wan_counters_missing", context)
    speed = port.speed_mbps
    since_last = rate_between(before, samples[-1], speed) if before else None
    mean = (
        since_last if isinstance(since_last, Rate) else rate_between(samples[0], samples[-1], speed)
    )
    discarded = [one for one in (since_last, mean) if one and not isinstance(one, Rate)]
    values = rates(gateway, watched, mean, peak(samples, speed))
    return Reading(
        probe=WanCounters.name,
        target=watched.uplink,
        time=context.now(),
        outcome=Outcome.OK if "download_mbps" in values else Outcome.FAILED,
        reason=discarded[0].value if discarded else None,
        values=values if "download_mbps" in values else {},
        labels={"device": gateway.name},
        details={
            "port": port.name,
            "counter_bits": samples[-1].bits,
            "discarded": [one.value for one in discarded],
            "since_last_run": isinstance(since_last, Rate),
            "capacity_mbps": gateway.capacity_mbps.get(watched.uplink),
        },
    )


def rates(
    gateway: Gateway, watched: Watched, mean: Rate | Discarded, highest: Rate | None
) -> dict[str, float]:
    """Return the values that are known. Pure. What comes in at the outlet is the download."""
    from agent.snmp.counters import Rate

    port = watched.port
    values: dict[str, float] = {}
    capacity = gateway.capacity_mbps.get(watched.uplink) or port.speed_mbps
    if isinstance(mean, Rate):
        values |= {
            "download_mbps": mean.in_mbps,
            "upload_mbps": mean.out_mbps,
            "interval_s": mean.seconds,
        }
        if capacity:
            values["download_used_ratio"] = min(1.0, mean.in_mbps / capacity)
            values["upload_used_ratio"] = min(1.0, mean.out_mbps / capacity)
    if highest is not None:
        values |= {"download_peak_mbps": highest.in_mbps, "upload_peak_mbps": highest.out_mbps}
    if port.speed_mbps is not None:
        values["port_speed_mbps"] = float(port.speed_mbps)
    if port.is_up is not None:
        values["up"] = float(port.is_up)
    return values


def _failed(gateway: Gateway, uplink: str, reason: str, context: Context) -> Reading:
    return Reading(
        probe=WanCounters.name,
        target=uplink,
        time=context.now(),
        outcome=Outcome.FAILED,
        reason=reason,
        labels={"device": gateway.name},
        details={"port": gateway.uplinks[uplink]},
    )
