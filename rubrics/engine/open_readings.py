"""Reading choices that nobody made: every combination is tried, and only what matters is told."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import product
from typing import TypeAlias, TypeVar

from rubrics.engine.scope import MAX_READING_COMBINATIONS, Plan

Chosen: TypeAlias = Mapping[str, str]
"""One alternative for each undecided reading."""
Told = TypeVar("Told")


def combinations(names: tuple[str, ...], plan: Plan) -> Iterator[Chosen]:
    """Every combination of alternatives, the defaults first."""
    choices = plan.rubric.readings
    ordered = [
        [
            choices[name].default,
            *(a for a in choices[name].alternatives if a != choices[name].default),
        ]
        for name in names
    ]
    for count, chosen in enumerate(product(*ordered)):
        if count >= MAX_READING_COMBINATIONS:
            return
        yield dict(zip(names, chosen, strict=True))


def telling(
    results: Sequence[tuple[Chosen, Told]], content: Callable[[Told], Hashable]
) -> tuple[tuple[str, Told], ...]:
    """Keep one result for each choice of the readings that change its content, labelled by them.

    A bandwidth that depends on the size of K is told twice (`kbps=1000`, `kbps=1024`), however
    many other readings the item has.
    """
    contents = [(chosen, content(result)) for chosen, result in results]
    names = [name for name in results[0][0] if _matters(name, contents)]
    told: dict[str, tuple[Told, Hashable]] = {}
    for (chosen, result), (_, found) in zip(results, contents, strict=True):
        label = ", ".join(f"{name}={chosen[name]}" for name in names)
        if told.setdefault(label, (result, found))[1] != found:  # combinations were cut short
            label = ", ".join(f"{name}={value}" for name, value in chosen.items())
            told[label] = (result, found)
    return tuple((label, result) for label, (result, _) in told.items())


def _matters(name: str, contents: Sequence[tuple[Chosen, Hashable]]) -> bool:
    """Whether changing this reading alone changes the content somewhere."""
    seen: dict[Hashable, Hashable] = {}
    for chosen, found in contents:
        others = tuple(sorted((key, value) for key, value in chosen.items() if key != name))
        if seen.setdefault(others, found) != found:
            return True
    return False
