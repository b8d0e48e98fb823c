"""`campusgauge score` on input that cannot be used: exit 2, item and field, nothing clipped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
RUBRIC = "zhongxian-inspection"


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"C21": {"rate_percent": 105}}, ["entries.C21.rate_percent", "105 is outside 0–100"]),
        ({"C21": {"rate_percent": -1}}, ["entries.C21.rate_percent", "-1 is outside"]),
        ({"C4": {"rooms_missing": 1.5}}, ["entries.C4.rooms_missing", "not a whole number"]),
        ({"C4": {"rooms_missing": "many"}}, ["entries.C4.rooms_missing", "many"]),
        ({"C4": {"rooms_mising": 1}}, ["entries.C4.rooms_mising", "rooms_missing"]),
        ({"C44": {"rooms_missing": 1}}, ["entries.C44", "C4"]),
        ({"C8": {"funds_in_place": "yes"}}, ["entries.C8.funds_in_place", "true or false"]),
        ({"C6": {"requirements_failed": 6}}, ["entries.C6.requirements_failed", "6 is outside"]),
        ({"C4": [3]}, ["entries.C4", "object"]),
    ],
)
def test_a_wrong_value_names_item_and_field(
    run: Run, case: Callable[..., Path], entries: dict[str, Any], says: list[str]
) -> None:
    """Nothing is scored, nothing is printed as a result, and the message says what to mend."""
    done = run("score", RUBRIC, "--case", case(entries=entries), "--format", "json")
    assert (done.code, done.out) == (2, "")
    for words in says:
        assert words in done.err


def test_every_problem_is_named_at_once(run: Run, case: Callable[..., Path]) -> None:
    """A clerk corrects a form once, not once for every field."""
    path = case(entries={"C21": {"rate_percent": 105}, "C4": {"rooms": 1}})
    err = run("score", RUBRIC, "--case", path).err
    assert "C21.rate_percent" in err
    assert "C4.rooms" in err


def test_points_beyond_the_maximum_are_refused(run: Run, case: Callable[..., Path]) -> None:
    """An assessor's 3 on an item of 2 is an error with the range, never silently 2."""
    path = case(stages={"official": {"1": 3}})
    done = run("score", "yuhuatai-informatization-2020", "--case", path)
    assert done.code == 2
    assert "stages.official.1: 3 is outside 0–2" in done.err


def test_a_school_of_another_kind_is_refused_with_the_reason(
    run: Run, case: Callable[..., Path]
) -> None:
    """A vocational school is told which kind the rubric is for, in both languages."""
    path = case(school={"kind": "vocational", "stages": ["senior"]})
    done = run("score", RUBRIC, "--case", path)
    assert done.code == 2
    assert "本细则适用于 general" in done.err
    assert "not vocational" in done.err


def test_an_open_reading_is_asked_for_and_not_guessed(run: Run, case: Callable[..., Path]) -> None:
    """C20 stays an interval and says needs_reading until the bureau chooses."""
    entries = {
        "C20": {
            "linked_to_county_platform": True,
            "responsibility_letters_signed": False,
            "incidents": 1,
        }
    }
    path = case(entries=entries)
    item = run("score", RUBRIC, "--case", path, "--format", "json").json["items"]["C20"]
    assert (item["status"], item["proven"], item["possible"]) == ("needs_reading", "0", "1")
    chosen = case(entries=entries, readings={"c20_letters_and_incidents": "per_incident"})
    item = run("score", RUBRIC, "--case", chosen, "--format", "json").json["items"]["C20"]
    assert (item["status"], item["proven"]) == ("scored", "0")


def test_an_alternative_that_does_not_exist_is_refused(run: Run, case: Callable[..., Path]) -> None:
    """A misspelt choice would score by the default without anybody noticing."""
    done = run("score", RUBRIC, "--case", case(readings={"partial_step": "flor"}))
    assert done.code == 2
    assert "floor" in done.err


def test_an_unknown_rubric_names_the_known_ones(run: Run, case: Callable[..., Path]) -> None:
    """A typo in the id is answered with the list."""
    done = run("score", "zhongxian-inspektion", "--case", case())
    assert done.code == 2
    assert RUBRIC in done.err


@pytest.mark.parametrize("content", ["", "[]", "{", '{"school": 3}', "\ufeff{"])
def test_a_file_that_is_no_case_is_wrong_use(run: Run, tmp_path: Path, content: str) -> None:
    """Broken JSON and other shapes end with 2 and name the file or the key."""
    path = tmp_path / "broken.json"
    path.write_text(content, encoding="utf-8")
    done = run("score", RUBRIC, "--case", path)
    assert done.code == 2
    assert "broken.json" in done.err
