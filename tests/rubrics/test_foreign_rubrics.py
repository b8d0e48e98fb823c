"""Rubrics unlike the official ones: expressed as data, without a line of Python for them."""

from pathlib import Path

import pytest

from rubrics.engine import evaluate
from rubrics.examples import run_examples
from rubrics.lint import lint_rubric
from rubrics.loader import load_rubric, official_paths

FILES = sorted((Path(__file__).parents[1] / "data").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_foreign_rubric_passes_as_it_is(path: Path) -> None:
    """It loads, its hand-worked examples come out, and it is no official file in disguise."""
    rubric = load_rubric(path)
    assert len(rubric.examples) >= 3
    assert run_examples(rubric) == []
    assert rubric.id not in official_paths()
    assert all(warning.code != "points_out_of_reach" for warning in lint_rubric(rubric))


def test_three_ways_of_scoring_are_there() -> None:
    """Weights with means of respondents; gates, minimums and grades; levels of bullets."""
    types = {path.stem: {item.rule.type for item in load_rubric(path).items()} for path in FILES}
    assert types["survey-weighted"] >= {"average", "grade", "interpolate"}
    assert types["levels"] == {"level"}
    gated = load_rubric(next(path for path in FILES if path.stem == "gated-acceptance"))
    assert any(item.gate for item in gated.items())
    assert all(section.minimum for section in gated.sections)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nothing_known_proves_nothing(path: Path) -> None:
    """The laws of the engine hold for rubrics that nobody had in mind when it was written."""
    rubric = load_rubric(path)
    sheet = evaluate(rubric, {"school": {"kind": "general"}})
    assert sheet.proven == 0
    assert sheet.possible == rubric.total_printed_max
    assert sheet.status == "provisional"
