"""Everything that lives while the agent runs: the one place that wires its parts together."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from agent.allowed_times import Permission
from agent.appointments import Appointments
from agent.bureau_times import BureauTimes
from agent.child import child_command
from agent.collector_client import CollectorClient
from agent.identity import FILE_NAME, IdentityError, load_identity
from agent.key_rotation import LOOK_EVERY, KeyRotation
from agent.key_rotation import NAME as ROTATION
from agent.latest import Latest
from agent.probe_run import run_in_child, run_in_process
from agent.probes import load_probe
from agent.probes.base import CollectorAccess, Context, Cost, utc_now
from agent.pusher import Pusher, PushState
from agent.reading import Reading
from agent.runner import Job, Runner
from agent.schedule import phase_s, seconds_to_next
from agent.self_report import INTERVAL_S, METRICS, NAME, SelfReport, push_reading
from agent.settings import ProbePlan, Settings
from agent.spool import Spool

STOP_S = 1.5
LIGHT = "light"
"""What the phase of all light probes is made from: they wake together, one after the other."""
APART_S = 0.015
"""A light probe has measured and stored by then; the next one finds warm caches, and a free CPU."""
_log = logging.getLogger("agent.run")


class _Collector:
    """The connection for the identity now on disk: enrolling needs no restart."""

    def __init__(
        self,
        state_dir: Path,
        settings: Settings,
        on_identity: Callable[[str], None] = lambda _agent_id: None,
    ) -> None:
        self._state_dir = state_dir
        self._settings = settings
        self._on_identity = on_identity
        self._seen: float | None = None
        self._client: CollectorClient | None = None
        self.access: CollectorAccess | None = None

    def client(self) -> CollectorClient | None:
        """Return the connection, None before enrolment or with an unusable identity."""
        try:
            changed = (self._state_dir / FILE_NAME).stat().st_mtime
        except FileNotFoundError:
            return None
        if changed != self._seen:
            self._renew()
            self._seen = changed
        return self._client

    def _renew(self) -> None:
        self._client = None
        try:
            identity = load_identity(self._state_dir)
            if identity is not None:
                self._on_identity(identity.agent_id)
                self.access = identity.access(self._settings.push.ca_file)
                self._client = CollectorClient(self.access, timeout_s=self._settings.push.timeout_s)
                _log.info("identity school=%s server=%s", identity.school_id, identity.server)
        except (IdentityError, ValueError) as error:
            _log.error("identity_unusable error=%s", error)


class Service:
    """Probes on their schedule, the pusher and the page, over one spool."""

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        stop: threading.Event,
        *,
        state_dir: Path,
        config_file: Path | None = None,
        heavy_at_once: bool = False,
    ) -> None:
        """Prepare, without starting. `heavy_at_once`: begin with one run of the heavy probes."""
        self._settings = settings
        self._state_dir = state_dir
        self._config_file = config_file
        self._heavy_at_once = heavy_at_once
        self._spool = spool
        self._device = spool.stream
        """Seeds the schedule; kept until the next start, although an enrolment begins a stream."""
        self._stop = stop
        self._plans = [plan for plan in settings.probes.values() if plan.is_run]
        light = (plan for plan in self._plans if plan.cost is Cost.LIGHT)
        often_first = sorted(light, key=lambda plan: plan.interval_s)
        self._after_s = {plan.probe: APART_S * n for n, plan in enumerate(often_first, start=1)}
        self._latest = Latest()
        self._collector = _Collector(state_dir, settings, self._begin_stream)
        bureau = BureauTimes(state_dir / "bureau_times.json")
        self._permission = Permission(settings.schedule.times(), lambda: bureau.times, utc_now)
        self._pusher = Pusher(
            spool,
            self._collector.client,
            settings.push,
            on_change=self._push_changed,
            after_delivery=bureau.look,
            until_next_s=self._until_next_push_s,
        )

    def run(self) -> None:
        """Run until the stop is asked for, and close the spool."""
        plans = self._plans
        report = SelfReport(self._spool, self._latest, lambda: self._pusher.state)
        jobs = [self._job(plan) for plan in plans]
        jobs.append(Job(NAME, INTERVAL_S, 30.0, report.collect, phase_of=LIGHT))
        rotation = self._rotation()
        every_s = LOOK_EVERY.total_seconds()
        jobs.append(Job(ROTATION, every_s, 120.0, rotation.turn, at_once=rotation.begun()))
        runner = Runner(
            jobs,
            device=self._device,
            sink=self._spool.put,
            latest=self._latest,
            stop=self._stop,
        )
        runner.start()
        _log.info("started probes=%d stream=%s", len(plans), self._spool.stream)
        push = threading.Thread(target=self._pusher.run, args=(self._stop,), daemon=True)
        push.start()
        page_stop = self._start_page(plans)
        runner.watch()
        page_stop()
        runner.join(STOP_S)
        push.join(0.3)
        self._spool.close()
        _log.info("stopped")

    def _until_next_push_s(self) -> float:
        """Return the time until just after the light probes have measured.

        The samples are fresh then, and so are the processor's caches: two wake-ups as one cost
        less.
        """
        interval_s = self._settings.push.interval_s
        after_s = APART_S * (len(self._after_s) + 1)
        offset_s = phase_s(self._device, LIGHT, interval_s) + after_s
        return seconds_to_next(time.time(), interval_s, offset_s, since_last_s=0.0)

    def _begin_stream(self, agent_id: str) -> None:
        push = self._settings.push
        self._spool.belong_to(agent_id, push.batch_readings, push.batch_bytes)

    def _rotation(self) -> KeyRotation:
        push = self._settings.push
        return KeyRotation(
            self._state_dir,
            partial(CollectorClient, timeout_s=push.timeout_s),
            max_age=timedelta(days=push.key_max_age_days),
            ca_file=push.ca_file,
        )

    def _push_changed(self, state: PushState) -> None:
        reading = push_reading(state, utc_now())
        self._latest.note_readings([reading])
        self._spool.put([reading])

    def _job(self, plan: ProbePlan) -> Job:
        job = self._unconditional_job(plan)
        return job if plan.always else replace(job, refusal=self._permission.refusal)

    def _unconditional_job(self, plan: ProbePlan) -> Job:
        if plan.cost is Cost.LIGHT:
            return Job(
                plan.probe,
                plan.interval_s,
                plan.timeout_s,
                self._run_here(plan),
                phase_of=LIGHT,
                after_s=self._after_s[plan.probe],
            )
        job = Job(
            plan.probe,
            plan.interval_s,
            plan.timeout_s,
            self._run_apart(plan, planned=True),
            at_once=self._heavy_at_once,
            first_run=self._run_apart(plan, planned=False),
        )
        return self._by_appointment(job) if plan.needs_slot else job

    def _by_appointment(self, job: Job) -> Job:
        appointments = Appointments(
            job.probe,
            # A connection of its own: the pusher's may be busy with a batch.
            _Collector(self._state_dir, self._settings).client,
            memory=self._probe_dir(job.probe) / "appointments.json",
            retell_s=job.interval_s,
            now=utc_now,
        )
        return replace(
            job,
            run=lambda: appointments.accounted(job.run()),
            appointments=appointments.ask,
        )

    def _run_here(self, plan: ProbePlan) -> Callable[[], list[Reading]]:
        probe = load_probe(plan.probe)
        context = Context(state_dir=self._probe_dir(plan.probe))
        return partial(run_in_process, probe, plan, context)

    def _run_apart(self, plan: ProbePlan, *, planned: bool) -> Callable[[], list[Reading]]:
        command = child_command(
            plan.probe, self._state_dir, self._config_file, self._settings, planned=planned
        )
        return partial(
            run_in_child,
            plan,
            command,
            self._settings.children,
            now=utc_now,
            stop=self._stop,
        )

    def _probe_dir(self, probe: str) -> Path:
        folder = self._state_dir / "probes" / probe
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    def _start_page(self, plans: Sequence[ProbePlan]) -> Callable[[], None]:
        if not self._settings.exposition.enabled:
            return lambda: None
        from agent.exposition import Exposition  # after the first samples
        from agent.page import Page

        shown = Exposition(
            self._latest,
            self._spool,
            intervals_s={plan.probe: plan.interval_s for plan in plans} | {NAME: INTERVAL_S},
            metrics={plan.probe: plan.metrics for plan in plans} | {NAME: METRICS},
            push_state=lambda: self._pusher.state,
        )
        try:
            page = Page(self._settings.exposition, shown.text)
        except OSError as error:
            _log.error("page_not_started port=%d error=%s", self._settings.exposition.port, error)
            return lambda: None
        _log.info("page address=http://%s:%d/metrics", self._settings.exposition.host, page.port)
        return page.stop
