"""From summaries of series to the value of an indicator, with everything that says how good it is.

Pure. The catalogue entry says how; the series store has reduced each group of samples; here the
groups become one number and one account of the evidence, in the form of the case file:

* Samples with a void cause never reach the value. They are counted under `excluded`, and what they
  showed is kept under `observed`. A group that has no others voids the indicator.
* `limited_by` is empty where every group has enough samples without a limit by themselves;
  otherwise it names every cause, and the engine will not fail a school on the value.
* `targets` says over how many uplinks, links, volumes or servers the number was taken. Where the
  catalogue has a census, `targets_declared` says how many there are by the school's own word, and
  a number over fewer carries the limit cause that the catalogue names.
* Evidence is as thin as its thinnest group (an uplink hardly tested, a server hardly seen), except
  for shares and means over many targets, where the targets together are the evidence.
* What is unknown is None with a reason, never zero.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collector.domain import Json
from collector.storage.ports import GroupSummary, SeriesQuery, TimeSpan
from rubrics.indicators import (
    Across,
    Grouping,
    IndicatorDefinition,
    Part,
    Statistic,
    Sufficiency,
)

SIGNIFICANT_DIGITS = 12
"""Values are cut to these: enough for any verdict, and 1 - 0.7 is 0.3 as on paper."""
COVERAGE_PLACES = 4
DEFAULT_SLOT_S = 60


@dataclass(frozen=True, slots=True)
class PartEvidence:
    """The summaries of one part, and the capacity of each group where the part is weighted."""

    part: Part
    groups: Sequence[GroupSummary]
    weights: Mapping[str, float] = field(default_factory=dict)


def part_query(
    definition: IndicatorDefinition, part: Part, school_id: str, spans: Sequence[TimeSpan]
) -> SeriesQuery:
    """Ask for the samples of one part."""
    return SeriesQuery(
        school_id=school_id,
        series=part.series,
        per=part.per,
        statistic=part.statistic,
        spans=spans,
        target=part.target,
        labels=part.labels,
        labels_not=part.labels_not,
        void_causes=definition.void_when,
        slot_s=definition.expected_every_s or DEFAULT_SLOT_S,
    )


def weight_query(part: Part, school_id: str, spans: Sequence[TimeSpan]) -> SeriesQuery | None:
    """Ask for the capacities that weigh the groups of the part, if it is weighted."""
    if part.weight is None:
        return None
    return SeriesQuery(
        school_id=school_id,
        series=part.weight,
        per=part.per,
        statistic=Statistic.MEDIAN,
        spans=spans,
        target=part.target,
        labels=part.labels,
        labels_not=part.labels_not,
    )


def census_query(
    definition: IndicatorDefinition, school_id: str, spans: Sequence[TimeSpan]
) -> SeriesQuery | None:
    """Ask for the targets that a census counts, where they are not the indicator's own."""
    census = definition.census
    if census is None or census.series is None:
        return None
    return SeriesQuery(
        school_id=school_id,
        series=census.series,
        per=Grouping.TARGET,
        statistic=Statistic.LATEST,
        spans=spans,
    )


def indicator_value(
    definition: IndicatorDefinition,
    parts: Sequence[PartEvidence],
    spans: Sequence[TimeSpan],
    declared: int | None = None,
    reporting: int | None = None,
) -> dict[str, Json] | None:
    """Return the indicator as the case file carries it; None without any sample, even a void one.

    `parts` are the definition's, in its order; `spans` those that the summaries were taken over;
    `declared` is the number of targets that the school declares, for a definition with a census;
    `reporting` how many report, where these are not the indicator's own targets.
    """
    groups = [group for evidence in parts for group in evidence.groups]
    if not groups:
        return None
    value, reason = _combine(definition, parts, observed=False)
    observed, _ = _combine(definition, parts, observed=True)
    excluded = _sum_by_cause(group.void_by_cause for group in groups)
    result: dict[str, Json] = {
        "value": value,
        "unit": definition.unit,
        "statistic": definition.statistic,
        **_account(definition, parts, spans),
    }
    causes: list[Json] = [*_limited_by(definition, groups)]
    if definition.census is not None:
        if reporting is None:
            reporting = min(map(_reporting, parts))
        result["targets"] = reporting
        result["targets_declared"] = declared
        cause = definition.census.limit(reporting, declared)
        causes = causes if cause is None else [cause, *causes]
    result["limited_by"] = causes
    times = [time for group in groups for time in (group.since, group.until) if time]
    if times:
        result["since"], result["until"] = min(times).isoformat(), max(times).isoformat()
    if excluded:
        result["excluded"] = dict(excluded)
        result["observed"] = observed
    if reason:
        result["reason"] = reason
    return result


def _reporting(part: PartEvidence) -> int:
    return sum(1 for group in part.groups if group.samples)


def no_value(
    definition: IndicatorDefinition, reason: str, observed: Json = None
) -> dict[str, Json]:
    """Return an indicator without a value: why, and what was seen that does not count."""
    without: dict[str, Json] = {
        "value": None,
        "unit": definition.unit,
        "statistic": definition.statistic,
        "samples": 0,
        "days": 0,
        "weeks": 0,
        "limited_by": [],
        "reason": reason,
    }
    return without if observed is None else {**without, "observed": observed}


