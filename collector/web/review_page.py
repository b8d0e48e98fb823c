"""What an inspector sees of a case: its items with the weak ones first, and what may be written.

Pure: the form of a case, its rubric and its evidence in, frozen views out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from collector.assessment.case_stages import case_stages
from collector.assessment.form_answers import FormAnswer, ItemAnswer
from collector.domain import Evidence, Side, Support
from collector.web.field_inputs import InputView, input_view
from collector.web.form_pages import Refusal
from collector.web.formatting import Formatter
from collector.web.outline import outline_of
from collector.web.sheet_page import ItemView, PointsView, SheetReader, points_of
from collector.web.verdicts import Result
from rubrics.exact import decimal_text
from rubrics.model import Rubric
from rubrics.reasons import load_reasons

_UNCLEAR = (Result.INSUFFICIENT, Result.DISPUTED)
VERDICTS_OF_PEOPLE = (Result.MET, Result.NOT_MET, Result.NOT_APPLICABLE)


class Need(IntEnum):
    """How much an item needs an inspector's eyes; the most needy comes first."""

    UNCLEAR = 0
    """Evidence is missing or contradicts itself, or the points are open."""
    LOST = 1
    """A criterion is not met, or points are lost."""
    FINE = 2


@dataclass(frozen=True)
class StageView:
    """What one stage gave for an item."""

    title: str
    points: str | None
    remark: str
    author: str


@dataclass(frozen=True)
class VerdictView:
    """A criterion with the verdict of the engine, and the one that a person put beside it."""

    finding_id: str
    label: str
    clause: str
    found: Result
    result: str
    why: str
    revision: int
    author: str
    at: str


@dataclass(frozen=True)
class PieceView:
    """One piece of evidence on an item's list."""

    number: int
    name: str
    sha256: str
    kind: str
    size: str
    period: str
    added: str


@dataclass(frozen=True)
class PointsInput:
    """The points of the stage under way."""

    typed: str
    seen: str
    most: str
    step: str


@dataclass(frozen=True)
class ReviewItem:
    """One item: official words, what was found, what was given, and what may be written."""

    view: ItemView
    need: Need
    inputs: tuple[InputView, ...]
    points: PointsInput | None
    remark: str
    remark_seen: str
    mark_revision: int
    stages: tuple[StageView, ...]
    verdicts: tuple[VerdictView, ...]
    evidence: tuple[PieceView, ...]
    wanted: tuple[str, ...]
    """What evidence the document asks for."""
    refused: Refusal | None = None

    @property
    def id(self) -> str:
        """The item's id."""
        return self.view.id


@dataclass(frozen=True)
class Typed:
    """What stood in a form that was refused: shown again, so that nothing typed is lost."""

    item_id: str
    texts: Mapping[str, str]
    refused: Refusal

    def of(self, item_id: str, name: str) -> str | None:
        """Return what was typed under a name of this item; None if it was not this form."""
        return self.texts.get(name) if item_id == self.item_id else None


@dataclass(frozen=True)
class ReviewPage:
    """A case under review."""

    form: FormAnswer
    title: str
    items: Mapping[Need, tuple[ReviewItem, ...]]
    total: PointsView | None
    stage: str
    writable: bool
    why_not: str

    def item(self, item_id: str) -> ReviewItem | None:
        """Return one item."""
        found = [one for group in self.items.values() for one in group if one.id == item_id]
        return found[0] if found else None


