"""Flags: what a person should look at before a point is given. Pure.

A flag names a conflict and changes nothing: no value, no verdict, no point. Its id is made from
what it says, so a note that explains it stays with it as long as it says the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from collector.merging.values import CriterionValues, SideValue

DIFFERENCE_SHARE = Fraction(1, 10)
"""A declared value further than this from the measured one is flagged (domain §2.3, f17)."""
ROLL_CUT_SHARE = Fraction(5, 100)
ROLL_CUT_DAYS = 60
"""Heads that fell by a twentieth within two months of the round lower every per-head threshold."""
_SAID = ("declared", "contracted", "imported")


class FlagCode(StrEnum):
    """What a flag is about; each has its sentence in `rubrics/reasons.yaml`."""

    DECLARED_DIFFERS = "flag_declared_differs"
    ANSWER_CONTRADICTED = "flag_answer_contradicted"
    VALUE_AT_THRESHOLD = "flag_value_at_threshold"
    ROLL_CUT = "flag_roll_cut"
    FILE_SHARED = "flag_file_shared"
    TESTED_AT_NIGHT = "flag_tested_at_night"


@dataclass(frozen=True, slots=True)
class Flag:
    """One conflict. `facts` are the numbers and names that a reader needs, as text."""

    code: FlagCode
    item_id: str | None = None
    finding_id: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The same for the same conflict, another when any of its facts changed."""
        content = [self.code, self.item_id, self.finding_id, sorted(self.facts.items())]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class HeadCount:
    """Heads of a school as declared for a day."""

    as_of: date
    heads: int


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A piece of evidence whose very content other schools handed in as well."""

    name: str
    sha256: str
    items: tuple[str, ...]
    others: int
    """How many other schools; which ones is for the bureau alone to look up."""


def criterion_flags(criteria: Iterable[CriterionValues]) -> Iterator[Flag]:
    """Flag criteria whose values disagree, or whose typed value just reaches the threshold."""
    for criterion in criteria:
        if criterion.result == "disputed":
            yield Flag(
                FlagCode.ANSWER_CONTRADICTED,
                criterion.item_id,
                criterion.finding_id,
                {"reason": criterion.reason or ""},
            )
        yield from _differences(criterion)
        yield from _at_threshold(criterion)


def _differences(criterion: CriterionValues) -> Iterator[Flag]:
    measured = [one for one in criterion.values if one.kind == "measured" and one.usable]
    said = [one for one in criterion.values if one.kind in _SAID and one.usable]
    for real in measured:
        for claim in said:
            share = _apart(claim, real)
            if share is not None and share > DIFFERENCE_SHARE:
                yield Flag(
                    FlagCode.DECLARED_DIFFERS,
                    criterion.item_id,
                    criterion.finding_id,
                    {
                        "declared": f"{claim.value} {claim.unit or ''}".strip(),
                        "declared_name": claim.name,
                        "measured": f"{real.value} {real.unit or ''}".strip(),
                        "measured_name": real.name,
                        "percent": str(round(share * 100)),
                    },
                )


def _apart(claim: SideValue, real: SideValue) -> Fraction | None:
    """Return how far the claim is from what was measured, as a share of the latter."""
    if claim.unit != real.unit or claim.number is None or real.number is None:
        return None
    if real.number == 0:
        return None if claim.number == 0 else Fraction(1)
    return abs(claim.number - real.number) / abs(real.number)


def _at_threshold(criterion: CriterionValues) -> Iterator[Flag]:
    if criterion.threshold is None or criterion.op not in ("ge", "le") or not criterion.values:
        return
    decides = criterion.values[0]
    if decides.kind in _SAID and decides.number == Fraction(criterion.threshold):
        yield Flag(
            FlagCode.VALUE_AT_THRESHOLD,
            criterion.item_id,
            criterion.finding_id,
            {"value": criterion.threshold, "name": decides.name},
        )


def roll_flags(counts: Sequence[HeadCount], opened_on: date) -> Iterator[Flag]:
    """Flag a head count that fell sharply shortly before the round was opened."""
    since = opened_on - timedelta(days=ROLL_CUT_DAYS)
    for before, after in pairwise(sorted(counts, key=lambda count: count.as_of)):
        fell = Fraction(before.heads - after.heads, before.heads) if before.heads else Fraction(0)
        if fell > ROLL_CUT_SHARE and since <= after.as_of:
            yield Flag(
                FlagCode.ROLL_CUT,
                facts={
                    "before": str(before.heads),
                    "after": str(after.heads),
                    "as_of": after.as_of.isoformat(),
                },
            )


def file_flags(shared: Iterable[SharedFile]) -> Iterator[Flag]:
    """Flag evidence whose very content another school handed in too."""
    for file in shared:
        for item_id in file.items or (None,):
            yield Flag(
                FlagCode.FILE_SHARED,
                item_id,
                facts={"name": file.name, "sha256": file.sha256, "others": str(file.others)},
            )


def night_flag(
    criteria: Iterable[CriterionValues], indicator: str, in_hours: int, outside_hours: int
) -> Iterator[Flag]:
    """Flag criteria that rest on an indicator of which no sample was taken in school hours.

    An idle line at night says what the line can do, not what lessons get.
    """
    if in_hours or not outside_hours:
        return
    for criterion in criteria:
        if any(one.name == indicator and one.usable for one in criterion.values):
            yield Flag(
                FlagCode.TESTED_AT_NIGHT,
                criterion.item_id,
                criterion.finding_id,
                {"indicator": indicator, "samples": str(outside_hours)},
            )
