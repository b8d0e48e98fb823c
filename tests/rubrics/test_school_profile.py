"""Who the school is decides which standard it is held to, so nothing about it is guessed."""

from typing import Any

import pytest

from rubrics.engine import CaseError, evaluate
from rubrics.loader import load_rubric

INSPECTION = load_rubric("zhongxian-inspection")
TWO_AIDS = {"C8": {"funds_in_place": True, "teaching_aids": 2}}


def c8(stages: list[str] | None) -> dict[str, Any]:
    """Score two teaching aids: enough for a primary school (2), one short for a secondary (3)."""
    school = {"kind": "general", "stages": stages}
    items = evaluate(INSPECTION, {"school": school, "entries": TWO_AIDS}).to_json()["items"]
    found: dict[str, Any] = items["C8"]
    return found


@pytest.mark.parametrize(
    ("stages", "points"), [(["primary"], "2"), (["junior"], "1.5"), (["junior", "senior"], "1.5")]
)
def test_the_stages_choose_the_standard(stages: list[str], points: str) -> None:
    """小学2件以上、中学3件以上."""
    assert c8(stages)["proven"] == points


@pytest.mark.parametrize("stages", [None, []])
def test_a_school_that_names_no_stage_is_not_taken_for_a_secondary_school(
    stages: list[str] | None,
) -> None:
    """The school file leaves `stages` empty until somebody fills it: unknown, not "no primary"."""
    item = c8(stages)
    assert (item["status"], item["proven"], item["possible"]) == ("pending", "0", "2")


def test_a_misspelt_stage_is_refused_with_the_nearest() -> None:
    """Taken as it stands, `primery` would cost a primary school half a point."""
    with pytest.raises(CaseError, match=r"school\.stages\[1\]: .*`primery`; did you mean `primary"):
        c8(["junior", "primery"])
