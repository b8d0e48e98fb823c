"""What earlier tests learnt about a line, so that the next one can be short.

One small JSON file; a damaged one is as good as none. It holds no evidence: forgetting it costs a
few seconds at the next test, nothing else.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from agent.bandwidth.stopping import Known

MAX_AGE_S = 90 * 86400
MAX_LINES = 64


class LineMemory:
    """Known lines by (server, source address, direction). `path` None remembers nothing."""

    def __init__(self, path: Path | None, now_s: float) -> None:
        self._path = path
        self._now_s = now_s
        self._lines = self._read()

    def recall(self, server: str, source: str, direction: str) -> Known | None:
        """Return what is known, or None."""
        line = self._lines.get(f"{server} {source} {direction}")
        return None if line is None else Known(**line["known"])

    def forget(self) -> None:
        """Know nothing any more."""
        self._lines = {}

    def learn(self, server: str, source: str, direction: str, known: Known) -> None:
        """Remember `known` from now on; writing fails silently, the next test is longer then."""
        self._lines[f"{server} {source} {direction}"] = {
            "at_s": self._now_s,
            "known": known._asdict(),
        }
        newest = sorted(self._lines.items(), key=lambda item: item[1]["at_s"])[-MAX_LINES:]
        self._lines = dict(newest)
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
            temporary.write_text(json.dumps({"version": 1, "lines": self._lines}))
            temporary.replace(self._path)
        except OSError:
            return

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._path is None:
            return {}
        try:
            lines = json.loads(self._path.read_text())["lines"]
            for line in lines.values():
                Known(**line["known"])
            return {
                key: line
                for key, line in lines.items()
                if 0 <= self._now_s - line["at_s"] < MAX_AGE_S
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}
