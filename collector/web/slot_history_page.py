"""A school's bandwidth tests day by day: which ran, and why the others did not. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from collector.domain import School, SlotState, SlotTest


@dataclass(frozen=True)
class HistoryLine:
    """One test; `why` is the sentence of why it did not run, or has not so far."""

    test: SlotTest
    why: str


@dataclass(frozen=True)
class HistoryDay:
    """One day's tests in the order of their planned times."""

    day: date
    done: int
    lines: tuple[HistoryLine, ...]


@dataclass(frozen=True)
class SlotHistory:
    """The days of a school, newest first, and each reason with how many tests it cost."""

    school: School
    days: tuple[HistoryDay, ...]
    done: int
    total: int
    reasons: tuple[tuple[str, int], ...]


def slot_history(
    school: School, tests: Sequence[SlotTest], words: Callable[[str], str]
) -> SlotHistory:
    """Build the page; `words` puts a reason code into a sentence."""
    ordered = sorted(tests, key=lambda test: (test.day, test.planned_at))
    days = [
        _day(day, [HistoryLine(one, words(one.reason) if one.reason else "") for one in group])
        for day, group in groupby(ordered, key=lambda test: test.day)
    ]
    skipped = Counter(one.reason for one in ordered if one.state is SlotState.SKIPPED)
    return SlotHistory(
        school=school,
        days=tuple(reversed(days)),
        done=sum(day.done for day in days),
        total=len(ordered),
        reasons=tuple((words(code or ""), count) for code, count in skipped.most_common()),
    )


def _day(day: date, lines: Sequence[HistoryLine]) -> HistoryDay:
    done = sum(line.test.state is SlotState.DONE for line in lines)
    return HistoryDay(day, done, tuple(lines))
