"""From octet counters to rates (IF-MIB, RFC 2863). Pure.

A counter says nothing by itself, and two of them only where nothing began anew in between. A device
that restarted, counters that were cleared, a counter that wrapped too fast to tell how often: the
interval is discarded with its reason, and never becomes a rate.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.snmp.client import Column, Oid, number, oid

_IF = oid("1.3.6.1.2.1.2.2.1")
_IFX = oid("1.3.6.1.2.1.31.1.1.1")
IN_64, OUT_64, DISCONTINUITY = (*_IFX, 6), (*_IFX, 10), (*_IFX, 19)
IN_32, OUT_32 = (*_IF, 10), (*_IF, 16)
TICKS_A_SECOND = 100
TICKS_WRAP = 2**32
CLOCK_SLACK_S = 5.0
CLOCK_SLACK = 0.1
RATE_SLACK = 1.1
"""A rate may exceed the port's speed by this factor before it is taken for impossible: counters
and clock are not read in the same instant."""
ASSUMED_SPEED_MBPS = 1000.0
"""For the time a 32-bit counter takes to wrap, where the port's speed is unknown."""


class Discarded(StrEnum):
    """Why an interval gives no rate; codes of `rubrics/reasons.yaml`."""

    RESTARTED = "wan_device_restarted"
    RESET = "wan_counters_reset"
    TOO_NARROW = "wan_counters_32_bit"
    IMPOSSIBLE = "wan_rate_impossible"


@dataclass(frozen=True, slots=True)
class Sample:
    """Both counters of one port at one time. `at_s` is this host's clock, in seconds."""

    at_s: float
    up_ticks: int | None
    in_octets: int
    out_octets: int
    bits: int
    discontinuity: int | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """What went through in `seconds`, in Mbit/s, as the port saw it: in and out."""

    in_mbps: float
    out_mbps: float
    seconds: float


def sample_of(found: Column, index: int, *, at_s: float, up_ticks: int | None) -> Sample | None:
    """Return the sample in an answer, with 64-bit counters where there are; None without any."""
    for bits, in_column, out_column in ((64, IN_64, OUT_64), (32, IN_32, OUT_32)):
        in_octets = number(found.get((*in_column, index)))
        out_octets = number(found.get((*out_column, index)))
        if in_octets is not None and out_octets is not None:
            since = number(found.get((*DISCONTINUITY, index)))
            return Sample(at_s, up_ticks, in_octets, out_octets, bits, since)
    return None


def sample_objects(index: int) -> list[Oid]:
    """Return the objects that `sample_of` wants of one port."""
    return [(*column, index) for column in (IN_64, OUT_64, IN_32, OUT_32, DISCONTINUITY)]


def rate_between(before: Sample, after: Sample, speed_mbps: float | None) -> Rate | Discarded:
    """Return the mean rate between two samples, or why there is none."""
    seconds = elapsed_s(before, after)
    if seconds is None or before.bits != after.bits:
        return Discarded.RESTARTED
    marks = {before.discontinuity, after.discontinuity}
    if len(marks) > 1 and None not in marks:
        return Discarded.RESET
    speed = speed_mbps or ASSUMED_SPEED_MBPS
    if after.bits == 32 and seconds * speed * 1e6 / 8 >= 2**32:
        return Discarded.TOO_NARROW
    rates = []
    for first, second in (
        (before.in_octets, after.in_octets),
        (before.out_octets, after.out_octets),
    ):
        wrapped = second < first
        octets = second - first + (2**after.bits if wrapped else 0)
        mbps = octets * 8 / seconds / 1e6
        if wrapped and (speed_mbps is None or mbps > speed_mbps * RATE_SLACK):
            return Discarded.RESET
        if speed_mbps is not None and mbps > speed_mbps * RATE_SLACK:
            return Discarded.IMPOSSIBLE
        rates.append(mbps)
    return Rate(rates[0], rates[1], seconds)


def elapsed_s(before: Sample, after: Sample) -> float | None:
    """Return the seconds between two samples; None where the device restarted.

    The device's sysUpTime tells a restart (it wraps after 497 days, which is none) and stands in
    where this host's clock was set back. Otherwise this host's clock is used: some devices refresh
    sysUpTime every few seconds only.
    """
    here_s = after.at_s - before.at_s
    if before.up_ticks is None or after.up_ticks is None or before.up_ticks == after.up_ticks:
        return here_s if here_s > 0 else None
    there_s = ((after.up_ticks - before.up_ticks) % TICKS_WRAP) / TICKS_A_SECOND
    slack_s = max(CLOCK_SLACK_S, CLOCK_SLACK * here_s)
    if abs(there_s - here_s) <= slack_s and here_s > 0:
        return here_s
    went_back = after.up_ticks < before.up_ticks
    return None if went_back or there_s < here_s else there_s


def peak(samples: Sequence[Sample], speed_mbps: float | None) -> Rate | None:
    """Return the highest rates seen between neighbouring samples, each direction by itself.

    Many devices refresh their counters every few seconds only. Samples that repeat the last one
    are merged, and the watch then begins with the first refresh: else octets of a long wait would
    be divided by a short one.
    """
    fresh = [samples[0], *(b for a, b in itertools.pairwise(samples) if _moved(a, b))]
    if len(fresh) < len(samples):
        fresh = fresh[1:] if len(fresh) > 2 else [samples[0], samples[-1]]
    pairs = itertools.pairwise(fresh)
    rates = [rate for a, b in pairs if isinstance(rate := rate_between(a, b, speed_mbps), Rate)]
    if not rates:
        return None
    return Rate(
        max(rate.in_mbps for rate in rates),
        max(rate.out_mbps for rate in rates),
        min(rate.seconds for rate in rates),
    )


def _moved(before: Sample, after: Sample) -> bool:
    return (before.in_octets, before.out_octets) != (after.in_octets, after.out_octets)
