"""A case as a form: the official table with what may be typed, what was given, what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from collector.assessment.answers import (
    CaseAnswer,
    DeadlinesAnswer,
    MarkAnswer,
    OverrideAnswer,
    SavedAnswer,
)
from collector.assessment.case_machine import writing_side
from collector.assessment.case_reader import HeldCase, Scored
from collector.assessment.case_stages import case_stages
from collector.assessment.form_answers import (
    ChoiceAnswer,
    FieldAnswer,
    FormAnswer,
    ItemAnswer,
    NoticeAnswer,
    SectionAnswer,
    StageAnswer,
    Words,
)
from collector.domain import Profile, Side
from collector.errors import ConflictError
from rubrics.exact import decimal_text
from rubrics.model.base import Text
from rubrics.model.rubric import EntrySpec, FigureSpec, Item, Section


def form_of(
    found: HeldCase,
    scored: Scored,
    profiles: Sequence[Profile],
    now: datetime,
) -> FormAnswer:
    """Build the form of a case with its sheet."""
    side, why_not = _writable(found, now)
    sections = tuple(_sections(found, scored, found.rubric.sections))
    return FormAnswer(
        case=CaseAnswer.of(found.case),
        round_title=found.held.title,
        deadlines=DeadlinesAnswer.model_validate(found.held.deadlines),
        rubric={
            "id": found.rubric.id,
            "version": found.rubric.version,
            "title": found.rubric.title.zh,
        },
        school=dict(scored.case_file["school"]),
        profile_version=found.profile_version,
        stages=tuple(
            StageAnswer(
                id=stage.id,
                title=_words(stage.title),
                side=stage.side,
                actor=stage.actor,
                has_points=stage.has_points,
            )
            for stage in case_stages(found.rubric)
        ),
        writable_by=side,
        not_writable_because=why_not,
        notices=tuple(_notices(found, profiles)),
        facts=tuple(_fact(found, name, spec) for name, spec in found.rubric.facts.items()),
        sections=sections,
        missing=sum(len(item.missing) for section in sections for item in section.items),
        total=dict(scored.sheet["total"]),
        outcome=dict(scored.sheet["outcome"]),
        content_hash=scored.content_hash,
    )


def differences(found: HeldCase, scored: Scored) -> list[dict[str, Any]]:
    """List where the officials' word differs from the school's, with their reasons."""
    rows: list[dict[str, Any]] = []
    for item in found.rubric.items():
        marks = {stage.id: found.mark(stage.id, item.id) for stage in case_stages(found.rubric)}
        points = {name: mark.points for name, mark in marks.items() if mark and mark.points}
        remarks = {name: mark.remark for name, mark in marks.items() if mark and mark.remark}
        fields = [row for name in item.entries if (row := _field_difference(found, item, name))]
        verdicts = [
            OverrideAnswer.of(one).model_dump(mode="json")
            for one in found.overrides
            if one.item_id == item.id and one.result is not None
        ]
        if len(set(points.values())) > 1 or fields or verdicts:
            rows.append(
                {
                    "item_id": item.id,
                    "points": points,
                    "remarks": remarks,
                    "fields": fields,
                    "verdicts": verdicts,
                    "working": scored.sheet["items"][item.id]["working"],
                }
            )
    return rows


def _field_difference(found: HeldCase, item: Item, name: str) -> dict[str, Any] | None:
    school = found.entry(Side.SCHOOL, item.id, name)
    official = found.entry(Side.OFFICIAL, item.id, name)
    if official is None or official.value is None:
        return None
    given = school.value if school else None
    if given == official.value:
        return None
    return {
        "name": name,
        "school": given,
        "official": official.value,
        "author": official.author,
        "recorded_at": official.recorded_at.isoformat(),
    }


def _writable(found: HeldCase, now: datetime) -> tuple[Side | None, str | None]:
    try:
        return writing_side(found.case, found.held, now), None
    except ConflictError as refused:
        return None, refused.code


def _notices(found: HeldCase, profiles: Sequence[Profile]) -> Iterator[NoticeAnswer]:
    held = found.held
    in_time = [
        one for one in profiles if one.school.as_of is None or one.school.as_of <= held.as_of
    ]
    newest = max(
        in_time, key=lambda one: (one.school.as_of or held.as_of.min, one.version), default=None
    )
    if found.case.profile_version is not None:
        if newest is not None and newest.version != found.case.profile_version:
            yield NoticeAnswer(code="profile_kept_as_signed", facts={"newest": newest.version})
        return
    opened = held.opened_at
    before = [one for one in in_time if opened is not None and one.recorded_at <= opened]
    was = _in_force(before)
    if newest is not None and was is not None and newest.school.heads != was.school.heads:
        yield NoticeAnswer(
            code="heads_changed",
            facts={
                "before": was.school.heads,
                "after": newest.school.heads,
                "author": newest.author,
                "recorded_at": newest.recorded_at.isoformat(),
            },
        )


def _in_force(profiles: Sequence[Profile]) -> Profile | None:
    """Return the version with the newest day; one without a day has always held."""
    return max(profiles, key=lambda one: (one.school.as_of or date.min, one.version), default=None)


def _sections(
    found: HeldCase, scored: Scored, sections: Sequence[Section], above: Words | None = None
) -> Iterator[SectionAnswer]:
    for section in sections:
        title = _joined(above, _words(section.title))
        if section.items:
            items = tuple(_item(found, scored, item) for item in section.items)
            yield SectionAnswer(id=section.id, title=title, items=items)
        yield from _sections(found, scored, section.sections, title)


def _joined(above: Words | None, own: Words) -> Words:
    if above is None:
        return own
    english = f"{above.en} · {own.en}" if above.en and own.en else None
    return Words(zh=f"{above.zh} · {own.zh}", en=english)


def _item(found: HeldCase, scored: Scored, item: Item) -> ItemAnswer:
    asked = list(_asked(found, item))
    return ItemAnswer(
        id=item.id,
        title=None if item.title is None else _words(item.title),
        text=item.text,
        scoring_text=item.scoring_text,
        max=None if item.max is None else decimal_text(item.max),
        evidence=tuple(_words(text) for text in item.evidence),
        fields=tuple(_field(found, item, name, spec) for name, spec in item.entries.items()),
        marks={one.stage_id: MarkAnswer.of(one) for one in found.marks if one.item_id == item.id},
        overrides={
            one.finding_id: OverrideAnswer.of(one)
            for one in found.overrides
            if one.item_id == item.id
        },
        sheet=dict(scored.sheet["items"][item.id]),
        asked=len(asked),
        missing=tuple(name for name, given in asked if not given),
    )


def progress_of(found: HeldCase) -> tuple[int, int]:
    """Return how many of the school's fields and points are given, and how many are asked for."""
    asked = [given for item in found.rubric.items() for _, given in _asked(found, item)]
    return sum(asked), len(asked)


