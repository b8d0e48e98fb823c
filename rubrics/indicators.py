"""The indicator catalogue: what a technical indicator is, as data both sides agree on.

`rubrics/indicators.yaml` says for every indicator which series it is computed from, by which
statistic, over which part of the window, which samples do not count, how much evidence is enough
and which way a value may be used as evidence. The agent's probes are checked against its series
names, the collector computes from it, and the engine takes unit, sufficiency and direction from
it. The quantities and their rules follow the project's measurement definitions Q1 to Q20; each
entry names its own.

Nothing here computes: `collector/scoring/indicators.py` does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

CATALOGUE_PATH = Path(__file__).with_name("indicators.yaml")

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
SeriesName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
Ratio = Annotated[float, Field(ge=0, le=1)]


class Statistic(StrEnum):
    """How one number comes out of many samples of one group. Quantiles are exact."""

    MIN = "min"
    P5 = "p5"
    P10 = "p10"
    MEDIAN = "median"
    P90 = "p90"
    P95 = "p95"
    MAX = "max"
    MEAN = "mean"
    LATEST = "latest"
    MEDIAN_OF_DAILY_MEAN = "median_of_daily_mean"
    UP_RATIO = "up_ratio"
    """Share of observed minutes that were up, where samples are 1 (up) or 0 (down).

    A minute is up if any observer saw it up. Down minutes count only in runs of at least three
    minutes (Q12): a single lost probe is not an outage. Unobserved minutes count nowhere.
    """


class Grouping(StrEnum):
    """Whose samples go into one number."""

    TARGET = "target"
    """One number for each target of the school, whoever measured it."""
    AGENT = "agent"
    """One number for each agent of the school."""
    AGENT_TARGET = "agent_target"
    """One number for each target of each agent, where targets are named per host (interfaces)."""
    SCHOOL = "school"
    """One number from all samples of the school."""


class Across(StrEnum):
    """How the numbers of the groups become one."""

    SUM = "sum"
    MIN = "min"
    MAX = "max"
    MEAN = "mean"
    WEIGHTED_MEAN = "weighted_mean"
    """Weighted by the median of the series named in `weight`."""
    SHARE_AT_LEAST = "share_at_least"
    """Share of the groups whose number reaches `at_least`."""
    WORST_SHARE_AT_LEAST = "worst_share_at_least"
    """That share within each place (what stands before the last `/` of a target), the smallest."""

    @property
    def is_share(self) -> bool:
        """Whether the groups are counted, so that together they are the evidence."""
        return self in (Across.SHARE_AT_LEAST, Across.WORST_SHARE_AT_LEAST)


class Window(StrEnum):
    """Which part of the round's window counts."""

    ALL = "all"
    SCHOOL_HOURS = "school_hours"
    """Hours of instruction on school days, by the school's calendar."""
    TEACHING_WEEKS = "teaching_weeks"
    """All of the ISO weeks with five school days or more, nights and Sundays included."""


class Evidence(StrEnum):
    """Which verdicts a value supports (`lower_bound`: a pass is conclusive, a fail is not)."""

    EXACT = "exact"
    LOWER_BOUND = "lower_bound"
    UPPER_BOUND = "upper_bound"


class CatalogueModel(BaseModel):
    """Strict and frozen: an unknown field or a number written as text is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Bilingual(CatalogueModel):
    """The same text in Chinese and English."""

    zh: Annotated[str, Field(min_length=1)]
    en: Annotated[str, Field(min_length=1)]


class Part(CatalogueModel):
    """One number of an indicator: a series, reduced within groups and then across them."""

    series: SeriesName
    per: Annotated[Grouping, Field(strict=False)]
    statistic: Annotated[Statistic, Field(strict=False)]
    across: Annotated[Across, Field(strict=False)]
    also: Annotated[tuple[SeriesName, ...], Field(strict=False)] = ()
    """Series of other probes that see the same kind of target: their groups count beside these."""
    weight: SeriesName | None = None
    at_least: float | None = None
    target: Name | None = None
    """Only samples of this target count."""
    labels: Mapping[Name, str] = {}
    """Only samples that carry these labels count."""
    labels_not: Mapping[Name, Annotated[tuple[str, ...], Field(strict=False)]] = {}
    """Samples that carry one of these texts under the label do not count."""

    @property
    def probe(self) -> str:
        """The probe that yields the series."""
        return self.series.partition(".")[0]

    @property
    def metric(self) -> str:
        """The value name within the probe's readings."""
        return self.series.partition(".")[2]

    def by_source(self) -> tuple[Self, ...]:
        """Return this part once for each of its series, each with that series alone."""
        return tuple(
            self.model_copy(update={"series": series, "also": ()})
            for series in (self.series, *self.also)
        )

    @model_validator(mode="after")
    def _operands_fit(self) -> Self:
        if (self.across is Across.WEIGHTED_MEAN) != (self.weight is not None):
            raise ValueError(f"{self.series}: `weight` goes with across: weighted_mean only")
        if self.weight is not None and self.also:
            raise ValueError(f"{self.series}: `also` cannot be weighted")
        if self.across.is_share != (self.at_least is not None):
            raise ValueError(
                f"{self.series}: `at_least` goes with shares only, and is needed there"
            )
        return self


