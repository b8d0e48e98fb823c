"""The official side's inputs for the fields of a form, each beside what the school gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from collector.assessment.form_answers import FieldAnswer
from collector.domain import EntryValue
from collector.web.formatting import Formatter
from collector.web.typed_values import typed_text

_BETWEEN = ", "
"""A list is one line of numbers here."""


@dataclass(frozen=True)
class InputView:
    """One input: what it is for, what it takes, what is in it, and what the school gave."""

    name: str
    label: str
    type: str
    unit: str
    typed: str
    seen: str
    """What was in it when the page was made: whoever leaves it so, changes nothing."""
    revision: int
    least: str | None
    most: str | None
    max_length: int | None
    choices: tuple[tuple[str, str], ...]
    help: str | None
    school: str | None
    school_by: str
    school_at: str
    official_by: str
    problem: str | None = None

    @property
    def counts(self) -> bool:
        """A number that has steps of one, for the − and + beside it."""
        return self.type == "count"


def input_view(
    field: FieldAnswer,
    formatter: Formatter,
    names: Mapping[str, str],
    typed: str | None = None,
    problem: str | None = None,
) -> InputView:
    """Return the official side's input of a field; `typed` is what was in a refused form."""
    _ = formatter.translator.gettext
    english = formatter.english
    stored = "" if field.official is None else typed_text(field.official.value, _BETWEEN)
    choices = tuple((one.id, (one.en if english else None) or one.zh) for one in field.choices)
    if field.type == "bool":
        choices = (("true", _("是")), ("false", _("否")))
    school, official = field.school, field.official
    return InputView(
        name=field.name,
        label=(field.label.en if english else None) or field.label.zh,
        type=field.type,
        unit="" if field.unit in (None, "count") else formatter.unit(field.unit),
        typed=stored if typed is None else typed,
        seen=stored,
        revision=official.revision if official else 0,
        least="0" if field.type in ("count", "percent") and field.min is None else field.min,
        most="100" if field.type == "percent" and field.max is None else field.max,
        max_length=field.max_length,
        choices=choices,
        help=((field.help.en if english else None) or field.help.zh) if field.help else None,
        school=_shown(field, school.value, formatter, dict(choices))
        if school is not None and school.value is not None
        else None,
        school_by=names.get(school.author, school.author) if school else "",
        school_at=formatter.time(school.recorded_at) if school else "",
        official_by=names.get(official.author, official.author) if official else "",
        problem=problem,
    )


def _shown(
    field: FieldAnswer, value: EntryValue, formatter: Formatter, choices: Mapping[str, str]
) -> str:
    if field.type in ("choice", "bool"):
        text = typed_text(value)
        return choices.get(text, text)
    if isinstance(value, (list, tuple)):
        return typed_text(value, _BETWEEN)
    if field.type == "text":
        return str(value)
    return formatter.quantity(
        value if isinstance(value, (int, float, str)) else str(value),
        None if field.unit == "count" else field.unit,
    )
