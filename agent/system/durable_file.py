"""Small files that have to outlive a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def replace_durably(path: Path, text: str) -> None:
    """Replace `path` so that a power cut leaves either the old or the new text.

    Raises OSError where the disk is full or read-only.
    """
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def read_or_set_aside(path: Path) -> str | None:
    """Return the text, None where there is no file or one that is not text.

    What is no text is set aside as `*.damaged`. Raises OSError for other trouble with the disk.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        set_aside(path)
        return None


def set_aside(path: Path) -> None:
    """Keep a damaged file out of the way as `*.damaged`, for whoever wants to look."""
    path.replace(path.with_suffix(".damaged"))
