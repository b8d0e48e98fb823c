"""What the read API answers, as documented in OpenAPI. `null` means unknown, never zero."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from collector.domain import Agent, AgentReading, Fact, Outcome, School, SchoolKind, Stage
from collector.web.reporting import Reporting, State, agent_state
from rubrics.model import Rubric


class ApiModel(BaseModel):
    """Answers are built once and never changed."""

    model_config = ConfigDict(frozen=True)


class ReportingAnswer(ApiModel):
    """Whether data of the school is arriving."""

    state: State
    last_seen_at: datetime | None
    agents: int = Field(description="Agents in service (not revoked)")

    @classmethod
    def of(cls, reporting: Reporting) -> "ReportingAnswer":
        """Build from the domain."""
        return cls(
            state=reporting.state,
            last_seen_at=reporting.last_seen_at,
            agents=reporting.agents,
        )


class SchoolAnswer(ApiModel):
    """A school's profile with its reporting state."""

    id: str
    name: str
    kind: SchoolKind
    stages: tuple[Stage, ...]
    students: int | None
    staff: int | None
    heads: int | None = Field(description="students + staff; null while either is unknown")
    classes: int | None
    as_of: date | None = Field(description="Day on which the head counts held")
    is_example: bool
    reporting: ReportingAnswer

    @classmethod
    def of(cls, school: School, reporting: Reporting) -> "SchoolAnswer":
        """Build from the domain."""
        return cls(**_profile(school), reporting=ReportingAnswer.of(reporting))


def _profile(school: School) -> dict[str, Any]:
    return {
        "id": school.id,
        "name": school.name,
        "kind": school.kind,
        "stages": school.stages,
        "students": school.students,
        "staff": school.staff,
        "heads": school.heads,
        "classes": school.classes,
        "as_of": school.as_of,
        "is_example": school.is_example,
    }


class SchoolsAnswer(ApiModel):
    """One page of the schools, ordered by id."""

    total: int
    offset: int
    schools: tuple[SchoolAnswer, ...]


class AgentAnswer(ApiModel):
    """One enrolled agent."""

    id: str
    host_name: str
    system: str
    version: str | None
    state: State
    enrolled_at: datetime
    last_seen_at: datetime | None
    clock_skew_s: float | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, agent: Agent, now: datetime) -> "AgentAnswer":
        """Build from the domain."""
        return cls(
            id=agent.id,
            host_name=agent.host_name,
            system=agent.system,
            version=agent.version,
            state=agent_state(agent.last_seen_at, now),
            enrolled_at=agent.enrolled_at,
            last_seen_at=agent.last_seen_at,
            clock_skew_s=agent.clock_skew_s,
            revoked_at=agent.revoked_at,
        )


class FactAnswer(ApiModel):
    """A declared value in force."""

    value: str
    as_of: date
    author: str
    recorded_at: datetime

    @classmethod
    def of(cls, fact: Fact) -> "FactAnswer":
        """Build from the domain."""
        return cls(
            value=fact.value, as_of=fact.as_of, author=fact.author, recorded_at=fact.recorded_at
        )


class SchoolDetailAnswer(SchoolAnswer):
    """A school with its agents, declared facts and the rubrics that apply to it."""

    agents: tuple[AgentAnswer, ...]
    facts: dict[str, FactAnswer]
    rubrics: tuple[str, ...]


class ReadingAnswer(ApiModel):
    """One reading as the agent took it."""

    agent_id: str
    sequence: int
    probe: str
    target: str
    time: datetime
    outcome: Outcome
    reason: str | None
    values: dict[str, float]
    labels: dict[str, str]
    limited_by: tuple[str, ...]
    details: dict[str, Any]

    @classmethod
    def of(cls, stored: AgentReading) -> "ReadingAnswer":
        """Build from the domain."""
        reading = stored.reading
        return cls(
            agent_id=stored.agent_id,
            sequence=reading.sequence,
            probe=reading.probe,
            target=reading.target,
            time=reading.time,
            outcome=reading.outcome,
            reason=reading.reason,
            values=dict(reading.values),
            labels=dict(reading.labels),
            limited_by=reading.limited_by,
            details=dict(reading.details),
        )


class ReadingsAnswer(ApiModel):
    """The newest readings of a school, newest first."""

    readings: tuple[ReadingAnswer, ...]


class BilingualAnswer(ApiModel):
    """A text in Chinese and, where there is one, English."""

    zh: str
    en: str | None = None


class RubricAnswer(ApiModel):
    """One rubric in the list."""

    id: str
    version: str
    title: BilingualAnswer
    authority: BilingualAnswer
    kinds: tuple[str, ...]
    items: int
    scored: bool = Field(description="false: the document has no points, only criteria")
    content_hash: str

    @classmethod
    def of(cls, rubric: Rubric) -> "RubricAnswer":
        """Build from the rubric."""
        return cls(
            id=rubric.id,
            version=rubric.version,
            title=BilingualAnswer(zh=rubric.title.zh, en=rubric.title.en),
            authority=BilingualAnswer(zh=rubric.authority.zh, en=rubric.authority.en),
            kinds=tuple(rubric.applies_to.kinds),
            items=sum(1 for _ in rubric.items()),
            scored=rubric.scored,
            content_hash=rubric.content_hash,
        )


class RubricsAnswer(ApiModel):
    """All rubrics of this server."""

    rubrics: tuple[RubricAnswer, ...]


class FindingAnswer(ApiModel):
    """The result of one criterion with the arithmetic."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    result: str
    reason: str | None = None


class ItemAnswer(ApiModel):
    """One item of a score sheet; numbers are decimal strings."""

    model_config = ConfigDict(frozen=True, extra="allow")

    status: str
    proven: str | None = None
    possible: str | None = None
    max: str | None = None
    findings: tuple[FindingAnswer, ...] = ()


class ScoreSheetAnswer(ApiModel):
    """A score sheet exactly as the engine wrote it; `content_hash` covers all its inputs."""

    model_config = ConfigDict(frozen=True, extra="allow")

    rubric: str
    rubric_version: str
    content_hash: str
    items: dict[str, ItemAnswer]
    sections: dict[str, Any]
    total: dict[str, Any]
    outcome: dict[str, Any]
