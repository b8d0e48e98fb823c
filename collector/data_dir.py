"""The data directory of a collector; apart from `app`, so that a command need not import that."""

from __future__ import annotations

from pathlib import Path


def make_data_dir(data: Path) -> None:
    """Make the data directory for its owner alone; an existing one keeps its mode."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
