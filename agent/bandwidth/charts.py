"""Small charts of block characters.

By hand: one screen of code, against a plotting library on every school host.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

BARS = " ▁▂▃▄▅▆▇█"
EIGHTHS = len(BARS) - 1


def bars(values: Sequence[float], columns: int) -> str:
    """Return the newest `columns` values as one row, scaled to the largest."""
    recent = list(values)[-columns:] if columns > 0 else []
    top = max(recent, default=0.0)
    if top <= 0:
        return ""
    return "".join(BARS[max(1, round(value / top * EIGHTHS))] for value in recent)


def plot(values: Sequence[float], seconds: float, mark: float | None, rows: int = 4) -> list[str]:
    """Return `values`, taken in equal steps over `seconds`, as lines with a scale.

    `mark` is drawn as a dashed line where it fits, at most at twice the largest value.
    """
    top = max(values, default=0.0)
    if top <= 0:
        return []
    if mark is not None and mark <= 2 * top:
        top = max(top, mark)
    else:
        mark = None
    lines = []
    for row in reversed(range(rows)):
        low, high = top * row / rows, top * (row + 1) / rows
        marked = mark is not None and (low < mark <= high)
        cells = [_cell((value - low) / (high - low)) for value in values]
        text = "".join("┄" if marked and cell == " " else cell for cell in cells)
        label = f"{top:.0f}" if row == rows - 1 else ""
        if marked and mark is not None:
            label = f"{mark:.0f}"
        lines.append(f"{label:>7} {'┤' if label else '│'}{text}")
    end = f"{seconds:.1f} s"
    lines.append(f"{0:>7} └{'─' * max(0, len(values) - len(end) - 1)} {end}")
    return lines


def _cell(share: float) -> str:
    return BARS[round(min(max(share, 0.0), 1.0) * EIGHTHS)]


def width(text: str) -> int:
    """Return how many columns `text` takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def pad(text: str, columns: int) -> str:
    """Return `text` filled with spaces to `columns`."""
    return text + " " * max(0, columns - width(text))
