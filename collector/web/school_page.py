"""Puts one school's page together from the stores: sheet, profile, agents, readings."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from collector.domain import Agent, AgentReading, Fact, Outcome, School, StoredSheet
from collector.web.formatting import Formatter
from collector.web.language import Translator
from collector.web.next_steps import NextStep, next_steps
from collector.web.outlet import OutletFigure, OutletRecord, outlet_figures
from collector.web.outline import RubricOutline, ShownTitle
from collector.web.profile import ProfileLine, profile_lines, profile_numbers
from collector.web.reporting import Reporting, State, agent_state, school_reporting
from collector.web.sheet_page import SectionView, SheetReader, SheetView, only
from collector.web.verdicts import Result
from rubrics.reasons import Reason

READINGS_SHOWN = 50
#: A host whose clock is off by more is said so: its samples fall into the wrong minutes.
CLOCK_SKEW_SHOWN_S = 30.0


@dataclass(frozen=True)
class RubricChoice:
    """One rubric that applies to the school."""

    id: str
    title: ShownTitle
    current: bool


@dataclass(frozen=True)
class AgentView:
    """One agent: host, state, what is odd about its clock."""

    host: str
    system: str
    state: State
    last_seen_at: datetime | None
    version: str | None
    revoked: bool
    clock: str | None


@dataclass(frozen=True)
class ReadingView:
    """One reading in words."""

    time: datetime
    probe: str
    target: str
    outcome: str
    values: tuple[tuple[str, str], ...]
    reason: str | None
    origin: str
    """Which reading, as `data-origin` on the page: `reading:<agent>/<sequence>`."""


@dataclass(frozen=True)
class SchoolPage:
    """The whole page. `sheet` is None while there is none, and `unscored_because` says why."""

    school: School
    reporting: Reporting
    rubric: RubricOutline | None
    rubric_title: ShownTitle | None
    rubrics: tuple[RubricChoice, ...]
    sheet: SheetView | None
    unscored_because: str | None
    sections: tuple[SectionView, ...]
    show: Result | None
    all_href: str
    next_steps: tuple[NextStep, ...]
    profile: tuple[ProfileLine, ...]
    agents: tuple[AgentView, ...]
    readings: tuple[ReadingView, ...]
    outlet: tuple[OutletFigure, ...]
    computed_at: datetime | None
    rubric_version: str | None
    content_hash: str | None


@dataclass(frozen=True)
class SchoolRecord:
    """What the stores hold about one school, read once for a page."""

    school: School
    agents: Sequence[Agent]
    facts: Mapping[str, Fact]
    readings: Sequence[AgentReading]
    stored: StoredSheet | None
    unscored_because: str | None = None
    outlet: OutletRecord | None = None


@dataclass(frozen=True)
class SchoolPageBuilder:
    """Builds pages in one language."""

    reasons: Mapping[str, Reason]
    formatter: Formatter

    def build(
        self,
        record: SchoolRecord,
        rubric: RubricOutline | None,
        rubrics: Sequence[RubricOutline],
        fact_names: Mapping[str, tuple[str, str | None]],
        show: Result | None,
        now: datetime,
    ) -> SchoolPage:
        """Join everything; pure."""
        sheet = self._sheet(record, rubric)
        newest = record.readings[0].reading.time if record.readings else None
        stored = record.stored
        return SchoolPage(
            school=record.school,
            reporting=school_reporting(record.agents, newest, now),
            rubric=rubric,
            rubric_title=rubric.title.shown(self.formatter.english) if rubric else None,
            rubrics=tuple(
                RubricChoice(
                    choice.id, choice.title.shown(self.formatter.english), choice == rubric
                )
                for choice in rubrics
            ),
            sheet=sheet,
            unscored_because=record.unscored_because,
            sections=only(sheet, show) if sheet else (),
            show=show,
            all_href="?",
            next_steps=next_steps(sheet.findings, self.reasons, self._translator) if sheet else (),
            profile=profile_lines(record.school, record.facts, fact_names, self.formatter),
            agents=tuple(self._agent(agent, now) for agent in record.agents),
            readings=tuple(map(self._reading, record.readings)),
            outlet=outlet_figures(record.outlet, self.formatter) if record.outlet else (),
            computed_at=stored.computed_at if stored else None,
            rubric_version=stored.rubric_version if stored else None,
            content_hash=stored.content_hash if stored else None,
        )

    @property
    def _translator(self) -> Translator:
        return self.formatter.translator

    def _sheet(self, record: SchoolRecord, rubric: RubricOutline | None) -> SheetView | None:
        if record.stored is None or rubric is None:
            return None
        content: dict[str, Any] = json.loads(record.stored.sheet_json)
        numbers = profile_numbers(record.school)
        return SheetReader(rubric, self.reasons, self.formatter, numbers).read(content)

    def _agent(self, agent: Agent, now: datetime) -> AgentView:
        skew = agent.clock_skew_s
        clock = None
        if skew is not None and abs(skew) > CLOCK_SKEW_SHOWN_S:
            clock = self._translator.gettext("时钟偏差 %(span)s，请校时") % {
                "span": self.formatter.duration(timedelta(seconds=abs(skew)))
            }
        return AgentView(
            host=agent.host_name,
            system=agent.system,
            state=agent_state(agent.last_seen_at, now),
            last_seen_at=agent.last_seen_at,
            version=agent.version,
            revoked=agent.revoked_at is not None,
            clock=clock,
        )

    def _reading(self, stored: AgentReading) -> ReadingView:
        reading = stored.reading
        reason = None
        if reading.reason:
            known = self.reasons.get(reading.reason)
            chosen = known and (known.en if self.formatter.english else known.zh)
            reason = chosen or reading.reason
        return ReadingView(
            time=reading.time,
            probe=reading.probe,
            target=reading.target,
            outcome=outcome_word(reading.outcome, self._translator),
            values=tuple(
                (name, self.formatter.quantity(value)) for name, value in reading.values.items()
            ),
            reason=reason,
            origin=f"reading:{stored.agent_id}/{reading.sequence}",
        )


def outcome_word(outcome: Outcome, translator: Translator) -> str:
    """Name how an observation ended, in the page's language."""
    _ = translator.gettext
    words = {
        Outcome.OK: _("正常"),
        Outcome.LIMITED: _("受限"),
        Outcome.SKIPPED: _("跳过"),
        Outcome.FAILED: _("失败"),
    }
    return words[outcome]
