"""What an alternative of a reading does to one case."""

from __future__ import annotations

from typing import Any

import pytest

from rubrics.engine import CaseError, evaluate, reread
from rubrics.loader import official_rubrics
from rubrics.model import Rubric
from rubrics.reading_effects import reading_effects

RUBRICS = ("zhongxian-inspection", "zhongxian-featured-school", "yuhuatai-informatization-2020")


def cases_of(rubric: Rubric) -> list[dict[str, Any]]:
    """Return the rubric's own worked cases that it can take."""
    found = []
    for example in rubric.examples:
        try:
            evaluate(rubric, example.case)
        except CaseError:
            continue
        found.append(dict(example.case))
    assert found
    return found


@pytest.mark.parametrize("rubric_id", RUBRICS)
def test_each_alternative_is_what_the_engine_makes_of_it(rubric_id: str) -> None:
    """The effect is the sheet with that one reading chosen; the one in use is left out."""
    rubric = official_rubrics()[rubric_id]
    case = cases_of(rubric)[0]
    name, choice = next(iter(rubric.readings.items()))
    case["readings"] = {**(case.get("readings") or {}), name: choice.default}
    found = {(one.reading, one.alternative): one.effect for one in
             reading_effects("s", rubric, case)}  # fmt: skip
    assert (name, choice.default) not in found
    for (reading, alternative), effect in list(found.items())[:5]:
        read = {**case, "readings": {**case["readings"], reading: alternative}}
        total = evaluate(rubric, read).to_json()["total"]
        assert effect.after is not None
        assert effect.after["proven"] == total["proven"]
        assert effect.after["possible"] == total["possible"]


@pytest.mark.parametrize("rubric_id", [*RUBRICS, "zhongxian-smart-campus-general"])
def test_a_case_read_again_is_the_case_scored_anew(rubric_id: str) -> None:
    """Scoring only what asks for the reading changes no figure, word or hash of the sheet."""
    rubric = official_rubrics()[rubric_id]
    for case in cases_of(rubric)[:1]:
        sheet = evaluate(rubric, case)
        for name, choice in rubric.readings.items():
            for alternative in choice.alternatives:
                chosen = {**(case.get("readings") or {}), name: alternative}
                anew = evaluate(rubric, {**case, "readings": chosen})
                assert reread(sheet, name, alternative).to_json() == anew.to_json()


@pytest.mark.parametrize("rubric_id", RUBRICS)
def test_choosing_never_takes_proven_points_from_an_open_case(rubric_id: str) -> None:
    """An undecided reading leaves an interval, and every alternative lies within it."""
    rubric = official_rubrics()[rubric_id]
    open_names = {
        name for name, choice in rubric.readings.items() if choice.when_not_chosen != "default"
    }
    for case in cases_of(rubric)[:2]:
        bare = {**case, "readings": {}}
        for one in reading_effects("s", rubric, bare):
            if one.reading in open_names and one.effect.gain is not None:
                assert one.effect.gain >= 0, (one.reading, one.alternative)
