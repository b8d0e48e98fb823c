"""How often the engine names what really limited a test, on lines of known make-up.

Needs root (network namespaces). Run for example:

    python benchmarks/bandwidth_causes.py                            # everything, 20 runs each
    python benchmarks/bandwidth_causes.py --only "address; burst" --runs 5
    python benchmarks/bandwidth_causes.py --evidence causes.jsonl --minutes 9   # in parts
    python benchmarks/bandwidth_causes.py --evidence causes.jsonl --table       # what there is

Every run measures a line as if for the first time. With `--evidence` each run is kept whole, and a
second call goes on where the first ended; runs of another engine version do not count.

A run is void, whatever it says, when it did not measure its condition: the lab itself was late or
lost frames (`netlab.Conduct`), or the machine withheld a core from the measuring process for more
than `MAX_WAIT_RATIO` of the time, except where a busy host is the condition. Void runs are kept,
marked and repeated. One lab at a time: two on the same cores measure each other.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from cause_lines import CONDITIONS, Condition, measure, serve
from netlab import Lab, lab

MAX_WAIT_RATIO = 0.2
"""Such a host cannot show what a line does; the engine itself blames waiting from 0.3 on."""
MOST_VOID = 2
"""Voided runs for each that counts, at most; a busier machine proves nothing."""
SAMPLER = """
import sys, time
for _ in range(5000):
    with open("/sys/class/net/lan2/statistics/tx_bytes") as file:
        print(time.monotonic(), file.read().strip(), flush=True)
    time.sleep(0.01)
"""


def main() -> int:
    """Run the conditions asked for; 1 when one stays below the share asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--only", default="", help="conditions, separated by semicolons")
    parser.add_argument("--share", type=float, default=0.95)
    parser.add_argument("--evidence", type=Path, help="keep every run here, and go on from it")
    parser.add_argument("--minutes", type=float, default=600.0, help="end after that long")
    parser.add_argument("--table", action="store_true", help="only print the table")
    options = parser.parse_args()
    named = [name.strip() for name in options.only.split(";")] if options.only else []
    chosen = named or list(CONDITIONS)
    book = Book(options.evidence)
    if not options.table:
        if os.geteuid() != 0:
            sys.exit("network namespaces need root")
        ends_at = time.monotonic() + 60 * options.minutes
        for name in chosen:
            run_condition(name, book, options.runs, ends_at)
    reached = [report(name, book.of(name), options.share) for name in chosen]
    return 0 if all(reached) else 1


class Book:
    """The runs, by condition; in a file where one is given."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._runs: list[dict[str, Any]] = []
        self._version = engine_version()

    def of(self, name: str) -> list[dict[str, Any]]:
        """Return this engine's runs of a condition, void ones included."""
        lines = self._file.read_text().splitlines() if self._file and self._file.exists() else []
        runs = [json.loads(line) for line in lines] if self._file else self._runs
        return [run for run in runs if run["condition"] == name and run["engine"] == self._version]

    def add(self, run: dict[str, Any]) -> None:
        """Keep one."""
        run["engine"] = self._version
        self._runs.append(run)
        if self._file:
            with self._file.open("a") as file:
                file.write(json.dumps(run) + "\n")


def engine_version() -> str:
    """Return what tells this engine from others: a hash of its files and the server's."""
    root = Path(__file__).parents[1]
    files = sorted([*root.glob("agent/bandwidth/*.py"), *root.glob("collector/speedtest/*.py")])
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def run_condition(name: str, book: Book, runs: int, ends_at: float) -> None:
    """Measure until there are `runs` that count, half of them in each direction asked for."""
    condition = CONDITIONS[name]
    had = book.of(name)
    good = sum(not run["void"] for run in had)
    left = runs - good
    if left <= 0:
        return
    with lab(condition.link) as made:
        serve(made, condition)
        for _ in range(left * (1 + MOST_VOID)):
            if good >= runs or time.monotonic() > ends_at:
                return
            direction = condition.directions[good % len(condition.directions)]
            run = run_once(made, condition, direction)
            book.add({"condition": name, "direction": direction, **run})
            good += not run["void"]


def run_once(made: Lab, condition: Condition, direction: str) -> dict[str, Any]:
    """Measure once; say whether the lab was fair, and what others truly moved meanwhile."""
    made.conduct()
    load = os.getloadavg()[0]
    counting = condition.asked.get("interface") is not None
    sampler = (
        subprocess.Popen(made.gateway(sys.executable, "-c", SAMPLER), stdout=subprocess.PIPE)
        if counting
        else None
    )
    try:
        answer = measure(made, condition, direction)
    finally:
        counts = b""
        if sampler:
            sampler.terminate()
            counts, _ = sampler.communicate()
    conduct = made.conduct()
    starved = answer.get("waited_ratio", 0.0) > MAX_WAIT_RATIO and condition.cause != "host_cpu"
    run = {
        "void": starved or not conduct.is_fair, "starved": starved,
        "late_s": round(conduct.late_s, 4), "lost_frames": conduct.lost_frames,
        "load": load, **answer,
    }  # fmt: skip
    if counts and "result" in answer:
        part = answer["result"][direction]
        until_s = answer["ended_s"]
        since_s = until_s - part["evidence"]["steady_s"]
        run["others_mbps"] = mean_mbps(counts.decode().split("\n"), since_s, until_s)
    return run


def mean_mbps(lines: Sequence[str], since_s: float, until_s: float) -> float | None:
    """Return the mean rate between two moments from lines of time and bytes."""
    points = [(float(t), int(n)) for t, _, n in (line.partition(" ") for line in lines) if n]
    inside = [point for point in points if since_s <= point[0] <= until_s]
    if len(inside) < 2:
        return None
    (t0, n0), (t1, n1) = inside[0], inside[-1]
    return (n1 - n0) * 8e-6 / (t1 - t0)


def report(name: str, runs: list[dict[str, Any]], share: float) -> bool:
    """Print a condition's line; whether at least `share` of the runs named its cause."""
    condition = CONDITIONS[name]
    fair = [run for run in runs if not run["void"]]
    if not fair:
        print(f"{name:29s} no run that counts ({len(runs)} void)")
        return False
    answers: Counter[str] = Counter()
    right, errors, shares, seconds = 0, [], [], []
    for run in fair:
        part = run["result"][run["direction"]] if "result" in run else {}
        named = part.get("limited_by", [run.get("error")])
        answers["+".join(map(str, named)) or "nothing"] += 1
        right += bool({condition.cause, condition.or_cause} & set(named))
        seconds.append(part.get("seconds", 0.0))
        rate = part.get("capacity_line_rate_mbps") or part.get("line_rate_mbps")
        if condition.expected_mbps and rate:
            errors.append(abs(100 * (rate / condition.expected_mbps - 1)))
            if run.get("others_mbps") is not None and part.get("cross_traffic_mbps") is not None:
                off = part["cross_traffic_mbps"] - run["others_mbps"]
                shares.append(abs(100 * off / condition.expected_mbps))
    worst = f", capacity off by at most {max(errors):.2f} %" if errors else ""
    worst += f", cross share by {max(shares):.2f} points" if shares else ""
    print(
        f"{name:29s} {condition.cause:14s} {right}/{len(fair)} = {right / len(fair):.0%}  "
        f"{dict(answers)}, {sorted(seconds)[len(seconds) // 2]:.1f} s{worst}"
        f", {len(runs) - len(fair)} void",
        flush=True,
    )
    return right >= share * len(fair)


if __name__ == "__main__":
    sys.exit(main())
