"""What changed between two versions of a rubric, and what the change does to schools' results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from rubrics.describe import Words
from rubrics.engine import CaseError, ScoreSheet, evaluate
from rubrics.exact import decimal_text
from rubrics.model.rubric import Item, Rubric, Section

HEADER_FIELDS = (
    "id", "title", "authority", "source", "effective", "applies_to", "award_levels", "stages",
    "decided_at", "shared_caps", "bands", "places", "total_printed_max",
)  # fmt: skip
ITEM_FIELDS = (
    "title", "text", "scoring_text", "max", "part", "applies_when", "when_not_applicable", "gate",
    "period", "evidence",
)  # fmt: skip
SECTION_FIELDS = ("title", "printed_max", "weight", "aggregate", "minimum")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: `where` names the place by ids, before and after as they are written."""

    kind: Literal["added", "removed", "changed"]
    where: str
    before: str | None = None
    after: str | None = None

    def to_json(self) -> dict[str, str | None]:
        """Write the change as plain JSON data."""
        return {
            "kind": self.kind,
            "where": self.where,
            "before": self.before,
            "after": self.after,
        }


def compare(old: Rubric, new: Rubric) -> list[Change]:
    """Every difference that can change a form, a rule or a result; ids match the parts."""
    return [
        *_fields("", old, new, HEADER_FIELDS),
        *_parts("readings", dict(old.readings), dict(new.readings)),
        *_parts("facts", dict(old.facts), dict(new.facts)),
        *_parts("references", dict(old.references), dict(new.references)),
        *_parts("indicators", dict(old.indicators), dict(new.indicators)),
        *_sections(old, new),
        *_items(old, new),
    ]


def _written(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, Fraction):
        return decimal_text(value)
    if isinstance(value, tuple):
        return "; ".join(_written(one) or "" for one in value)
    zh = getattr(value, "zh", None)
    if isinstance(zh, str) and not hasattr(value, "type"):
        return zh
    if hasattr(value, "model_dump_json"):
        return str(value.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True))
    return str(value)


def _fields(where: str, old: Any, new: Any, names: Iterable[str]) -> Iterator[Change]:
    for name in names:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield Change("changed", f"{where}{name}", _written(before), _written(after))


def _parts(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in [*old, *(name for name in new if name not in old)]:
        place = f"{where}.{name}"
        if name not in new:
            yield Change("removed", place, _written(old[name]))
        elif name not in old:
            yield Change("added", place, None, _written(new[name]))
        elif old[name] != new[name]:
            yield Change("changed", place, _written(old[name]), _written(new[name]))


def _sections(old: Rubric, new: Rubric) -> Iterator[Change]:
    before, after = _sections_by_id(old.sections), _sections_by_id(new.sections)
    for name, section in before.items():
        if name not in after:
            yield Change("removed", f"section {name}", section.title.zh)
        else:
            yield from _fields(f"section {name}.", section, after[name], SECTION_FIELDS)
    for name, section in after.items():
        if name not in before:
            yield Change("added", f"section {name}", None, section.title.zh)


def _sections_by_id(sections: Iterable[Section]) -> dict[str, Section]:
    found: dict[str, Section] = {}
    for section in sections:
        found |= {section.id: section, **_sections_by_id(section.sections)}
    return found


def _items(old: Rubric, new: Rubric) -> Iterator[Change]:
    before = {item.id: item for item in old.items()}
    after = {item.id: item for item in new.items()}
    homes = _homes(old), _homes(new)
    for name, item in before.items():
        if name not in after:
            yield Change("removed", name, item.text)
            continue
        other = after[name]
        if homes[0][name] != homes[1][name]:
            yield Change("changed", f"{name}.section", homes[0][name], homes[1][name])
        yield from _fields(f"{name}.", item, other, ITEM_FIELDS)
        yield from _parts(f"{name}.entries", dict(item.entries), dict(other.entries))
        if item.rule != other.rule:
            yield Change("changed", f"{name}.rule", _rule(old, item), _rule(new, other))
    for name, item in after.items():
        if name not in before:
            yield Change("added", name, None, item.text)


def _homes(rubric: Rubric) -> dict[str, str]:
    sections = _sections_by_id(rubric.sections).values()
    return {item.id: section.id for section in sections for item in section.items}


def _rule(rubric: Rubric, item: Item) -> str:
    return f"{item.rule.type}: " + "; ".join(Words(rubric, item).rule())


@dataclass(frozen=True, slots=True)
class Effect:
    """One school under both versions; `problem` where one of them cannot take its case."""

    name: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    items: tuple[str, ...] = ()
    """Items whose status, points or findings differ."""
    problem: str | None = None

    @property
    def gain(self) -> Fraction | None:
        """Proven points after minus before; None without points on both sides."""
        if self.before is None or self.after is None:
            return None
        low, high = self.before["proven"], self.after["proven"]
        return None if low is None or high is None else Fraction(high) - Fraction(low)

    @property
    def same(self) -> bool:
        """Whether the school's result is the same under both."""
        return self.problem is None and self.before == self.after and not self.items

    def to_json(self) -> dict[str, Any]:
        """Write the effect as plain JSON data."""
        return {
            "school": self.name,
            "before": self.before,
            "after": self.after,
            "gain": None if self.gain is None else decimal_text(self.gain),
            "items": list(self.items),
            "problem": self.problem,
        }


def effects(
    old: Rubric, new: Rubric, cases: Iterable[tuple[str, Mapping[str, Any]]]
) -> Iterator[Effect]:
    """Score every case under both versions, one at a time: a county streams through."""
    for name, case in cases:
        yield _effect(name, old, new, case)


def _effect(name: str, old: Rubric, new: Rubric, case: Mapping[str, Any]) -> Effect:
    sheets: list[ScoreSheet] = []
    for rubric in (old, new):
        try:
            sheets.append(evaluate(rubric, case))
        except CaseError as error:
            return Effect(name, None, None, problem=f"{rubric.id} {rubric.version}: {error}")
    return effect_between(name, *map(result_of, sheets))


@dataclass(frozen=True, slots=True)
class SheetResult:
    """What of a sheet is compared: its result in short, and each item's state."""

    result: Mapping[str, Any]
    items: Mapping[str, Any]


def result_of(sheet: ScoreSheet) -> SheetResult:
    """Return what of a sheet is compared."""
    return SheetResult(_result(sheet), _items_of(sheet))


def effect_between(name: str, before: SheetResult, after: SheetResult) -> Effect:
    """Return what became of a school from one sheet to another."""
    names = [*before.items, *(item for item in after.items if item not in before.items)]
    changed = tuple(item for item in names if before.items.get(item) != after.items.get(item))
    return Effect(name, before.result, after.result, changed)


def _result(sheet: ScoreSheet) -> dict[str, Any]:
    total, totals = sheet.total_json(), sheet.totals
    return {
        "proven": total["proven"],
        "possible": total["possible"],
        "max": total["max"],
        "status": total["status"],
        "counts": total["counts"],
        "band": totals.band,
        "vetoed": totals.vetoed,
    }


def _items_of(sheet: ScoreSheet) -> dict[str, Any]:
    return {
        name: (
            result.status,
            result.low,
            result.high,
            [(finding.id, finding.result) for finding in result.points.findings],
        )
        for name, result in sheet.items.items()
    }
