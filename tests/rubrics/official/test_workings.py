"""What a headmaster redoes by hand: cut numbers, units people know, never a contradiction."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rubrics.engine import evaluate
from rubrics.exact import significant
from rubrics.loader import load_rubric

RUBRIC = load_rubric("zhongxian-smart-campus-general")
HEADROOM = {"unit": "ratio", "samples": 9000, "days": 12, "coverage": 0.9, "limited_by": []}


def sheet(heads: int = 1290, **case: Any) -> dict[str, Any]:
    """Score a primary school."""
    school = {"kind": "general", "stages": ["primary"], "students": heads, "staff": 0}
    return evaluate(RUBRIC, {"school": school, **case}).to_json()


def finding(item: str, criterion: str, heads: int = 1290, **case: Any) -> dict[str, Any]:
    """Return one finding of a scored primary school."""
    findings = sheet(heads, **case)["items"][item]["findings"]
    found: dict[str, Any] = next(one for one in findings if one["id"] == criterion)
    return found


def storage(size: int, heads: int = 1290) -> dict[str, Any]:
    """Return the finding on storage per head."""
    volumes = {"value": size, "unit": "B", "samples": 10, "limited_by": []}
    return finding("3", "3c", heads, indicators={"storage_usable_bytes": volumes})


@pytest.mark.parametrize(
    ("value", "working"),
    [
        (0.0315789473682, "≈ 3.15789 % < 30 %"),
        (0.3, "30 % ≥ 30 %"),
        ("0.2999999999", "29.99999999 % < 30 %"),
        (0, "0 % < 30 %"),
    ],
)
def test_shares_are_written_in_percent(value: float | str, working: str) -> None:
    """Six digits, more where six would turn the sign around; the value itself stays exact."""
    found = finding("3", "3b", indicators={"server_headroom": {**HEADROOM, "value": value}})
    assert found["working"] == found["working_en"] == working
    assert Fraction(found["value"]) == Fraction(str(value))


def test_storage_is_written_in_gigabytes() -> None:
    """Nobody counts a volume in bytes."""
    assert storage(108_944_293_888)["working"] == "108.944 GB ÷ 1290 ≈ 0.0844529 GB < 5 GB"
    assert storage(9_750 * 10**9, 1950)["working"] == "9750 GB ÷ 1950 = 5 GB ≥ 5 GB"
    entered = finding("3", "3c", 1950, entries={"3": {"usable_gb": 9750}})
    assert entered["working"] == "9750 GB ÷ 1950 = 5 GB ≥ 5 GB"


def test_one_byte_short_reads_as_short() -> None:
    """One byte less than 5 GB a head is not written as `5 < 5`."""
    found = storage(9_750 * 10**9 - 1, 1950)
    assert found["result"] == "not_met"
    assert found["working"].startswith("9749.999999999 GB ÷ 1950 ≈ 4.999999999")
    assert found["working"].endswith(" < 5 GB")


@settings(deadline=None)
@given(st.integers(1, 10**15), st.integers(1, 5000))
def test_a_working_never_contradicts_its_verdict(size: int, heads: int) -> None:
    """The shown result stands to the shown bound as the exact one does."""
    found = storage(size, heads)
    value, sign, _ = found["working"].partition(" ≥ ")
    if not sign:
        value = found["working"].partition(" < ")[0]
    shown = Fraction(value.split()[-2])
    assert (shown >= 5) == (found["result"] == "met") == bool(sign)


def test_shares_of_entries_are_percent_too() -> None:
    """20 of 24 rooms; a number without an end is marked."""
    entries = {"4": {"classrooms": 24, "multimedia_rooms": 20}}
    assert finding("4", "4a", entries=entries)["working"] == "20 ÷ 24 ≈ 83.3333 % ≥ 80 %"


def test_only_the_reading_that_matters_is_told() -> None:
    """K decides 1e; the reading about rooms is another criterion's and is left out."""
    outlet = {"value": 998.4, "unit": "Mbit/s", "samples": 60, "days": 14, "limited_by": []}
    scored = sheet(1950, indicators={"outlet_capacity": outlet})["items"]["1"]
    found = next(one for one in scored["findings"] if one["id"] == "1e")
    assert found["alternatives"] == {"kbps=1000": "met", "kbps=1024": "not_met"}
    assert found["working"].count("1950") == 2
    assert scored["working"].count("1b:") == 1


@given(st.fractions(max_denominator=10**9), st.integers(1, 12))
def test_significant_digits_are_near_and_few(number: Fraction, digits: int) -> None:
    """At most half a unit of the last kept digit away, and stable when cut again."""
    cut = significant(number, digits)
    assert abs(cut - number) * 2 * 10 ** (digits - 1) <= abs(number)
    assert significant(cut, digits) == cut
