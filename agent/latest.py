"""The last reading of every target and the counts of runs: what the local page shows."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.reading import Reading

MAX_TARGETS = 2000


@dataclass(slots=True)
class Latest:
    """Shared between the probes' threads and the page; bounded by `MAX_TARGETS`."""

    _readings: dict[tuple[str, str], Reading] = field(default_factory=dict)
    _runs: Counter[tuple[str, str]] = field(default_factory=Counter)
    _left_out: int = 0
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def note_readings(self, readings: Iterable[Reading]) -> None:
        """Remember these as the last of their targets; targets beyond the bound are counted."""
        with self._mutex:
            for reading in readings:
                place = (reading.probe, reading.target)
                if place in self._readings or len(self._readings) < MAX_TARGETS:
                    self._readings[place] = reading
                else:
                    self._left_out += 1

    def note_run(self, probe: str, result: str) -> None:
        """Count one run: `done`, `overlapped`, `hung`, `not_run` or `not_stored`."""
        with self._mutex:
            self._runs[probe, result] += 1

    def readings(self) -> list[Reading]:
        """Return the last reading of every target."""
        with self._mutex:
            return list(self._readings.values())

    def runs(self) -> Mapping[tuple[str, str], int]:
        """Return (probe, result) -> runs since start."""
        with self._mutex:
            return dict(self._runs)

    def left_out(self) -> int:
        """Return how many readings were not shown because of the bound."""
        with self._mutex:
            return self._left_out
