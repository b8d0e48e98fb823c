"""The evidence of a case: each item's numbered list, and what can be put on one of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.assessment.case_reader import HeldCase
from collector.domain import Evidence, EvidenceKind, Support
from collector.web.case_form_page import PieceView, piece_view, pieces_by_item
from collector.web.formatting import Formatter


@dataclass(frozen=True, slots=True)
class ItemList:
    """One item with its numbered list."""

    id: str
    title: str
    text: str
    wanted: tuple[str, ...]
    pieces: tuple[PieceView, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece that the school handed in."""

    sha256: str
    name: str
    size_kib: int
    measured: bool
    """A frozen measurement."""
    period: str
    author: str
    at: datetime
    items: tuple[str, ...]
    withdrawn_at: datetime | None
    listed_here: bool


@dataclass(frozen=True, slots=True)
class EvidencePage:
    """The whole page; `chosen` is the item whose list is being worked on."""

    lists: tuple[ItemList, ...]
    chosen: ItemList | None
    pieces: tuple[Piece, ...]
    measurements: tuple[tuple[str, str], ...]
    """Indicator and what it shows, of the chosen item: what can be frozen."""


def evidence_page(
    found: HeldCase,
    sheet: Mapping[str, Any],
    supports: Sequence[Support],
    evidence: Sequence[Evidence],
    item_id: str,
    name_of: Callable[[str], str],
    formatter: Formatter,
) -> EvidencePage:
    """Build the page."""

    def words(text: Any) -> str:
        return str((text.en if formatter.english else None) or text.zh)

    listed = pieces_by_item(supports, evidence)
    lists = tuple(
        ItemList(
            item.id,
            words(item.title) if item.title else "",
            item.text,
            tuple(words(text) for text in item.evidence),
            tuple(piece_view(support, piece) for support, piece in listed.get(item.id, ())),
        )
        for item in found.rubric.items()
    )
    here = {support.sha256 for support, _ in listed.get(item_id, ())}
    pieces = [
        Piece(
            sha256=one.sha256,
            name=one.name,
            size_kib=-(-one.size_bytes // 1024),
            measured=one.kind is EvidenceKind.EXCERPT,
            period=_period(one),
            author=name_of(one.added_by),
            at=one.added_at,
            items=tuple(sorted(s.item_id for s in supports if s.sha256 == one.sha256)),
            withdrawn_at=one.withdrawn_at,
            listed_here=one.sha256 in here,
        )
        for one in reversed(evidence)
    ]
    return EvidencePage(
        lists=lists,
        chosen=next((one for one in lists if one.id == item_id), None),
        pieces=tuple(pieces),
        measurements=tuple(_measurements(found, sheet, item_id, formatter)),
    )


def _measurements(
    found: HeldCase, sheet: Mapping[str, Any], item_id: str, formatter: Formatter
) -> list[tuple[str, str]]:
    shown: dict[str, str] = {}
    for finding in sheet["items"].get(item_id, {}).get("findings", ()):
        for value in (finding, *finding.get("values", ())):
            origin = value.get("origin") or {}
            name = str(origin.get("name"))
            if origin.get("kind") != "measured" or name not in found.rubric.indicators:
                continue
            title = found.rubric.indicators[name].title
            text = (title.en if formatter.english else None) or title.zh
            shown[name] = f"{text} {formatter.quantity(value.get('value'), value.get('unit'))}"
    return list(shown.items())


def _period(piece: Evidence) -> str:
    if piece.since is None and piece.until is None:
        return ""
    return f"{piece.since or '…'} – {piece.until or '…'}"
