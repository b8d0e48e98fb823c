"""One run of a probe that misbehaves: every way to fail becomes a reading that says so."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import psutil
import pytest

from agent.child import Ending, child_command, run_child
from agent.config import load_settings
from agent.probe_run import MAX_READINGS, run_in_child, run_in_process
from agent.probes.base import Context, Cost, Metric, Probe, ProbeError, utc_now
from agent.reading import Outcome, Reading
from agent.settings import MIB, ChildSettings, ProbePlan
from agent.wire import MAX_READING_BYTES

LIMITS = ChildSettings(memory_bytes=256 * MIB, output_bytes=MIB)


@dataclass(frozen=True)
class NoSettings:
    """Nothing to set."""


def plan(timeout_s: float = 10.0) -> ProbePlan:
    """Return a plan for the probe `lab`."""
    return ProbePlan("lab", Cost.HEAVY, True, 60.0, timeout_s, NoSettings())  # noqa: FBT003 - field


def one(number: float = 1.0, probe: str = "lab", **details: object) -> Reading:
    """Return a reading of the probe `lab`."""
    return Reading(
        probe, "t", datetime.now(UTC), Outcome.OK, values={"n_count": number}, details=details
    )


class Lab(Probe[NoSettings]):
    """Does what a test tells it to."""

    name = "lab"
    title = "试验"
    interval_s = 60.0
    settings_type = NoSettings
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("n_count", "count", "A number"),)

    def __init__(self, behave: Callable[[], Iterable[Reading]]) -> None:
        self._behave = behave

    def collect(self, settings: NoSettings, context: Context) -> Iterable[Reading]:
        """Behave."""
        del settings, context
        return self._behave()


def run_lab(behave: Callable[[], Iterable[Reading]]) -> list[Reading]:
    """Run a behaviour in this process."""
    return run_in_process(Lab(behave), plan(), Context())


def test_crash_keeps_what_was_seen_before() -> None:
    """Readings yielded before the crash stay, and the crash is told with its place."""

    def behave() -> Iterator[Reading]:
        yield one()
        raise ZeroDivisionError("a bug")

    seen, crash = run_lab(behave)
    assert seen.outcome is Outcome.OK
    assert (crash.outcome, crash.reason) == (Outcome.FAILED, "probe_crashed")
    assert "a bug" in str(crash.details["error"])
    assert "behave" in str(crash.details["trace"])


def test_probe_error_says_its_own_reason() -> None:
    """A probe's own reason and target reach the reading."""

    def behave() -> Iterable[Reading]:
        raise ProbeError("unsupported_system", "plan9", target="t", outcome=Outcome.SKIPPED)

    (reading,) = run_lab(behave)
    assert (reading.outcome, reading.reason) == (Outcome.SKIPPED, "unsupported_system")
    assert (reading.target, reading.details["detail"]) == ("t", "plan9")


def test_flood_of_readings_is_cut() -> None:
    """An endless probe yields the limit and one reading that says so."""

    def behave() -> Iterator[Reading]:
        while True:
            yield one()

    readings = run_lab(behave)
    assert len(readings) == MAX_READINGS + 1
    assert readings[-1].reason == "probe_flooded"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (lambda: one(padding="x" * MAX_READING_BYTES), "probe_flooded"),
        (lambda: one(thing=object()), "probe_crashed"),
        (lambda: one(number=float("nan")), "probe_crashed"),
        (lambda: one(probe="other"), "probe_crashed"),
    ],
)
def test_unusable_reading_is_replaced_and_the_rest_kept(
    bad: Callable[[], Reading], reason: str
) -> None:
    """A reading that cannot be stored never reaches the spool, and says why."""

    def behave() -> Iterator[Reading]:
        yield one()
        yield bad()

    readings = run_lab(behave)
    assert [reading.reason for reading in readings] == [None, reason]


def child(code: str, timeout_s: float = 10.0, stop: threading.Event | None = None) -> list[Reading]:
    """Run a real child with this code."""
    prelude = (
        "import json, os, sys, time\n"
        "line = json.dumps({'probe': 'lab', 'target': 't', 'time': '2026-11-20T01:00:00.000Z',"
        "'outcome': 'ok', 'reason': None, 'values': {'n_count': 1}, 'labels': {},"
        "'limited_by': [], 'details': {}})\n"
    )
    command = [sys.executable, "-c", prelude + code]
    return run_in_child(
        plan(timeout_s), command, LIMITS, now=utc_now, stop=stop or threading.Event()
    )


def reasons(readings: list[Reading]) -> list[str | None]:
    """Return the reasons in order."""
    return [reading.reason for reading in readings]


def test_child_gives_readings() -> None:
    """A good child's lines become readings and nothing else."""
    readings = child("print(line); print(line)")
    assert reasons(readings) == [None, None]
    assert readings[0].values == {"n_count": 1}


def test_child_that_crashes_is_told_with_its_error() -> None:
    """What a child said before and on its error stream is kept as evidence."""
    readings = child("print(line, flush=True); raise RuntimeError('a bug')")
    assert reasons(readings) == [None, "probe_crashed"]
    assert "a bug" in str(readings[1].details["errors"])


