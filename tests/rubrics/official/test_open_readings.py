"""C20 before the bureau has read it: what each reading would make of it, by name."""

from typing import Any

import pytest

from rubrics.engine import evaluate
from rubrics.loader import load_rubric

INSPECTION = load_rubric("zhongxian-inspection")
READING = "c20_letters_and_incidents"


def c20(signed: bool, incidents: int) -> dict[str, Any]:
    """Score a school that is linked to the county platform."""
    entries = {
        "linked_to_county_platform": True,
        "responsibility_letters_signed": signed,
        "incidents": incidents,
    }
    case = {"school": {"kind": "general"}, "entries": {"C20": entries}}
    item: dict[str, Any] = evaluate(INSPECTION, case).to_json()["items"]["C20"]
    return item


def test_a_clause_of_one_reading_is_told_under_that_reading() -> None:
    """The 2 points for "either" stand beside the reading that takes them."""
    item = c20(signed=False, incidents=0)
    assert (item["status"], item["proven"], item["possible"]) == ("needs_reading", "1", "3")
    finding = next(one for one in item["findings"] if one["id"] == "letters-or-incident")
    assert (finding["result"], finding["reason"]) == ("insufficient", "reading_required")
    assert finding["alternatives"] == {f"{READING}=either": "not_met"}
    assert finding["working"] == f"[{READING}=either] 2"


@pytest.mark.parametrize(("signed", "incidents"), [(False, 0), (True, 1), (False, 2)])
def test_no_alternative_goes_without_its_reading(signed: bool, incidents: int) -> None:
    """An official must see which choice leads to which result."""
    for finding in c20(signed, incidents)["findings"]:
        for label in finding.get("alternatives", {}):
            assert label.startswith(f"{READING}=")


def test_what_is_in_order_under_every_reading_is_met() -> None:
    """Signed letters and no incident: no clause of any reading is short of evidence."""
    item = c20(signed=True, incidents=0)
    assert (item["proven"], item["possible"]) == ("3", "3")
    assert {finding["result"] for finding in item["findings"]} == {"met"}
