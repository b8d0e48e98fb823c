"""What the assessment routes answer, as documented in OpenAPI. `null` means unknown, never zero."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from collector.assessment.case_writer import Saved
from collector.assessment.proposals import Proposal
from collector.domain import (
    Appeal,
    AppealOutcome,
    AppealState,
    Case,
    CaseEntry,
    CaseState,
    CaseVersion,
    Override,
    Round,
    RoundState,
    Side,
    StageMark,
)


class Answer(BaseModel):
    """Base of all answers; filled from the domain by attribute."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class PinnedRubricAnswer(Answer):
    """A rubric as the round uses it; version and hash are empty before it opens."""

    rubric_id: str
    version: str
    content_hash: str
    readings: dict[str, str]
    references: dict[str, str]


class CalendarAnswer(Answer):
    """School days and hours as the round sets them; holidays are added when it opens."""

    terms: tuple[tuple[date, date], ...]
    closed: tuple[date, ...]
    open: tuple[date, ...]
    exams: tuple[date, ...]
    hours: tuple[tuple[time, time], ...]
    school_hours: dict[str, tuple[tuple[time, time], ...]]


class DeadlinesAnswer(Answer):
    """Until when."""

    submit_by: datetime | None
    review_by: datetime | None
    appeal_working_days: int


class RoundBrief(Answer):
    """One round in the list."""

    id: str
    title: str
    state: RoundState
    as_of: date
    since: date
    until: date
    opened_at: datetime | None
    closed_at: datetime | None
    published_at: datetime | None
    revision: int


class RoundAnswer(RoundBrief):
    """One round in full, with its cases counted by state."""

    rubrics: tuple[PinnedRubricAnswer, ...]
    school_ids: tuple[str, ...]
    calendar: CalendarAnswer
    deadlines: DeadlinesAnswer
    calendar_hash: str
    catalogue_hash: str
    cases: dict[CaseState, int] = Field(default_factory=dict)

    @classmethod
    def of(cls, held: Round, cases: Any) -> RoundAnswer:
        """Build from the domain."""
        return cls.model_validate(held).model_copy(update={"cases": dict(cases)})


class RoundsAnswer(Answer):
    """Rounds, newest first; `next` is the `after` of the next page."""

    rounds: tuple[RoundBrief, ...]
    next: str | None


class OpenedAnswer(Answer):
    """What opening made."""

    round: RoundAnswer
    cases: int
    without_rubric: tuple[str, ...] = Field(
        description="Schools to which none of the rubrics applies"
    )


class SignatureAnswer(Answer):
    """Who signed which version."""

    person: str
    at: datetime
    version: int


class CaseAnswer(Answer):
    """Where a case stands."""

    round_id: str
    school_id: str
    rubric_id: str
    state: CaseState
    stage_id: str | None
    signature: SignatureAnswer | None
    version: int
    note: str
    due_at: datetime | None
    appeal_until: datetime | None
    changed_at: datetime | None
    revision: int

    @classmethod
    def of(cls, case: Case) -> CaseAnswer:
        """Build from the domain."""
        return cls(
            round_id=case.key.round_id,
            school_id=case.key.school_id,
            rubric_id=case.key.rubric_id,
            state=case.state,
            stage_id=case.stage_id,
            signature=(
                None if case.signature is None else SignatureAnswer.model_validate(case.signature)
            ),
            version=case.version,
            note=case.note,
            due_at=case.due_at,
            appeal_until=case.appeal_until,
            changed_at=case.changed_at,
            revision=case.revision,
        )


class CasesAnswer(Answer):
    """Cases by school and rubric; `next` is the `after` of the next page."""

    cases: tuple[CaseAnswer, ...]
    next: str | None


class SavedAnswer(Answer):
    """What was saved; name `revision` when saving again."""

    value: Any
    revision: int
    author: str
    recorded_at: datetime

    @classmethod
    def of(cls, saved: Saved | CaseEntry) -> SavedAnswer:
        """Build from the domain."""
        return cls.model_validate(saved)


class EntryHistoryAnswer(SavedAnswer):
    """One value of a field's history."""

    side: Side


class MarkAnswer(Answer):
    """Points and remark of a stage for an item."""

    stage_id: str
    item_id: str
    points: str | None
    remark: str
    revision: int
    author: str
    recorded_at: datetime

    @classmethod
    def of(cls, mark: StageMark) -> MarkAnswer:
        """Build from the domain."""
        return cls.model_validate(mark)


class OverrideAnswer(Answer):
    """A verdict beside a finding; `result` null: withdrawn."""

    item_id: str
    finding_id: str
    result: str | None
    why: str
    revision: int
    author: str
    recorded_at: datetime
    appeal_id: str | None

    @classmethod
    def of(cls, override: Override) -> OverrideAnswer:
        """Build from the domain."""
        return cls.model_validate(override)


class VersionAnswer(Answer):
    """A frozen version of a case."""

    version: int
    cause: str
    content_hash: str
    document_sha256: str
    author: str
    recorded_at: datetime
    why: str

    @classmethod
    def of(cls, version: CaseVersion) -> VersionAnswer:
        """Build from the domain."""
        return cls.model_validate(version)


class ProposalAnswer(Answer):
    """What an earlier round held."""

    item_id: str
    name: str
    value: Any
    round_id: str
    round_title: str
    author: str
    recorded_at: datetime

    @classmethod
    def of(cls, proposal: Proposal) -> ProposalAnswer:
        """Build from the domain."""
        return cls.model_validate(proposal)


class AppealAnswer(Answer):
    """An appeal; `before`, `after` are the item's part of the sheet, `retest` both results."""

    id: str
    round_id: str
    school_id: str
    rubric_id: str
    item_id: str
    grounds: str
    filed_by: str
    filed_at: datetime
    state: AppealState
    handled_by: str | None
    accepted_at: datetime | None
    retest_asked_at: datetime | None
    retest: Any
    decided_by: str | None
    decided_at: datetime | None
    outcome: AppealOutcome | None
    decision: str
    before: Any
    after: Any
    revision: int

    @classmethod
    def of(cls, appeal: Appeal) -> AppealAnswer:
        """Build from the domain."""
        names = set(cls.model_fields) - {"round_id", "school_id", "rubric_id"}
        return cls(
            round_id=appeal.key.round_id,
            school_id=appeal.key.school_id,
            rubric_id=appeal.key.rubric_id,
            **{name: getattr(appeal, name) for name in names},
        )


class AppealsAnswer(Answer):
    """Appeals, newest first; `next` is the `after` of the next page."""

    appeals: tuple[AppealAnswer, ...]
    next: str | None
