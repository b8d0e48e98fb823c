"""What a sheet would say if some facts were different. Pure; nothing is stored.

The case file of the sheet is changed in the places a person names and scored again by the same
engine, so a trial can never follow other rules than the verdict.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from collector.web.formatting import Formatter, as_decimal
from collector.web.profile import profile_unit, profile_word
from rubrics.engine import CaseError, evaluate
from rubrics.model import Rubric
from rubrics.model.rubric import EntrySpec, FigureSpec, UsedIndicator

PROFILE = ("students", "staff", "classes")
SHOWN_TYPES = ("count", "percent", "number", "bool", "choice")
MAX_TEXT = 40
"""Characters of one assumption; no number that makes sense is longer."""
MAX_MAGNITUDE = 18
"""Powers of ten: an exabyte is 18."""


@dataclass(frozen=True)
class WhatIfField:
    """One value that may be assumed different."""

    name: str
    """`profile.students`, `fact.contracted_mbps`, `entry.1.wired_points`, `indicator.…`."""
    label: str
    current: str
    unit: str
    choices: tuple[tuple[str, str], ...]
    """Value and word of each answer; none for numbers."""
    assumed: str = ""
    wrong: str | None = None


@dataclass(frozen=True)
class FieldGroup:
    """Fields under one heading."""

    title: str
    fields: tuple[WhatIfField, ...]


@dataclass(frozen=True)
class Trial:
    """The case with the assumptions, or what is wrong with them."""

    case: Mapping[str, Any]
    sheet: Mapping[str, Any] | None
    wrong: Mapping[str, str]
    """Message by field name."""
    refused: tuple[str, ...]
    """What the engine refused, in its own words."""


@dataclass(frozen=True)
class WhatIf:
    """Assumes values for one rubric, in one language."""

    rubric: Rubric
    formatter: Formatter

    def groups(
        self, case: Mapping[str, Any], given: Mapping[str, str], wrong: Mapping[str, str]
    ) -> tuple[FieldGroup, ...]:
        """Return all fields with present values and what was typed."""
        _ = self.formatter.translator.gettext
        made = (
            (_("学校概况"), self._profile(case)),
            (_("申报与合同"), self._facts(case)),
            (_("假设实测"), self._indicators(case)),
            (_("填报"), self._entries(case)),
        )
        return tuple(
            FieldGroup(
                title,
                tuple(
                    WhatIfField(**{**vars(field), "assumed": given.get(field.name, ""),
                                   "wrong": wrong.get(field.name)})
                    for field in fields
                ),
            )
            for title, fields in made
        )  # fmt: skip

    def trial(self, case: Mapping[str, Any], given: Mapping[str, str]) -> Trial:
        """Score the case with the assumptions; names that the rubric does not have are ignored."""
        _ = self.formatter.translator.gettext
        changed = copy.deepcopy(dict(case))
        wrong: dict[str, str] = {}
        known = {f.name: f for group in self.groups(case, {}, {}) for f in group.fields}
        for name, text in given.items():
            field = known.get(name)
            if field is None or not text:
                continue
            value = self._parsed(field, text)
            if value is None:
                wrong[name] = _("请填一个数，例如 1000 或 0.5。")
            else:
                self._put(changed, name, value)
        if wrong:
            return Trial(changed, None, wrong, ())
        try:
            return Trial(changed, evaluate(self.rubric, changed).to_json(), {}, ())
        except CaseError as error:
            return Trial(changed, None, {}, tuple(map(str, error.problems)))

    def _parsed(self, field: WhatIfField, text: str) -> str | bool | int | None:
        if field.choices:
            values = [value for value, _ in field.choices]
            if text not in values:
                return None
            return text == "true" if values == ["true", "false"] else text
        number = as_decimal(text) if len(text) <= MAX_TEXT else None
        # 1e9999999 is short to write and ten million digits long.
        if number is None or abs(number.adjusted()) > MAX_MAGNITUDE:
            return None
        if field.name.startswith("profile."):
            return int(number) if number == int(number) and 0 <= number < 10**7 else None
        return f"{number:f}"

    def _put(self, case: dict[str, Any], name: str, value: Any) -> None:
        kind, _, rest = name.partition(".")
        if kind == "profile":
            case["school"][rest] = value
        elif kind == "fact":
            fact = case.setdefault("facts", {}).get(rest) or {}
            case["facts"][rest] = {**fact, "value": value}
        elif kind == "indicator":
            case.setdefault("indicators", {})[rest] = assumed_datum(
                self.rubric.indicators[rest], value
            )
        else:
            item, _, entry = rest.rpartition(".")
            case.setdefault("entries", {}).setdefault(item, {})[entry] = value

    def _profile(self, case: Mapping[str, Any]) -> Iterator[WhatIfField]:
        for name in PROFILE:
            label = profile_word(name, self.formatter.translator)
            current = self.formatter.quantity(case["school"].get(name), profile_unit(name))
            unit_name = self.formatter.unit(profile_unit(name))
            yield WhatIfField(f"profile.{name}", label, current, unit_name, ())

    def _facts(self, case: Mapping[str, Any]) -> Iterator[WhatIfField]:
        facts = case.get("facts") or {}
        for name, spec in self.rubric.facts.items():
            if spec.type != "choice":
                value = (facts.get(name) or {}).get("value")
                yield self._field(f"fact.{name}", spec, value, spec.type, spec.unit)

    def _indicators(self, case: Mapping[str, Any]) -> Iterator[WhatIfField]:
        measured = case.get("indicators") or {}
        for name, used in self.rubric.indicators.items():
            value = (measured.get(name) or {}).get("value")
            title = (used.title.en if self.formatter.english else None) or used.title.zh
            current = self.formatter.quantity(value, used.unit)
            unit_name = self.formatter.unit(used.unit)
            if used.unit == "ratio":
                unit_name = self.formatter.translator.gettext("0 至 1")
            yield WhatIfField(f"indicator.{name}", title, current, unit_name, ())

    def _entries(self, case: Mapping[str, Any]) -> Iterator[WhatIfField]:
        entries = case.get("entries") or {}
        for item in self.rubric.items():
            for name, spec in item.entries.items():
                if spec.type in SHOWN_TYPES and spec.fact is None:
                    value = (entries.get(item.id) or {}).get(name)
                    field = self._field(
                        f"entry.{item.id}.{name}", spec, value, spec.type, spec.number_unit
                    )
                    yield WhatIfField(**{**vars(field), "label": f"{item.id} {field.label}"})

    def _field(
        self, name: str, spec: EntrySpec | FigureSpec, value: Any, kind: str, unit_name: str
    ) -> WhatIfField:
        _ = self.formatter.translator.gettext
        label = (spec.en if self.formatter.english else None) or spec.zh
        choices: tuple[tuple[str, str], ...] = ()
        if kind == "bool":
            choices = (("true", _("是")), ("false", _("否")))
        elif kind == "choice" and isinstance(spec, EntrySpec):
            choices = tuple(
                (one.id, (one.en if self.formatter.english else None) or one.zh)
                for one in spec.choices
            )
        if choices and not isinstance(value, bool):
            current = dict(choices).get(str(value), "") or self.formatter.quantity(value)
        else:
            current = self.formatter.quantity(value, unit_name)
        return WhatIfField(name, label, current, self.formatter.unit(unit_name), choices)


def assumed_datum(used: UsedIndicator, value: str) -> dict[str, Any]:
    """Return an indicator as if it had been measured well enough and without limits."""
    return {
        "value": value,
        "unit": used.unit,
        "statistic": "assumed",
        "samples": used.samples or 1,
        "days": used.days or 1,
        "weeks": used.weeks or 1,
        "coverage": "1",
        "limited_by": [],
    }
