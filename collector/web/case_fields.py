"""The fields of a case as a school's form shows them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from collector.assessment.form_answers import FieldAnswer, FormAnswer, ItemAnswer, Words
from collector.domain import Side
from collector.web.formatting import Formatter
from collector.web.typed_values import TRUTHS, typed_text


@dataclass(frozen=True, slots=True)
class Slot:
    """One input of the form, and where its value goes.

    `kind` is `entry`, `fact`, `points` or `remark`; `control` is the input's name in the form.
    """

    control: str
    kind: str
    item_id: str
    name: str
    type: str
    of: str | None
    text: str
    """What is stored, as it stands in the input."""
    revision: int


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to choose."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Clash:
    """What somebody else saved meanwhile, beside what was typed."""

    theirs: str
    given: str
    author: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class FieldView:
    """One input with everything that a person needs to fill it."""

    slot: Slot
    label: str
    shape: str
    """`number`, `choice`, `lines` or `text`."""
    unit: str
    limits: str
    help: str
    options: tuple[Option, ...]
    value: str
    most_characters: int | None
    numeric: str
    """The keyboard that a phone shows: `numeric`, `decimal` or `text`."""
    author: str
    saved_at: datetime | None
    official: str
    also: tuple[str, ...]
    error: str
    clash: Clash | None


@dataclass(frozen=True, slots=True)
class Typed:
    """What a form brought that was not saved: to be shown again with its errors."""

    texts: Mapping[str, str]
    errors: Mapping[str, str]
    clashes: Mapping[str, Clash]


NOTHING_TYPED = Typed({}, {}, {})


def slots_of(form: FormAnswer, section_id: str | None = None) -> Iterator[Slot]:
    """Yield the inputs of a section (`facts`: the figures of the school), or of the whole form."""
    if section_id in (None, "facts"):
        for field in own_facts(form):
            yield _slot("fact", "", field)
    for section in form.sections:
        if section_id in (None, section.id):
            for item in section.items:
                yield from item_slots(form, item)


def own_facts(form: FormAnswer) -> tuple[FieldAnswer, ...]:
    """Return the figures that no field of the form stands for."""
    shown = {field.fact for s in form.sections for item in s.items for field in item.fields}
    return tuple(fact for fact in form.facts if fact.fact not in shown)


def item_slots(form: FormAnswer, item: ItemAnswer) -> Iterator[Slot]:
    """Yield the inputs of one item: its fields, the school's points and remark."""
    for field in item.fields:
        yield _slot("entry", item.id, field)
    for stage in form.stages:
        if stage.side is not Side.SCHOOL:
            continue
        mark = item.marks.get(stage.id)
        revision = mark.revision if mark else 0
        if stage.has_points and item.max is not None:
            text = (mark.points if mark else None) or ""
            name = f"p:{item.id}:{stage.id}"
            yield Slot(name, "points", item.id, stage.id, "number", None, text, revision)
        text = mark.remark if mark else ""
        name = f"m:{item.id}:{stage.id}"
        yield Slot(name, "remark", item.id, stage.id, "text", None, text, revision)


def _slot(kind: str, item_id: str, field: FieldAnswer) -> Slot:
    saved = field.school
    control = f"{'f' if kind == 'fact' else 'e'}:{item_id}:{field.name}"
    text = typed_text(saved.value if saved else None)
    revision = saved.revision if saved else 0
    return Slot(control, kind, item_id, field.name, field.type, field.of, text, revision)


def shown_value(slot: Slot, text: str, options: Mapping[str, str], formatter: Formatter) -> str:
    """Return a value in words: an answer's label, yes or no, nothing as 未填."""
    _ = formatter.translator.gettext
    if not text:
        return _("未填")
    if slot.type == "bool" and text in TRUTHS:
        return formatter.quantity(TRUTHS[text])
    return options.get(text, text).replace("\n", "、")


