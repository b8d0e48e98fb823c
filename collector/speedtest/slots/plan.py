"""Laying out one day of tests: even for every school, never two schools on one server. Pure.

School time of the day is cut into cells, each long enough for one test. The cells are dealt into
as many equal parts as there are tests a day, and a school has the same place in each part: its
tests are equally far apart in school time. The place is drawn anew for each school and day, from a
hash and so the same after every restart. In statistics this is systematic sampling with a random
start: over the days every minute of school is as likely as any other, and no day clumps, as
independent random times do (m-lab/murakami#111: four tests in an hour, then none for four).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Demand:
    """A school that wants tests. `needed_mbps` None: unknown, any server will do."""

    school_id: str
    needed_mbps: float | None = None


@dataclass(frozen=True, slots=True)
class Port:
    """A measurement server. `port_mbps` None: unknown, trusted to suffice."""

    url: str
    port_mbps: float | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """One test: `cell` is its position in the day's cells."""

    school_id: str
    server: str
    cell: int


@dataclass(frozen=True, slots=True)
class DayPlan:
    """The tests of a day. `per_school` is smaller than wanted when the day cannot hold them.

    `left_out` got none, because a server has more schools than the day has cells; the next days
    begin with them.
    """

    tests: tuple[Placed, ...]
    per_school: int
    left_out: tuple[str, ...] = ()


def cells_of(spans: Iterable[tuple[datetime, datetime]], cell_s: float) -> list[datetime]:
    """Return the start of each cell that fits whole into one of the spans, in order."""
    cell = timedelta(seconds=cell_s)
    return [
        start + n * cell for start, stop in spans for n in range(max(0, int((stop - start) / cell)))
    ]


def suitable(needed_mbps: float | None, ports: Sequence[Port]) -> list[Port]:
    """Return the servers whose port exceeds the need; if none does, those with the widest port.

    A test through too narrow a port is still worth having: the agent says that the server was the
    limit, and what it reached is a lower bound.
    """
    wide = [
        port
        for port in ports
        if port.port_mbps is None or needed_mbps is None or port.port_mbps > needed_mbps
    ]
    if wide or not ports:
        return wide
    widest_mbps = max(port.port_mbps or 0.0 for port in ports)
    return [port for port in ports if port.port_mbps == widest_mbps]


def assign_servers(day: date, demands: Iterable[Demand], ports: Sequence[Port]) -> dict[str, str]:
    """Return the server of each school: wide enough, and as evenly spread as that allows.

    Schools with the greatest need choose first, each the least used of its suitable servers.
    """
    used = dict.fromkeys((port.url for port in ports), 0)
    chosen: dict[str, str] = {}
    for demand in sorted(demands, key=lambda d: (-(d.needed_mbps or 0.0), _lot(day, d.school_id))):
        choice = min(
            suitable(demand.needed_mbps, ports), key=lambda p: (used[p.url], _lot(day, p.url))
        )
        used[choice.url] += 1
        chosen[demand.school_id] = choice.url
    return chosen


def plan_day(
    day: date, cells: int, demands: Sequence[Demand], ports: Sequence[Port], wanted: int
) -> DayPlan:
    """Place `wanted` tests of every school into the day's cells, or equally many fewer.

    Overload is shared: all schools get the same number, the most that the fullest server holds;
    where not even one each fits, the schools take turns from day to day.
    """
    if not cells or not ports or not demands or wanted < 1:
        return DayPlan((), 0, tuple(sorted(demand.school_id for demand in demands)))
    groups: dict[str, list[str]] = {port.url: [] for port in ports}
    for school_id, url in assign_servers(day, demands, ports).items():
        groups[url].append(school_id)
    most = max(map(len, groups.values()))
    per_school = max(1, min(wanted, cells // most))
    left_out: list[str] = []
    tests: list[Placed] = []
    for url, members in groups.items():
        chosen, waiting = _turns(day, members, cells)
        left_out += waiting
        part = cells // per_school
        for rank, school_id in enumerate(sorted(chosen, key=lambda s: _lot(day, s))):
            place = rank * part // len(chosen)
            tests += [Placed(school_id, url, n * part + place) for n in range(per_school)]
    return DayPlan(tuple(tests), per_school, tuple(sorted(left_out)))


def place_late(
    day: date,
    cells: int,
    first: int,
    demand: Demand,
    ports: Sequence[Port],
    taken: Mapping[str, frozenset[int]],
    per_school: int,
) -> list[Placed]:
    """Return tests for a school that came after the day was planned, from cell `first` on.

    They are as far apart as those of the others and take only cells that are free; the list is
    empty where there is no such row of cells. `taken` holds the used cells by server.
    """
    if per_school < 1 or cells < per_school:
        return []
    part = cells // per_school
    free_first = sorted(
        suitable(demand.needed_mbps, ports), key=lambda p: len(taken.get(p.url, frozenset()))
    )
    for port in free_first:
        used = taken.get(port.url, frozenset())
        for place in sorted(range(part), key=lambda n: _lot(day, f"{demand.school_id} {n}")):
            row = [n * part + place for n in range(per_school) if n * part + place >= first]
            if row and used.isdisjoint(row):
                return [Placed(demand.school_id, port.url, cell) for cell in row]
    return []


def _turns(day: date, members: Sequence[str], cells: int) -> tuple[list[str], list[str]]:
    """Return who tests on this day and who waits, in a rotation that leaves nobody behind."""
    if len(members) <= cells:
        return list(members), []
    circle = sorted(members)
    begin = day.toordinal() * cells % len(circle)
    turned = circle[begin:] + circle[:begin]
    return turned[:cells], turned[cells:]


def _lot(day: date, name: str) -> bytes:
    return hashlib.sha256(f"{day.isoformat()} {name}".encode()).digest()
