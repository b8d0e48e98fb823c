"""What is known about each criterion, side by side: measured, declared, contracted, imported.

Read from a score sheet, so that what people compare is what the engine used. Nothing is merged
into one number here; the rubric says which value decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True, slots=True)
class SideValue:
    """One value of a criterion. `kind` is measured, declared, contracted, imported or judged.

    `value` is a decimal text, a truth or an answer's text; None while unknown. `usable` is false
    for a number that was seen but is no evidence.
    """

    kind: str
    name: str
    value: str | bool | None
    unit: str | None
    usable: bool
    origin: Mapping[str, Any]

    @property
    def number(self) -> Fraction | None:
        """The exact number, if the value is one."""
        if not isinstance(self.value, str):
            return None
        try:
            return Fraction(self.value)
        except (ValueError, ZeroDivisionError):
            return None


@dataclass(frozen=True, slots=True)
class CriterionValues:
    """One finding of a sheet with all its values; the first is the one that decides."""

    item_id: str
    finding_id: str
    title: str
    title_en: str
    result: str
    reason: str | None
    threshold: str | None
    op: str | None
    values: tuple[SideValue, ...]


def values_of(sheet: Mapping[str, Any]) -> tuple[CriterionValues, ...]:
    """Return every finding of a score sheet (its JSON form) with its values, in order."""
    return tuple(_criteria(sheet))


def _criteria(sheet: Mapping[str, Any]) -> Iterator[CriterionValues]:
    for item_id, item in sheet["items"].items():
        for finding in item["findings"]:
            threshold = finding.get("threshold")
            yield CriterionValues(
                item_id=item_id,
                finding_id=finding["id"],
                title=finding.get("title") or finding["id"],
                title_en=finding.get("title_en") or finding["id"],
                result=finding["result"],
                reason=finding.get("reason"),
                threshold=threshold if isinstance(threshold, str) else None,
                op=finding.get("op"),
                values=tuple(_values(finding)),
            )


def _values(finding: Mapping[str, Any]) -> Iterator[SideValue]:
    for given in (finding, *finding.get("values", ())):
        origin = given.get("origin")
        if origin is None:
            continue
        yield SideValue(
            kind=origin.get("kind", given.get("source", "")),
            name=origin.get("name", ""),
            value=given.get("value"),
            unit=given.get("unit"),
            usable=bool(given.get("usable", given.get("value") is not None)),
            origin=origin,
        )
