"""Counters of the whole outlet, read while a test runs: what others moved meanwhile.

A test alone sees only what was left for it. The counters of the port that leads to the provider
count everybody, so with the line full they give its capacity. They are read in a thread, since a
device may answer slowly, and judged afterwards by `capacity.link_rate`.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

FIRST_ANSWER_S = 10.0
MAX_SAMPLES = 20_000


class LinkCount(NamedTuple):
    """Bytes in frames since some start, as the school sees them: received is download."""

    received_bytes: int
    sent_bytes: int


@dataclass(frozen=True, slots=True)
class LinkSample:
    """A count and when it was read (monotonic)."""

    at_s: float
    count: LinkCount


class LinkCounters(Protocol):
    """The outlet port's counters. Used by one thread only."""

    @property
    def poll_s(self) -> float:
        """How long to wait between two readings."""

    @property
    def watch_s(self) -> float:
        """How long a transfer has to last for its rate to be told from the counters."""

    def read(self) -> LinkCount:
        """Return the counters now. Raises OSError where they cannot be had."""

    def close(self) -> None:
        """Release what reading took."""


@dataclass(frozen=True, slots=True)
class InterfaceCounters:
    """An interface of this host, where the agent runs on the school's gateway."""

    name: str
    sys_root: Path = Path("/sys")
    poll_s: float = 0.02
    watch_s: float = 0.0

    def read(self) -> LinkCount:
        """Read the kernel's statistics. Raises OSError."""
        folder = self.sys_root / "class/net" / self.name / "statistics"
        try:
            return LinkCount(
                int((folder / "rx_bytes").read_text()), int((folder / "tx_bytes").read_text())
            )
        except ValueError as error:
            raise OSError(f"{folder}: {error}") from error

    def close(self) -> None:
        """Nothing is held."""


class LinkWatch:
    """Reads `counters` all the time, in a thread, from `start` until `stop`."""

    def __init__(self, counters: LinkCounters) -> None:
        self._counters = counters
        self.watch_s = counters.watch_s
        self._samples: list[LinkSample] = []
        self._stopping = threading.Event()
        self._answered = threading.Event()
        self.trouble: str | None = None
        """Why there are no (more) samples."""
        self._thread = threading.Thread(target=self._run, name="outlet-counters", daemon=True)

    def start(self) -> None:
        """Start, and wait for the first answer, so that the test is not disturbed by it."""
        self._thread.start()
        self._answered.wait(FIRST_ANSWER_S)

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join(FIRST_ANSWER_S)

    def between(self, start_s: float, end_s: float) -> list[LinkSample]:
        """Return the samples read within this time."""
        return [sample for sample in list(self._samples) if start_s <= sample.at_s <= end_s]

    def _run(self) -> None:
        try:
            while len(self._samples) < MAX_SAMPLES and not self._stopping.is_set():
                asked_s = time.monotonic()
                count = self._counters.read()
                self._samples.append(LinkSample((asked_s + time.monotonic()) / 2, count))
                self._answered.set()
                self._stopping.wait(self._counters.poll_s)
        except OSError as error:
            self.trouble = str(error)
        finally:
            self._answered.set()
            self._counters.close()
