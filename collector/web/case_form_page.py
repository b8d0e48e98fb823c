"""The page of a case as the official table to fill in: a view of form, sheet, flags, evidence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collector.assessment.case_reader import HeldCase
from collector.assessment.form_answers import FormAnswer, ItemAnswer, SectionAnswer
from collector.domain import Evidence, Side, Support
from collector.merging.service import NotedFlag
from collector.web.case_fields import (
    FieldReader,
    FieldView,
    item_slots,
    own_facts,
    slots_of,
)
from collector.web.formatting import Formatter
from collector.web.outline import outline_of
from collector.web.sheet_page import ItemView, PointsView, SheetReader, SheetView
from rubrics.model.rubric import ReadingChoice
from rubrics.reasons import Reason

FACTS = "facts"


@dataclass(frozen=True, slots=True)
class FlagView:
    """A conflict in words, its numbers, and what was said about it."""

    id: str
    item_id: str | None
    says: str
    facts: tuple[str, ...]
    notes: tuple[tuple[str, str], ...]
    """Who, and what they said."""


@dataclass(frozen=True, slots=True)
class PieceView:
    """A piece of evidence on an item's list."""

    number: int
    name: str
    sha256: str
    since: str
    until: str


@dataclass(frozen=True, slots=True)
class FormItem:
    """One item: official words, inputs, what was measured, flags, evidence."""

    id: str
    anchor: str
    title: str
    text: str
    scoring_text: str
    max: str
    wanted: tuple[str, ...]
    fields: tuple[FieldView, ...]
    marks: tuple[FieldView, ...]
    result: ItemView | None
    flags: tuple[FlagView, ...]
    pieces: tuple[PieceView, ...]
    missing: bool


@dataclass(frozen=True, slots=True)
class FormSection:
    """One section, which is one form."""

    id: str
    anchor: str
    title: str
    items: tuple[FormItem, ...]
    facts: tuple[FieldView, ...]
    given: int
    asked: int
    points: PointsView | None


@dataclass(frozen=True, slots=True)
class ReadingView:
    """How an open question of the official text is read in this round (口径)."""

    question: str
    answer: str
    why: str
    undecided: bool


