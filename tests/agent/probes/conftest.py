"""Recorded systems for the probes: file trees that stand for /proc, /sys, /dev and /etc."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.probes.base import Context

RECORDED = Path(__file__).parent.parent / "data"


class HostTree:
    """Builds a host's files under one folder. Paths with a colon cannot live in a repository."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def files(self, texts: Mapping[str, str]) -> HostTree:
        """Write each text at its path."""
        for path, text in texts.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        return self

    def links(self, targets: Mapping[str, str]) -> HostTree:
        """Link each path to its target, both inside the tree; the target becomes a folder."""
        for path, target in targets.items():
            (self.root / target).mkdir(parents=True, exist_ok=True)
            link = self.root / path
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(self.root / target)
        return self

    def context(self, **more: Path) -> Context:
        """Return a probe context over this tree with a fixed wall clock."""
        return Context(
            now=lambda: datetime(2026, 11, 20, 1, 0, tzinfo=UTC),
            proc_root=self.root / "proc",
            sys_root=self.root / "sys",
            state_dir=more.get("state_dir"),
        )


@pytest.fixture
def host(tmp_path: Path) -> HostTree:
    """Return an empty host."""
    return HostTree(tmp_path / "host")


@pytest.fixture
def recorded() -> Path:
    """Return the folder of recorded outputs."""
    return RECORDED
