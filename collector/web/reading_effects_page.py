"""What each reading does to the cases of a round, in words and figures. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from collector.domain import ReadingEffects
from rubrics.model import Rubric
from rubrics.model.base import Text


@dataclass(frozen=True)
class ShownCase:
    """One of the most changed cases."""

    school_id: str
    name: str
    before: str
    after: str
    gain: str
    items: str


@dataclass(frozen=True)
class ShownAlternative:
    """One way to read the text, and what it does."""

    meaning: str
    suggested: bool
    chosen: bool
    """The round reads it so; its effect is nothing by definition."""
    changed: int
    other_grade: int
    mean: str
    possible_mean: str
    highest: str
    lowest: str
    items: str
    cases: tuple[ShownCase, ...]


@dataclass(frozen=True)
class ShownReading:
    """One question the document leaves open."""

    name: str
    question: str
    why: str
    decided: bool
    alternatives: tuple[ShownAlternative, ...]

    @property
    def matters(self) -> bool:
        """Some alternative changes some case."""
        return any(one.changed for one in self.alternatives)


@dataclass(frozen=True)
class EffectsView:
    """What is shown of a computation; `readings` is empty before the first one is done."""

    cases: int
    refused: int
    readings: tuple[ShownReading, ...]


def effects_view(
    held: ReadingEffects | None, rubric: Rubric, names: Mapping[str, str], *, english: bool
) -> EffectsView:
    """Return the newest answer, those readings first that change most cases."""
    found: Any = held.found if held is not None else None
    if not found:
        return EffectsView(0, 0, ())
    readings = []
    for name, choice in rubric.readings.items():
        said = found["readings"].get(name)
        if said is None:  # the answer is about another version, which did not ask this
            continue
        alternatives = tuple(
            _alternative(
                _words(one.meaning, english=english),
                said["alternatives"][key],
                names,
                suggested=key == choice.default,
                chosen=key == said["chosen"],
            )
            for key, one in choice.alternatives.items()
            if key in said["alternatives"]
        )
        question = _words(choice.question, english=english)
        why = _words(choice.why, english=english) if choice.why else ""
        decided = said["chosen"] is not None
        readings.append(ShownReading(name, question, why, decided, alternatives))
    readings.sort(key=lambda one: -max((each.changed for each in one.alternatives), default=0))
    return EffectsView(found["cases"], found["refused"], tuple(readings))


def _alternative(
    meaning: str, said: Any, names: Mapping[str, str], *, suggested: bool, chosen: bool
) -> ShownAlternative:
    return ShownAlternative(
        meaning,
        suggested,
        chosen,
        said["changed"],
        said["other_grade"],
        _signed(said["mean"]),
        _signed(said["possible_mean"]),
        _signed(said["highest"]),
        _signed(said["lowest"]),
        "、".join(f"{item} ×{count}" for item, count in said["items"]),
        tuple(
            ShownCase(
                one["school_id"],
                names.get(one["school_id"], one["school_id"]),
                _points(one["before"]),
                _points(one["after"]),
                _signed(one["gain"]),
                "、".join(one["items"]),
            )
            for one in said["cases"]
        ),
    )


def _points(pair: Any) -> str:
    if pair is None:
        return ""
    low, high, top = pair
    return f"{low} / {top}" if low == high else f"{low}–{high} / {top}"


def _signed(number: str | None) -> str:
    """Write a difference with its sign; empty where there are no points."""
    if number is None:
        return ""
    return number if number == "0" or number.startswith("-") else f"+{number}"


def _words(text: Text, *, english: bool) -> str:
    return (text.en if english else None) or text.zh
