"""What a case gives must be right; what it does not give is unknown."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rubrics.engine import CaseError, WrongSchoolError, evaluate
from rubrics.loader import load_rubric, parse_rubric

RUBRIC = parse_rubric(Path(__file__).with_name("mixed.yaml").read_text(encoding="utf-8"))
GENERAL = load_rubric("zhongxian-smart-campus-general")
PROFILE = load_rubric("zhongxian-smart-campus-profile")


def refused(case: dict[str, Any]) -> str:
    """Score a case that must be refused."""
    with pytest.raises(CaseError) as caught:
        evaluate(RUBRIC, {"school": {"kind": "general"}, **case})
    return str(caught.value)


@pytest.mark.parametrize(
    ("case", "says"),
    [
        (
            {"entries": {"deduct": {"mising": 1}}},
            "entries.deduct.mising: unknown entry `mising`; did you mean `missing`?",
        ),
        ({"entries": {"dedukt": {"missing": 1}}}, "did you mean `deduct`?"),
        ({"entries": {"deduct": {"missing": -1}}}, "entries.deduct.missing: -1 is outside 0–…"),
        ({"entries": {"deduct": {"missing": 1.5}}}, "not a whole number"),
        ({"entries": {"deduct": {"rate": 100.1}}}, "entries.deduct.rate: 100.1 is outside 0–100"),
        ({"entries": {"deduct": {"late": "yes"}}}, "entries.deduct.late: must be true or false"),
        ({"entries": {"deduct": {"missing": "three"}}}, "'three' is not a decimal number"),
        ({"entries": {"deduct": {"missing": True}}}, "true/false is not a number"),
        ({"entries": {"average": {"marks": [3, 6]}}}, "entries.average.marks[1]: 6 is outside 1–5"),
        ({"stages": {"official": {"judge": "5.5"}}}, "stages.official.judge: 5.5 is outside 0–5"),
        ({"stages": {"official": {"judge": "4.7"}}}, "4.7 is no multiple of 0.5"),
        ({"stages": {"offical": {"judge": 1}}}, "did you mean `official`?"),
        ({"readings": {"partial_step": "flor"}}, "did you mean `floor`?"),
        ({"entires": {}}, "did you mean `entries`?"),
        ({"school": {"kind": "general", "students": -3}}, "school.students: -3 is not a count"),
        (
            {"school": {"kind": "genral"}},
            "unknown kind of school `genral`; did you mean `general`?",
        ),
        ({"school": {"kind": "general", "student": 3}}, "did you mean `students`?"),
        ({"school": {"kind": "general", "stages": "primary"}}, "school.stages: must be a list"),
    ],
)
def test_wrong_value_is_refused_by_name(case: dict[str, Any], says: str) -> None:
    """A value that cannot be is an error naming item and field; it is never clipped."""
    assert says in refused(case)


def test_every_wrong_value_is_named() -> None:
    """One refusal lists all that is wrong."""
    message = refused({"entries": {"deduct": {"missing": -1, "rate": 101}}})
    assert "missing" in message
    assert "rate" in message


@pytest.mark.parametrize("unknown", [{}, {"missing": None}])
def test_null_and_absent_mean_unknown(unknown: dict[str, Any]) -> None:
    """An empty field leaves the item between nothing and everything."""
    sheet = evaluate(RUBRIC, {"school": {"kind": "general"}, "entries": {"deduct": unknown}})
    item = sheet.to_json()["items"]["deduct"]
    assert (item["status"], item["proven"], item["possible"]) == ("pending", "0", "3")


def test_text_numbers_keep_every_digit() -> None:
    """A rate given as text is used exactly."""
    case = {
        "school": {"kind": "general"},
        "entries": {"deduct": {"missing": 0, "late": False, "held": True, "rate": "94.9999999999"}},
        "readings": {"partial_step": "ceil"},
    }
    assert evaluate(RUBRIC, case).to_json()["items"]["deduct"]["proven"] == "2.5"


def test_rubric_refuses_another_kind_of_school() -> None:
    """A vocational school is not scored with the form of ordinary schools, and is told why."""
    with pytest.raises(WrongSchoolError, match="general"):
        evaluate(GENERAL, {"school": {"kind": "vocational"}})


def test_unknown_kind_is_scored_with_a_warning() -> None:
    """A missing key is unknown, not wrong."""
    assert evaluate(GENERAL, {}).to_json()["warnings"] == ["school_kind_unknown"]


CAPACITY = {"value": 480, "unit": "Mbit/s", "samples": 60, "days": 14}


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"indicators": {"outlet_capcity": CAPACITY}}, "did you mean `outlet_capacity`?"),
        (
            {"indicators": {"outlet_capacity": {**CAPACITY, "limitd_by": ["nic"]}}},
            "indicators.outlet_capacity.limitd_by: unknown key",
        ),
        ({"facts": {"contracted_mbp": 1000}}, "did you mean `contracted_mbps`?"),
    ],
)
def test_a_slip_in_what_was_measured_or_declared_is_refused(
    part: dict[str, Any], says: str
) -> None:
    """Without its `limited_by` a measurement held back by its own card would fail the line."""
    with pytest.raises(CaseError, match=re.escape(says)):
        evaluate(GENERAL, {"school": {"kind": "general"}, **part})


def test_measurements_for_other_rubrics_are_no_slips() -> None:
    """One case file serves every rubric: what this one does not use passes by."""
    other = {"device_online_share": {"value": 1, "unit": "ratio"}, "noise_level": {"value": 3}}
    assert "device_online_share" not in GENERAL.indicators
    sheet = evaluate(GENERAL, {"school": {"kind": "general"}, "indicators": other})
    assert sheet.to_json()["total"]["status"] == "provisional"


@pytest.mark.parametrize("category", ["general", "普通中小学校"])
def test_a_choice_is_taken_by_id_or_by_the_words_of_the_form(category: str) -> None:
    """The paper form offers 中职学校 and 普通中小学校; both spellings give one answer."""
    case = {"school": {"kind": "general"}, "entries": {"f2": {"school_category": category}}}
    finding = evaluate(PROFILE, case).to_json()["items"]["f2"]["findings"][0]
    assert (finding["result"], finding["value"]) == ("met", "general")


@pytest.mark.parametrize("unit", ["Gbit/s", "MB", None, "Mbps"])
def test_indicator_in_another_unit_is_refused(unit: str | None) -> None:
    """980 Gbit/s must not pass for 980 Mbit/s."""
    case = {
        "school": {"kind": "general"},
        "indicators": {"outlet_capacity": {"value": 980, "unit": unit}},
    }
    with pytest.raises(CaseError, match=r"indicators\.outlet_capacity\.unit"):
        evaluate(GENERAL, case)


def test_origin_of_an_imported_entry_is_kept() -> None:
    """An entry may say where it comes from; the finding repeats it."""
    case = {
        "school": {"kind": "general", "students": 100, "staff": 0},
        "entries": {
            "1": {"wired_points": {"value": 120, "kind": "imported", "as_of": "2026-09-01"}}
        },
    }
    findings = evaluate(GENERAL, case).to_json()["items"]["1"]["findings"]
    found = next(one for one in findings if one["id"] == "1b")
    assert found["result"] == "met"
    assert found["origin"] == {"kind": "imported", "name": "wired_points", "as_of": "2026-09-01"}


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**50), 10**50),
        st.floats(),
        st.text(max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def damaged_cases(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a case of the right outline with anything in any place."""
    fields = ("value", "unit", "samples", "days", "coverage", "limited_by", "observed", "reason")
    indicator = {name: draw(JSON) for name in fields if draw(st.booleans())}
    indicator.setdefault("unit", "Mbit/s")
    case: dict[str, Any] = {
        "school": {
            name: draw(JSON)
            for name in ("students", "staff", "classes", "stages", "award_level", "setting")
            if draw(st.booleans())
        },
        "indicators": {"outlet_capacity": indicator},
        "facts": {"contracted_mbps": draw(JSON)},
        "entries": {"1": {"wired_points": draw(JSON), "ap_load_sufficient": draw(JSON)}},
        "stages": draw(JSON),
        "readings": {"kbps": draw(JSON)},
    }
    damaged = draw(st.sampled_from([*case, "none"]))
    if damaged in case:
        case[damaged] = draw(JSON)
    return case


@given(damaged_cases())
@settings(max_examples=300, deadline=None)
def test_no_case_can_crash_the_engine(case: dict[str, Any]) -> None:
    """Whatever a file holds, the engine scores it or names what is wrong."""
    status, problems = None, ()
    try:
        status = evaluate(GENERAL, case).to_json()["total"]["status"]
    except CaseError as error:
        problems = error.problems
    assert status == "provisional" or problems