@dataclass(frozen=True, slots=True)
class FormPage:
    """The whole form."""

    sections: tuple[FormSection, ...]
    given: int
    asked: int
    missing: tuple[tuple[str, str], ...]
    """Anchor and label of everything that is still empty."""
    sheet: SheetView
    working: str
    readings: tuple[ReadingView, ...]
    flags: tuple[FlagView, ...]
    """Those of no single item."""
    writable: bool
    why_not: str
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FormPageBuilder:
    """Builds the page in one language. Pure."""

    formatter: Formatter
    reasons: Mapping[str, Reason]
    fields: FieldReader

    def build(
        self,
        found: HeldCase,
        form: FormAnswer,
        sheet: Mapping[str, object],
        flags: Sequence[NotedFlag],
        pieces: Mapping[str, Sequence[tuple[Support, Evidence]]],
    ) -> FormPage:
        """Join everything; `pieces` by item."""
        profile = {name: _count(form.school.get(name)) for name in ("heads", "students", "staff")}
        profile["classes"] = _count(form.school.get("classes"))
        reader = SheetReader(outline_of(found.rubric), self.reasons, self.formatter, profile)
        view = reader.read(sheet)
        results = {item.id: item for section in view.sections for item in section.items}
        points = {section.id: section.points for section in view.sections}
        shown = self.flags(flags)
        sections = [
            self._section(form, section, results, shown, pieces, points)
            for section in form.sections
        ]
        facts = self._facts(form)
        everything = ([facts] if facts.facts else []) + sections
        total = form.total
        own, other = ("working_en", "working") if self.formatter.english else ("working", "")
        return FormPage(
            sections=tuple(everything),
            given=sum(one.given for one in everything),
            asked=sum(one.asked for one in everything),
            missing=tuple(_missing(everything)),
            sheet=view,
            working=str(total.get(own) or total.get(other) or ""),
            readings=tuple(
                self._reading(found, name, choice) for name, choice in found.rubric.readings.items()
            ),
            flags=tuple(one for one in shown if one.item_id is None),
            writable=form.writable_by is Side.SCHOOL,
            why_not=self._reason(form.not_writable_because) if form.not_writable_because else "",
            notices=tuple(self._reason(one.code) for one in form.notices),
        )

    def flags(self, flags: Sequence[NotedFlag]) -> tuple[FlagView, ...]:
        """Return flags in words."""
        return tuple(
            FlagView(
                id=one.flag.id,
                item_id=one.flag.item_id,
                says=self._reason(one.flag.code.value),
                facts=tuple(self._flag_facts(one.flag.facts)),
                notes=tuple((self.fields.name_of(n.author), n.text) for n in one.notes),
            )
            for one in flags
        )

    def _flag_facts(self, facts: Mapping[str, str]) -> list[str]:
        _ = self.formatter.translator.gettext
        shown = []
        if "declared" in facts:
            words = _("申报 %(declared)s，实测 %(measured)s，相差 %(percent)s%%")
            shown.append(words % facts)
        if "value" in facts:
            shown.append(_("填报值 %(value)s 正好等于门槛") % facts)
        if "before" in facts:
            shown.append(_("由 %(before)s 人变为 %(after)s 人（%(as_of)s）") % facts)
        if "others" in facts:
            shown.append(_("《%(name)s》另有 %(others)s 所学校提交过") % facts)
        if "samples" in facts:
            shown.append(_("教学时间外 %(samples)s 次采样") % facts)
        if facts.get("reason"):
            shown.append(self._reason(facts["reason"]))
        return shown

    def _section(
        self,
        form: FormAnswer,
        section: SectionAnswer,
        results: Mapping[str, ItemView],
        flags: Sequence[FlagView],
        pieces: Mapping[str, Sequence[tuple[Support, Evidence]]],
        points: Mapping[str, PointsView | None],
    ) -> FormSection:
        items = tuple(
            self._item(form, item, results.get(item.id), flags, pieces.get(item.id, ()))
            for item in section.items
        )
        asked = sum(item.asked for item in section.items)
        return FormSection(
            id=section.id,
            anchor=f"section-{section.id}",
            title=self._text(section.title.zh, section.title.en),
            items=items,
            facts=(),
            given=asked - sum(len(item.missing) for item in section.items),
            asked=asked,
            points=points.get(section.id),
        )

    def _facts(self, form: FormAnswer) -> FormSection:
        slots = {slot.name: slot for slot in slots_of(form, FACTS) if slot.kind == "fact"}
        views = tuple(self.fields.field(slots[fact.name], fact) for fact in own_facts(form))
        return FormSection(
            id=FACTS,
            anchor=f"section-{FACTS}",
            title=self.formatter.translator.gettext("学校基本数据"),
            items=(),
            facts=views,
            given=sum(1 for view in views if view.slot.text),
            asked=len(views),
            points=None,
        )

    def _item(
        self,
        form: FormAnswer,
        item: ItemAnswer,
        result: ItemView | None,
        flags: Sequence[FlagView],
        pieces: Sequence[tuple[Support, Evidence]],
    ) -> FormItem:
        slots = list(item_slots(form, item))
        entries = [slot for slot in slots if slot.kind == "entry"]
        return FormItem(
            id=item.id,
            anchor=f"item-{item.id}",
            title=self._text(item.title.zh, item.title.en) if item.title else "",
            text=item.text,
            scoring_text=item.scoring_text or "",
            max=item.max or "",
            wanted=tuple(self._text(one.zh, one.en) for one in item.evidence),
            fields=tuple(
                self.fields.field(slot, field)
                for slot, field in zip(entries, item.fields, strict=True)
            ),
            marks=tuple(
                self.fields.mark(slot, item) for slot in slots if slot.kind in ("points", "remark")
            ),
            result=result,
            flags=tuple(flag for flag in flags if flag.item_id == item.id),
            pieces=tuple(piece_view(support, piece) for support, piece in pieces),
            missing=bool(item.missing),
        )

    def _reading(self, found: HeldCase, name: str, choice: ReadingChoice) -> ReadingView:
        pinned = found.held.rubric(found.key.rubric_id)
        chosen = pinned.readings.get(name) if pinned else None
        open_still = chosen is None and choice.when_not_chosen != "default"
        answer = choice.alternatives[chosen or choice.default].meaning
        why = choice.why
        return ReadingView(
            question=self._text(choice.question.zh, choice.question.en),
            answer=self._text(answer.zh, answer.en),
            why=self._text(why.zh, why.en) if why else "",
            undecided=open_still,
        )

    def _reason(self, code: str) -> str:
        known = self.reasons.get(code)
        return self._text(known.zh, known.en) if known else code

    def _text(self, chinese: str, english: str | None) -> str:
        return (english if self.formatter.english else None) or chinese


def piece_view(support: Support, piece: Evidence) -> PieceView:
    """Return a line of an item's list."""
    return PieceView(
        support.number,
        piece.name,
        piece.sha256,
        piece.since.isoformat() if piece.since else "",
        piece.until.isoformat() if piece.until else "",
    )


def pieces_by_item(
    supports: Sequence[Support], evidence: Sequence[Evidence]
) -> dict[str, list[tuple[Support, Evidence]]]:
    """Return what is on each item's list, in the order of its numbers."""
    known = {piece.sha256: piece for piece in evidence}
    lists: dict[str, list[tuple[Support, Evidence]]] = defaultdict(list)
    for support in sorted(supports, key=lambda one: one.number):
        if support.sha256 in known:
            lists[support.item_id].append((support, known[support.sha256]))
    return lists


def _missing(sections: Sequence[FormSection]) -> list[tuple[str, str]]:
    found = [(f.slot.control, f.label) for s in sections for f in s.facts if not f.slot.text]
    found += [
        (item.anchor, f"{item.id} {item.title or item.text[:24]}".strip())
        for section in sections
        for item in section.items
        if item.missing
    ]
    return found


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
