"""How many schools a second the engine scores: the 35-item inspection table, full entries.

    python benchmarks/scoring_rate.py [--schools 2000]

Prints processor time, so that a busy machine does not change the figure much. Every school has
other values; each sheet is hashed, as the collector does before it stores one.
"""

from __future__ import annotations

import argparse
import random
import time
from typing import Any

from rubrics.engine import evaluate
from rubrics.loader import load_rubric
from rubrics.model.rubric import EntrySpec, Rubric


def value_for(spec: EntrySpec, chance: random.Random) -> Any:
    """Draw a value that the entry accepts."""
    if spec.type == "bool":
        return chance.random() < 0.8
    if spec.type == "choice":
        return chance.choice(spec.choices).id
    if spec.type == "text":
        return "…"
    if spec.type == "list":
        return []
    least = 0 if spec.min is None else int(spec.min)
    most = 100 if spec.type == "percent" else least + 5
    return chance.randint(least, most if spec.max is None else min(most, int(spec.max)))


def full_case(rubric: Rubric, number: int) -> dict[str, Any]:
    """Make one school with every entry filled in."""
    chance = random.Random(number)  # noqa: S311 - test data, and the same data on every run
    return {
        "school": {
            "id": f"s{number}",
            "kind": "general",
            "stages": ["primary"],
            "students": 300 + number,
            "staff": 40,
            "classes": 12,
        },
        "entries": {
            item.id: {name: value_for(spec, chance) for name, spec in item.entries.items()}
            for item in rubric.items()
        },
        "readings": {name: choice.default for name, choice in rubric.readings.items()},
    }


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--schools", type=int, default=2000)
    schools = arguments.parse_args().schools
    rubric = load_rubric("zhongxian-inspection")
    cases = [full_case(rubric, number) for number in range(schools)]
    for name, work in (
        ("totals only", lambda sheet: sheet.proven),
        ("totals and hash", lambda sheet: sheet.content_hash),
        ("written sheet", lambda sheet: sheet.to_json()),
    ):
        start = time.process_time()
        for case in cases:
            work(evaluate(rubric, case))
        seconds = time.process_time() - start
        print(f"{name}: {schools / seconds:.0f} schools per second of processor time")


if __name__ == "__main__":
    main()
