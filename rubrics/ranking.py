"""Prizes by rank: a proposal to the district, which alone decides them.

雨花台 item 39 gives first, second and third prizes to 30 % of the schools that take part. One
school's case cannot say which prize it gets; the totals of all schools can. Totals may still be
open (proven and possible differ), and then a place is a range and so may be the prize.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Literal

from rubrics.exact import rounded

ShareReading = Literal["together", "each"]
"""Reading `prize_share`: the share covers all levels together, or every level by itself."""
LEVELS = ("first", "second", "third")
SHARE = Fraction(30, 100)


@dataclass(frozen=True, slots=True)
class Interval:
    """A school's total: what is proven and what is still possible."""

    proven: Fraction
    possible: Fraction

    def __post_init__(self) -> None:
        """Refuse an interval whose ends are swapped."""
        if self.proven > self.possible:
            raise ValueError(f"proven {self.proven} exceeds possible {self.possible}")


@dataclass(frozen=True, slots=True)
class Standing:
    """Place and prize of one school, best and worst case; place 1 is the highest total."""

    best_place: int
    worst_place: int
    best_level: str | None
    """None: no prize."""
    worst_level: str | None
    tied_across_bound: bool
    """Schools with the same total would need more prizes than the level has."""

    @property
    def settled(self) -> bool:
        """Whether open totals can no longer change the prize."""
        return self.best_level == self.worst_level


@dataclass(frozen=True, slots=True)
class PrizeProposal:
    """Standings by school id, highest total first, and the last place of every level."""

    standings: Mapping[str, Standing]
    last_places: Mapping[str, int]


def propose_prizes(
    totals: Mapping[str, Interval],
    reading: ShareReading,
    share: Fraction = SHARE,
    levels: Sequence[str] = LEVELS,
) -> PrizeProposal:
    """Rank the schools that take part and propose a prize for each.

    `totals` holds every school that takes part and no other (a vetoed school is left out by the
    caller). Under `together` the share is split evenly over the levels, because the text says
    nothing of the split. Numbers of prizes are rounded half up, from the top down, so that the
    levels together never differ from the rounded share. Equal totals share the better place.

    Raises ValueError for a share outside (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"share {share} is outside (0, 1]")
    step = share / len(levels) if reading == "together" else share
    bounds = [min(len(totals), _whole(len(totals) * step * (at + 1))) for at in range(len(levels))]
    ends = _whole_numbers(totals)
    proven = sorted(low for low, _ in ends.values())
    possible = sorted(high for _, high in ends.values())
    same = Counter(ends.values())

    def level(place: int) -> str | None:
        found = (name for name, last in zip(levels, bounds, strict=True) if place <= last)
        return next(found, None)

    def standing(low: int, high: int) -> Standing:
        best = 1 + len(proven) - bisect_right(proven, high)
        above_or_open = len(possible) - bisect_right(possible, low)
        worst = 1 + above_or_open - (high > low)
        last_of_tie = best + same[low, high] - 1
        crosses = best == worst and any(best <= bound < last_of_tie for bound in bounds)
        return Standing(best, worst, level(best), level(worst), crosses)

    ordered = sorted(ends, key=lambda name: (-ends[name][0], -ends[name][1], name))
    return PrizeProposal(
        {name: standing(*ends[name]) for name in ordered},
        dict(zip(levels, bounds, strict=True)),
    )


def _whole_numbers(totals: Mapping[str, Interval]) -> dict[str, tuple[int, int]]:
    """Return the ends of each interval, all times one number that makes them whole.

    Order and equality stay, and whole numbers sort seventy times as fast as fractions: with
    thousands of schools that decides how long a page with a ranking takes.
    """
    scale = lcm(
        *(end.denominator for total in totals.values() for end in (total.proven, total.possible))
    )

    def times_scale(end: Fraction) -> int:
        return end.numerator * (scale // end.denominator)

    return {
        name: (times_scale(total.proven), times_scale(total.possible))
        for name, total in totals.items()
    }


def _whole(number: Fraction) -> int:
    return int(rounded(number, 0))