def _asked(found: HeldCase, item: Item) -> Iterator[tuple[str, bool]]:
    """Yield what an item asks of the school: its fields, and `points` where it judges itself."""
    for name, spec in item.entries.items():
        declared = spec.fact is not None and spec.fact in found.facts
        yield name, declared or found.effective(item.id, name) is not None
    for stage in case_stages(found.rubric):
        waits = stage.side is Side.SCHOOL and stage.has_points and item.max is not None
        if waits and item.rule.type == "judge":
            mark = found.mark(stage.id, item.id)
            yield "points", mark is not None and mark.points is not None


def _field(found: HeldCase, item: Item, name: str, spec: EntrySpec) -> FieldAnswer:
    school = found.entry(Side.SCHOOL, item.id, name)
    official = found.entry(Side.OFFICIAL, item.id, name)
    given = None if school is None else SavedAnswer.of(school)
    if spec.fact is not None:
        given = _declared(found, spec.fact)
    counts = found.effective(item.id, name)
    value = counts.value if counts else (given.value if given else None)
    return FieldAnswer(
        name=name,
        label=Words(zh=spec.zh, en=spec.en),
        type=spec.type,
        unit=spec.number_unit if spec.type in ("count", "percent", "number", "list") else None,
        min=None if spec.min is None else decimal_text(spec.min),
        max=None if spec.max is None else decimal_text(spec.max),
        max_length=spec.max_length,
        of=spec.of,
        choices=tuple(ChoiceAnswer(id=one.id, zh=one.zh, en=one.en) for one in spec.choices),
        help=None if spec.help is None else _words(spec.help),
        fact=spec.fact,
        value=value,
        school=given,
        official=None if official is None else SavedAnswer.of(official),
    )


def _fact(found: HeldCase, name: str, spec: FigureSpec) -> FieldAnswer:
    given = _declared(found, name)
    return FieldAnswer(
        name=name,
        label=Words(zh=spec.zh, en=spec.en),
        type=spec.type,
        unit=spec.unit if spec.type == "number" else None,
        min=None if spec.min is None else decimal_text(spec.min),
        max=None if spec.max is None else decimal_text(spec.max),
        fact=name,
        value=given.value if given else None,
        school=given,
    )


def _declared(found: HeldCase, name: str) -> SavedAnswer | None:
    """Return the fact in force; its id is the revision to name when it is declared anew."""
    fact = found.facts.get(name)
    if fact is None:
        return None
    value: Any = {"true": True, "false": False}.get(fact.value, fact.value)
    return SavedAnswer(
        value=value, revision=fact.id, author=fact.author, recorded_at=fact.recorded_at
    )


def _words(text: Text) -> Words:
    return Words(zh=text.zh, en=text.en)
