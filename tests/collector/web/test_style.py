"""Colours of the style sheet keep the contrast that WCAG 2.2 asks for (1.4.3, 1.4.11)."""

import re

import pytest

from collector.web.rendering import STATIC

STYLE = (STATIC / "campusgauge.css").read_text(encoding="utf-8")
COLOURS = dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", STYLE))

TEXT_ON_GROUND = [
    ("ink", "paper"),
    ("ink", "ground"),
    ("ink-soft", "paper"),
    ("ink-soft", "ground"),
    ("link", "paper"),
    ("link", "ground"),
    ("link", "blue-wash"),
    ("met", "paper"),
    ("met", "met-wash"),
    ("not-met", "paper"),
    ("not-met", "not-met-wash"),
    ("insufficient", "paper"),
    ("insufficient", "insufficient-wash"),
    ("disputed", "paper"),
    ("disputed", "disputed-wash"),
    ("not-applicable", "paper"),
    ("not-applicable", "not-applicable-wash"),
    ("paper", "blue"),
]


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb` (WCAG 2.2)."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_formula_knows_black_on_white() -> None:
    """Guard of the guard: black on white is 21:1."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize(("text", "ground"), TEXT_ON_GROUND)
def test_text_is_legible(text: str, ground: str) -> None:
    """Small text needs 4.5:1."""
    assert contrast(COLOURS[text], COLOURS[ground]) >= 4.5


def test_the_style_sheet_loads_nothing_from_elsewhere() -> None:
    """No import, no web font, no outside picture: the page works on an intranet."""
    assert not re.search(r"@import|@font-face|url\(", STYLE)
