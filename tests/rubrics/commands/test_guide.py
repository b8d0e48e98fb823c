"""The one-hour guide of docs/rubrics.md, followed to the letter on a fresh rubric."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]
PAGE = Path(__file__).parents[3] / "docs" / "rubrics.md"
RUBRIC = Path("demo-county-2026.yaml")


def guide() -> str:
    """Return the guide's part of the page."""
    text = PAGE.read_text(encoding="utf-8")
    start = text.index("## 从纸表到可用的细则")
    return text[start : text.index("\n## 1. ", start)]


def replace_keys(text: str, block: str) -> str:
    """Edit as the guide says: top-level keys of the block take the place of those of the file."""
    for part in re.split(r"^(?=[a-z_]+:)", block, flags=re.M)[1:]:
        key = part.split(":")[0]
        old = re.search(rf"^{key}:.*\n(?:(?:[ #].*)?\n)*?(?=^[a-z_]+:|\Z)", text, flags=re.M)
        text = text + "\n" + part if old is None else text.replace(old[0], part)
    return text


def prepare(arguments: list[str]) -> None:
    """Make what a step takes as given: the school's file, last year's cases, the new edition."""
    if "school.json" in arguments:
        (content,) = re.findall(r"^```json\n(.*?)^```", guide(), flags=re.M | re.S)
        Path("school.json").write_text(content, encoding="utf-8")
    if "diff" in arguments:
        Path("cases").mkdir()
        school = {"kind": "general", "stages": ["primary"]}
        case = {"school": school, "entries": {"4": {"incidents": 1}}}
        Path("cases/zx-001.json").write_text(json.dumps(case), encoding="utf-8")
        text = RUBRIC.read_text(encoding="utf-8").replace("points: 2, count", "points: 3, count")
        Path("demo-county-2027.yaml").write_text(text, encoding="utf-8")


def edit(block: str) -> None:
    """Apply one block of the guide to the file."""
    text = RUBRIC.read_text(encoding="utf-8")
    if block.startswith(" "):  # the one line that step 4 adds to the variant, and its renaming
        row = re.search(r"^ +- \{when: \{not: \{profile: stages, has: primary\}\}.*\n", text, re.M)
        assert row is not None
        text = text.replace(row[0], row[0] + block)
        assert text.count("rounding: floor") == 3
        text = text.replace("rounding: floor", "rounding: {reading: partial_step}")
    else:
        text = replace_keys(text, block)
    RUBRIC.write_text(text, encoding="utf-8")


def test_the_guide_works_as_it_is_written(run: Run) -> None:
    """Every command ends well and prints what the guide shows, from `new` to `diff`."""
    output, commands, shown = "", 0, 0
    for kind, block in re.findall(r"^```(sh|yml|text)\n(.*?)^```", guide(), flags=re.M | re.S):
        if kind == "yml":
            edit(block)
        elif kind == "text":
            for line in block.strip().splitlines():
                assert line in output
                shown += 1
        else:
            output = ""
            for command in block.strip().splitlines():
                arguments = command.split()[1:]
                prepare(arguments)
                done = run(*arguments)
                assert done.code == 0, (command, done.out, done.err)
                output += done.out + done.err
                commands += 1
    assert commands >= 9
    assert shown >= 10


def test_after_the_guide_only_confirmed_warnings_are_left(run: Run) -> None:
    """What the original got wrong stays visible; what a reading answers is settled by it."""
    run("rubric", "new", "demo-county-2026")
    for block in re.findall(r"^```yml\n(.*?)^```", guide(), flags=re.M | re.S):
        edit(block)
    (checked,) = run("rubric", "lint", RUBRIC, "--format", "json").json
    assert checked["problems"] == []
    left = {one["code"] for one in checked["warnings"] if one["settled_by"] is None}
    assert left == {"header_sum_differs", "repeats_without_floor", "reading_open"}
    settled = {one["code"]: one["settled_by"] for one in checked["warnings"] if one["settled_by"]}
    assert settled["variant_gap"] == "readings: mixed_school_loans"
    assert "partial_step" in settled["part_step_open"]
