"""Summaries of score sheets: what the county pages need of each school, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

STANDING = ""
"""The round of a summary that belongs to none: the school as it stands today."""


@dataclass(frozen=True, slots=True)
class IndicatorVerdict:
    """What a sheet says about one indicator: its value, the bound, the verdict on the clause.

    `result` is the finding's; None where the document asks for no bound on it. Of several clauses
    the one furthest from met is kept. Numbers are decimal text in `unit`; `threshold` has two for a
    range. `item_id` and `finding_id` lead to the clause.
    """

    indicator: str
    result: str | None
    value: str | None
    unit: str | None
    op: str | None
    threshold: tuple[str, ...]
    item_id: str
    finding_id: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """A score sheet in short. `refused` is the code of the reason why there is none, else empty.

    `proven`, `possible` and `max` bound the total as decimal text; None for a document without
    points. `counts` are findings by result. `case_state` is empty outside rounds.
    """

    round_id: str
    school_id: str
    rubric_id: str
    rubric_version: str
    computed_at: datetime
    content_hash: str = ""
    refused: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    proven: str | None = None
    possible: str | None = None
    max: str | None = None
    vetoed: bool | None = False
    case_state: str = ""
    indicators: tuple[IndicatorVerdict, ...] = ()
