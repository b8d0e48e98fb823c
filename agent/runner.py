"""Runs every probe on its schedule, so that none can delay, silence or flood another.

One thread per probe: a light probe runs in it, a heavy one in a child process it waits for. A run
that exceeds its time is reported by the watch, and the slots it misses are counted and reported;
the thread is left to itself, since Python cannot end it. Everything a run yields, also its failure,
goes to `sink`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.allowed_times import Refusal
from agent.appointments import TROUBLE_WAIT_S, Appointment
from agent.latest import Latest
from agent.probe_run import failure
from agent.probes.base import utc_now
from agent.reading import Outcome, Reading
from agent.schedule import phase_s, seconds_to_next

WATCH_S = 10.0
RETELL_S = 300.0
"""A probe that may not run for long says so this often: enough to tell it from a dead agent."""
_log = logging.getLogger("agent.runner")


@dataclass(frozen=True, slots=True)
class Job:
    """One probe on its schedule. `run` returns readings; what it raises becomes one.

    With `appointments` somebody else says when to run, and `interval_s` only serves to tell how
    many runs a hung one has cost. `first_run` takes the place of `run` when the agent starts.
    """

    probe: str
    interval_s: float
    timeout_s: float
    run: Callable[[], list[Reading]]
    at_once: bool = True
    """Run when the agent starts; else only at the first slot."""
    first_run: Callable[[], list[Reading]] | None = None
    appointments: Callable[[], Appointment] | None = None
    refusal: Callable[[], Refusal | None] = lambda: None
    """Why it may not run now, by the hours, holidays and examinations that were set."""
    phase_of: str = ""
    """Jobs of one such name meet where their intervals allow; empty: each has a phase of its own.

    What follows at once finds the processor's caches warm: a sample of the server's headroom takes
    0.3 ms then, and 1.1 ms after a pause of 15 s."""
    after_s: float = 0.0
    """How long after the common moment this one runs, so that none measures another."""


class _Loop(threading.Thread):
    """Runs one job at its slots."""

    def __init__(self, job: Job, runner: Runner) -> None:
        super().__init__(name=job.probe, daemon=True)
        self.job = job
        self.started_s: float | None = None
        """Monotonic time at which the present run began; None between runs."""
        self.reported_slots = 0
        self.counted_slots = 0
        """Slots that the watch counted as overlapped during the last run."""
        self._told: tuple[Refusal, float] | None = None
        self._runner = runner

    def run(self) -> None:
        if self.job.at_once:
            self._run_once(self.job.first_run)
        if self.job.appointments is not None:
            self._keep(self.job.appointments)
        else:
            self._follow_the_clock()

    def _keep(self, ask: Callable[[], Appointment]) -> None:
        """Run when the appointment is due. Asking and waiting delay this probe alone."""
        runner = self._runner
        wait_s = 0.0
        while not runner.stop.wait(wait_s):
            try:
                appointment = ask()
            except Exception as error:  # noqa: BLE001 - a fault of ours: ask again later
                _log.error("asking_broke probe=%s error=%r", self.job.probe, error)
                wait_s = TROUBLE_WAIT_S
                continue
            if appointment.readings:
                runner.deliver(self.job.probe, appointment.readings, "not_run")
            if appointment.due:
                self._run_once()
            wait_s = appointment.wait_s

    def _follow_the_clock(self) -> None:
        runner, job = self._runner, self.job
        offset_s = phase_s(runner.device, job.phase_of or job.probe, job.interval_s) + job.after_s
        since_last_s = 0.0 if job.at_once else None
        while not runner.stop.wait(
            seconds_to_next(time.time(), job.interval_s, offset_s, since_last_s)
        ):
            started_s = time.monotonic()
            self._run_once()
            since_last_s = time.monotonic() - started_s
            # What the watch has not counted already while the run was going on.
            for _ in range(int(since_last_s // job.interval_s) - self.counted_slots):
                runner.count_overlapped(job.probe)

    def _run_once(self, run: Callable[[], list[Reading]] | None = None) -> None:
        if refusal := self.job.refusal():
            self._skip(refusal)
            return
        self._told = None
        self.started_s = time.monotonic()
        readings = self._runner.run_job(self.job, run or self.job.run)
        self.started_s = None
        self.counted_slots = max(0, self.reported_slots - 1)
        self.reported_slots = 0
        self._runner.deliver(self.job.probe, readings)

    def _skip(self, refusal: Refusal) -> None:
        """Say why nothing is run: at once, and again as often as `RETELL_S`."""
        now_s = time.monotonic()
        if self._told and self._told[0] == refusal and now_s - self._told[1] < RETELL_S:
            self._runner.deliver(self.job.probe, [], "not_run")
            return
        self._told = refusal, now_s
        reading = self._runner.skipped(self.job.probe, refusal)
        self._runner.deliver(self.job.probe, [reading], "not_run")


class Runner:
    """Starts the loops and watches them."""

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        device: str,
        sink: Callable[[Sequence[Reading]], None],
        latest: Latest,
        stop: threading.Event,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`device` seeds the schedule. `sink` stores readings durably and may raise."""
        self.device = device
        self.stop = stop
        self._sink = sink
        self._latest = latest
        self._now = now
        self._loops = [_Loop(job, self) for job in jobs]

    def start(self) -> None:
        """Start one thread per job."""
        for loop in self._loops:
            loop.start()

    def watch(self) -> None:
        """Report hung runs until `stop` is set. To be called from the main thread."""
        while not self.stop.wait(WATCH_S):
            self.check_loops()

    def check_loops(self) -> None:
        """Report runs that exceed their time: once at the time-out, then at every missed slot."""
        for loop in self._loops:
            started_s = loop.started_s
            if started_s is None:
                continue
            job = loop.job
            running_s = time.monotonic() - started_s
            if running_s <= job.timeout_s + WATCH_S:
                continue
            missed = 1 + int((running_s - job.timeout_s) // job.interval_s)
            if missed > loop.reported_slots:
                result = "hung" if loop.reported_slots == 0 else "overlapped"
                loop.reported_slots = missed
                reading = failure(
                    job.probe, "probe_hung", self._now(), running_s=round(running_s, 1)
                )
                self.deliver(job.probe, [reading], result)

    def run_job(self, job: Job, run: Callable[[], list[Reading]]) -> list[Reading]:
        """Run a job; a job that breaks costs this run and not its thread."""
        try:
            return run()
        except Exception as error:  # noqa: BLE001 - whatever broke, the next slot comes
            _log.error("run_broke probe=%s error=%r", job.probe, error)
            return [failure(job.probe, "probe_crashed", self._now(), error=repr(error)[:500])]

    def deliver(self, probe: str, readings: Sequence[Reading], result: str = "done") -> None:
        """Store what a run yielded; a disk that takes nothing is logged and counted, not fatal."""
        self._latest.note_readings(readings)
        try:
            if readings:
                self._sink(readings)
        except Exception as error:  # noqa: BLE001 - a full disk must not end the measuring
            _log.error("not_stored probe=%s readings=%d error=%s", probe, len(readings), error)
            result = "not_stored"
        self._latest.note_run(probe, result)

    def skipped(self, probe: str, refusal: Refusal) -> Reading:
        """Return the reading that says why a probe was not run."""
        return Reading(
            probe=probe,
            target="host",
            time=self._now(),
            outcome=Outcome.SKIPPED,
            reason=refusal.reason,
            details={"set_by": refusal.set_by},
        )

    def count_overlapped(self, probe: str) -> None:
        """Count a slot that was left out because the run before it was still going."""
        self._latest.note_run(probe, "overlapped")

    def join(self, timeout_s: float) -> None:
        """Wait for the loops to end, at most `timeout_s` in all."""
        deadline_s = time.monotonic() + timeout_s
        for loop in self._loops:
            loop.join(max(0.0, deadline_s - time.monotonic()))
