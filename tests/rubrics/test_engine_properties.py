"""Laws of the engine that no case may break, on random cases of a rubric of many rule types."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rubrics.engine import ScoreSheet, evaluate
from rubrics.loader import parse_rubric

MIXED = Path(__file__).with_name("mixed.yaml").read_text(encoding="utf-8")
RUBRIC = parse_rubric(MIXED)
COUNT = st.integers(0, 12)
PERCENT = st.one_of(st.integers(0, 100), st.decimals(0, 100, places=2, allow_nan=False).map(str))
BOOL = st.booleans()
ENTRIES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "deduct": {"missing": COUNT, "late": BOOL, "held": BOOL, "rate": PERCENT},
    "meets": {"a": BOOL, "b": BOOL, "n": COUNT},
    "bands": {"done": COUNT, "all": COUNT},
    "share": {"applies": BOOL, "rate": PERCENT},
    "level": {"x": BOOL, "y": BOOL},
    "average": {"marks": st.lists(st.integers(1, 5), max_size=5)},
    "award": {"first": COUNT, "second": COUNT},
    "bonus": {"applied": BOOL, "completed": BOOL},
}


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a case in which any datum may be absent."""
    entries = {
        item: {
            name: draw(values)
            for name, values in fields.items()
            if draw(st.integers(0, 9)) > 2  # three of ten are unknown
        }
        for item, fields in ENTRIES.items()
    }
    case: dict[str, Any] = {"school": {"kind": "general"}, "entries": entries, "stages": {}}
    if draw(st.booleans()):
        half_points = draw(st.integers(0, 10))
        case["stages"] = {"official": {"judge": f"{half_points / 2:.1f}"}}
    chosen = draw(st.sampled_from([None, "floor", "ceil", "linear"]))
    if chosen:
        case["readings"] = {"partial_step": chosen}
    return case


def data_of(case: dict[str, Any]) -> list[tuple[str, str, str]]:
    """List every datum of a case."""
    found = [("entries", item, name) for item, fields in case["entries"].items() for name in fields]
    found += [
        ("stages", stage, item) for stage, points in case["stages"].items() for item in points
    ]
    return found + [("readings", "partial_step", "")] * ("readings" in case)


def without(case: dict[str, Any], datum: tuple[str, str, str]) -> dict[str, Any]:
    """Take one datum out of a case."""
    copy: dict[str, Any] = json.loads(json.dumps(case))
    part, outer, inner = datum
    if part == "readings":
        del copy["readings"]
    else:
        del copy[part][outer][inner]
    return copy


@given(cases())
@settings(max_examples=150, deadline=None)
def test_points_stay_between_zero_and_max(case: dict[str, Any]) -> None:
    """No item is worth less than nothing or more than its max; proven never exceeds possible."""
    for result in evaluate(RUBRIC, case).items.values():
        assert result.max is not None
        assert 0 <= result.low <= result.high <= result.max


@given(cases(), st.data())
@settings(max_examples=250, deadline=None)
def test_more_data_only_narrows(case: dict[str, Any], data: st.DataObject) -> None:
    """Taking a datum away never raises the proven end and never lowers the possible one."""
    everything = data_of(case)
    if not everything:
        return
    less = without(case, data.draw(st.sampled_from(everything)))
    full, poorer = evaluate(RUBRIC, case), evaluate(RUBRIC, less)
    assert poorer.proven <= full.proven
    assert poorer.possible >= full.possible
    for name, result in full.items.items():
        if not result.excluded:
            assert poorer.items[name].low <= result.low
            assert poorer.items[name].high >= result.high


def total_from_items(sheet: ScoreSheet, end: str) -> Fraction:
    """Add up a written sheet: items that count, and every adjustment it declares."""
    written = sheet.to_json()
    points = sum(
        (
            Fraction(one[end])
            for name, one in written["items"].items()
            if not sheet.items[name].excluded
        ),
        Fraction(0),
    )
    adjustments = list(written["total"]["adjustments"])
    for section in written["sections"].values():
        adjustments += section["adjustments"]
    return points + sum((Fraction(one[end]) for one in adjustments), Fraction(0))


@given(cases())
@settings(max_examples=150, deadline=None)
def test_sheet_is_the_sum_of_its_items(case: dict[str, Any]) -> None:
    """The written total equals the written items and adjustments, to the digit."""
    sheet = evaluate(RUBRIC, case)
    total = sheet.to_json()["total"]
    assert Fraction(total["proven"]) == total_from_items(sheet, "proven")
    assert Fraction(total["possible"]) == total_from_items(sheet, "possible")


@given(cases())
@settings(max_examples=60, deadline=None)
def test_order_of_keys_does_not_matter(case: dict[str, Any]) -> None:
    """A case written in another order gives the same sheet and the same hash."""
    turned = {key: case[key] for key in reversed(list(case))}
    turned["entries"] = {
        item: dict(reversed(list(fields.items())))
        for item, fields in reversed(list(case["entries"].items()))
    }
    assert evaluate(RUBRIC, turned).to_json() == evaluate(RUBRIC, case).to_json()


@given(cases())
@settings(max_examples=60, deadline=None)
def test_sheet_survives_json(case: dict[str, Any]) -> None:
    """A sheet is plain JSON, and a case that went through JSON scores the same."""
    written = evaluate(RUBRIC, case).to_json()
    assert json.loads(json.dumps(written, ensure_ascii=False)) == written
    again = json.loads(json.dumps(case))
    assert evaluate(RUBRIC, again).to_json() == written


@given(cases(), st.data())
@settings(max_examples=60, deadline=None)
def test_one_changed_value_changes_the_hash(case: dict[str, Any], data: st.DataObject) -> None:
    """The hash covers every datum of the case."""
    everything = data_of(case)
    if everything:
        less = without(case, data.draw(st.sampled_from(everything)))
        assert evaluate(RUBRIC, less).content_hash != evaluate(RUBRIC, case).content_hash


def test_item_order_does_not_matter() -> None:
    """Items listed in another order score the same, each and in total."""
    head, _, rest = MIXED.partition("      - id: deduct\n")
    first, _, others = rest.partition("      - id: meets\n")
    moved, _, extra = others.partition("  - id: extra\n")
    turned = parse_rubric(
        f"{head}      - id: meets\n{moved}      - id: deduct\n{first}  - id: extra\n{extra}"
    )
    case = {
        "school": {"kind": "general"},
        "entries": {"deduct": {"missing": 2, "late": False, "held": True}, "meets": {"a": True}},
    }
    one, other = evaluate(RUBRIC, case), evaluate(turned, case)
    assert list(one.items) != list(other.items)
    assert {n: (r.low, r.high) for n, r in one.items.items()} == {
        n: (r.low, r.high) for n, r in other.items.items()
    }
    assert (one.proven, one.possible) == (other.proven, other.possible)


PROGRAM = """
import json, sys
from rubrics.engine import evaluate
from rubrics.loader import load_rubric
case = json.loads(sys.argv[1])
print(evaluate(load_rubric("zhongxian-smart-campus-general"), case).content_hash)
"""


def test_same_hash_in_two_processes() -> None:
    """Hashes do not depend on the process (no hash seed, no set order)."""
    case = {
        "school": {
            "kind": "general",
            "stages": ["primary", "junior"],
            "students": 600,
            "staff": 40,
        },
        "entries": {"1": {"wired_points": 900}},
    }
    hashes = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM, json.dumps(case)],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(hashes) == 1
    assert hashes.pop().startswith("sha256:")
