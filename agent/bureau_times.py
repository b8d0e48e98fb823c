"""The times that the bureau keeps free of measuring, fetched now and then and remembered.

Asked over the pusher's own connection after a batch was delivered, so that it costs neither a
thread nor a handshake. What was heard last is kept on disk: an examination also counts for an
agent that started while the collector could not be reached.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.allowed_times import AllowedTimes, read_bureau_times
from agent.collector_client import CollectorClient

SETTINGS_PATH = "/api/v1/agent/settings"
LOOK_EVERY_S = 900.0
"""An examination announced a quarter of an hour ahead is known everywhere."""
_log = logging.getLogger("agent.bureau_times")


class BureauTimes:
    """What the bureau last said. `look` belongs to one thread; `times` may be read by any."""

    def __init__(self, memory: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Remember what was heard before; a memory that cannot be read is none."""
        self._memory = memory
        self._monotonic = monotonic
        self._looked_s: float | None = None
        self._schedule: dict[str, Any] = {}
        self.times = AllowedTimes()
        try:
            self._take(json.loads(memory.read_text(encoding="utf-8")))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, AttributeError) as error:
            _log.warning("not_remembered file=%s error=%s", memory, error)

    def look(self, client: CollectorClient) -> None:
        """Ask, unless that was done lately. Trouble is logged, and what was known stays."""
        now_s = self._monotonic()
        if self._looked_s is not None and now_s - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = now_s
        answer = client.get(SETTINGS_PATH)
        try:
            if answer.status != 200:
                raise ValueError(f"HTTP {answer.status} {answer.error}")  # noqa: TRY301 - one log
            if self._take(answer.json()):
                self._remember()
        except (ValueError, OSError) as error:
            _log.warning("no_bureau_times error=%s", error)

    def _take(self, answer: dict[str, Any]) -> bool:
        """Take over what an answer says and return whether it is new. Raises ValueError."""
        times = read_bureau_times(answer)
        changed = answer.get("schedule") != self._schedule
        self._schedule = answer.get("schedule") or {}
        self.times = times
        return changed

    def _remember(self) -> None:
        fresh = self._memory.with_suffix(".new")
        fresh.write_text(json.dumps({"schedule": self._schedule}), encoding="utf-8")
        fresh.replace(self._memory)
        _log.info("bureau_times exams=%d holidays=%d", len(self.times.exams),
                  len(self.times.holidays))  # fmt: skip
