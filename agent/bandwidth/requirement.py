"""What a school's number of people asks of its outlet, and whether one test shows it.

One test by hand informs a technician; the score sheet rests on many, over two weeks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agent.bandwidth.result import DirectionResult
from agent.reading import Json

KBIT_PER_HEAD = 512
"""附件3-2 item 1e: 512 kbit/s for each person in school, K = 1000."""


VOID = frozenset({"same_host", "burst"})
"""Causes that leave no lower bound; `void_when` of the catalogue's `outlet_capacity`."""


class Shown(StrEnum):
    """What a test shows."""

    MET = "met"
    NOT_MET = "not_met"
    INSUFFICIENT = "insufficient"
    """Less was measured, but something else may have held it back."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A download held against the requirement for `people`."""

    people: int
    required_mbps: float
    rate_mbps: float
    shown: Shown
    limited_by: tuple[str, ...]

    def as_json(self) -> dict[str, Json]:
        """Return the object `requirement` of `bandwidth --format json`."""
        return {
            "people": self.people,
            "kbit_per_head": KBIT_PER_HEAD,
            "required_mbps": round(self.required_mbps, 3),
            "line_rate_mbps": round(self.rate_mbps, 3),
            "result": self.shown.value,
        }


def judge(download: DirectionResult, people: int) -> Judgement:
    """Hold the line rate against what `people` need.

    A rate that reaches it shows it, whatever held the test back; a lower one shows a failure only
    where the line itself was seen full. Inside one host nothing is shown, nor by a burst: what
    comes after it may be slower.
    """
    required = people * KBIT_PER_HEAD / 1000
    rate = download.line_rate_mbps
    if VOID.intersection(download.limited_by):
        shown = Shown.INSUFFICIENT
    elif rate >= required:
        shown = Shown.MET
    elif set(download.limited_by) == {"line"}:
        shown = Shown.NOT_MET
    else:
        shown = Shown.INSUFFICIENT
    return Judgement(people, required, rate, shown, download.limited_by)
