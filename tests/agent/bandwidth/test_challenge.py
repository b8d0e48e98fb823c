"""Is it the line? Every finding from the rates it rests on, and none without."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.bandwidth.challenge import (
    FEW_CONNECTIONS,
    Finding,
    Load,
    by_addresses,
    by_connections,
    more_connections,
    rises,
)

rates = st.floats(1e5, 1e10)
counts = st.integers(6, 16)


@given(rates, counts, st.floats(0.97, 1.03), st.floats(0.97, 1.03))
def test_a_line_that_carries_the_same_is_not_suspected(
    rate: float, count: int, with_more: float, with_few: float
) -> None:
    """Some percent up or down are scatter."""
    first = Load(rate, count)
    more = Load(rate * with_more, more_connections(count))
    assert by_connections(first, more, Load(rate * with_few, FEW_CONNECTIONS)) is None


@given(rates, counts)
def test_a_limit_for_each_connection_is_found(each: float, count: int) -> None:
    """Whatever the rate, connections that never get more are held one by one."""
    doubled = more_connections(count)
    loads = [Load(each * n, n) for n in (count, doubled, FEW_CONNECTIONS)]
    assert by_connections(*loads) == Finding("per_ip_limit", "connection")


@given(rates, counts, st.integers(1, 8))
def test_competing_connections_are_cross_traffic(line: float, own: int, others: int) -> None:
    """Every connection of a full line gets the same part: few own ones get little of it."""
    loads = [
        Load(line * n / (n + others), n) for n in (own, more_connections(own), FEW_CONNECTIONS)
    ]
    assert by_connections(*loads) == Finding("cross_traffic")


def test_few_connections_on_an_idle_line_prove_nothing() -> None:
    """Two connections that have not grown yet leave the line empty: nobody else has it."""
    few = Load(40.0, FEW_CONNECTIONS, is_full=False)
    assert by_connections(Load(100.0, 8), Load(100.0, 16), few) is None


def test_a_rate_that_rises_by_itself_is_unstable() -> None:
    """More with more, but also with few: not the number of connections made the difference."""
    assert by_connections(Load(50.0, 8), Load(80.0, 16), Load(80.0, 2)) == Finding("unstable")


def test_a_rise_within_its_own_margin_is_none() -> None:
    """2.5 s over 2 Mbit/s read 2.105 ± 17 % after a first test of 1.998: it has not changed."""
    more = Load(2.105, 16, margin_ratio=0.17)
    assert by_connections(Load(1.998, 8), more, Load(1.912, 2)) is None


def test_questions_that_could_not_be_asked_show_nothing() -> None:
    """The bounds of a test may leave no room for them."""
    assert by_connections(Load(50.0, 8), None, None) is None


@pytest.mark.parametrize(
    ("again", "cause"), [(30.2, "per_ip_limit"), (29.1, "per_ip_limit"), (60.0, "unstable")]
)
def test_a_limit_per_address_needs_the_first_rate_again(again: float, cause: str) -> None:
    """Only when the first address alone is as slow as before was it the second that helped."""
    first = Load(30.0, 8)
    assert rises(first, Load(60.0, 16))
    assert by_addresses(first, Load(again, 8)).cause == cause
