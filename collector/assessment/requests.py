"""What the assessment routes take. Unknown members are refused: a misspelt one is no silent no."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Any, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from collector.domain import (
    AppealOutcome,
    Deadlines,
    PinnedRubric,
    Round,
    RoundCalendar,
    School,
    SchoolKind,
    Setting,
    Stage,
)

SHORT, LONG = 200, 5000
MANY = 20_000
Revision = Annotated[int, Field(ge=0, le=2**31 - 1, description="The revision that was seen")]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
HoursIn: TypeAlias = Annotated[tuple[tuple[time, time], ...], Field(max_length=20)]
Days: TypeAlias = Annotated[tuple[date, ...], Field(max_length=400)]


class Body(BaseModel):
    """Base of all bodies."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RubricIn(Body):
    """A rubric of the round with the bureau's readings (口径) and reference figures."""

    rubric_id: Id
    readings: dict[str, str] = Field(default_factory=dict, max_length=200)
    references: dict[str, str] = Field(default_factory=dict, max_length=200)


class CalendarIn(Body):
    """Days and hours of school; holidays are added when the round opens."""

    terms: Annotated[tuple[tuple[date, date], ...], Field(max_length=8)] = ()
    closed: Days = ()
    open: Days = ()
    exams: Days = ()
    hours: HoursIn = ()
    school_hours: Annotated[dict[str, HoursIn], Field(max_length=MANY)] = Field(
        default_factory=dict
    )

    def to_domain(self) -> RoundCalendar:
        """Return what the domain knows."""
        return RoundCalendar(**dict(self))


class DeadlinesIn(Body):
    """Until when."""

    submit_by: AwareDatetime | None = None
    review_by: AwareDatetime | None = None
    appeal_working_days: int = 5

    def to_domain(self) -> Deadlines:
        """Return what the domain knows."""
        return Deadlines(**dict(self))


class RoundIn(Body):
    """A draft."""

    id: Id | None = None
    title: Annotated[str, Field(max_length=SHORT)]
    as_of: date
    since: date
    until: date
    rubrics: Annotated[tuple[RubricIn, ...], Field(max_length=50)]
    school_ids: Annotated[tuple[str, ...], Field(max_length=MANY)]
    calendar: CalendarIn = CalendarIn()
    deadlines: DeadlinesIn = DeadlinesIn()

    def to_domain(self) -> Round:
        """Return what the domain knows."""
        return Round(
            id=self.id or "",
            title=self.title,
            as_of=self.as_of,
            since=self.since,
            until=self.until,
            rubrics=_rubrics(self.rubrics),
            school_ids=self.school_ids,
            calendar=self.calendar.to_domain(),
            deadlines=self.deadlines.to_domain(),
        )


class RoundChangeIn(Body):
    """The fields to change; the others stay."""

    revision: Revision
    why: Annotated[str, Field(max_length=LONG)] = ""
    title: Annotated[str, Field(max_length=SHORT)] | None = None
    as_of: date | None = None
    since: date | None = None
    until: date | None = None
    rubrics: Annotated[tuple[RubricIn, ...], Field(max_length=50)] | None = None
    school_ids: Annotated[tuple[str, ...], Field(max_length=MANY)] | None = None
    calendar: CalendarIn | None = None
    deadlines: DeadlinesIn | None = None

    def changes(self) -> dict[str, Any]:
        """Return the changed fields as the domain knows them."""
        found = {
            name: value
            for name, value in dict(self).items()
            if value is not None and name not in ("revision", "why")
        }
        for name in ("calendar", "deadlines"):
            if name in found:
                found[name] = found[name].to_domain()
        if "rubrics" in found:
            found["rubrics"] = _rubrics(found["rubrics"])
        return found


class StepIn(Body):
    """A step, decided on this revision; `why` is needed where the step asks for a reason."""

    revision: Revision
    why: Annotated[str, Field(max_length=LONG)] = ""


class ReturnIn(StepIn):
    """Back to the school."""

    due_at: AwareDatetime | None = None


class EntryIn(Body):
    """A value; null withdraws it."""

    value: Any
    revision: Revision


class MarkIn(Body):
    """Points (null: none yet) and remark."""

    points: Any = None
    remark: Annotated[str, Field(max_length=LONG)] = ""
    revision: Revision


class OverrideIn(Body):
    """A verdict with its reason; result null withdraws it."""

    result: str | None
    why: Annotated[str, Field(max_length=LONG)]
    revision: Revision


class FieldIn(Body):
    """One field."""

    item_id: str
    name: str


class AcceptProposalsIn(Body):
    """The proposals to take over."""

    fields: Annotated[tuple[FieldIn, ...], Field(min_length=1, max_length=500)]


class AppealIn(Body):
    """An appeal against one item."""

    item_id: str
    grounds: Annotated[str, Field(max_length=LONG)]


class ChangesIn(Body):
    """What a decision changes of the item, on the official side."""

    points: Any = None
    entries: Annotated[dict[str, Any], Field(max_length=100)] = Field(default_factory=dict)
    verdicts: Annotated[dict[str, str], Field(max_length=100)] = Field(default_factory=dict)


class DecisionIn(Body):
    """The outcome of an appeal."""

    outcome: AppealOutcome
    decision: Annotated[str, Field(max_length=LONG)]
    changes: ChangesIn = ChangesIn()
    revision: Revision


class ProfileIn(Body):
    """A new version of a profile. `seen` is the newest version that its author saw."""

    seen: Revision
    why: Annotated[str, Field(max_length=LONG)] = ""
    name: Annotated[str, Field(max_length=SHORT)]
    kind: SchoolKind
    stages: Annotated[tuple[Stage, ...], Field(max_length=3)] = ()
    students: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    staff: Annotated[int, Field(ge=0, le=100_000)] | None = None
    classes: Annotated[int, Field(ge=0, le=10_000)] | None = None
    as_of: date
    award_level: Annotated[str, Field(max_length=40)] | None = None
    township_id: Id | None = None
    setting: Setting | None = None
    teaching_point: bool = False
    main_school_id: Id | None = None

    def to_domain(self, school_id: str, *, is_example: bool) -> School:
        """Return what the domain knows."""
        values = {n: v for n, v in dict(self).items() if n not in ("seen", "why")}
        return School(id=school_id, is_example=is_example, **values)


class TownshipIn(Body):
    """A township or a group of schools."""

    id: Id
    name: Annotated[str, Field(min_length=1, max_length=SHORT)]
    kind: Annotated[str, Field(pattern="^(township|group)$")] = "township"
    parent_id: Id | None = None


def _rubrics(given: tuple[RubricIn, ...]) -> tuple[PinnedRubric, ...]:
    return tuple(PinnedRubric(one.rubric_id, one.readings, one.references) for one in given)
