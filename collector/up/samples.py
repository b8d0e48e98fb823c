"""The commented files that a first run leaves for people to edit."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

SCHOOL = "school.sample.toml"
AGENT = "agent.sample.toml"


def write_sample(name: str, path: Path) -> bool:
    """Write the sample of this name unless the file exists; return whether it was written."""
    if path.exists():
        return False
    sample = resources.files("collector.up").joinpath(name)
    path.write_text(sample.read_text(encoding="utf-8"), encoding="utf-8")
    return True