@dataclass(frozen=True)
class ReviewBuilder:
    """Builds the page of a case in one language."""

    rubric: Rubric
    formatter: Formatter
    names: Mapping[str, str]
    evidence: Sequence[Evidence] = ()
    supports: Sequence[Support] = ()
    typed: Typed | None = None
    may_write: bool = True

    def build(self, form: FormAnswer) -> ReviewPage:
        """Build the page."""
        profile = {name: form.school.get(name) for name in ("students", "staff", "classes")}
        counts = [profile["students"], profile["staff"]]
        heads = sum(n for n in counts if n is not None) if None not in counts else None
        reader = SheetReader(
            outline_of(self.rubric),
            load_reasons(),
            self.formatter,
            {**profile, "heads": heads},
        )
        items = {one.id: one for section in form.sections for one in section.items}
        sheet = {
            "items": {name: one.sheet for name, one in items.items()},
            "total": form.total,
            "outcome": form.outcome,
        }
        views = [view for section in reader.read(sheet).sections for view in section.items]
        shown = [self._item(form, items[view.id], view) for view in views if view.id in items]
        return ReviewPage(
            form=form,
            title=self._words(self.rubric.title.zh, self.rubric.title.en),
            items={need: tuple(one for one in shown if one.need is need) for need in Need},
            total=points_of(form.total),
            stage=self._stage_title(form.case.stage_id),
            writable=self.may_write and form.writable_by is Side.OFFICIAL,
            why_not=self._why_not(form),
        )

    def _words(self, zh: str, en: str | None) -> str:
        return (en if self.formatter.english else None) or zh

    def _name(self, actor: str) -> str:
        return self.names.get(actor, actor)

    def _why_not(self, form: FormAnswer) -> str:
        code = form.not_writable_because
        if code is None and form.writable_by is Side.SCHOOL:
            return self.formatter.translator.gettext("案卷还在学校填报，提交并接收后才能考评。")
        reason = load_reasons().get(code or "")
        return self._words(reason.zh, reason.en) if reason else (code or "")

    def _stage_title(self, stage_id: str | None) -> str:
        for stage in case_stages(self.rubric):
            if stage.id == stage_id:
                return self._words(stage.title.zh, stage.title.en)
        return ""

    def _item(self, form: FormAnswer, item: ItemAnswer, view: ItemView) -> ReviewItem:
        stage_id = form.case.stage_id or ""
        mark = item.marks.get(stage_id)
        remark_seen = mark.remark if mark else ""
        typed_remark = self._typed(item.id, "remark")
        refused = self.typed.refused if self.typed and self.typed.item_id == item.id else None
        return ReviewItem(
            view=view,
            need=_need(item, view),
            inputs=tuple(
                input_view(
                    one,
                    self.formatter,
                    self.names,
                    self._typed(item.id, f"v.{one.name}"),
                    refused.at(f"{item.id}.{one.name}") if refused else None,
                )
                for one in item.fields
            ),
            points=self._points(form, item, mark.points if mark else None),
            remark=remark_seen if typed_remark is None else typed_remark,
            remark_seen=remark_seen,
            mark_revision=mark.revision if mark else 0,
            stages=tuple(
                StageView(self._stage_title(name), one.points, one.remark, self._name(one.author))
                for name, one in item.marks.items()
                if name != stage_id and (one.points is not None or one.remark)
            ),
            verdicts=tuple(self._verdicts(item, view)),
            evidence=tuple(self._evidence(item.id)),
            wanted=tuple(self._words(one.zh, one.en) for one in item.evidence),
            refused=refused,
        )

    def _typed(self, item_id: str, name: str) -> str | None:
        return self.typed.of(item_id, name) if self.typed else None

    def _points(self, form: FormAnswer, item: ItemAnswer, given: str | None) -> PointsInput | None:
        stage = next((one for one in form.stages if one.id == form.case.stage_id), None)
        if stage is None or not stage.has_points or item.max is None:
            return None
        rule = next(one.rule for one in self.rubric.items() if one.id == item.id)
        step = rule.step if rule.type == "judge" else None
        typed = self._typed(item.id, "points")
        return PointsInput(
            typed=(given or "") if typed is None else typed,
            seen=given or "",
            most=item.max,
            step="any" if step is None else decimal_text(step),
        )

    def _verdicts(self, item: ItemAnswer, view: ItemView) -> list[VerdictView]:
        rubric_item = next(one for one in self.rubric.items() if one.id == item.id)
        wanted = {criterion.id: criterion for criterion in rubric_item.criteria}
        engine = {one["id"]: one.get("overridden", one) for one in item.sheet["findings"]}
        views = []
        for found in item.sheet["findings"]:
            criterion = wanted.get(found["id"])
            if criterion is None:
                continue
            label = next((f.label for f in view.findings if f.label == found["id"]), found["id"])
            override = item.overrides.get(found["id"])
            typed = self._typed(item.id, f"why.{found['id']}")
            views.append(
                VerdictView(
                    finding_id=found["id"],
                    label=label,
                    clause=criterion.clause or criterion.title.zh,
                    found=Result(engine[found["id"]]["result"]),
                    result=self._typed(item.id, f"result.{found['id']}")
                    or (override.result if override else None)
                    or "",
                    why=(override.why if override else "") if typed is None else typed,
                    revision=override.revision if override else 0,
                    author=self._name(override.author) if override else "",
                    at=self.formatter.time(override.recorded_at) if override else "",
                )
            )
        return views

    def _evidence(self, item_id: str) -> list[PieceView]:
        pieces = {one.sha256: one for one in self.evidence}
        views = []
        for support in self.supports:
            piece = pieces.get(support.sha256)
            if support.item_id != item_id or piece is None:
                continue
            days = [day.isoformat() for day in (piece.since, piece.until) if day is not None]
            views.append(
                PieceView(
                    number=support.number,
                    name=piece.name,
                    sha256=piece.sha256,
                    kind=piece.kind.suffix.removeprefix("."),
                    size=self.formatter.quantity(piece.size_bytes, "byte"),
                    period=" – ".join(days),
                    added=f"{self._name(piece.added_by)} {self.formatter.time(piece.added_at)}",
                )
            )
        return sorted(views, key=lambda one: one.number)


def _need(item: ItemAnswer, view: ItemView) -> Need:
    results = {found.result for found in view.findings}
    points = points_of(item.sheet)
    if results & set(_UNCLEAR) or (points is not None and not points.settled) or item.missing:
        return Need.UNCLEAR
    if Result.NOT_MET in results or (points is not None and points.proven != points.max):
        return Need.LOST
    return Need.FINE
