"""What a measurement is asked for: directions and hard bounds."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from agent.bandwidth.slices import Slice

Progress = Callable[[str, list[Slice]], None]
"""Called with the direction and the slices so far, some twenty times a second."""


class Direction(StrEnum):
    """As seen from the school."""

    DOWNLOAD = "download"
    UPLOAD = "upload"


BOTH = (Direction.DOWNLOAD, Direction.UPLOAD)


class Caps(NamedTuple):
    """Hard bounds of one direction."""

    max_seconds: float = 20.0
    max_bytes: int = 2_500_000_000
