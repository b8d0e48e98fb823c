"""Views of a case's result: differences of school and officials, versions, appeals. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.assessment.case_reader import HeldCase
from collector.assessment.case_stages import case_stages
from collector.domain import Appeal, AppealState, CaseVersion, Side
from collector.web.formatting import Formatter
from collector.web.language import Translator
from collector.web.round_words import appeal_word, outcome_word
from collector.web.sheet_page import PointsView, points_of
from collector.web.typed_values import typed_text
from collector.web.verdicts import Result, result_word

NameOf = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class DifferenceView:
    """One item on which school and officials differ: what each said, and why."""

    item_id: str
    title: str
    school: tuple[str, ...]
    official: tuple[str, ...]
    why: tuple[str, ...]
    working: str


@dataclass(frozen=True, slots=True)
class VersionView:
    """One frozen version of the case."""

    number: int
    cause: str
    author: str
    at: datetime
    why: str
    hash: str


@dataclass(frozen=True, slots=True)
class AppealView:
    """One appeal with where it stands."""

    id: str
    item_id: str
    title: str
    grounds: str
    author: str
    filed_at: datetime
    state: str
    outcome: str
    decision: str
    decided_by: str
    decided_at: datetime | None
    before: PointsView | None
    after: PointsView | None
    revision: int
    open: bool


def difference_views(
    found: HeldCase, rows: Sequence[Mapping[str, Any]], name_of: NameOf, formatter: Formatter
) -> tuple[DifferenceView, ...]:
    """Return what `differences` lists, in words."""
    _ = formatter.translator.gettext
    stages = {stage.id: stage for stage in case_stages(found.rubric)}
    items = {item.id: item for item in found.rubric.items()}

    def side_of(stage_id: str) -> Side:
        return stages[stage_id].side if stage_id in stages else Side.OFFICIAL

    def told(row: Mapping[str, Any], side: Side) -> tuple[str, ...]:
        entries = items[row["item_id"]].entries
        points = [
            f"{stages[stage].title.zh} {value} {_('分')}"
            for stage, value in row["points"].items()
            if side_of(stage) is side
        ]
        name = side.value
        fields = [
            f"{entries[one['name']].zh}{_('：')}{_shown(one[name], formatter)}"
            for one in row["fields"]
        ]
        verdicts = [
            result_word(Result(one["result"]), formatter.translator)
            for one in row["verdicts"]
            if side is Side.OFFICIAL
        ]
        return (*points, *fields, *verdicts)

    views = []
    for row in rows:
        remarks = [
            text for stage, text in row["remarks"].items() if side_of(stage) is Side.OFFICIAL
        ]
        reasons = [f"{name_of(one['author'])}{_('：')}{one['why']}" for one in row["verdicts"]]
        views.append(
            DifferenceView(
                row["item_id"],
                _title(found, row["item_id"], formatter),
                told(row, Side.SCHOOL),
                told(row, Side.OFFICIAL),
                (*remarks, *reasons),
                row["working"] or "",
            )
        )
    return tuple(views)


def version_views(
    versions: Sequence[CaseVersion], name_of: NameOf, translator: Translator
) -> tuple[VersionView, ...]:
    """Return the frozen versions, newest first."""
    _ = translator.gettext
    words = {
        "sign": _("校长签字"),
        "announce": _("公示"),
        "appeal": _("申诉结论"),
        "final": _("定稿"),
        "correct": _("更正"),
    }
    return tuple(
        VersionView(
            one.version,
            words.get(one.cause, one.cause),
            name_of(one.author),
            one.recorded_at,
            one.why,
            one.content_hash,
        )
        for one in reversed(versions)
    )


def appeal_views(
    found: HeldCase, appeals: Sequence[Appeal], name_of: NameOf, formatter: Formatter
) -> tuple[AppealView, ...]:
    """Return appeals in words, newest first."""
    translator = formatter.translator
    return tuple(
        AppealView(
            id=one.id,
            item_id=one.item_id,
            title=_title(found, one.item_id, formatter),
            grounds=one.grounds,
            author=name_of(one.filed_by),
            filed_at=one.filed_at,
            state=appeal_word(one.state, translator),
            outcome=outcome_word(one.outcome, translator) if one.outcome else "",
            decision=one.decision,
            decided_by=name_of(one.decided_by) if one.decided_by else "",
            decided_at=one.decided_at,
            before=_points(one.before),
            after=_points(one.after),
            revision=one.revision,
            open=one.state not in (AppealState.DECIDED, AppealState.WITHDRAWN),
        )
        for one in appeals
    )


def _points(scored: Any) -> PointsView | None:
    return points_of(scored) if isinstance(scored, dict) else None


def _shown(value: Any, formatter: Formatter) -> str:
    if value is None:
        return formatter.translator.gettext("未填")
    return (
        formatter.quantity(value)
        if isinstance(value, bool)
        else typed_text(value).replace("\n", "、")
    )


def _title(found: HeldCase, item_id: str, formatter: Formatter) -> str:
    for item in found.rubric.items():
        if item.id == item_id:
            if item.title is None:
                return item.text[:30]
            return (item.title.en if formatter.english else None) or item.title.zh
    return ""
