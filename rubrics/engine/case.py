"""One school's case as the engine reads it: checked against the rubric, numbers made exact.

A case file is plain JSON data (see docs/rubrics.md). A missing key or null means unknown. What is
given must be right: an unknown entry, a number out of its range or a wrong unit is an error that
names item and field; nothing is clipped or guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeAlias

from rubrics.engine.entry_values import CaseProblem, unknown_name
from rubrics.engine.school import SchoolReader
from rubrics.exact import decimal_text
from rubrics.model.rubric import FigureSpec, Item, Rubric
from rubrics.units import unit

Plain: TypeAlias = Mapping[str, Any]
KNOWN_KEYS = (
    "school", "indicators", "facts", "references", "entries", "stages", "readings", "overrides",
)  # fmt: skip
VERDICTS_OF_PEOPLE = ("met", "not_met", "not_applicable")
EVIDENCE_NUMBERS = ("samples", "days", "weeks", "coverage", "observed")
INDICATOR_KEYS = ("value", "unit", "statistic", "limited_by", *EVIDENCE_NUMBERS)


class CaseError(ValueError):
    """A case with values that cannot be used; nothing was scored."""

    def __init__(self, problems: Sequence[CaseProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in problems))


class WrongSchoolError(CaseError):
    """The rubric is not for this kind of school."""


@dataclass(slots=True)
class IndicatorDatum:
    """A measured indicator as the case gives it."""

    value: Fraction | None
    raw: Plain
    limited_by: tuple[str, ...]


@dataclass(slots=True)
class Figure:
    """A declared fact or a reference figure."""

    value: Any
    raw: Plain


@dataclass(slots=True)
class Case:
    """What a rule may ask for. Numbers of entries are in the unit of their spec."""

    school: dict[str, Any]
    indicators: dict[str, IndicatorDatum] = field(default_factory=dict)
    facts: dict[str, Figure] = field(default_factory=dict)
    references: dict[str, Figure] = field(default_factory=dict)
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    origins: dict[tuple[str, str], Plain] = field(default_factory=dict)
    stages: dict[str, dict[str, Fraction]] = field(default_factory=dict)
    readings: dict[str, str] = field(default_factory=dict)
    overrides: dict[tuple[str, str], Plain] = field(default_factory=dict)
    """Verdicts that a person put beside a finding, by item and criterion."""
    warnings: list[str] = field(default_factory=list)


def read_case(rubric: Rubric, items: Mapping[str, Item], raw: Plain) -> Case:
    """Check a case against a rubric.

    Raises WrongSchoolError for a school the rubric is not for, CaseError with every problem.
    """
    reader = _Reader(rubric, items)
    case = reader.read(raw)
    if reader.problems:
        raise CaseError(reader.problems)
    return case


class _Reader(SchoolReader):
    def __init__(self, rubric: Rubric, items: Mapping[str, Item]) -> None:
        super().__init__()
        self.rubric = rubric
        self.items = items

    def read(self, raw: Plain) -> Case:
        self._refuse_misspelt("", raw, KNOWN_KEYS)
        case = Case(self._school(self._mapping(raw, "school"), self.rubric.award_levels))
        self._refuse_wrong_school(case)
        self._indicators(self._mapping(raw, "indicators"), case)
        for kind, specs, into in (
            ("facts", self.rubric.facts, case.facts),
            ("references", self.rubric.references, case.references),
        ):
            given = self._mapping(raw, kind)
            self._refuse_misspelt(f"{kind}.", given, list(specs))
            for name, spec in specs.items():
                if given.get(name) is not None:
                    self._figure(f"{kind}.{name}", spec, given[name], into, name)
        self._entries(self._mapping(raw, "entries"), case)
        self._entries_from_facts(case)
        self._stages(self._mapping(raw, "stages"), case)
        self._readings(self._mapping(raw, "readings"), case)
        self._overrides(self._mapping(raw, "overrides"), case)
        return case

    def _mapping(self, raw: Plain, key: str) -> Plain:
        found = raw.get(key)
        if found is None:
            return {}
        if not isinstance(found, Mapping):
            self._wrong(key, "must be an object")
            return {}
        return found

    def _refuse_wrong_school(self, case: Case) -> None:
        wanted = self.rubric.applies_to
        kind = case.school.get("kind")
        if kind is None:
            case.warnings.append("school_kind_unknown")
        elif kind not in wanted.kinds:
            raise WrongSchoolError(
                [
                    CaseProblem(
                        "school.kind",
                        f"本细则适用于 {'、'.join(wanted.kinds)}，该校为 {kind}，请选用适用的细则"
                        f" / rubric {self.rubric.id} is for {', '.join(wanted.kinds)} schools, "
                        f"not {kind}; choose the rubric of that kind",
                    )
                ]
            )
        stages = case.school.get("stages")
        if wanted.stages and stages and not stages & set(wanted.stages):
            message = f"rubric {self.rubric.id} is for the stages {', '.join(wanted.stages)}"
            raise WrongSchoolError([CaseProblem("school.stages", message)])

    def _indicators(self, raw: Plain, case: Case) -> None:
        self._refuse_misspelt("indicators.", raw, list(self.rubric.indicators))
        for name, used in self.rubric.indicators.items():
            datum = raw.get(name)
            if datum is None:
                continue
            path = f"indicators.{name}"
            if not isinstance(datum, Mapping):
                self._wrong(path, "must be an object with value, unit, samples, days …")
                continue
            if not self._same_unit(path, datum.get("unit"), used.unit):
                continue
            case.indicators[name] = self._indicator(path, datum)

    def _indicator(self, path: str, datum: Plain) -> IndicatorDatum:
        self._refuse_misspelt(f"{path}.", datum, INDICATOR_KEYS)
        value = datum.get("value")
        limits = datum.get("limited_by") or ()
        if isinstance(limits, str) or not isinstance(limits, Sequence):
            self._wrong(f"{path}.limited_by", "must be a list of causes such as [nic]")
            limits = ()
        for field_name in EVIDENCE_NUMBERS:
            if datum.get(field_name) is not None:
                self._number(f"{path}.{field_name}", datum[field_name])
        number = None if value is None else self._number(f"{path}.value", value)
        return IndicatorDatum(number, datum, tuple(str(cause) for cause in limits))

    def _same_unit(self, path: str, given: object, expected: str) -> bool:
        try:
            if unit(str(given)).name == expected:
                return True
        except ValueError:
            pass
        self._wrong(f"{path}.unit", f"is {given!r}, the indicator catalogue says {expected!r}")
        return False

    def _figure(
        self, path: str, spec: FigureSpec, raw: object, into: dict[str, Figure], name: str
    ) -> None:
        datum: Plain = raw if isinstance(raw, Mapping) else {"value": raw}
        value: Any = datum.get("value")
        if value is None:
            return
        if spec.type == "number":
            value = self._number(path, value)
            if value is not None:
                self._in_range(path, value, spec.min, spec.max)
        elif spec.type == "bool" and not isinstance(value, bool):
            self._wrong(path, f"must be true or false, not {value!r}")
        into[name] = Figure(value, datum)

    def _entries(self, raw: Plain, case: Case) -> None:
        for item_id, given in raw.items():
            item = self.items.get(item_id)
            if item is None:
                self._wrong(f"entries.{item_id}", unknown_name("item", item_id, list(self.items)))
            elif given is not None and not isinstance(given, Mapping):
                self._wrong(f"entries.{item_id}", "must be an object of entry names and values")
            elif given:
                case.entries[item_id] = self._item_entries(item, given, case)

    def _entries_from_facts(self, case: Case) -> None:
        """Fill the fields that ask for a declared fact; what was entered for the item stands."""
        for item in self.items.values():
            for name, spec in item.entries.items():
                figure = case.facts.get(spec.fact) if spec.fact is not None else None
                given = case.entries.setdefault(item.id, {}) if figure is not None else {}
                if figure is not None and name not in given:
                    given[name] = figure.value
                    case.origins[item.id, name] = {**figure.raw, "kind": "declared"}

    def _item_entries(self, item: Item, given: Plain, case: Case) -> dict[str, Any]:
        specs = item.entries
        values: dict[str, Any] = {}
        for name, raw in given.items():
            spec = specs.get(name)
            if spec is None:
                message = unknown_name("entry", name, list(specs))
                self._wrong(f"entries.{item.id}.{name}", message)
                continue
            value = raw
            if isinstance(raw, Mapping):
                value = raw.get("value")
                case.origins[item.id, name] = raw
            if value is not None:
                values[name] = self._entry(f"entries.{item.id}.{name}", spec, value)
        return values

    def _stages(self, raw: Plain, case: Case) -> None:
        stages = [stage.id for stage in self.rubric.stages]
        for stage, points in raw.items():
            if stage not in stages:
                if points:
                    self._wrong(f"stages.{stage}", unknown_name("stage", stage, stages))
                continue
            if points is not None and not isinstance(points, Mapping):
                self._wrong(f"stages.{stage}", "must be an object of item ids and points")
                continue
            case.stages[stage] = given = {}
            for item_id, number in (points or {}).items():
                path = f"stages.{stage}.{item_id}"
                item = self.items.get(item_id)
                if item is None:
                    self._wrong(path, unknown_name("item", item_id, list(self.items)))
                elif number is not None:
                    value = self._stage_points(path, item, number)
                    if value is not None:
                        given[item_id] = value

    def _stage_points(self, path: str, item: Item, raw: object) -> Fraction | None:
        points = self._number(path, raw)
        if points is None:
            return None
        if item.max is None:
            self._wrong(path, f"item {item.id} carries no points")
            return None
        self._in_range(path, points, Fraction(0), item.max)
        step = item.rule.step if item.rule.type == "judge" else None
        if step is not None and (points / step).denominator != 1:
            self._wrong(path, f"{decimal_text(points)} is no multiple of {decimal_text(step)}")
        return points

    def _overrides(self, raw: Plain, case: Case) -> None:
        for item_id, given in raw.items():
            item = self.items.get(item_id)
            path = f"overrides.{item_id}"
            if item is None:
                self._wrong(path, unknown_name("item", item_id, list(self.items)))
            elif given is not None and not isinstance(given, Mapping):
                self._wrong(path, "must be an object of criterion ids and verdicts")
            else:
                for name, verdict in (given or {}).items():
                    self._override(f"{path}.{name}", item, name, verdict, case)

    def _override(self, path: str, item: Item, name: str, raw: object, case: Case) -> None:
        known = [criterion.id for criterion in item.criteria]
        if name not in known:
            self._wrong(path, unknown_name("criterion", name, known))
        elif not isinstance(raw, Mapping) or raw.get("result") not in VERDICTS_OF_PEOPLE:
            self._wrong(path, f"needs a `result`, one of {', '.join(VERDICTS_OF_PEOPLE)}")
        elif not raw.get("why"):
            self._wrong(path, "needs a reason under `why`")
        else:
            case.overrides[item.id, name] = raw

    def _readings(self, raw: Plain, case: Case) -> None:
        for name, chosen in raw.items():
            choice = self.rubric.readings.get(name)
            if choice is None:
                self._wrong(
                    f"readings.{name}", unknown_name("reading", name, list(self.rubric.readings))
                )
            elif chosen is not None:
                if str(chosen) not in choice.alternatives:
                    message = unknown_name("alternative", str(chosen), list(choice.alternatives))
                    self._wrong(f"readings.{name}", message)
                case.readings[name] = str(chosen)
