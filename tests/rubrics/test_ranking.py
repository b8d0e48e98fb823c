"""Prizes by rank: counts by hand, ties, open totals, and what holds for every cohort."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rubrics.ranking import Interval, propose_prizes


def cohort(*totals: int) -> dict[str, Interval]:
    """Return schools a, b, c … with settled totals."""
    return {
        chr(ord("a") + index): Interval(Fraction(total), Fraction(total))
        for index, total in enumerate(totals)
    }


def test_ten_schools_share_three_prizes_or_nine() -> None:
    """30 % of ten: one of each prize together; three of each where each level has 30 %."""
    schools = cohort(*range(100, 90, -1))  # a has 100, j has 91
    together = propose_prizes(schools, "together")
    assert together.last_places == {"first": 1, "second": 2, "third": 3}
    assert [one.best_level for one in together.standings.values()][:4] == [
        "first",
        "second",
        "third",
        None,
    ]
    each = propose_prizes(schools, "each")
    assert each.last_places == {"first": 3, "second": 6, "third": 9}
    assert each.standings["i"].best_level == "third"
    assert each.standings["j"].best_level is None


def test_numbers_are_rounded_from_the_top_down() -> None:
    """17 schools: 17 × 10 % = 1.7 → 2, 17 × 20 % = 3.4 → 3, 17 × 30 % = 5.1 → 5."""
    proposal = propose_prizes(cohort(*range(17)), "together")
    assert proposal.last_places == {"first": 2, "second": 3, "third": 5}


def test_equal_totals_share_the_better_place_and_a_full_level_is_reported() -> None:
    """Two schools at 98 for one second prize: both second, and the district is told."""
    standings = propose_prizes(cohort(99, 98, 98, *range(80, 87)), "together").standings
    assert [(standings[name].best_place, standings[name].best_level) for name in "abc"] == [
        (1, "first"),
        (2, "second"),
        (2, "second"),
    ]
    assert standings["b"].tied_across_bound
    assert standings["c"].tied_across_bound
    assert not standings["a"].tied_across_bound


def test_an_open_total_leaves_open_only_the_prizes_it_can_change() -> None:
    """B may end at 85 to 100: it can pass a, but not fall behind d at 80."""
    schools = cohort(99, 0, 90, 80, 70, 60, 50, 40, 30, 20)
    schools["b"] = Interval(Fraction(85), Fraction(100))
    standings = propose_prizes(schools, "together").standings
    assert (standings["b"].best_level, standings["b"].worst_level) == ("first", "third")
    assert (standings["a"].best_place, standings["a"].worst_place) == (1, 2)
    assert (standings["c"].best_level, standings["c"].worst_level) == ("second", "third")
    assert standings["d"].settled
    assert standings["d"].best_level is None


def test_wrong_input_is_refused() -> None:
    """A share of nothing, or a total whose ends are swapped, is an error."""
    with pytest.raises(ValueError, match="share 0 is outside"):
        propose_prizes(cohort(1), "each", share=Fraction(0))
    with pytest.raises(ValueError, match="proven 2 exceeds possible 1"):
        Interval(Fraction(2), Fraction(1))
    assert propose_prizes({}, "together").standings == {}


ENDS = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted)


@given(st.lists(ENDS, min_size=1, max_size=14), st.sampled_from(["together", "each"]), st.data())
def test_every_way_the_open_totals_end_lies_within_the_proposal(
    ends: list[list[int]], reading: str, data: st.DataObject
) -> None:
    """Settle every open total somewhere in its interval: place and prize stay in the range."""
    schools = {f"s{i}": Interval(Fraction(a), Fraction(b)) for i, (a, b) in enumerate(ends)}
    final = {
        f"s{i}": Fraction(data.draw(st.integers(a, b), label=f"s{i}"))
        for i, (a, b) in enumerate(ends)
    }
    open_ = propose_prizes(schools, reading)  # type: ignore[arg-type]  # sampled from both words
    settled = propose_prizes(
        {name: Interval(total, total) for name, total in final.items()},
        reading,  # type: ignore[arg-type]  # sampled from both words
    )
    for name, total in final.items():
        place = 1 + sum(other > total for other in final.values())
        now = settled.standings[name]
        assert now.best_place == now.worst_place == place
        before = open_.standings[name]
        assert before.best_place <= place <= before.worst_place
        if before.settled:
            assert now.best_level == before.best_level
