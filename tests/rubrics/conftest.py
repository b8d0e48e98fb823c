"""What the rubric tests share: the official texts."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def zhongxian_seed(shared: Path) -> str:
    """Return the official text of the Zhong County annexes."""
    return (shared / "seeds" / "000_d35fe8fe4a3c2c75.txt").read_text(encoding="utf-8")