def test_child_killed_by_a_signal_is_told() -> None:
    """A child that dies without a word is a reading too."""
    (reading,) = child("os.kill(os.getpid(), 11)")
    assert (reading.reason, reading.details["exit_code"]) == ("probe_crashed", -11)


def test_child_that_hangs_is_ended_with_all_it_started() -> None:
    """Time is up: the child and its own child are gone, its earlier readings are kept."""
    started = time.monotonic()
    readings = child(
        "import subprocess\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(line); print(line.replace('\"t\"', '\"%d\"' % p.pid), flush=True)\n"
        "time.sleep(60)",
        timeout_s=1.0,
    )
    assert time.monotonic() - started < 4
    assert reasons(readings) == [None, None, "probe_timed_out"]
    grandchild = int(readings[1].target)
    deadline = time.monotonic() + 2
    while _is_alive(grandchild) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _is_alive(grandchild)


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_child_that_floods_is_ended() -> None:
    """Endless output costs the limit in memory and ends the child."""
    started = time.monotonic()
    readings = child("while True: sys.stdout.write('x' * 65536)")
    assert time.monotonic() - started < 5
    assert reasons(readings)[-1] == "probe_flooded"


def test_child_that_floods_its_errors_is_harmless() -> None:
    """Megabytes on the error stream neither block the child nor are kept."""
    readings = child("sys.stderr.write('e' * 5_000_000); print(line)")
    assert reasons(readings) == [None]


def test_child_that_talks_nonsense_is_told() -> None:
    """Lines that are no readings are counted and not used."""
    readings = child("print(line); print('hello'); print(line.replace('lab', 'other'))")
    assert reasons(readings) == [None, "probe_output_unreadable"]
    assert readings[1].details["unreadable_lines"] == 2


def test_child_is_ended_when_the_agent_stops() -> None:
    """Stopping does not wait for a long measurement."""
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    started = time.monotonic()
    assert reasons(child("time.sleep(60)", stop=stop)) == ["probe_stopped"]
    assert time.monotonic() - started < 2


def test_child_that_cannot_start_is_told() -> None:
    """A missing program is a reading, not an exception in the runner."""
    (reading,) = run_in_child(
        plan(), ["/nonexistent/python"], LIMITS, now=utc_now, stop=threading.Event()
    )
    assert reading.reason == "probe_not_started"


@pytest.mark.skipif(sys.platform != "linux", reason="Windows has no RLIMIT_DATA")
def test_memory_of_a_child_is_bounded() -> None:
    """A child that takes more than its share gets MemoryError instead of the host's memory."""
    code = (
        "import sys; from agent.child import limit_own_memory; limit_own_memory(64 * 2**20)\n"
        "x = bytearray(256 * 2**20)"
    )
    result = run_child(
        [sys.executable, "-c", code], timeout_s=10, output_bytes=MIB, stop=threading.Event()
    )
    assert result.ending is Ending.EXITED
    assert "MemoryError" in result.errors


def test_real_probe_runs_in_a_real_child(tmp_path: Path) -> None:
    """The command the runner uses gives the same kind of readings as the probe itself."""
    settings = load_settings(None, {})
    command = child_command("host_uptime", tmp_path, None, settings)
    readings = run_in_child(
        settings.probes["host_uptime"],
        command,
        settings.children,
        now=utc_now,
        stop=threading.Event(),
    )
    assert [(r.probe, r.target, r.outcome) for r in readings] == [
        ("host_uptime", "host", Outcome.OK)
    ]
    assert readings[0].values["uptime_s"] > 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no kill -9")
def test_child_ends_when_the_agent_is_killed(tmp_path: Path) -> None:
    """After kill -9 of the agent no heavy probe goes on measuring."""
    code = (
        "import subprocess, sys, time\n"
        "child = 'from agent.child import end_with_parent; end_with_parent()\\n'"
        "'import time; time.sleep(60)'\n"
        "p = subprocess.Popen([sys.executable, '-c', child], stdin=subprocess.PIPE)\n"
        "open(sys.argv[1], 'w').write(str(p.pid)); time.sleep(60)"
    )
    note = tmp_path / "pid"
    parent = psutil.Popen([sys.executable, "-c", code, str(note)])
    deadline = time.monotonic() + 10
    while not (note.exists() and note.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    pid = int(note.read_text())
    time.sleep(0.3)
    assert _is_alive(pid)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 5
    while _is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _is_alive(pid)


def test_key_is_not_in_the_childs_command(tmp_path: Path) -> None:
    """The process list of a school host shows no secret."""
    secret = "very-" + "secret"
    (tmp_path / "identity.json").write_text(
        json.dumps(
            {
                "server": "http://127.0.0.1:1",
                "agent_id": "a",
                "key": secret,
                "school": {"id": "s", "name": "s"},
            }
        )
    )
    command = child_command("host_uptime", tmp_path, None, load_settings(None, {}))
    assert not any(secret in word for word in command)
    assert secret not in " ".join(os.environ.values())
