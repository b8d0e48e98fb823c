"""A rubric as a page lists it: sections, items, criteria with their official texts.

The only place of the pages that knows the shape of the rubric model.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rubrics.exact import decimal_text
from rubrics.model import Rubric
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
class ItemOutline:
    """One item of the official table."""

    id: str
    text: str
    title: str = ""
    scoring_text: str = ""
    """The document's words on how points are given or taken, where it has them."""
    deducts: bool = False
    """The findings are grounds for deducting, so their bounds say when points are lost."""
    criteria: tuple[CriterionOutline, ...] = ()


@dataclass(frozen=True)
class SectionOutline:
    """One section of the official table, items in printed order."""

    id: str
    title: str
    title_en: str | None
    items: tuple[ItemOutline, ...]


@dataclass(frozen=True)
class RubricOutline:
    """An official document."""

    id: str
    version: str
    title: str
    title_en: str | None
    authority: str
    source: str
    kinds: tuple[str, ...]
    sections: tuple[SectionOutline, ...]


def outline_of(rubric: Rubric) -> RubricOutline:
    """Reduce a rubric to what pages show of it."""
    return RubricOutline(
        id=rubric.id,
        version=rubric.version,
        title=rubric.title.zh,
        title_en=rubric.title.en,
        authority=rubric.authority.zh,
        source=rubric.source.document.zh,
        kinds=tuple(rubric.applies_to.kinds),
        sections=tuple(_sections(rubric.sections)),
    )


def _sections(sections: tuple[Section, ...]) -> Iterator[SectionOutline]:
    """Yield the sections that hold items; a heading above them joins their titles."""
    for section in sections:
        if section.items:
            items = tuple(_item(item) for item in section.items)
            yield SectionOutline(section.id, section.title.zh, section.title.en, items)
        for inner in _sections(section.sections):
            english = [section.title.en, inner.title_en]
            yield SectionOutline(
                inner.id,
                f"{section.title.zh} · {inner.title}",
                " · ".join(filter(None, english)) if all(english) else None,
                inner.items,
            )


def _item(item: Item) -> ItemOutline:
    return ItemOutline(
        id=item.id,
        text=item.text,
        title=item.title.zh if item.title else "",
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
