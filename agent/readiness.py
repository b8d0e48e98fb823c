"""Which criteria of a rubric this host can prove, which not, and what is missing. Pure.

A criterion is provable *here* when every indicator it names can be fed from readings that this
host just took. Enough evidence still takes the samples and days that the catalogue asks for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from agent.probes.base import Cost
from agent.reading import Outcome, Reading
from agent.settings import ProbePlan
from rubrics.checks import walk
from rubrics.indicators import IndicatorDefinition, Part
from rubrics.model.expressions import IndicatorValue
from rubrics.model.rubric import Item, Rubric
from rubrics.model.rules import Criterion, Meets


class Readiness(StrEnum):
    """What can be said of an indicator or a criterion on this host."""

    READY = "ready"
    """The readings that feed it are there."""
    LATER = "later"
    """Its probe runs by itself, in its time; not tried now."""
    MISSING = "missing"
    """Something has to be added or mended first."""
    BY_PEOPLE = "by_people"
    """No measurement is asked for: a person fills it in."""


@dataclass(frozen=True, slots=True)
class IndicatorReadiness:
    """One indicator on this host. `reason` is a code of `rubrics/reasons.yaml`."""

    indicator: str
    readiness: Readiness
    reason: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CriterionReadiness:
    """One criterion (or an item without criteria) of a rubric on this host."""

    item: str
    criterion: str | None
    text: str
    readiness: Readiness
    indicators: tuple[IndicatorReadiness, ...] = field(default=())


def judge_criteria(
    rubric: Rubric, indicators: Mapping[str, IndicatorReadiness]
) -> list[CriterionReadiness]:
    """Return every criterion of the rubric, in document order."""
    return [
        CriterionReadiness(item.id, criterion, text, _worst(used), used)
        for item, criterion, text, names in _criteria(rubric)
        for used in [tuple(indicators[name] for name in names)]
    ]


def _criteria(rubric: Rubric) -> Iterator[tuple[Item, str | None, str, tuple[str, ...]]]:
    """Yield item, criterion id, text and the indicators named, criterion by criterion."""
    for item in rubric.items():
        if isinstance(item.rule, Meets):
            for criterion in item.rule.criteria:
                yield item, criterion.id, _text(criterion), _named(criterion)
        else:
            yield item, None, item.text, _named(item)


def _text(criterion: Criterion) -> str:
    return criterion.clause or criterion.title.zh


def _named(node: Item | Criterion) -> tuple[str, ...]:
    found = (part.indicator for _, part in walk(node) if isinstance(part, IndicatorValue))
    return tuple(dict.fromkeys(found))


def _worst(used: Sequence[IndicatorReadiness]) -> Readiness:
    order = (Readiness.MISSING, Readiness.LATER, Readiness.READY)
    return next(
        (one for one in order if any(i.readiness is one for i in used)), Readiness.BY_PEOPLE
    )


def judge_indicator(
    definition: IndicatorDefinition,
    plans: Mapping[str, ProbePlan],
    readings: Sequence[Reading],
    *,
    enrolled: bool,
) -> IndicatorReadiness:
    """Return whether the readings just taken can feed the indicator, else the first obstacle."""
    if definition.probe == "planned":
        return IndicatorReadiness(definition.id, Readiness.MISSING, "probe_planned")
    for part in definition.parts:
        obstacles = [
            _obstacle(definition, source, plans, readings, enrolled=enrolled)
            for source in part.by_source()
        ]
        found = [obstacle for obstacle in obstacles if obstacle is not None]
        if len(found) == len(obstacles):  # one source is enough
            return next((one for one in found if one.readiness is Readiness.LATER), found[0])
    return IndicatorReadiness(definition.id, Readiness.READY)


def _obstacle(
    definition: IndicatorDefinition,
    part: Part,
    plans: Mapping[str, ProbePlan],
    readings: Sequence[Reading],
    *,
    enrolled: bool,
) -> IndicatorReadiness | None:
    def missing(reason: str, detail: str = "") -> IndicatorReadiness:
        return IndicatorReadiness(definition.id, Readiness.MISSING, reason, detail)

    plan = plans.get(part.probe)
    if plan is None:
        return missing("probe_planned", part.probe)
    if not plan.enabled:
        return missing("probe_disabled", f"[probes.{part.probe}]")
    if plan.idle_reason is not None:
        return missing(plan.idle_reason, f"[probes.{part.probe}]")
    if plan.cost is Cost.HEAVY:
        if plan.needs_slot and not enrolled:
            return missing("not_enrolled")
        return IndicatorReadiness(definition.id, Readiness.LATER, "probe_runs_later", part.probe)
    found = _fault(definition, part, [r for r in readings if r.probe == part.probe])
    return missing(*found) if found else None


def _fault(
    definition: IndicatorDefinition, part: Part, readings: Sequence[Reading]
) -> tuple[str, str] | None:
    """Return reason and place of what is wrong with the probe's readings, None if one counts."""
    valued = [reading for reading in readings if part.metric in reading.values]
    wanted = [reading for reading in valued if _fits(part, reading)]
    if any(not set(reading.limited_by) & set(definition.void_when) for reading in wanted):
        return None
    if wanted:
        return wanted[0].reason or "probe_crashed", wanted[0].target
    if valued:
        labels = ", ".join(f"{name}={value}" for name, value in part.labels.items())
        return "label_not_set", f"[probes.{part.probe}] {labels}"
    for reading in readings:
        if reading.outcome is not Outcome.OK and reading.reason is not None:
            return reading.reason, f"{reading.probe}/{reading.target}"
    return "probe_gave_nothing", part.series


def _fits(part: Part, reading: Reading) -> bool:
    """Tell whether the collector would count this reading for the part."""
    return (
        part.target in (None, reading.target)
        and all(reading.labels.get(name) == value for name, value in part.labels.items())
        and all(reading.labels.get(name) not in values for name, values in part.labels_not.items())
    )
