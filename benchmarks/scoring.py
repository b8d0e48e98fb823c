"""How fast the engine scores a county, and whether time and memory grow as they should.

    python benchmarks/scoring.py                     10,000 schools
    python benchmarks/scoring.py --growth            1,000, 10,000 and 100,000 schools
    python benchmarks/scoring.py --sheets --profile  with the written sheets; where the time goes

Cases are made one at a time from a seed, with every entry of the rubric filled, and each is read,
checked and scored by itself: nothing is kept, as when a county streams through. Making the cases is
timed apart. One process, one core.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import json
import pstats
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rubrics.checks import walk
from rubrics.engine import evaluate
from rubrics.loader import load_rubric
from rubrics.model import Rubric
from rubrics.model.expressions import EntryValue, OneOf
from rubrics.model.rubric import EntrySpec, Item

DEFAULT_SCHOOLS = 10_000
GROWTH = (1_000, 10_000, 100_000)
WARM_UP = 200
CHUNK = 100
"""Cases made before the clock runs on them: few, so that memory stays flat."""


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rubric", default="zhongxian-inspection")
    parser.add_argument("--schools", type=int, default=DEFAULT_SCHOOLS)
    parser.add_argument("--growth", action="store_true", help="1k, 10k and 100k schools")
    parser.add_argument("--sheets", action="store_true", help="write every sheet out as well")
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rubric = load_rubric(given.rubric)
    sizes = GROWTH if given.growth else (given.schools,)
    for case in cases(rubric, WARM_UP, seed=given.seed + 1):
        evaluate(rubric, case).to_json()
    profiler = cProfile.Profile()
    if given.profile:
        profiler.enable()
    runs = [measure(rubric, schools, given.seed, sheets=given.sheets) for schools in sizes]
    if given.profile:
        profiler.disable()
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(25)
    print(json.dumps({"rubric": rubric.id, "written_sheets": given.sheets, "runs": runs}, indent=2))


def measure(rubric: Rubric, schools: int, seed: int, *, sheets: bool) -> dict[str, Any]:
    """Score that many schools in a stream; processor time of the scoring alone."""
    stream = cases(rubric, schools, seed=seed)
    seconds, scored, points, final = 0.0, 0, 0, 0
    gc.collect()
    before_kib = resident_kib()
    while True:
        chunk = [case for _, case in zip(range(CHUNK), stream, strict=False)]
        if not chunk:
            break
        started = time.process_time()
        for case in chunk:
            sheet = evaluate(rubric, case)
            points += sheet.proven
            final += sheet.status == "final"
            if sheets:
                sheet.to_json()
        seconds += time.process_time() - started
        scored += len(chunk)
    return {
        "schools": scored,
        "seconds": round(seconds, 3),
        "schools_per_s": round(scored / seconds),
        "us_per_school": round(1e6 * seconds / scored, 1),
        "final_sheets": final,
        "mean_points": round(float(points) / scored, 3),
        "resident_growth_kib": resident_kib() - before_kib,
        "peak_resident_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def resident_kib() -> int:
    """Memory of this process that is in use now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() // 1024


def cases(rubric: Rubric, schools: int, *, seed: int) -> Iterator[dict[str, Any]]:
    """Make cases with every entry filled, every reading chosen and every judged item marked."""
    choose = random.Random(seed)  # noqa: S311 - repeatable cases, not secrets
    stage = rubric.decided_at or (rubric.stages[-1].id if rubric.stages else "")
    filled = [(item.id, first_ways(item)) for item in rubric.items() if item.entries]
    for number in range(schools):
        students = choose.randrange(60, 3000)
        yield {
            "school": {
                "id": f"s-{number}",
                "kind": rubric.applies_to.kinds[0],
                "stages": choose.choice((["primary"], ["junior"], ["junior", "senior"])),
                "students": students,
                "staff": students // 13,
                "classes": students // 45 + 1,
            },
            "readings": {name: choice.default for name, choice in rubric.readings.items()},
            "entries": {name: fill(specs, choose) for name, specs in filled},
            "stages": {stage: marks(rubric, choose)} if stage else {},
        }


def fill(specs: dict[str, EntrySpec], choose: random.Random) -> dict[str, Any]:
    """Fill entries with values that they allow."""
    return {name: MAKERS[spec.type](spec, choose) for name, spec in specs.items()}


def first_ways(item: Item) -> dict[str, EntrySpec]:
    """Return the entries without those that state again what another states: schools fill one."""
    first, second = set[str](), set[str]()
    for _, node in walk(item.rule):
        if isinstance(node, OneOf):
            first |= {one.entry for one in node.one_of[:1] if isinstance(one, EntryValue)}
            second |= {one.entry for _, one in walk(node.one_of[1:]) if isinstance(one, EntryValue)}
    return {name: spec for name, spec in item.entries.items() if name not in second - first}


def marks(rubric: Rubric, choose: random.Random) -> dict[str, str]:
    """Give every judged item points in halves."""
    return {
        item.id: str(choose.randrange(int(item.max * 2) + 1) / 2)
        for item in rubric.items()
        if item.rule.type == "judge" and item.max is not None
    }


def _count(spec: EntrySpec, choose: random.Random) -> int:
    most = 4 if spec.max is None else int(spec.max)
    return choose.randrange(most + 1)


def _percent(_: EntrySpec, choose: random.Random) -> str:
    return f"{choose.randrange(60, 100)}.{choose.randrange(100):02d}"


def _number(spec: EntrySpec, choose: random.Random) -> str:
    least = 0 if spec.min is None else int(spec.min)
    return f"{least + choose.randrange(8)}.{choose.randrange(100):02d}"


def _list(spec: EntrySpec, choose: random.Random) -> list[Any]:
    make = _percent if spec.of == "percent" else _count
    return [] if spec.of == "record" else [make(spec, choose) for _ in range(5)]


MAKERS: dict[str, Callable[[EntrySpec, random.Random], Any]] = {
    "count": _count,
    "percent": _percent,
    "number": _number,
    "bool": lambda _, choose: choose.random() < 0.8,
    "choice": lambda spec, choose: choose.choice(spec.choices).id,
    "text": lambda _, choose: f"文字 {choose.randrange(1000)}",
    "list": _list,
}


if __name__ == "__main__":
    main()
