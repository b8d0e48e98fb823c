"""What looking for a job's newest good backup gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agent.reading import Json


@dataclass(frozen=True, slots=True)
class FoundBackup:
    """The newest good backup of a job.

    `size_bytes` and `count` are None where they are not known. `warning` is a reason code that
    goes with the value, for example a newer backup that is not good. `is_same_disk` tells that the
    backup lies on the disk of what it backs up.
    """

    finished_at: datetime
    size_bytes: int | None = None
    count: int | None = None
    warning: str | None = None
    is_same_disk: bool = False
    evidence: Mapping[str, Json] = field(default_factory=dict)
