"""What the alternatives of readings do to a county, added up case by case."""

from __future__ import annotations

from typing import Any

from collector.summaries.reading_tally import ReadingTally
from rubrics.loader import official_rubrics


def test_a_county_is_added_up() -> None:
    """Cases, extremes and the most changed schools; a refused case counts for nothing."""
    rubric = official_rubrics()["yuhuatai-informatization-2020"]
    tally, cases = ReadingTally(rubric), [example.case for example in rubric.examples[:3]]
    for number, case in enumerate(cases):
        tally.add(f"s{number}", case)
    tally.refuse()
    document: Any = tally.document()
    assert (document["cases"], document["refused"]) == (len(cases), 1)
    assert document["readings"].keys() == rubric.readings.keys()
    seen = 0
    for name, reading in document["readings"].items():
        assert reading["alternatives"].keys() == rubric.readings[name].alternatives.keys()
        for one in reading["alternatives"].values():
            assert one["changed"] <= len(cases)
            assert len(one["cases"]) == min(one["changed"], 10)
            assert (one["changed"] == 0) == (one["cases"] == [])
            seen += one["changed"]
    assert seen > 0
