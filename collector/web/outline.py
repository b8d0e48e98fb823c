"""A rubric as a page lists it: sections, items, criteria with their official texts.

The only place of the pages that knows the shape of the rubric model.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rubrics.exact import decimal_text
from rubrics.model import Rubric
from rubrics.model.base import Text
from rubrics.model.expressions import OPERATORS, Compare, PerHead, Product, ProfileValue, Quantity
from rubrics.model.rubric import Item, Section
from rubrics.model.rules import Criterion, Deduct, Judge, Level, Meets


@dataclass(frozen=True)
class Factor:
    """One factor of a threshold: a stated quantity, or a number of the school's profile."""

    quantity: tuple[str, str] | None = None
    """Value and unit as the document states them."""
    profile: str | None = None
    """`heads`, `students`, `staff` or `classes`."""


@dataclass(frozen=True)
class CriterionOutline:
    """One testable clause: its official words, and the factors its threshold is made of."""

    id: str
    text: str
    threshold: tuple[Factor, ...] = ()


@dataclass(frozen=True)
class Title:
    """A title in Chinese and, where the rubric has one, English."""

    zh: str
    en: str | None = None

    def shown(self, english: bool) -> "ShownTitle":
        """Return the title for a page in English or Chinese, with the language it is in."""
        if english and self.en:
            return ShownTitle(self.en, "en")
        return ShownTitle(self.zh, "zh-CN")


@dataclass(frozen=True)
class ShownTitle:
    """A title as a page places it; screen readers need to know its language."""

    text: str
    language: str


@dataclass(frozen=True)
class ItemOutline:
    """One item of the official table."""

    id: str
    text: str
    title: Title | None = None
    scoring_text: str = ""
    """The document's words on how points are given or taken, where it has them."""
    deducts: bool = False
    """The findings are grounds for deducting, so their bounds say when points are lost."""
    criteria: tuple[CriterionOutline, ...] = ()


@dataclass(frozen=True)
class SectionOutline:
    """One section of the official table, items in printed order."""

    id: str
    title: Title
    items: tuple[ItemOutline, ...]


@dataclass(frozen=True)
class RubricOutline:
    """An official document."""

    id: str
    version: str
    title: Title
    authority: str
    source: str
    kinds: tuple[str, ...]
    bands: Mapping[str, Title]
    """Grades of the total, by id."""
    sections: tuple[SectionOutline, ...]


def outline_of(rubric: Rubric) -> RubricOutline:
    """Reduce a rubric to what pages show of it."""
    return RubricOutline(
        id=rubric.id,
        version=rubric.version,
        title=_title(rubric.title),
        authority=rubric.authority.zh,
        source=rubric.source.document.zh,
        kinds=tuple(rubric.applies_to.kinds),
        bands={band.id: _title(band.title) for band in rubric.bands},
        sections=tuple(_sections(rubric.sections)),
    )


def _sections(sections: tuple[Section, ...]) -> Iterator[SectionOutline]:
    """Yield the sections that hold items; a heading above them joins their titles."""
    for section in sections:
        if section.items:
            items = tuple(_item(item) for item in section.items)
            yield SectionOutline(section.id, _title(section.title), items)
        for inner in _sections(section.sections):
            yield SectionOutline(inner.id, _joined(section.title, inner.title), inner.items)


def _title(text: Text) -> Title:
    return Title(text.zh, text.en)


def _joined(outer: Text, inner: Title) -> Title:
    english = f"{outer.en} · {inner.en}" if outer.en and inner.en else None
    return Title(f"{outer.zh} · {inner.zh}", english)


def _item(item: Item) -> ItemOutline:
    return ItemOutline(
        id=item.id,
        text=item.text,
        title=_title(item.title) if item.title else None,
        scoring_text=item.scoring_text or "",
        deducts=isinstance(item.rule, Deduct),
        criteria=tuple(_criterion(criterion) for criterion in _criteria(item)),
    )


def _criteria(item: Item) -> Iterator[Criterion]:
    match item.rule:
        case Meets() | Judge():
            yield from item.rule.criteria
        case Level():
            for level in item.rule.levels:
                yield from level.bullets


def _criterion(criterion: Criterion) -> CriterionOutline:
    return CriterionOutline(
        id=criterion.id,
        text=criterion.clause or criterion.title.zh,
        threshold=tuple(_factors(criterion)),
    )


def _factors(criterion: Criterion) -> Iterator[Factor]:
    """Yield the factors of a threshold that grows with the school; nothing for a plain number."""
    if not isinstance(criterion.when, Compare):
        return
    bound = next(found for op in OPERATORS if (found := getattr(criterion.when, op)) is not None)
    if isinstance(bound, PerHead):
        yield _stated(bound.per_head)
        yield Factor(profile="heads")
    elif isinstance(bound, Product):
        for part in bound.product:
            if isinstance(part, Quantity):
                yield _stated(part)
            elif isinstance(part, ProfileValue):
                yield Factor(profile=part.profile)


def _stated(quantity: Quantity) -> Factor:
    if quantity.unit in ("per_person", "ratio"):  # 1.2 × 1290 人, as the document writes it
        return Factor(quantity=(decimal_text(quantity.value), "count"))
    return Factor(quantity=(decimal_text(quantity.value), quantity.unit))