def _combine(
    definition: IndicatorDefinition, parts: Sequence[PartEvidence], *, observed: bool
) -> tuple[float | None, str | None]:
    """Return the number of all parts together, or None and why there is none."""
    numbers = []
    for evidence in parts:
        number, reason = _across(evidence, observed=observed)
        if number is None:
            return None, reason
        numbers.append(number)
    number = min(numbers) if definition.combine == "min" else max(numbers)
    if definition.complement:
        number = 1 - number
    return float(f"{number:.{SIGNIFICANT_DIGITS}g}"), None


def _across(evidence: PartEvidence, *, observed: bool) -> tuple[float | None, str | None]:
    numbers = {
        group.group: number
        for group in evidence.groups
        if (number := group.observed if observed else group.value) is not None
    }
    if not numbers:
        void = _sum_by_cause(group.void_by_cause for group in evidence.groups)
        return None, max(void, key=lambda cause: void[cause]) if void else "series_missing"
    if evidence.part.across is Across.WEIGHTED_MEAN:
        return _weighted_mean(numbers, evidence.weights)
    if evidence.part.across is Across.WORST_SHARE_AT_LEAST:
        return min(_reduce(evidence.part, inside) for inside in _by_place(numbers)), None
    return _reduce(evidence.part, list(numbers.values())), None


def _by_place(numbers: Mapping[str, float]) -> Iterable[Sequence[float]]:
    """Return the numbers of each place: of a building, where targets are `building/room`."""
    places: dict[str, list[float]] = {}
    for group, number in numbers.items():
        places.setdefault(group.rpartition("/")[0], []).append(number)
    return places.values()


def _reduce(part: Part, numbers: Sequence[float]) -> float:
    match part.across:
        case Across.SUM:
            return math.fsum(numbers)
        case Across.MIN:
            return min(numbers)
        case Across.MAX:
            return max(numbers)
        case Across.SHARE_AT_LEAST | Across.WORST_SHARE_AT_LEAST if part.at_least is not None:
            return sum(number >= part.at_least for number in numbers) / len(numbers)
        case _:
            return math.fsum(numbers) / len(numbers)


def _weighted_mean(
    numbers: Mapping[str, float], weights: Mapping[str, float]
) -> tuple[float | None, str | None]:
    if any(weights.get(group, 0) <= 0 for group in numbers):
        return None, "capacity_unknown"
    total = math.fsum(weights[group] for group in numbers)
    return math.fsum(number * weights[group] for group, number in numbers.items()) / total, None


def _account(
    definition: IndicatorDefinition, parts: Sequence[PartEvidence], spans: Sequence[TimeSpan]
) -> dict[str, Json]:
    """Say how much evidence there is: the thinnest part decides."""
    accounts = [_part_account(evidence) for evidence in parts]
    samples, days, weeks = (min(column) for column in zip(*accounts, strict=True))
    account: dict[str, Json] = {
        "samples": samples,
        "days": days,
        "weeks": weeks,
        "targets": max(map(_reporting, parts)),
    }
    if definition.expected_every_s is not None:
        slot = timedelta(seconds=definition.expected_every_s)
        account["coverage"] = min(
            (
                _coverage(group.slots, group.since, spans, slot)
                for evidence in parts
                for group in evidence.groups
                if group.since
            ),
            default=0.0,
        )
    return account


def _part_account(evidence: PartEvidence) -> tuple[int, int, int]:
    """Return samples, days and weeks of one part."""
    seen = [group for group in evidence.groups if group.samples]
    if not seen:
        return 0, 0, 0
    if evidence.part.across.is_share or evidence.part.across is Across.MEAN:
        return (
            sum(group.samples for group in seen),
            max(group.days for group in seen),
            max(group.weeks for group in seen),
        )
    return (
        min(group.samples for group in seen),
        min(group.days for group in seen),
        min(group.weeks for group in seen),
    )


def _coverage(slots: int, since: datetime, spans: Sequence[TimeSpan], slot: timedelta) -> float:
    """Return covered slots ÷ slots from the first sample on, rounded down."""
    expected = 0
    for span in spans:
        if span.stop > since:
            late = max(since - span.start, timedelta()) // slot
            expected += math.ceil((span.stop - span.start) / slot) - late
    scale: int = 10**COVERAGE_PLACES
    return min(slots * scale // expected, scale) / scale


def _limited_by(definition: IndicatorDefinition, groups: Sequence[GroupSummary]) -> Sequence[str]:
    causes = set(definition.always_limited_by)
    for group in groups:
        if not group.samples:
            causes.update(group.void_by_cause)
        elif not _enough_free(definition.sufficiency, group):
            causes.update(group.limited_by_cause)
    return sorted(causes)


def _enough_free(sufficiency: Sufficiency, group: GroupSummary) -> bool:
    return group.free_samples >= (sufficiency.samples or 1) and group.free_days >= (
        sufficiency.days or 1
    )


def _sum_by_cause(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(sorted(total.items()))
