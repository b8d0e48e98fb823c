"""What the page of agents and slots shows: per school its hosts, its day, and why no test. Pure.

Agents in quarantine stand before all schools, whatever the search: they wait for a person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.domain import Agent, QuarantineSource, School
from collector.speedtest.slots.overview import SchoolSlotsOut, SlotsOut
from collector.web.reporting import State, agent_state

PAGE_SIZE = 60
QUARANTINED_SHOWN = 50
CLOCK_SKEW_SHOWN_S = 60.0


@dataclass(frozen=True)
class AgentLine:
    """One host."""

    agent: Agent
    state: State
    is_quarantined: bool
    """Nothing that it sends counts; why stands before the schools."""

    @property
    def skewed(self) -> bool:
        """Its clock is off by more than a minute."""
        return abs(self.agent.clock_skew_s or 0.0) > CLOCK_SKEW_SHOWN_S


@dataclass(frozen=True)
class SchoolLine:
    """One school: its hosts, and its tests today."""

    school: School
    agents: tuple[AgentLine, ...]
    slots: SchoolSlotsOut | None
    reasons: tuple[tuple[str, int], ...]
    """Why tests were not run, in words, each with how many."""
    refusal: str | None


@dataclass(frozen=True)
class QuarantineLine:
    """One agent whose identity two hosts use: whose it is, why, and where its batches come from."""

    agent: Agent
    school: School | None
    why: str
    sources: tuple[QuarantineSource, ...]


@dataclass(frozen=True)
class AgentsView:
    """One page of schools, and the county's day."""

    quarantined: tuple[QuarantineLine, ...]
    quarantined_total: int
    slots: SlotsOut
    why_fewer: str | None
    lines: tuple[SchoolLine, ...]
    query: str
    page: int
    pages: int
    matching: int
    versions: tuple[tuple[str | None, int], ...]


def agents_page(
    schools: Sequence[School],
    agents: Sequence[Agent],
    sources: Sequence[QuarantineSource],
    slots: SlotsOut,
    now: datetime,
    query: str,
    page: int,
    words: Callable[[str], str],
) -> AgentsView:
    """Build the page; `words` puts a reason code into a sentence."""
    hosts: dict[str, list[Agent]] = defaultdict(list)
    versions: dict[str | None, int] = defaultdict(int)
    for agent in agents:
        if agent.revoked_at is None:
            hosts[agent.school_id].append(agent)
            versions[agent.version or None] += 1
    days = {one.school_id: one for one in slots.schools}
    wanted = query.strip().casefold()
    matching = [s for s in schools if wanted in s.name.casefold() or wanted in s.id.casefold()]
    pages = max(1, -(-len(matching) // PAGE_SIZE))
    page = min(page, pages)
    shown = matching[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    quarantined = [one for one in agents if one.quarantined_at and one.revoked_at is None]
    return AgentsView(
        quarantined=tuple(
            _quarantined(one, schools, sources, words) for one in quarantined[:QUARANTINED_SHOWN]
        ),
        quarantined_total=len(quarantined),
        slots=slots,
        why_fewer=words(slots.reason) if slots.reason else None,
        lines=tuple(_line(s, hosts[s.id], days.get(s.id), now, words) for s in shown),
        query=query,
        page=page,
        pages=pages,
        matching=len(matching),
        versions=tuple(sorted(versions.items(), key=lambda one: one[0] or "", reverse=True)),
    )


def _quarantined(
    agent: Agent,
    schools: Sequence[School],
    sources: Sequence[QuarantineSource],
    words: Callable[[str], str],
) -> QuarantineLine:
    return QuarantineLine(
        agent=agent,
        school=next((one for one in schools if one.id == agent.school_id), None),
        why=words(agent.quarantine_reason or "two_writers"),
        sources=tuple(one for one in sources if one.agent_id == agent.id),
    )


def _line(
    school: School,
    agents: Sequence[Agent],
    day: SchoolSlotsOut | None,
    now: datetime,
    words: Callable[[str], str],
) -> SchoolLine:
    skipped = day.skipped.items() if day else ()
    refused = day.last_refusal if day else None
    return SchoolLine(
        school=school,
        agents=tuple(
            AgentLine(
                one,
                agent_state(one.last_seen_at, now),
                one.quarantined_at is not None,
            )
            for one in agents
        ),
        slots=day,
        reasons=tuple((words(code), count) for code, count in skipped),
        refusal=words(refused.reason) if refused else None,
    )
