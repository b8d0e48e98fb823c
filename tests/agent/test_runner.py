"""The runner: probes do not delay one another, and hangs are reported while they last."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from agent.allowed_times import Refusal
from agent.appointments import Appointment
from agent.latest import Latest
from agent.reading import Outcome, Reading
from agent.runner import WATCH_S, Job, Runner


class Store:
    """Remembers what the runner delivers."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []

    def put(self, readings: Sequence[Reading]) -> None:
        """Store readings."""
        self.readings += readings

    def of(self, probe: str) -> list[Reading]:
        """Return the readings of one probe."""
        return [reading for reading in self.readings if reading.probe == probe]


def good(probe: str) -> Callable[[], list[Reading]]:
    """Return a run that yields one good reading."""
    return lambda: [Reading(probe, "host", datetime.now(UTC), Outcome.OK)]


def wait_for(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    """Wait until the condition holds; tell whether it did."""
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def test_hanging_probe_delays_no_other_and_is_reported() -> None:
    """While one probe hangs the other keeps its pace; hang and missed slots are readings."""
    store, latest, stop = Store(), Latest(), threading.Event()
    release = threading.Event()

    def hang() -> list[Reading]:
        release.wait(30)
        return []

    jobs = [Job("stuck", 0.1, -WATCH_S, hang), Job("steady", 0.1, 5.0, good("steady"))]
    runner = Runner(jobs, device="d", sink=store.put, latest=latest, stop=stop)
    runner.start()
    started = time.monotonic()
    assert wait_for(lambda: len(store.of("steady")) >= 8)
    assert time.monotonic() - started < 3
    runner.check_loops()
    first = store.of("stuck")
    assert [reading.reason for reading in first] == ["probe_hung"]
    time.sleep(0.25)
    runner.check_loops()
    assert len(store.of("stuck")) == 2
    assert latest.runs()["stuck", "hung"] == 1
    assert latest.runs()["stuck", "overlapped"] == 1
    stop.set()
    release.set()
    runner.join(2)


def test_full_disk_does_not_end_the_measuring() -> None:
    """When nothing can be stored the probes go on, it is counted, and the page still shows them."""
    latest, stop = Latest(), threading.Event()

    def refuse(readings: Sequence[Reading]) -> None:
        del readings
        raise OSError("No space left on device")

    runner = Runner(
        [Job("steady", 0.05, 5.0, good("steady"))],
        device="d",
        sink=refuse,
        latest=latest,
        stop=stop,
    )
    runner.start()
    assert wait_for(lambda: latest.runs().get(("steady", "not_stored"), 0) >= 3)
    assert len(latest.readings()) == 1
    stop.set()
    runner.join(2)


def test_job_that_breaks_runs_again() -> None:
    """An exception out of a job is a reading, and the next slot comes."""
    store, stop = Store(), threading.Event()

    def break_down() -> list[Reading]:
        raise RuntimeError("a bug")

    runner = Runner(
        [Job("broken", 0.05, 5.0, break_down)],
        device="d",
        sink=store.put,
        latest=Latest(),
        stop=stop,
    )
    runner.start()
    assert wait_for(lambda: len(store.of("broken")) >= 3)
    assert {reading.reason for reading in store.readings} == {"probe_crashed"}
    stop.set()
    runner.join(2)


def test_heavy_probe_waits_for_its_slot() -> None:
    """A job that is not for the start does not run before its first slot."""
    store, stop = Store(), threading.Event()
    jobs = [
        Job("heavy", 3600.0, 5.0, good("heavy"), at_once=False),
        Job("light", 3600.0, 5.0, good("light")),
    ]
    runner = Runner(jobs, device="d", sink=store.put, latest=Latest(), stop=stop)
    runner.start()
    assert wait_for(lambda: bool(store.of("light")))
    time.sleep(0.05)
    assert store.of("heavy") == []
    stop.set()
    runner.join(2)


def test_stop_ends_all_loops_at_once() -> None:
    """Waiting loops end as soon as they are told."""
    stop = threading.Event()
    runner = Runner(
        [Job(f"p{n}", 3600.0, 5.0, good(f"p{n}")) for n in range(5)],
        device="d",
        sink=Store().put,
        latest=Latest(),
        stop=stop,
    )
    runner.start()
    started = time.monotonic()
    stop.set()
    runner.join(2)
    assert time.monotonic() - started < 0.5


def test_waiting_for_an_appointment_delays_no_other_probe() -> None:
    """While the collector does not answer at all, the other probe keeps its pace."""
    store, stop = Store(), threading.Event()
    release = threading.Event()

    def ask() -> Appointment:
        release.wait(30)
        return Appointment(due=False, wait_s=30.0)

    jobs = [
        Job("outlet", 3600.0, 5.0, good("outlet"), at_once=False, appointments=ask),
        Job("steady", 0.1, 5.0, good("steady")),
    ]
    runner = Runner(jobs, device="d", sink=store.put, latest=Latest(), stop=stop)
    runner.start()
    assert wait_for(lambda: len(store.of("steady")) >= 5)
    assert store.of("outlet") == []
    stop.set()
    release.set()
    runner.join(2)


def test_appointments_decide_when_a_probe_runs() -> None:
    """It runs when due and only then; what was not run is stored; a fault in asking is survived."""
    store, stop = Store(), threading.Event()
    skipped = Reading("outlet", "outlet", datetime.now(UTC), Outcome.SKIPPED, "slot_exam")
    script = [
        Appointment(due=False, wait_s=0.01, readings=(skipped,)),
        Appointment(due=True, wait_s=0.01),
        Appointment(due=False, wait_s=0.01),
    ]

    def ask() -> Appointment:
        return script.pop(0) if script else Appointment(due=False, wait_s=30.0)

    job = Job("outlet", 0.01, 5.0, good("outlet"), at_once=False, appointments=ask)
    runner = Runner([job], device="d", sink=store.put, latest=Latest(), stop=stop)
    runner.start()
    assert wait_for(lambda: len(store.of("outlet")) == 2)
    time.sleep(0.1)
    assert [reading.reason for reading in store.of("outlet")] == ["slot_exam", None]
    stop.set()
    runner.join(2)


def test_refused_probe_says_why_once_and_goes_on_by_itself() -> None:
    """During an examination a probe does not run, says so once, is counted, and then runs again."""
    store, latest, stop = Store(), Latest(), threading.Event()
    exam = [True]
    job = Job(
        "scan",
        0.05,
        5.0,
        good("scan"),
        refusal=lambda: Refusal("schedule_exam", "bureau") if exam[0] else None,
    )
    runner = Runner(
        [job, Job("steady", 0.05, 5.0, good("steady"))],
        device="d",
        sink=store.put,
        latest=latest,
        stop=stop,
    )
    runner.start()
    assert wait_for(lambda: latest.runs().get(("scan", "not_run"), 0) >= 3)
    said = [(r.outcome, r.reason, r.details) for r in store.of("scan")]
    assert said == [(Outcome.SKIPPED, "schedule_exam", {"set_by": "bureau"})]
    assert len(store.of("steady")) > 0
    exam[0] = False
    assert wait_for(lambda: len(store.of("scan")) > 1)
    assert store.of("scan")[1].outcome is Outcome.OK
    stop.set()
    runner.join(2)


def test_slots_missed_by_a_slow_run_are_counted() -> None:
    """A run of three and a half intervals within its time leaves out three slots, all counted."""
    store, latest, stop = Store(), Latest(), threading.Event()

    def slow() -> list[Reading]:
        time.sleep(0.35)
        return good("slow")()

    runner = Runner(
        [Job("slow", 0.1, 5.0, slow, at_once=False)],
        device="d",
        sink=store.put,
        latest=latest,
        stop=stop,
    )
    runner.start()
    assert wait_for(lambda: len(store.of("slow")) >= 1)
    assert wait_for(lambda: latest.runs().get(("slow", "overlapped"), 0) >= 3)
    stop.set()
    runner.join(2)
    assert {reading.outcome for reading in store.readings} == {Outcome.OK}
