"""What the page of one school shows: a score sheet joined with the official texts.

Pure: sheet JSON, rubric outline, reasons and the page's language in, frozen views out. The views
hold texts that are ready to read; the template only places them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from collector.web.basis import ValueView, value_views
from collector.web.formatting import Formatter
from collector.web.outline import (
    CriterionOutline,
    Factor,
    ItemOutline,
    RubricOutline,
    SectionOutline,
    ShownTitle,
)
from collector.web.profile import profile_unit, profile_word
from collector.web.verdicts import Counts, Result
from rubrics.reasons import Reason

SheetJson: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class FindingView:
    """One row of the table: a criterion, what was asked, what was found, the verdict."""

    label: str
    """The official number of the clause (1e); one of ours (C4.2) where the document has none."""
    anchor: str
    clause: str
    gloss: str | None
    """What the clause is about, in English, on English pages."""
    result: Result
    deducts: bool
    """The bound is that of a deduction, not of the requirement."""
    threshold: str | None
    threshold_working: str | None
    threshold_origin: str
    """Where the threshold comes from, as `data-origin` on the page: `threshold:1/1e`."""
    measured: tuple[ValueView, ...]
    declared: tuple[ValueView, ...]
    working: str | None
    reason_code: str | None
    reason: str | None
    source: str | None

    @property
    def in_words(self) -> bool:
        """No number is asked or known: answers and reason fit in one line."""
        numbers = [value for value in (*self.measured, *self.declared) if not value.answer]
        return not (self.threshold or numbers)

    @property
    def answered(self) -> bool:
        """Somebody answered; the working then reads `已建无线网络: 是`."""
        return bool(self.measured or self.declared)


@dataclass(frozen=True)
class PointsView:
    """The interval of an item, a section or the whole: proven to possible, out of max."""

    proven: str
    possible: str
    max: str | None

    @property
    def settled(self) -> bool:
        """Nothing is open any more: both ends are the same."""
        return self.proven == self.possible


@dataclass(frozen=True)
class ItemView:
    """One item of the official table with its findings."""

    id: str
    anchor: str
    title: ShownTitle | None
    text: str
    scoring_text: str
    points: PointsView | None
    working: str | None
    findings: tuple[FindingView, ...]
    warnings: tuple[str, ...]

    @property
    def has_head(self) -> bool:
        """The item needs a row of its own above its criteria."""
        return self.points is not None or len(self.findings) > 1 or bool(self.warnings)


@dataclass(frozen=True)
class SectionView:
    """One section; `counts` are of all its criteria, also while a filter hides some."""

    id: str
    anchor: str
    title: ShownTitle
    counts: Counts
    points: PointsView | None
    items: tuple[ItemView, ...]


@dataclass(frozen=True)
class SheetView:
    """The table and its totals."""

    counts: Counts
    points: PointsView | None
    sections: tuple[SectionView, ...]
    findings: tuple[FindingView, ...]
    vetoed: bool
    band: str | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class SheetReader:
    """Turns a sheet into views, for one rubric and one language."""

    outline: RubricOutline
    reasons: Mapping[str, Reason]
    formatter: Formatter
    profile: Mapping[str, int | None]
    """Numbers of the school that thresholds grow with: heads, students, staff, classes."""

    @property
    def chinese(self) -> bool:
        """The page is in Chinese."""
        return not self.formatter.english

    def read(self, sheet: SheetJson) -> SheetView:
        """Read the whole sheet; items that the sheet lacks count as insufficient evidence."""
        sections = tuple(self._section(section, sheet) for section in self.outline.sections)
        findings = tuple(f for s in sections for item in s.items for f in item.findings)
        outcome = sheet.get("outcome") or {}
        return SheetView(
            counts=Counts.of(finding.result for finding in findings),
            points=points_of(sheet.get("total")),
            sections=sections,
            findings=findings,
            vetoed=bool(outcome.get("vetoed")),
            band=self._band(outcome.get("band")),
            warnings=tuple(map(self.reason, sheet.get("warnings") or ())),
        )

    def _band(self, reached: str | None) -> str | None:
        """Name the grade that the total reaches; None while none is sure."""
        if reached is None:
            return None
        title = self.outline.bands.get(reached)
        return title.shown(self.formatter.english).text if title else reached

    def _section(self, section: SectionOutline, sheet: SheetJson) -> SectionView:
        scored = sheet.get("items") or {}
        items = tuple(self._item(item, scored.get(item.id) or {}) for item in section.items)
        return SectionView(
            id=section.id,
            anchor=f"section-{section.id}",
            title=section.title.shown(self.formatter.english),
            counts=Counts.of(f.result for item in items for f in item.findings),
            points=points_of((sheet.get("sections") or {}).get(section.id)),
            items=items,
        )

    def _item(self, item: ItemOutline, scored: Mapping[str, Any]) -> ItemView:
        clauses = {criterion.id: criterion for criterion in item.criteria}
        findings = tuple(
            self._finding(found, clauses.get(str(found.get("id"))), item, number)
            for number, found in enumerate(scored.get("findings") or [{"id": item.id}], start=1)
        )
        return ItemView(
            id=item.id,
            anchor=f"item-{item.id}",
            title=item.title.shown(self.formatter.english) if item.title else None,
            text=item.text,
            scoring_text=item.scoring_text,
            points=points_of(scored),
            working=self._working(scored),
            findings=findings,
            warnings=tuple(map(self.reason, scored.get("warnings") or ())),
        )

    def _finding(
        self,
        found: Mapping[str, Any],
        clause: CriterionOutline | None,
        item: ItemOutline,
        number: int,
    ) -> FindingView:
        identifier = str(found.get("id") or item.id)
        official = identifier.startswith(item.id)
        code = found.get("reason")
        measured, declared = value_views(found, self.formatter, item.id)
        return FindingView(
            label=identifier if official else f"{item.id}.{number}",
            anchor=f"criterion-{identifier if official else f'{item.id}-{identifier}'}",
            clause=self._clause(found, clause, item),
            gloss=found.get("title_en") if self.formatter.english else None,
            result=Result(found.get("result") or Result.INSUFFICIENT),
            deducts=item.deducts,
            threshold=self._threshold(found),
            threshold_working=self._threshold_working(clause),
            threshold_origin=f"threshold:{item.id}/{identifier}",
            measured=measured,
            declared=declared,
            working=self._working(found),
            reason_code=code,
            reason=self.reason(code) if code else None,
            source=found.get("source"),
        )

    def _clause(
        self, found: Mapping[str, Any], clause: CriterionOutline | None, item: ItemOutline
    ) -> str:
        """Return the official words; the finding's own title where the rubric names no clause."""
        return clause.text if clause else str(found.get("title") or item.text)

    def _threshold(self, found: Mapping[str, Any]) -> str | None:
        if found.get("threshold") is None:
            return None
        bounds, unit = found["threshold"], found.get("unit")
        if isinstance(bounds, list):
            return " – ".join(self.formatter.quantity(bound, unit) for bound in bounds)
        sign = self.formatter.comparison(found.get("op"))
        return f"{sign} {self.formatter.quantity(bounds, unit)}".strip()

    def _threshold_working(self, clause: CriterionOutline | None) -> str | None:
        """Write how this school's threshold comes about: `512 kbit/s × 1290 人`."""
        if clause is None or not clause.threshold:
            return None
        parts = [self._factor(factor) for factor in clause.threshold]
        return " × ".join(part for part in parts if part)

    def _factor(self, factor: Factor) -> str:
        if factor.quantity is not None:
            return self.formatter.quantity(*factor.quantity)
        name = factor.profile or ""
        number = self.formatter.quantity(self.profile.get(name), profile_unit(name))
        return f"{profile_word(name, self.formatter.translator)} {number}"

    def _working(self, part: Mapping[str, Any]) -> str | None:
        own, other = ("working", "working_en") if self.chinese else ("working_en", "working")
        return part.get(own) or part.get(other) or None

    def reason(self, code: str) -> str:
        """Return the sentence of a reason code; an unlisted code is shown as it is."""
        known = self.reasons.get(code)
        if known is None:
            return code
        return known.zh if self.chinese else known.en


def points_of(scored: Mapping[str, Any] | None) -> PointsView | None:
    """Return the interval of points; None where the document has no points."""
    if not scored or scored.get("max") is None:
        return None
    return PointsView(str(scored["proven"]), str(scored["possible"]), str(scored["max"]))


def only(view: SheetView, wanted: Result | None) -> tuple[SectionView, ...]:
    """Return the sections with the criteria of one result; what becomes empty falls away."""
    if wanted is None:
        return view.sections
    return tuple(
        narrowed
        for section in view.sections
        if (narrowed := _narrow_section(section, wanted)).items
    )


def _narrow_section(section: SectionView, wanted: Result) -> SectionView:
    items: Sequence[ItemView] = [
        ItemView(**{**vars(item), "findings": kept})
        for item in section.items
        if (kept := tuple(f for f in item.findings if f.result is wanted))
    ]
    return SectionView(**{**vars(section), "items": tuple(items)})
