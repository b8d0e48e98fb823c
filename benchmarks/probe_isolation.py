"""Let probes crash, hang, flood and overlap, many times each, and watch the probes beside them.

    python benchmarks/probe_isolation.py [--times 100] [--late 0.25] [FAULT …]

The agent's own runner keeps a steady light probe (every 0.1 s, in its thread) and a steady heavy
one (every second, in a child) beside one that misbehaves for real: children that abort, sleep for
ever or write without end, threads that raise or never return, runs longer than their interval.
Every fault must become the reading that names it, and no run of the steady probes may start later
than `--late` seconds after its slot. `alone` is the same watch without a fault: what the host
itself costs. Exit code 1 when a rule was broken; the last line is JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from agent.latest import Latest
from agent.probe_run import run_in_child
from agent.probes.base import Cost, utc_now
from agent.reading import Outcome, Reading
from agent.runner import WATCH_S, Job, Runner
from agent.settings import MIB, ChildSettings, ProbePlan

LIGHT_S, HEAVY_S, FAULTY_S = 0.1, 1.0, 0.1
HUNG_S = 0.5
LIMITS = ChildSettings(memory_bytes=256 * MIB, output_bytes=MIB)
FAULTS = {
    "crash": ("import os; os.abort()", "probe_crashed"),
    "hang": ("import time; time.sleep(60)", "probe_timed_out"),
    "flood": ("import sys\nwhile True: sys.stdout.write('x' * 65536)", "probe_flooded"),
    "memory": ("x = bytearray(1 << 30)", "probe_crashed"),
}
"""What a child does, and the reason that has to be told."""
STEADY = (
    "import json, datetime\n"
    "print(json.dumps({'probe': 'heavy', 'target': 'host', 'outcome': 'ok', 'reason': None,"
    " 'time': datetime.datetime.now(datetime.UTC).isoformat(), 'values': {}, 'labels': {},"
    " 'limited_by': [], 'details': {}}))"
)


@dataclass
class Watched:
    """When runs of the steady probes began, and what the faulty one became."""

    starts: dict[str, list[float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    readings: list[Reading] = field(default_factory=list)

    def note(self, probe: str) -> None:
        """Note that a run begins."""
        with self.lock:
            self.starts.setdefault(probe, []).append(time.monotonic())

    def put(self, readings: Sequence[Reading]) -> None:
        """Take what the runner delivers."""
        with self.lock:
            self.readings += readings

    def reasons(self, probe: str) -> list[str | None]:
        """Return the reasons that a probe gave so far."""
        with self.lock:
            return [one.reason for one in self.readings if one.probe == probe]

    def latest_start(self, probe: str, interval_s: float) -> float:
        """Return by how much the latest run began after its slot, in seconds.

        Slots have a fixed phase, so the earliest start within an interval is nearest to it.
        """
        starts = self.starts.get(probe, [])[1:]  # the first is at once, outside the slots
        phase = min(starts, key=lambda one: (one - starts[0]) % interval_s)
        offsets = [(one - phase + interval_s / 2) % interval_s - interval_s / 2 for one in starts]
        gaps = [later - one - interval_s for one, later in itertools.pairwise(starts)]
        return max(max(offsets) - min(offsets), *gaps)


def child_run(probe: str, code: str, timeout_s: float) -> Callable[[], list[Reading]]:
    """Return a run in a child process of its own."""
    plan = ProbePlan(
        probe, Cost.HEAVY, enabled=True, interval_s=HEAVY_S, timeout_s=timeout_s, own=None
    )
    command = [sys.executable, "-I", "-S", "-c", limited(code)]
    stop = threading.Event()
    return lambda: run_in_child(plan, command, LIMITS, now=utc_now, stop=stop)


def limited(code: str) -> str:
    """Return the code under the memory limit of a heavy probe's child."""
    size = LIMITS.memory_bytes
    return f"import resource; resource.setrlimit(resource.RLIMIT_DATA, ({size}, {size}))\n{code}"


def steady_jobs(watched: Watched) -> list[Job]:
    """Return the light and the heavy probe that must not be delayed."""
    in_child = child_run("heavy", STEADY, 10.0)

    def light() -> list[Reading]:
        watched.note("light")
        return [Reading("light", "host", datetime.now(UTC), Outcome.OK)]

    def heavy() -> list[Reading]:
        watched.note("heavy")
        return in_child()

    return [Job("light", LIGHT_S, 5.0, light), Job("heavy", HEAVY_S, 10.0, heavy)]


def watch(jobs: Sequence[Job], watched: Watched, until: Callable[[Runner, Latest], bool]) -> Latest:
    """Run the jobs beside the steady ones until it was enough, at least three seconds."""
    stop, latest = threading.Event(), Latest()
    runner = Runner(
        [*steady_jobs(watched), *jobs], device="bench", sink=watched.put, latest=latest, stop=stop
    )
    runner.start()
    earliest, last = time.monotonic() + 3, time.monotonic() + 300
    while time.monotonic() < last:
        time.sleep(0.05)
        runner.check_loops()
        if time.monotonic() > earliest and until(runner, latest):
            break
    stop.set()
    runner.join(5)
    return latest


