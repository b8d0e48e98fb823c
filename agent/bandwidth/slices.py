"""What a transfer leaves behind: how many payload bytes had arrived by when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias


class Slice(NamedTuple):
    """By `t_s` (one monotonic clock, any zero) `total_bytes` had arrived at the receiver."""

    t_s: float
    total_bytes: int


Trace: TypeAlias = Sequence[Slice]
"""Slices in order of time; both columns never fall."""
