"""What profile and township routes answer. `null` means unknown, never zero."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from collector.assessment.answers import Answer
from collector.assessment.profiles import Declared
from collector.domain import Profile, SchoolForm, SchoolKind, Setting, Stage


class ProfileAnswer(Answer):
    """One version of a school's profile."""

    version: int
    author: str
    recorded_at: datetime
    why: str
    name: str
    kind: SchoolKind
    stages: tuple[Stage, ...]
    form: SchoolForm
    students: int | None
    staff: int | None
    heads: int | None
    classes: int | None
    as_of: date | None
    award_level: str | None
    township_id: str | None
    setting: Setting | None
    teaching_point: bool
    main_school_id: str | None

    @classmethod
    def of(cls, profile: Profile) -> ProfileAnswer:
        """Build from the domain."""
        own = {"version", "author", "recorded_at", "why"}
        of_school = {n: getattr(profile.school, n) for n in set(cls.model_fields) - own}
        return cls(**{n: getattr(profile, n) for n in own}, **of_school)


class ProfilesAnswer(Answer):
    """Versions, newest first."""

    profiles: tuple[ProfileAnswer, ...]


class ChangedFindingAnswer(Answer):
    """A verdict that the new profile changed, with its new working."""

    round_id: str
    rubric_id: str
    item_id: str
    finding_id: str
    before: str
    after: str
    working: str
    working_en: str


class DeclaredAnswer(Answer):
    """A new version and what it changed: `notice` is `heads_changed` where heads did."""

    profile: ProfileAnswer
    notice: str | None
    heads_before: int | None
    changed: tuple[ChangedFindingAnswer, ...]
    kept: tuple[str, ...] = Field(description="Rubrics whose signed cases keep the old profile")

    @classmethod
    def of(cls, declared: Declared) -> DeclaredAnswer:
        """Build from the domain."""
        heads_changed = declared.profile.school.heads != declared.heads_before
        return cls(
            profile=ProfileAnswer.of(declared.profile),
            notice="heads_changed" if heads_changed else None,
            heads_before=declared.heads_before,
            changed=tuple(
                ChangedFindingAnswer(
                    round_id=one.key.round_id,
                    rubric_id=one.key.rubric_id,
                    item_id=one.item_id,
                    finding_id=one.finding_id,
                    before=one.before,
                    after=one.after,
                    working=one.working,
                    working_en=one.working_en,
                )
                for one in declared.changed
            ),
            kept=tuple(key.rubric_id for key in declared.kept),
        )


class TownshipAnswer(Answer):
    """A township or a group of schools, with the schools in it."""

    id: str
    name: str
    kind: str
    parent_id: str | None
    schools: tuple[str, ...] = ()


class TownshipsAnswer(Answer):
    """The tree between county and schools."""

    townships: tuple[TownshipAnswer, ...]
    schools_without: tuple[str, ...]
