"""The planner: no overlap, even gaps, fair shares, whatever the numbers are."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.speedtest.slots.plan import (
    DayPlan,
    Demand,
    Port,
    assign_servers,
    cells_of,
    place_late,
    plan_day,
)

DAY = date(2026, 11, 20)
MORNING = datetime(2026, 11, 20, 8, tzinfo=UTC)

needs = st.one_of(st.none(), st.floats(1, 20_000))
speeds = st.one_of(st.none(), st.sampled_from([100.0, 1000.0, 10_000.0]))
days = st.dates(date(2026, 1, 1), date(2027, 12, 31))


@st.composite
def counties(draw: st.DrawFn) -> tuple[list[Demand], list[Port]]:
    """Draw schools with needs and servers with ports."""
    schools = draw(st.lists(needs, min_size=1, max_size=90))
    ports = draw(st.lists(speeds, min_size=1, max_size=4))
    return (
        [Demand(f"s{n}", need) for n, need in enumerate(schools)],
        [Port(f"http://m{n}", speed) for n, speed in enumerate(ports)],
    )


def by_school(plan: DayPlan) -> dict[str, list[int]]:
    """Return the cells of each school, in order."""
    cells = defaultdict(list)
    for test in plan.tests:
        cells[test.school_id].append(test.cell)
    return {school_id: sorted(found) for school_id, found in cells.items()}


@given(counties(), days, st.integers(1, 500), st.integers(1, 48))
@settings(max_examples=200, deadline=None)
def test_any_county_is_planned_without_overlap_evenly_and_fairly(
    county: tuple[list[Demand], list[Port]], day: date, cells: int, wanted: int
) -> None:
    """One school per server and cell; equal counts; equal gaps; what does not fit is named."""
    demands, ports = county
    plan = plan_day(day, cells, demands, ports, wanted)
    assert len({(test.server, test.cell) for test in plan.tests}) == len(plan.tests)
    assert all(0 <= test.cell < cells for test in plan.tests)
    found = by_school(plan)
    assert {len(own) for own in found.values()} == {plan.per_school}
    assert set(found) | set(plan.left_out) == {demand.school_id for demand in demands}
    assert set(found) & set(plan.left_out) == set()
    for own in found.values():
        assert len({later - earlier for earlier, later in pairwise(own)}) <= 1
    fullest = max(Counter(assign_servers(day, demands, ports).values()).values())
    if fullest * wanted <= cells:
        assert plan.per_school == wanted
    if plan.left_out:
        assert (plan.per_school, fullest > cells) == (1, True)
    else:
        assert fullest * (plan.per_school + 1) > cells or plan.per_school == wanted


@given(counties(), days)
@settings(max_examples=200, deadline=None)
def test_ports_suffice_where_one_does_and_servers_are_used_evenly(
    county: tuple[list[Demand], list[Port]], day: date
) -> None:
    """A need is met by a wider port if there is one; without needs the spread is even."""
    demands, ports = county
    speed = {port.url: port.port_mbps for port in ports}
    for school_id, url in assign_servers(day, demands, ports).items():
        need = next(d.needed_mbps for d in demands if d.school_id == school_id)
        own = speed[url]
        if need is not None and own is not None and own <= need:
            assert all(other is not None and other <= own for other in speed.values())
    free = assign_servers(day, [Demand(d.school_id) for d in demands], ports)
    used = Counter({port.url: 0 for port in ports})
    used.update(free.values())
    assert max(used.values()) - min(used.values()) <= 1


@given(counties(), st.integers(1, 300), st.integers(1, 12), st.integers(0, 300))
@settings(max_examples=100, deadline=None)
def test_a_late_school_takes_only_free_cells(
    county: tuple[list[Demand], list[Port]], cells: int, wanted: int, first: int
) -> None:
    """It never collides with the plan, and its tests are as far apart as the others'."""
    demands, ports = county
    plan = plan_day(DAY, cells, demands, ports, wanted)
    taken = {
        port.url: frozenset(t.cell for t in plan.tests if t.server == port.url) for port in ports
    }
    late = place_late(DAY, cells, first, Demand("late"), ports, taken, plan.per_school)
    assert all(first <= test.cell < cells for test in late)
    assert not {(test.server, test.cell) for test in late} & {
        (test.server, test.cell) for test in plan.tests
    }
    gaps = {b.cell - a.cell for a, b in pairwise(late)}
    assert gaps <= {cells // plan.per_school}


def test_the_place_of_a_school_changes_from_day_to_day_and_is_the_same_again() -> None:
    """Deterministic for school and day; over thirty days all parts of a day slot are met."""
    demands = [Demand(f"s{n}") for n in range(60)]
    ports = [Port("http://m0")]

    def first_cell(n: int) -> int:
        plan = plan_day(DAY + timedelta(days=n), 414, demands, ports, 6)
        return by_school(plan)["s7"][0]

    places = [first_cell(n) for n in range(30)]
    assert places == [first_cell(n) for n in range(30)]
    assert {place * 3 // 69 for place in places} == {0, 1, 2}


def test_too_many_schools_take_turns() -> None:
    """When a day cannot hold one test each, nobody waits longer than the rotation needs."""
    demands = [Demand(f"s{n:03}") for n in range(100)]
    counts: Counter[str] = Counter()
    for n in range(50):
        plan = plan_day(DAY + timedelta(days=n), 30, demands, [Port("http://m0")], 6)
        assert len(plan.left_out) == 70
        counts.update(test.school_id for test in plan.tests)
    assert (min(counts.values()), max(counts.values())) == (15, 15)


def test_cells_lie_whole_within_school_hours() -> None:
    """No test begins that would run into the break."""
    spans = [(MORNING, MORNING + timedelta(minutes=10)), (MORNING, MORNING)]
    cells = cells_of(spans, 65)
    assert len(cells) == 9
    assert cells[-1] + timedelta(seconds=65) <= spans[0][1]
