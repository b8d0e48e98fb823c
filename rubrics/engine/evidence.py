"""When a measured indicator may decide: sufficiency, void causes, direction of the bound."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from rubrics.engine.case import IndicatorDatum
from rubrics.exact import exact
from rubrics.model.rubric import UsedIndicator
from rubrics.units import UNITS, Unit

ALWAYS_VOID = "same_host"
"""A test against the host itself says nothing about any line."""
CONCLUSIVE_LIMIT = "line"
"""The line itself was the limit: the value is the line's, not a lower bound of it."""

ASSUMED_DAYS = "calendar_assumed"
"""Taken over days of which nobody knows yet whether they were school days: proves nothing."""

SIGNED_UNITS = ("dB", "dBm")
ROUNDING = Fraction(1, 10**6)
"""How far above 1 or below 0 a share may come out of its own computation."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a number comes from, as a finding reports it."""

    source: str
    kind: str
    name: str
    details: Any = None


@dataclass(slots=True)
class Resolved:
    """A value of a case: its number in base units, or the reason why there is none."""

    number: Fraction | None
    unit: Unit
    reason: str | None = None
    bound: str = "exact"
    """`exact`, `lower_bound`, `upper_bound`, or `unclear` (bounds in both directions)."""
    limits: tuple[str, ...] = ()
    """Why a bound is only that, besides the line itself; the first is given as the reason."""
    origin: Origin | None = None
    seen: Fraction | None = None
    """A number that was seen but may not decide."""


def measured(name: str, datum: IndicatorDatum | None, used: UsedIndicator) -> Resolved:
    """Say what a measured indicator proves, by the catalogue's rules.

    A void cause or too little evidence leaves the number visible but not usable. `limited_by`
    causes other than the line turn the number into a lower bound, or into an upper bound where the
    catalogue says so; over assumed school days it proves nothing in either direction.
    """
    unit = UNITS[used.unit]
    if datum is None:
        origin = Origin("indicator", "measured", name)
        unknown = "missing_indicator" if used.measurable else "probe_planned"
        return Resolved(None, unit, unknown, origin=origin)
    origin = Origin("indicator", "measured", name, datum.raw)
    number = None if datum.value is None else datum.value * unit.factor
    reason = _unusable(datum, used)
    if reason is not None:
        seen = number
        if seen is None and datum.raw.get("observed") is not None:
            seen = exact(datum.raw["observed"]) * unit.factor
        return Resolved(None, unit, reason, origin=origin, seen=seen)
    limits = tuple(cause for cause in datum.limited_by if cause != CONCLUSIVE_LIMIT)
    above = used.evidence == "upper_bound" or any(one in used.upper_bound_when for one in limits)
    below = any(one not in used.upper_bound_when for one in limits)
    if ASSUMED_DAYS in limits:
        above = below = True
        limits = (ASSUMED_DAYS, *(one for one in limits if one != ASSUMED_DAYS))
    bound = {(False, False): "exact", (True, False): "upper_bound", (False, True): "lower_bound"}
    direction = bound.get((above, below), "unclear")
    return Resolved(number, unit, None, direction, limits, origin)


def _unusable(datum: IndicatorDatum, used: UsedIndicator) -> str | None:
    void = [c for c in datum.limited_by if c == ALWAYS_VOID or c in used.void_when]
    if void:
        return void[0]
    if datum.value is None:
        return str(datum.raw.get("reason") or "missing_indicator")
    if _impossible(datum.value, used.unit):
        return "value_impossible"
    for name, least, too_little in (
        ("samples", used.samples, "too_few_samples"),
        ("days", used.days, "too_few_days"),
        ("weeks", used.weeks, "too_few_weeks"),
        ("coverage", used.coverage, "coverage_too_low"),
    ):
        if least is None:
            continue
        given = datum.raw.get(name)
        if given is None:
            if name == "weeks":  # a case need not count weeks; its days say enough
                continue
            return "evidence_not_stated"
        if exact(given) < least:
            return too_little
    return None


def _impossible(value: Fraction, unit: str) -> bool:
    """Whether no such quantity exists; 95 sent as a ratio must not pass for 95 %."""
    negative = value < -ROUNDING and unit not in SIGNED_UNITS
    return negative or (unit == "ratio" and value > 1 + ROUNDING)
