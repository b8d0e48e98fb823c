"""`rubric diff`: what changed, and which schools feel it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
OLD = "old.yaml"
NEW = "new.yaml"
EXPERIMENTS = {"experiments_required": 40, "experiments_done": 38}
CASES = {
    "shi-yi": {"A1": {"rooms_missing": 3}, "A2": EXPERIMENTS},
    "shi-er": {"A1": {"rooms_missing": 0}, "A2": EXPERIMENTS},
}


@pytest.fixture
def versions(run: Run, tmp_path: Path) -> None:
    """Write a rubric and a second version that deducts twice as much for a room."""
    assert run("rubric", "new", "demo", "--out", OLD).code == 0
    text = (tmp_path / OLD).read_text(encoding="utf-8")
    text = text.replace('version: "1"', 'version: "2"')
    text = text.replace("{kind: each, points: 0.5,", "{kind: each, points: 1,")
    (tmp_path / NEW).write_text(text.split("examples:")[0], encoding="utf-8")


@pytest.fixture
def cases(case: Callable[..., Path]) -> Path:
    """Write a case file for each school."""
    for name, entries in CASES.items():
        case(f"cases/{name}.json", entries=entries, stages={"official": {"A3": 2}})
    return case("cases/shi-san.json", entries={"A1": {"rooms": 3}}).parent


@pytest.mark.usefixtures("versions")
def test_a_changed_rule_is_shown_in_words(run: Run) -> None:
    """One difference: the rule of A1, before and after as a person reads it."""
    done = run("rubric", "diff", OLD, NEW, "--format", "json")
    assert done.code == 0
    assert done.json["changes"] == [
        {
            "kind": "changed",
            "where": "A1.rule",
            "before": "deduct: −0.5 × 缺少的间数",
            "after": "deduct: −1 × 缺少的间数",
        }
    ]
    assert "A1.rule" in run("rubric", "diff", OLD, NEW).out


@pytest.mark.usefixtures("versions")
def test_the_effect_names_schools_gains_and_items(run: Run, cases: Path) -> None:
    """3 missing rooms cost 1.5 more; the other school is the same; a bad case is named."""
    found = run("rubric", "diff", OLD, NEW, "--cases", cases, "--format", "json").json
    by_school = {effect["school"]: effect for effect in found["effects"]}
    assert by_school["shi-yi"]["gain"] == "-1.5"
    assert by_school["shi-yi"]["items"] == ["A1"]
    assert by_school["shi-er"]["gain"] == "0"
    assert "entries.A1.rooms" in by_school["shi-san"]["problem"]
    assert found["summary"] == {
        "schools": 3,
        "same": 1,
        "higher": 0,
        "lower": 1,
        "other_grade": 0,
        "not_scored": 1,
    }
    text = run("rubric", "diff", OLD, NEW, "--cases", cases).out
    assert "shi-yi: 6.5/10 → 5/10  (A1)" in text
    assert "shi-er:" not in text


@pytest.mark.usefixtures("versions")
def test_stored_schools_are_scored_under_both(run: Run, tmp_path: Path) -> None:
    """`--data` takes every school of the collector's stores and changes none of them."""
    data = tmp_path / "data"
    for school in ("zx-001", "zx-002"):
        done = run("school", "add", "--data", data, "--id", school, "--name", "示例", "--kind",
                   "general", "--stages", "primary", "--students", 600, "--staff", 40,
                   "--classes", 12)  # fmt: skip
        assert done.code == 0, done.err
    found = run("rubric", "diff", OLD, NEW, "--data", data, "--format", "json").json
    assert [effect["school"] for effect in found["effects"]] == ["zx-001", "zx-002"]
    assert found["summary"]["same"] == 2


@pytest.mark.usefixtures("versions")
def test_added_and_removed_parts_are_named(run: Run, tmp_path: Path) -> None:
    """Items, readings and headers that come or go are listed by their ids."""
    text = (tmp_path / OLD).read_text(encoding="utf-8").split("examples:")[0]
    text = text.replace("id: A3", "id: A4").replace("printed_max: 10 ", "printed_max: 12 ")
    (tmp_path / NEW).write_text(text, encoding="utf-8")
    changes = run("rubric", "diff", OLD, NEW, "--format", "json").json["changes"]
    assert {(change["kind"], change["where"]) for change in changes} == {
        ("changed", "section A.printed_max"),
        ("removed", "A3"),
        ("added", "A4"),
    }


def test_the_same_rubric_has_no_difference(run: Run) -> None:
    """A rubric compared with itself is silent."""
    name = "zhongxian-inspection"
    assert run("rubric", "diff", name, name, "--format", "json").json["changes"] == []


@pytest.mark.parametrize("extra", [["--cases", "."], ["--cases", ".", "--data", "."]])
@pytest.mark.usefixtures("versions")
def test_no_cases_or_two_sources_are_wrong_use(run: Run, extra: list[str]) -> None:
    """A what-if over nothing is not a result."""
    assert run("rubric", "diff", OLD, NEW, *extra).code == 2
