"""The answer of `GET case`: the form as documented in OpenAPI."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from collector.assessment.answers import (
    Answer,
    CaseAnswer,
    DeadlinesAnswer,
    MarkAnswer,
    OverrideAnswer,
    SavedAnswer,
)
from collector.domain import Side


class Words(Answer):
    """A text in Chinese and, where there is one, English."""

    zh: str
    en: str | None = None


class ChoiceAnswer(Words):
    """One answer of a choice field."""

    id: str


class FieldAnswer(Answer):
    """One field: what it takes, and what each side gave.

    `value` is what counts: the official value where there is one, else the school's, else the
    declared fact's. Name the `revision` of one's own side (0: nothing yet) when saving.
    """

    name: str
    label: Words
    type: str
    unit: str | None
    min: str | None = None
    max: str | None = None
    max_length: int | None = None
    of: str | None = None
    choices: tuple[ChoiceAnswer, ...] = ()
    help: Words | None = None
    fact: str | None = None
    value: Any = None
    school: SavedAnswer | None = None
    official: SavedAnswer | None = None


class ItemAnswer(Answer):
    """One item: the official clause, its fields, points and remarks, verdicts, and its result."""

    id: str
    title: Words | None
    text: str
    scoring_text: str | None
    max: str | None
    evidence: tuple[Words, ...]
    fields: tuple[FieldAnswer, ...]
    marks: dict[str, MarkAnswer]
    overrides: dict[str, OverrideAnswer]
    sheet: dict[str, Any]
    asked: int
    """How many fields and points the school is asked for."""
    missing: tuple[str, ...]
    """Fields that are empty, `points` that the school's stage waits for."""


class SectionAnswer(Answer):
    """One heading with the items below it, headings joined."""

    id: str
    title: Words
    items: tuple[ItemAnswer, ...]


class StageAnswer(Answer):
    """One stage of the document."""

    id: str
    title: Words
    side: Side
    actor: str
    has_points: bool


class NoticeAnswer(Answer):
    """Something that a reader should know; `code` is one of `rubrics/reasons.yaml`."""

    code: str
    facts: dict[str, Any] = Field(default_factory=dict)


class FormAnswer(Answer):
    """The case as a form."""

    case: CaseAnswer
    round_title: str
    deadlines: DeadlinesAnswer
    rubric: dict[str, str]
    school: dict[str, Any]
    profile_version: int
    stages: tuple[StageAnswer, ...]
    writable_by: Side | None
    not_writable_because: str | None
    notices: tuple[NoticeAnswer, ...]
    facts: tuple[FieldAnswer, ...]
    sections: tuple[SectionAnswer, ...]
    missing: int
    total: dict[str, Any]
    outcome: dict[str, Any]
    content_hash: str