def in_children(name: str, times: int, watched: Watched) -> list[str]:
    """Let a child misbehave that often; return the rules that were broken."""
    code, reason = FAULTS[name]
    job = Job("faulty", FAULTY_S, HUNG_S, child_run("faulty", code, HUNG_S))
    watch([job], watched, lambda *_: len(watched.reasons("faulty")) >= times)
    return told(watched, {reason}, times)


def raising(times: int, watched: Watched) -> list[str]:
    """Let a light probe raise in its thread."""

    def run() -> list[Reading]:
        raise RuntimeError("a bug")

    job = Job("faulty", FAULTY_S, HUNG_S, run)
    watch([job], watched, lambda *_: len(watched.reasons("faulty")) >= times)
    return told(watched, {"probe_crashed"}, times)


def never_returning(times: int, watched: Watched) -> list[str]:
    """Let as many light probes hang in their threads, all at the same time."""
    release = threading.Event()

    def run() -> list[Reading]:
        release.wait(300)
        return []

    jobs = [Job(f"hung{n}", 60.0, -WATCH_S + HUNG_S, run) for n in range(times)]

    def enough(_runner: Runner, latest: Latest) -> bool:
        return sum(n for (_, result), n in latest.runs().items() if result == "hung") >= times

    latest = watch(jobs, watched, enough)
    release.set()
    found = sum(n for (_, result), n in latest.runs().items() if result == "hung")
    return [] if found == times else [f"{found} of {times} hangs were told"]


def overlapping(times: int, watched: Watched) -> list[str]:
    """Let a heavy and a light probe run longer than their interval, beside one another."""
    heavy = child_run("faulty", "import time; time.sleep(0.25)", 10.0)

    def light() -> list[Reading]:
        time.sleep(0.25)
        return []

    def enough(_runner: Runner, latest: Latest) -> bool:
        runs = latest.runs()
        return all(runs.get((probe, "overlapped"), 0) >= times for probe in ("faulty", "slow"))

    jobs = [Job("faulty", FAULTY_S, 10.0, heavy), Job("slow", FAULTY_S, 10.0, light)]
    runs = watch(jobs, watched, enough).runs()
    counted = {probe: runs.get((probe, "overlapped"), 0) for probe in ("faulty", "slow")}
    return [f"{p}: {n} of {times} overlaps" for p, n in counted.items() if n < times]


def alone(times: int, watched: Watched) -> list[str]:
    """Watch the steady probes with nothing beside them."""
    watch([], watched, lambda *_: len(watched.starts.get("light", [])) >= times)
    return []


def told(watched: Watched, reasons: set[str], times: int) -> list[str]:
    """Say what is wrong with the readings of the faulty probe."""
    found = watched.reasons("faulty")
    wrong = sorted({str(one) for one in found} - reasons)
    broken = [f"told as {one}" for one in wrong]
    return broken if len(found) >= times else [*broken, f"{len(found)} of {times} were told"]


KINDS: dict[str, Callable[[int, Watched], list[str]]] = {
    "alone": alone,
    **{name: (lambda t, w, name=name: in_children(name, t, w)) for name in FAULTS},
    "raise": raising,
    "never_return": never_returning,
    "overlap": overlapping,
}


def main() -> int:
    """Run the faults and print a line each, and JSON."""
    logging.getLogger("agent.runner").addHandler(logging.NullHandler())  # faults are the point here
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=", ".join(KINDS))
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--late", type=float, default=0.25, help="seconds after its slot")
    arguments = parser.parse_args()
    rows = {}
    for name in arguments.faults or KINDS:
        watched = Watched()
        broken = KINDS[name](arguments.times, watched)
        late_s = {
            "light": watched.latest_start("light", LIGHT_S),
            "heavy": watched.latest_start("heavy", HEAVY_S),
        }
        broken += [f"{p} was {s:.3f} s late" for p, s in late_s.items() if s > arguments.late]
        runs = {probe: len(starts) for probe, starts in watched.starts.items()}
        if set(watched.reasons("light")) | set(watched.reasons("heavy")) != {None}:
            broken.append("a steady probe was disturbed")
        rows[name] = {"late_s": late_s, "runs": runs, "broken": broken}
        shown = " ".join(f"{p}={late_s[p] * 1000:.0f} ms/{runs[p]} runs" for p in late_s)
        print(f"{name:13} latest start: {shown} broken={broken}", flush=True)
    print(json.dumps({"times": arguments.times, **rows}))
    return 1 if any(row["broken"] for row in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