@dataclass(frozen=True, slots=True)
class FieldReader:
    """Turns fields into views, in one language."""

    formatter: Formatter
    name_of: Callable[[str], str]
    """The shown name of an actor."""
    also: Mapping[str, tuple[str, ...]]
    """Fact → where else the same figure is used."""
    typed: Typed

    def field(self, slot: Slot, field: FieldAnswer) -> FieldView:
        """Return a field of the rubric, or a figure of the school."""
        value = self.typed.texts.get(slot.control, slot.text)
        words = {one.id: self._word(one) for one in field.choices}
        return FieldView(
            slot=slot,
            label=self._word(field.label),
            shape=_shape(field),
            unit=self._unit(field),
            limits=self._limits(field),
            help=self._word(field.help) if field.help else "",
            options=tuple(self._options(field, words, value)),
            value=value,
            most_characters=field.max_length if field.type == "text" else None,
            numeric={"count": "numeric", "percent": "decimal", "number": "decimal"}.get(
                field.type, "text"
            ),
            author=self.name_of(field.school.author) if field.school else "",
            saved_at=field.school.recorded_at if field.school else None,
            official=(
                shown_value(slot, typed_text(field.official.value), words, self.formatter)
                if field.official and field.official.value is not None
                else ""
            ),
            also=self.also.get(field.fact or "", ()),
            error=self.typed.errors.get(slot.control, ""),
            clash=self._clash(slot, words),
        )

    def mark(self, slot: Slot, item: ItemAnswer) -> FieldView:
        """Return the input of points or of a remark."""
        _ = self.formatter.translator.gettext
        points = slot.kind == "points"
        saved = item.marks.get(slot.name)
        return FieldView(
            slot=slot,
            label=_("自评分") if points else _("备注"),
            shape="number" if points else "text",
            unit=_("分") if points else "",
            limits=_("0 至 %(max)s 分") % {"max": item.max} if points else "",
            help="",
            options=(),
            value=self.typed.texts.get(slot.control, slot.text),
            most_characters=None if points else 2000,
            numeric="decimal" if points else "text",
            author=self.name_of(saved.author) if saved else "",
            saved_at=saved.recorded_at if saved else None,
            official="",
            also=(),
            error=self.typed.errors.get(slot.control, ""),
            clash=self._clash(slot, {}),
        )

    def _clash(self, slot: Slot, words: Mapping[str, str]) -> Clash | None:
        clash = self.typed.clashes.get(slot.control)
        if clash is None:
            return None
        return Clash(
            shown_value(slot, clash.theirs, words, self.formatter),
            shown_value(slot, clash.given, words, self.formatter),
            self.name_of(clash.author),
            clash.at,
        )

    def _options(
        self, field: FieldAnswer, words: Mapping[str, str], value: str
    ) -> Iterator[Option]:
        _ = self.formatter.translator.gettext
        if field.type == "bool":
            words = {"true": _("是"), "false": _("否")}
        if words:
            yield from (Option(key, label, key == value) for key, label in words.items())
            yield Option("", _("未填"), value not in words)

    def _unit(self, field: FieldAnswer) -> str:
        if field.unit is None or (field.unit == "count" and field.type != "number"):
            return ""
        return "%" if field.unit == "percent" else self.formatter.unit(field.unit)

    def _limits(self, field: FieldAnswer) -> str:
        _ = self.formatter.translator.gettext
        least, most = field.min, field.max
        if field.type == "percent":
            least, most = least or "0", most or "100"
        if field.type == "count":
            least = least or "0"
        words = []
        if field.type == "list":
            words.append(_("每行一个数"))
        if least is not None and most is not None:
            words.append(_("%(least)s 至 %(most)s") % {"least": least, "most": most})
        elif least is not None:
            words.append(_("不小于 %(least)s") % {"least": least})
        elif most is not None:
            words.append(_("不大于 %(most)s") % {"most": most})
        if field.type == "count":
            words.append(_("整数"))
        if field.max_length is not None and field.type == "text":
            words.append(_("至多 %(num)s 字") % {"num": field.max_length})
        return _("，").join(words)

    def _word(self, words: Words) -> str:
        return (words.en if self.formatter.english else None) or words.zh


def _shape(field: FieldAnswer) -> str:
    if field.type in ("bool", "choice"):
        return "choice"
    return {"list": "lines", "text": "text"}.get(field.type, "number")
