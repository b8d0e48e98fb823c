"""What the page of trials shows: points and reasons now, what assumptions change. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from collector.domain import School
from collector.web.outline import RubricOutline, ShownTitle
from collector.web.prospects import Prospect
from collector.web.sheet_page import FindingView, PointsView, SheetView
from collector.web.verdicts import Counts, Result
from collector.web.what_if import FieldGroup


@dataclass(frozen=True)
class FindingChange:
    """A criterion whose verdict or points the assumptions change."""

    label: str
    anchor: str
    clause: str
    before: Result
    after: Result
    working: str | None


@dataclass(frozen=True)
class PointsChange:
    """An item whose points the assumptions change."""

    label: str
    before: PointsView
    after: PointsView


@dataclass(frozen=True)
class Outcome:
    """What the assumptions lead to, beside what holds now."""

    before: PointsView | None
    after: PointsView | None
    counts_before: Counts
    counts_after: Counts
    findings: tuple[FindingChange, ...]
    items: tuple[PointsChange, ...]


@dataclass(frozen=True)
class WhatIfPage:
    """The whole page."""

    school: School
    rubric: RubricOutline
    rubric_title: ShownTitle
    sheet: SheetView
    prospects: tuple[Prospect, ...]
    groups: tuple[FieldGroup, ...]
    assumed: Mapping[str, str]
    outcome: Outcome | None
    refused: tuple[str, ...]
    wrong: bool


def compare(before: SheetView, after: SheetView) -> Outcome:
    """List what differs between two sheets of one rubric."""
    return Outcome(
        before=before.points,
        after=after.points,
        counts_before=before.counts,
        counts_after=after.counts,
        findings=tuple(_finding_changes(before, after)),
        items=tuple(_points_changes(before, after)),
    )


def _finding_changes(before: SheetView, after: SheetView) -> Iterator[FindingChange]:
    old: dict[str, FindingView] = {finding.anchor: finding for finding in before.findings}
    for new in after.findings:
        was: Any = old.get(new.anchor)
        if was is None or was.result is not new.result:
            result = Result.NOT_APPLICABLE if was is None else was.result
            yield FindingChange(
                new.label, new.anchor, new.clause, result, new.result, new.working or new.reason
            )


def _points_changes(before: SheetView, after: SheetView) -> Iterator[PointsChange]:
    old = {item.id: item for section in before.sections for item in section.items}
    for section in after.sections:
        for item in section.items:
            was = old[item.id].points
            if was is not None and item.points is not None and was != item.points:
                title = item.title.text if item.title else item.text
                yield PointsChange(f"{item.id} {title}", was, item.points)
