"""What the decision of an appeal changes: points, values and verdicts of its one item. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collector.assessment.case_reader import HeldCase
from collector.assessment.case_stages import official_stages
from collector.assessment.case_writer import check_override
from collector.assessment.fields import find_field, problem_with, problem_with_points, stored_value
from collector.domain import Act, Appeal, AppealOutcome, CaseEntry, Override, Side, StageMark
from collector.errors import NotFoundError, RowError
from collector.refusals import fields_wrong, refusal
from rubrics.model.rubric import Item

CHANGING = (AppealOutcome.UPHELD, AppealOutcome.PARTLY)
WORDS_MAX = 5000


@dataclass(frozen=True, slots=True)
class AppealChanges:
    """What a decision changes of its item, on the official side."""

    points: object = None
    entries: Mapping[str, object] | None = None
    verdicts: Mapping[str, str] | None = None
    """New verdict by finding; the decision is its reason."""

    @property
    def any(self) -> bool:
        """Whether there is any change."""
        return self.points is not None or bool(self.entries) or bool(self.verdicts)


def check_decision(outcome: AppealOutcome, decision: str, changes: AppealChanges) -> None:
    """Refuse a decision without words or without fitting changes. Raises UnprocessableError."""
    rows = []
    if not decision.strip() or len(decision) > WORDS_MAX:
        rows.append(RowError(None, "decision", "请写明结论和理由 / say what was decided and why"))
    if outcome in CHANGING and not changes.any:
        needed = "支持申诉要写明怎样改 / a decision for the school names its changes"
        rows.append(RowError(None, "changes", needed))
    if outcome not in CHANGING and changes.any:
        rows.append(RowError(None, "changes", "不支持的申诉不改任何内容 / nothing may change"))
    if rows:
        raise fields_wrong(*rows)


def written_by(
    found: HeldCase, appeal: Appeal, changes: AppealChanges, act: Act
) -> tuple[tuple[StageMark, ...], tuple[CaseEntry, ...], tuple[Override, ...]]:
    """Return the decision's changes as what the official side writes, each with its revision."""
    key, item = found.key, item_of(found, appeal.item_id)
    marks, entries, overrides, rows = [], [], [], []
    if changes.points is not None:
        stage_id, points = official_stages(found.rubric)[-1].id, str(stored_value(changes.points))
        if problem := problem_with_points(item, points):
            rows.append(RowError(None, "changes.points", problem))
        seen = found.mark(stage_id, item.id)
        remark, revision = (seen.remark, seen.revision) if seen else ("", 0)
        marks.append(
            StageMark(key, stage_id, item.id, points, remark, act.actor, act.at, revision + 1)
        )
    for name, raw in (changes.entries or {}).items():
        value, field = stored_value(raw), find_field(found.rubric, item.id, name)
        problem = problem_with(field.spec, value) if field else "没有这一项 / no such field"
        if problem:
            rows.append(RowError(None, f"changes.entries.{name}", problem))
        old = found.entry(Side.OFFICIAL, item.id, name)
        revision = old.revision if old else 0
        entries.append(
            CaseEntry(key, Side.OFFICIAL, item.id, name, value, act.actor, act.at, revision + 1)
        )
    for finding_id, result in (changes.verdicts or {}).items():
        check_override(item, finding_id, result, appeal.decision)
        before = found.override(item.id, finding_id)
        revision = before.revision if before else 0
        overrides.append(
            Override(
                key, item.id, finding_id, result, appeal.decision, act.actor, act.at, revision + 1,
                appeal.id,
            )
        )  # fmt: skip
    if rows:
        raise fields_wrong(*rows)
    return tuple(marks), tuple(entries), tuple(overrides)


def with_newest(held: Sequence[Any], added: Sequence[Any], *names: str) -> tuple[Any, ...]:
    """Return what was held with what is added in the place of those that these names identify."""

    def place(one: Any) -> tuple[Any, ...]:
        return tuple(getattr(one, name) for name in names)

    replaced = {place(one) for one in added}
    return (*(one for one in held if place(one) not in replaced), *added)


def item_of(found: HeldCase, item_id: str) -> Item:
    """Return an item of the case's rubric. Raises NotFoundError."""
    item = next((one for one in found.rubric.items() if one.id == item_id), None)
    if item is None:
        raise refusal(NotFoundError, "field_unknown", item_id=item_id)
    return item
