"""Building the example county into the stores."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Protocol

from collector.domain import (
    Act,
    Agent,
    Batch,
    EnrolmentCode,
    Fact,
    Key,
    School,
    Scope,
    StoredReading,
)
from collector.example.measurements import Readings, Term
from collector.example.networks import Network, Reporting, network
from collector.example.places import schools, townships
from collector.storage.ports import IdentityRecords, SchoolRecords, SeriesStore, TimeSpan
from rubrics import __version__

_READINGS_PER_BATCH = 5000
_AUTHOR = "example"

Hours = Callable[[datetime, datetime], list[TimeSpan]]
"""The hours of school between two times, as the county's calendar has them."""
DayStart = Callable[[date], datetime]


class ExampleRecords(SchoolRecords, IdentityRecords, Protocol):
    """The records that an example county is written to."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How large the county should be. The same seed gives the same county."""

    schools: int = 60
    days: int = 28
    seed: int = 1


def build(
    records: ExampleRecords,
    series: SeriesStore,
    wish: Wish,
    now: datetime,
    hours: Hours,
    day_start: DayStart,
    progress: Callable[[int, int], None],
) -> list[School]:
    """Write townships, schools, declared facts and measurements up to `now`; returns the schools.

    `progress` gets how many schools are done, and of how many. A school that is there already is
    updated and measured once more under another agent.
    """
    random = Random(wish.seed)  # noqa: S311  # an example, no secret
    act = Act("system", now, "example.build", "example county")
    for township in townships():
        records.put_township(township, act)
    as_of = (now - timedelta(days=200)).date()
    built = list(schools(wish.schools, as_of, random))
    networks = [network(school, random) for school in built]  # the same for any number of days
    term = _term(now, wish.days, hours, day_start)
    for number, (school, drawn) in enumerate(zip(built, networks, strict=True)):
        progress(number, len(built))
        records.put_school(school, act)
        for fact in _facts(school, drawn, as_of, now):
            records.add_fact(fact, act)
        if drawn.reporting is not Reporting.NOT_INSTALLED:
            _measure(records, series, school, drawn, term, now, random)
    progress(len(built), len(built))
    return built


def _term(now: datetime, days: int, hours: Hours, day_start: DayStart) -> Term:
    since = now - timedelta(days=days)
    first = day_start(since.date())
    return Term(
        hours=[(span.start, span.stop) for span in hours(first, now)],
        days=[first + timedelta(days=n) for n in range(days + 1)],
    )


def _facts(school: School, drawn: Network, as_of: date, now: datetime) -> Iterator[Fact]:
    declared = {
        "contracted_mbps": drawn.contracted_mbps,
        "backbone_links": drawn.backbone_links,
        "servers": drawn.servers,
        "wireless_points": drawn.survey_points,
    }
    for name, value in declared.items():
        yield Fact(school.id, name, str(value), as_of, _AUTHOR, now)


def _measure(
    records: ExampleRecords,
    series: SeriesStore,
    school: School,
    drawn: Network,
    term: Term,
    now: datetime,
    random: Random,
) -> None:
    for number in range(drawn.servers):
        if drawn.reporting is Reporting.NEVER:
            _enrol(records, school, number, term.days[0], seen=None)
            continue
        last = now
        if drawn.reporting is Reporting.SILENT:
            last = now - timedelta(days=drawn.silent_days)
        agent_id = _enrol(records, school, number, term.days[0], seen=last)
        made = Readings(drawn, random).of_term(term)
        readings = [one for one in made if one.time < last and (number == 0 or _is_local(one))]
        series.apply_batches(_batches(readings, school.id, agent_id, last))


def _is_local(reading: StoredReading) -> bool:
    """Say whether a second host of a school reports this: what is about itself."""
    return reading.probe == "server_headroom"


def _batches(
    readings: list[StoredReading], school_id: str, agent_id: str, sent: datetime
) -> list[Batch]:
    starts = range(0, len(readings), _READINGS_PER_BATCH)
    return [
        Batch(
            batch_id=f"example-{number}",
            school_id=school_id,
            agent_id=agent_id,
            stream="example",
            sequence=number,
            received_at=sent,
            readings=tuple(readings[start : start + _READINGS_PER_BATCH]),
        )
        for number, start in enumerate(starts, 1)
    ]


def _enrol(
    records: ExampleRecords, school: School, number: int, at: datetime, seen: datetime | None
) -> str:
    """Enrol an agent whose key nobody has: it is there to be looked at, not to push."""
    agent_id = secrets.token_hex(8)
    code = EnrolmentCode(secrets.token_bytes(32), school.id, at, at + timedelta(days=1), 1)
    records.add_code(code)
    secret = hashlib.sha256(secrets.token_bytes(32)).digest()
    records.enrol(
        code.code_sha256,
        Agent(
            agent_id,
            school.id,
            f"server-{number + 1}",
            "linux",
            at,
            version=__version__ if seen else None,
            last_seen_at=seen,
        ),
        Key(secrets.token_hex(8), Scope.AGENT, secret, at, school.id, agent_id, "example"),
        at,
    )
    return agent_id
