"""What each reading (口径) would do to all cases of a round: asked for, under way, or found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from collector.domain.values import Json


class EffectsState(StrEnum):
    """How far a computation is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ReadingEffects:
    """The newest computation for one rubric in one round (`STANDING`: all schools, no round)."""

    round_id: str
    rubric_id: str
    state: EffectsState
    asked_by: str
    asked_at: datetime
    done: int = 0
    """Cases computed so far, of `total`."""
    total: int = 0
    computed_at: datetime | None = None
    rubric_hash: str = ""
    """The version of the rubric that was computed by."""
    found: Json = None
    """By reading and alternative, as `collector.summaries.reading_tally` writes it."""

    @property
    def under_way(self) -> bool:
        """Somebody has asked, and the answer is not there yet."""
        return self.state in (EffectsState.WAITING, EffectsState.RUNNING)
