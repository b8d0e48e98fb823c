"""Computes what readings do to cases, in the background: one thread, at most half a core.

Whoever asks puts a row that waits; the worker of whichever process holds the lease takes it, notes
its progress there, and leaves the answer in its place. A process that dies leaves the row under
way, and the next worker begins it anew.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeAlias

from collector.domain import EffectsState, ReadingEffects
from collector.errors import CollectorError
from collector.storage.ports import ReadingEffectsRecords, SummaryRecords
from collector.summaries.reading_tally import ReadingTally
from rubrics.engine import CaseError
from rubrics.model import Rubric

LOOK_EVERY_S = 15.0
PROGRESS_EVERY_S = 1.0
REST_PER_WORK = 1.0
STOP_WAIT_S = 30.0
LEASE = "reading-effects"
LEASE_LASTS = timedelta(minutes=3)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EffectCases:
    """The cases of one round by one rubric, in order; an error where there is no case file."""

    rubric: Rubric
    total: int
    cases: Iterator[tuple[str, Mapping[str, Any] | CollectorError]]


CasesOf: TypeAlias = Callable[[str, str, datetime], EffectCases]
"""Returns the cases of a round by a rubric. Raises CollectorError if there is no such round."""


class Records(ReadingEffectsRecords, SummaryRecords, Protocol):
    """The records that the worker reads and writes."""


class ReadingWorker:
    """Works off what was asked for, one after the other."""

    def __init__(
        self, records: Records, cases_of: CasesOf, clock: Callable[[], datetime], holder: str
    ) -> None:
        self._records = records
        self._cases_of = cases_of
        self._clock = clock
        self._holder = holder
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reading-effects", daemon=True)

    def ask(self, round_id: str, rubric_id: str, asked_by: str) -> ReadingEffects:
        """Ask for a computation; one that is under way serves, and what was found stays shown."""
        held = self._records.reading_effects(round_id, rubric_id)
        if held is not None and held.under_way:
            return held
        now = self._clock()
        fresh = ReadingEffects(round_id, rubric_id, EffectsState.WAITING, asked_by, now)
        asked = fresh if held is None else replace(held, **_asked(fresh))
        self._records.put_reading_effects(asked)
        self._wake.set()
        return asked

    def start(self) -> None:
        """Begin to look for work."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the case at hand; what is under way is begun anew later."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_WAIT_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                worked = self.work()
            except Exception:
                log.exception("reading_effects_failed")
                worked = False
            if not worked:
                self._wake.wait(LOOK_EVERY_S)
                self._wake.clear()

    def work(self) -> bool:
        """Compute the one that waits longest; False if none waits or another process has it."""
        waiting = self._records.waiting_reading_effects()
        if not waiting or not self._hold():
            return False
        job = replace(waiting[0], state=EffectsState.RUNNING, done=0)
        try:
            done = self._compute(job)
        except Exception as error:
            if not isinstance(error, CollectorError):
                log.exception("reading_effects_failed round=%s", job.round_id)
            done = replace(job, state=EffectsState.FAILED)
        finally:
            self._records.release_lease(LEASE, self._holder)
        if done is not None:
            self._records.put_reading_effects(done)
        return done is not None

    def _compute(self, job: ReadingEffects) -> ReadingEffects | None:
        """Return the answer; None where the process stops in between."""
        found = self._cases_of(job.round_id, job.rubric_id, self._clock())
        job = replace(job, total=found.total)
        tally, told_at = ReadingTally(found.rubric), 0.0
        for number, (school_id, case) in enumerate(found.cases):
            began = time.monotonic()
            if began - told_at >= PROGRESS_EVERY_S:
                told_at = began
                self._hold()
                self._records.put_reading_effects(replace(job, done=number))
            _add(tally, school_id, case)
            if self._stopping.wait((time.monotonic() - began) * REST_PER_WORK):
                return None
        return replace(
            job,
            state=EffectsState.DONE,
            done=found.total,
            computed_at=self._clock(),
            rubric_hash=found.rubric.content_hash,
            found=tally.document(),
        )

    def _hold(self) -> bool:
        now = self._clock()
        return self._records.take_lease(LEASE, self._holder, now, now + LEASE_LASTS)


def _asked(fresh: ReadingEffects) -> dict[str, Any]:
    names = ("state", "asked_by", "asked_at", "done", "total")
    return {name: getattr(fresh, name) for name in names}


def _add(tally: ReadingTally, school_id: str, case: Mapping[str, Any] | CollectorError) -> None:
    if isinstance(case, CollectorError):
        tally.refuse()
        return
    try:
        tally.add(school_id, case)
    except CaseError:
        tally.refuse()
