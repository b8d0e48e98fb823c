"""Adds up what each alternative of each reading does to a county's cases. Pure.

A case is changed where any item's points or decided verdicts differ from how it is read now. Gains
are in points, after minus before: proven ones with their extremes, and possible ones, which are
what moves while most of a case is open. Cases without points count as changed alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from collector.domain import Json
from rubrics.diff import Effect
from rubrics.exact import decimal_text, rounded
from rubrics.model import Rubric
from rubrics.reading_effects import reading_effects

TOP_CASES = 10
TOP_ITEMS = 5
PLACES = 2


@dataclass(slots=True)
class _Alternative:
    """One alternative over the cases so far."""

    changed: int = 0
    scored: int = 0
    other_grade: int = 0
    total: Fraction = Fraction(0)
    possible: Fraction = Fraction(0)
    highest: Fraction = Fraction(0)
    lowest: Fraction = Fraction(0)
    items: Counter[str] = field(default_factory=Counter)
    top: list[tuple[Fraction, int, str, Effect]] = field(default_factory=list)

    def add(self, effect: Effect) -> None:
        gain = effect.gain
        if gain is not None:
            self.scored += 1
            self.total += gain
            self.possible += _possible_gain(effect)
            self.highest, self.lowest = max(self.highest, gain), min(self.lowest, gain)
        if effect.same:
            return
        self.changed += 1
        self.items.update(effect.items)
        before, after = effect.before or {}, effect.after or {}
        grades = [(one.get("band"), one.get("vetoed")) for one in (before, after)]
        self.other_grade += grades[0] != grades[1]
        self.top.append((abs(gain or Fraction(0)), len(effect.items), effect.name, effect))
        self.top.sort(key=lambda one: (-one[0], -one[1], one[2]))
        del self.top[TOP_CASES:]

    def document(self) -> Json:
        return {
            "changed": self.changed,
            "other_grade": self.other_grade,
            "mean": self._mean(self.total),
            "possible_mean": self._mean(self.possible),
            "highest": decimal_text(self.highest) if self.scored else None,
            "lowest": decimal_text(self.lowest) if self.scored else None,
            "items": [[name, count] for name, count in self.items.most_common(TOP_ITEMS)],
            "cases": [_case(effect) for _, _, _, effect in self.top],
        }

    def _mean(self, total: Fraction) -> str | None:
        return decimal_text(rounded(total / self.scored, PLACES)) if self.scored else None


class ReadingTally:
    """Takes cases one at a time: a county streams through."""

    def __init__(self, rubric: Rubric) -> None:
        self._rubric = rubric
        self._cases = 0
        self._refused = 0
        self._chosen: dict[str, Counter[str]] = {name: Counter() for name in rubric.readings}
        self._found: dict[tuple[str, str], _Alternative] = {
            (name, alternative): _Alternative()
            for name, choice in rubric.readings.items()
            for alternative in choice.alternatives
        }

    def add(self, school_id: str, case: Mapping[str, Any]) -> None:
        """Score a case under every alternative. Raises CaseError if the rubric cannot take it."""
        found = list(reading_effects(school_id, self._rubric, case))
        self._cases += 1
        for name, alternative in (case.get("readings") or {}).items():
            if name in self._chosen:
                self._chosen[name][str(alternative)] += 1
        for one in found:
            self._found[one.reading, one.alternative].add(one.effect)

    def refuse(self) -> None:
        """Count a case that cannot be scored; it says nothing about any reading."""
        self._refused += 1

    def document(self) -> Json:
        """Return what was found, as plain JSON data; numbers are decimal text."""
        return {
            "cases": self._cases,
            "refused": self._refused,
            "readings": {
                name: {
                    "chosen": next(iter(self._chosen[name]), None),
                    "alternatives": {
                        alternative: self._found[name, alternative].document()
                        for alternative in choice.alternatives
                    },
                }
                for name, choice in self._rubric.readings.items()
            },
        }


def _case(effect: Effect) -> Json:
    return {
        "school_id": effect.name,
        "before": _points(effect.before),
        "after": _points(effect.after),
        "gain": None if effect.gain is None else decimal_text(effect.gain),
        "items": list(effect.items[:TOP_ITEMS]),
    }


def _possible_gain(effect: Effect) -> Fraction:
    before, after = effect.before or {}, effect.after or {}
    return Fraction(after["possible"]) - Fraction(before["possible"])


def _points(result: Mapping[str, Any] | None) -> Json:
    if result is None or result["max"] is None:
        return None
    return [result["proven"], result["possible"], result["max"]]
