"""Cases (学校案卷): one school in one round by one rubric, and everything people do to it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from collector.domain.rounds import Round
from collector.domain.schools import Fact, School
from collector.domain.values import EntryValue, Json


@dataclass(frozen=True, slots=True, order=True)
class CaseKey:
    """Which case."""

    round_id: str
    school_id: str
    rubric_id: str


class CaseState(StrEnum):
    """Where a case is."""

    FILLING = "filling"
    """自评（填报）: with the school."""
    SUBMITTED = "submitted"
    """已提交: signed, and waiting for the bureau to accept or return it."""
    RETURNED = "returned"
    """退回: with the school again, with the reason."""
    REVIEW = "review"
    """考评（核验）: accepted; inspectors and bureau give theirs beside the school's."""
    ANNOUNCED = "announced"
    """公示: the result is fixed and shown to the school, which may appeal."""
    FINAL = "final"
    """定稿: nothing changes; a correction is a new version."""


class Side(StrEnum):
    """Who speaks. What one side gave is never overwritten by the other."""

    SCHOOL = "school"
    OFFICIAL = "official"


@dataclass(frozen=True, slots=True)
class Signature:
    """The headmaster's word for one version of the case."""

    person: str
    at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `revision` counts its changes of state; entries have revisions of their own.

    `stage_id` is the official stage under way in review. `facts_upto` and `profile_version` pin
    what the school had declared when its headmaster signed; None: what is in force now. `version`
    numbers the frozen sheets, 0 before the first. `due_at` is a deadline of this case alone.
    """

    key: CaseKey
    state: CaseState = CaseState.FILLING
    stage_id: str | None = None
    signature: Signature | None = None
    facts_upto: int | None = None
    profile_version: int | None = None
    version: int = 0
    note: str = ""
    """Why it was returned or reopened; empty otherwise."""
    due_at: datetime | None = None
    appeal_until: datetime | None = None
    changed_at: datetime | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class CaseEntry:
    """A value that one side gave for one field of a case. A value of None withdraws it."""

    key: CaseKey
    side: Side
    item_id: str
    name: str
    value: EntryValue
    author: str
    recorded_at: datetime
    revision: int


@dataclass(frozen=True, slots=True)
class StageMark:
    """Points and remark that a stage gave for an item. `points` is decimal text, None: none yet."""

    key: CaseKey
    stage_id: str
    item_id: str
    points: str | None
    remark: str
    author: str
    recorded_at: datetime
    revision: int


@dataclass(frozen=True, slots=True)
class Override:
    """An official's verdict on one finding, beside the one that the engine finds.

    `result` is `met`, `not_met` or `not_applicable`; None withdraws the override.
    """

    key: CaseKey
    item_id: str
    finding_id: str
    result: str | None
    why: str
    author: str
    recorded_at: datetime
    revision: int
    appeal_id: str | None = None


@dataclass(frozen=True, slots=True)
class CaseVersion:
    """A frozen state of a case: the document holds `{"case", "sheet"}` and is found by its hash."""

    key: CaseKey
    version: int
    cause: str
    """`sign`, `announce`, `appeal`, `final` or `correct`."""
    document_sha256: str
    content_hash: str
    """The engine's hash over rubric, case and engine version."""
    author: str
    recorded_at: datetime
    why: str = ""


class AppealState(StrEnum):
    """Where an appeal (申诉) is."""

    FILED = "filed"
    """提交."""
    ACCEPTED = "accepted"
    """受理: under review (复核)."""
    RETESTING = "retesting"
    """复测: a re-measurement was asked for."""
    DECIDED = "decided"
    """结论."""
    WITHDRAWN = "withdrawn"


class AppealOutcome(StrEnum):
    """What was decided."""

    UPHELD = "upheld"
    PARTLY = "partly"
    DISMISSED = "dismissed"
    INADMISSIBLE = "inadmissible"


@dataclass(frozen=True, slots=True)
class Appeal:
    """A school's appeal against one item of an announced case.

    `before` and `after` are the item's sheet entries at the announcement and with the decision;
    `retest` is what the re-measurement showed, beside what had been measured.
    """

    id: str
    key: CaseKey
    item_id: str
    grounds: str
    filed_by: str
    filed_at: datetime
    state: AppealState = AppealState.FILED
    handled_by: str | None = None
    accepted_at: datetime | None = None
    retest_asked_at: datetime | None = None
    retest: Json = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    outcome: AppealOutcome | None = None
    decision: str = ""
    before: Json = None
    after: Json = None
    revision: int = 0


class Clash(StrEnum):
    """Why a change was not made: what it was decided on has changed meanwhile."""

    CASE = "case"
    ENTRY = "entry"
    MARK = "mark"
    OVERRIDE = "override"
    FACT = "fact"
    APPEAL = "appeal"


@dataclass(frozen=True, slots=True)
class Document:
    """A text that never changes, found by its own SHA-256 (`sha256:…`)."""

    sha256: str
    kind: str
    """`rubric`, `catalogue`, `calendar` or `sheet`."""
    text: str

    @classmethod
    def of(cls, kind: str, text: str) -> Document:
        """Return the document of a text."""
        return cls("sha256:" + hashlib.sha256(text.encode()).hexdigest(), kind, text)


@dataclass(frozen=True, slots=True)
class CaseChange:
    """What is written to a case at once, or not at all.

    `seen` is the revision of the case on which it was decided. The revisions of all parts are
    those they will have: one more than what was seen. `fact_seen` is the id of the fact that was
    in force, 0 for none.
    """

    key: CaseKey
    seen: int
    case: Case | None = None
    """Its next state; None where it stays."""
    entries: tuple[CaseEntry, ...] = ()
    marks: tuple[StageMark, ...] = ()
    overrides: tuple[Override, ...] = ()
    fact: Fact | None = None
    fact_seen: int = 0
    version: CaseVersion | None = None
    documents: tuple[Document, ...] = ()
    appeal: Appeal | None = None


@dataclass(frozen=True, slots=True)
class CaseInputs:
    """Everything of a case but what was measured, as the case file will carry it.

    `calendar` and `catalogue` are the texts that the round pinned.
    """

    held: Round
    school: School
    facts: Mapping[str, Fact]
    entries: Mapping[str, Mapping[str, Json]]
    """By item and name; a value, or an object with `value` and where it comes from."""
    stages: Mapping[str, Mapping[str, str]]
    """Points by stage and item."""
    overrides: Mapping[str, Mapping[str, Json]]
    """By item and finding."""
    calendar: str
    catalogue: str
