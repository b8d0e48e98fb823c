"""Single values of a case: numbers, counts, answers and lists, each checked against its spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from rubrics.exact import decimal_text, exact
from rubrics.model.rubric import EntrySpec

ZERO, HUNDRED = Fraction(0), Fraction(100)
MAX_LIST = 5000
MAX_TEXT = 20000
NEARLY_THE_SAME = 0.8
"""Likeness from which a name is a slip; the most alike indicator names reach 0.79."""


@dataclass(frozen=True, slots=True)
class CaseProblem:
    """One value of a case that cannot be used."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class ValueReader:
    """Reads values by their specs and notes every one that cannot be used."""

    def __init__(self) -> None:
        self.problems: list[CaseProblem] = []

    def _wrong(self, path: str, message: str) -> None:
        self.problems.append(CaseProblem(path, message))

    def _refuse_misspelt(self, place: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
        """Refuse a key that is almost a known one; keys meant for somebody else pass.

        A misspelt `limited_by` would turn a limited measurement into a failed school.
        """
        for key in given:
            if key not in known and get_close_matches(key, known, n=1, cutoff=NEARLY_THE_SAME):
                self._wrong(f"{place}{key}", unknown_name("key", key, known))

    def _count(self, path: str, raw: object) -> Fraction | None:
        number = self._number(path, raw)
        if number is not None and (number < 0 or number.denominator != 1):
            self._wrong(path, f"{raw} is not a count (0, 1, 2 …)")
            return None
        return number

    def _number(self, path: str, raw: object) -> Fraction | None:
        try:
            return exact(raw)
        except ValueError as error:
            self._wrong(path, str(error))
            return None

    def _in_range(
        self, path: str, number: Fraction, least: Fraction | None, most: Fraction | None
    ) -> None:
        if (least is not None and number < least) or (most is not None and number > most):
            low = "…" if least is None else decimal_text(least)
            high = "…" if most is None else decimal_text(most)
            self._wrong(path, f"{decimal_text(number)} is outside {low}–{high}")

    def _entry(self, path: str, spec: EntrySpec, value: Any) -> Any:
        kind = spec.type
        if kind in ("count", "percent", "number"):
            return self._entry_number(path, spec, kind, value)
        if kind == "bool":
            if not isinstance(value, bool):
                self._wrong(path, f"must be true or false, not {value!r}")
            return value
        if kind == "list":
            return self._entry_list(path, spec, value)
        if not isinstance(value, str):
            self._wrong(path, f"must be text, not {value!r}")
        elif kind == "choice":
            return self._entry_choice(path, spec, value)
        elif len(value) > (spec.max_length or MAX_TEXT):
            most = spec.max_length or MAX_TEXT
            self._wrong(path, f"has {len(value)} characters, at most {most} are taken")
        return value

    def _entry_number(self, path: str, spec: EntrySpec, kind: str, value: Any) -> Fraction | None:
        if isinstance(value, bool) and spec.yes_means is not None:
            return spec.yes_means if value else Fraction(0)
        number = self._number(path, value)
        if number is None:
            return None
        if kind == "count" and number.denominator != 1:
            self._wrong(path, f"{value} is not a whole number")
        if kind != "number" and number.numerator < 0:
            self._in_range(path, number, ZERO, spec.max)
        elif kind == "percent" and number.numerator > 100 * number.denominator:
            self._in_range(path, number, ZERO, HUNDRED)
        elif spec.min is not None or spec.max is not None:
            self._in_range(path, number, spec.min, spec.max)
        return number

    def _entry_choice(self, path: str, spec: EntrySpec, value: str) -> str | None:
        """Return the id of an answer given by id or by the words on the paper form."""
        for choice in spec.choices:
            if value in (choice.id, choice.zh):
                return choice.id
        known = [name for choice in spec.choices for name in (choice.id, choice.zh)]
        self._wrong(path, unknown_name("choice", value, known))
        return None

    def _entry_list(self, path: str, spec: EntrySpec, value: Any) -> Any:
        if isinstance(value, str) or not isinstance(value, Sequence):
            self._wrong(path, "must be a list")
            return None
        if len(value) > (spec.max_length or MAX_LIST):
            self._wrong(path, f"has {len(value)} members, at most {spec.max_length or MAX_LIST}")
            return None
        if spec.of == "record":
            for index, record in enumerate(value):
                if not isinstance(record, Mapping):
                    self._wrong(f"{path}[{index}]", "must be an object")
            return tuple(value)
        kind = spec.of or "number"
        return tuple(
            self._entry_number(f"{path}[{index}]", spec, kind, member)
            for index, member in enumerate(value)
        )


def unknown_name(what: str, name: str, known: Sequence[str]) -> str:
    """Say that a name is unknown, with the nearest known one."""
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"unknown {what} `{name}`; did you mean `{near[0]}`?"
    return f"unknown {what} `{name}`; known: {', '.join(known[:12]) or 'none'}"


def value_problem(spec: EntrySpec, value: object) -> str | None:
    """Say why a field does not take a value; None if it does."""
    return _OneValue().problem(spec, value)


class _OneValue(ValueReader):
    def problem(self, spec: EntrySpec, value: object) -> str | None:
        self._entry("", spec, value)
        return "; ".join(problem.message for problem in self.problems) or None
