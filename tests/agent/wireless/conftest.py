"""Recorded scans and captures of real networks."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def wifi(shared: Path) -> Path:
    """Return the folder of captures; `text/` in it holds recorded command outputs."""
    return shared / "fixtures" / "wifi"


@pytest.fixture(scope="session")
def scans(wifi: Path) -> Path:
    """Return the folder of recorded command outputs."""
    return wifi / "text"