class Sufficiency(CatalogueModel):
    """The least evidence on which a verdict may stand. What is absent is not asked for."""

    samples: Annotated[int, Field(ge=1)] | None = None
    days: Annotated[int, Field(ge=1)] | None = None
    """Distinct local days with at least one valid sample."""
    weeks: Annotated[int, Field(ge=1)] | None = None
    """Distinct ISO weeks with at least one valid sample."""
    coverage: Ratio | None = None
    """Share of the expected samples that arrived, from the first sample on."""


class Census(CatalogueModel):
    """How many targets a school declares: measuring some of them is not measuring the school.

    Agents and switches report what they see, not what there is. With fewer targets reporting than
    declared, or with no number declared, the indicator carries a limit cause and supports less.
    """

    fact: Name
    """The declared fact that holds the number."""
    series: SeriesName | None = None
    """What is counted where it is not the indicator's own groups: the targets of this series."""
    title: Bilingual
    """What the fact counts, for the person who declares it."""
    undeclared: Name
    """Limit cause while nobody has declared the number."""
    incomplete: Name
    """Limit cause while fewer report than are declared."""
    then: Literal["void", "upper_bound"]
    """`upper_bound` for a minimum (the worst of some can still fail all), else `void`."""

    @property
    def causes(self) -> tuple[str, str]:
        """Both limit causes."""
        return self.undeclared, self.incomplete

    def limit(self, reporting: int, declared: int | None) -> str | None:
        """Return the limit cause of a value over that many targets; None when all report."""
        if declared is None:
            return self.undeclared
        return self.incomplete if reporting < max(declared, 1) else None


class IndicatorDefinition(CatalogueModel):
    """One indicator of a school: everything but the samples."""

    id: Name
    title: Bilingual
    unit: Annotated[str, Field(min_length=1)]
    meaning: Bilingual
    source: Annotated[str, Field(pattern=r"^Q\d+$")]
    """The measurement definition this follows."""
    probe: Literal["present", "planned"] = "present"
    """`planned`: no probe yields the series yet, so the indicator stays unknown until one does."""
    parts: Annotated[tuple[Part, ...], Field(min_length=1, strict=False)]
    combine: Literal["min", "max"] | None = None
    """How several parts become one number; required as soon as there are two."""
    complement: bool = False
    """The indicator is one minus the combined number (headroom from use)."""
    window: Annotated[Window, Field(strict=False)] = Window.ALL
    last_days: Annotated[int, Field(ge=1)] | None = None
    """Only the last days of the window count."""
    expected_every_s: Annotated[int, Field(ge=1)] | None = None
    """One sample is expected in every slot of this length; coverage is counted against it."""
    void_when: tuple[Name, ...] = Field(default=(), strict=False)
    """Samples limited by one of these say nothing; they are left out and counted."""
    always_limited_by: tuple[Name, ...] = Field(default=(), strict=False)
    """What measuring cannot see however often it is done, so that every value is a lower bound."""
    census: Census | None = None
    """Which declared number of targets has to report; None where no number says so."""
    evidence: Annotated[Evidence, Field(strict=False)]
    sufficiency: Sufficiency = Sufficiency()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (len(self.parts) > 1) != (self.combine is not None):
            raise ValueError(f"{self.id}: `combine` goes with two or more parts")
        if self.sufficiency.coverage is not None and self.expected_every_s is None:
            raise ValueError(f"{self.id}: a coverage needs `expected_every_s`")
        if self.always_limited_by and self.evidence is not Evidence.LOWER_BOUND:
            raise ValueError(f"{self.id}: `always_limited_by` makes the evidence a lower_bound")
        return self

    @property
    def statistic(self) -> str:
        """The statistic as the score sheet names it: that of the first part."""
        return self.parts[0].statistic.value

    @property
    def series(self) -> tuple[str, ...]:
        """Every source series, weights included."""
        named = [
            name for part in self.parts for name in (part.series, *part.also, part.weight) if name
        ]
        if self.census is not None and self.census.series is not None:
            named.append(self.census.series)
        return tuple(dict.fromkeys(named))


class _CatalogueFile(CatalogueModel):
    version: Literal[1]
    indicators: Mapping[Name, Mapping[str, object]]


def parse_indicators(text: str) -> Mapping[str, IndicatorDefinition]:
    """Catalogue text to definitions, in the order of the file.

    Raises pydantic.ValidationError where an entry does not hold, yaml.YAMLError where the text is
    not YAML.
    """
    document = _CatalogueFile.model_validate(yaml.safe_load(text))
    return MappingProxyType(
        {
            name: IndicatorDefinition.model_validate({"id": name, **fields})
            for name, fields in document.indicators.items()
        }
    )


@cache
def load_indicators() -> Mapping[str, IndicatorDefinition]:
    """Return the catalogue that ships with this release."""
    return parse_indicators(CATALOGUE_PATH.read_text(encoding="utf-8"))


def catalogue_hash(definitions: Mapping[str, IndicatorDefinition]) -> str:
    """`sha256:…` over what the definitions say, not over how the file writes it."""
    content = {name: definition.model_dump(mode="json") for name, definition in definitions.items()}
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
