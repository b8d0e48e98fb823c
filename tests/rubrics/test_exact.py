"""Numbers stay what was written."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubrics.exact import decimal_text, exact, exact_sum, rounded
from rubrics.units import UNITS, convertible, unit

DECIMALS = st.decimals(-(10**9), 10**9, places=6, allow_nan=False)


@given(DECIMALS)
def test_decimal_text_is_the_number(number: Decimal) -> None:
    """What is written reads back as the same number, without padding."""
    text = decimal_text(Fraction(number))
    assert exact(text) == Fraction(number)
    assert "." not in text or not text.endswith(("0", "."))


@given(st.lists(st.fractions(max_denominator=1000), max_size=30))
def test_sum_is_the_plain_sum(numbers: list[Fraction]) -> None:
    """The fast sum and the slow one agree."""
    assert exact_sum(numbers) == sum(numbers, Fraction(0))


@given(st.fractions(max_denominator=10**6), st.integers(0, 6))
def test_rounding_is_nearest(number: Fraction, places: int) -> None:
    """A rounded number is within half a last place."""
    assert abs(rounded(number, places) - number) <= Fraction(1, 2 * 10**places)


@pytest.mark.parametrize(("number", "places", "text"), [("0.125", 2, "0.13"), ("-2.5", 0, "-3")])
def test_half_goes_away_from_zero(number: str, places: int, text: str) -> None:
    """Halves are rounded as people do by hand."""
    assert decimal_text(rounded(exact(number), places)) == text


def test_thirds_are_shown_to_six_places() -> None:
    """A number without an end is cut for show only."""
    assert decimal_text(Fraction(1, 3)) == "0.333333"


def test_json_float_means_what_it_prints() -> None:
    """A float of a JSON case stands for its shortest decimal form."""
    assert exact(0.1) == Fraction(1, 10)


@pytest.mark.parametrize(
    "wrong", ["", "abc", "1_000", "0x10", "1e9999", "1e41", "1E-41", "nan", "９", True, None, []]
)
def test_what_is_no_number_is_refused(wrong: object) -> None:
    """Nothing is guessed into a number."""
    with pytest.raises(ValueError, match="number"):
        exact(wrong)


def test_units_convert_exactly() -> None:
    """Decimal prefixes; shares and counts never compare."""
    assert unit("Gbit/s").factor / unit("kbit/s").factor == 10**6
    assert unit("h") is UNITS["hour"]
    assert convertible(unit("percent"), unit("per_person"))
    assert not convertible(unit("percent"), unit("count"))
    with pytest.raises(ValueError, match="did you mean"):
        unit("Mbits")
