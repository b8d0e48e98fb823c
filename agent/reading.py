"""The vocabulary of the agent: what a probe yields.

One reading is one observation of one target at one time. It always says how it ended. A value
that could not be had is left out; it is never written as 0, -1 or an empty text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


class Outcome(StrEnum):
    """How an observation ended."""

    OK = "ok"
    """The values are what was asked for."""
    LIMITED = "limited"
    """The values are real, but something other than the target held them back: a lower bound."""
    SKIPPED = "skipped"
    """Nothing was measured, on purpose; `reason` says why."""
    FAILED = "failed"
    """Nothing could be measured; `reason` says what to do about it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One observation of one target.

    `time` is aware and in UTC. `values` maps a metric name, whose suffix is its unit, to a finite
    number. `reason` is a code of `rubrics/reasons.yaml`, and is given whenever the outcome is not
    `ok`. `limited_by` names what held a `limited` value back. `details` is kept as evidence.

    Raises ValueError where one of these does not hold, so that a broken probe is found where it
    broke and not at the collector.
    """

    probe: str
    target: str
    time: datetime
    outcome: Outcome
    reason: str | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    limited_by: tuple[str, ...] = ()
    details: Mapping[str, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.time.utcoffset() != timedelta(0):
            raise ValueError(f"{self.probe}/{self.target}: time must be aware and in UTC")
        if self.outcome is not Outcome.OK and not self.reason:
            raise ValueError(f"{self.probe}/{self.target}: outcome {self.outcome} needs a reason")
        if self.limited_by and self.outcome is not Outcome.LIMITED:
            raise ValueError(f"{self.probe}/{self.target}: limited_by needs outcome limited")
        for name, value in self.values.items():
            if not math.isfinite(value):
                raise ValueError(f"{self.probe}/{self.target}: {name} is not a finite number")
