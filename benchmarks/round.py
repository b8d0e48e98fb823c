"""A county's round: how long opening, scoring and publishing take, and how fast a form saves.

`python benchmarks/round.py [--schools 1000] [--records postgresql://…]`, without `--records` on
SQLite. Every school has cases by three rubrics and, for its line, two weeks of bandwidth tests.
Scoring signs and announces every case, which computes and freezes its sheet twice. Saving runs
over HTTP against a collector process of its own, 50 users at once, each in the form of a school.
Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx2

from collector.access import make_key
from collector.app import Stores, open_stores
from collector.assessment.case_reader import CaseReader
from collector.assessment.case_steps import CaseSteps
from collector.assessment.pins import Pins
from collector.assessment.round_machine import publish_round
from collector.assessment.rounds import RoundService
from collector.domain import (
    Act,
    Batch,
    CaseKey,
    Deadlines,
    Outcome,
    Person,
    PinnedRubric,
    Role,
    Round,
    School,
    SchoolKind,
    Stage,
    StoredReading,
    Token,
    TokenScope,
)
from collector.publishing.service import PublishingService
from collector.scoring.calendar import CHINA
from collector.scoring.round_case import RoundCases
from collector.settings import Settings
from rubrics.loader import official_rubrics

RUBRICS = (
    "zhongxian-inspection",
    "zhongxian-smart-campus-general",
    "zhongxian-smart-campus-profile",
)
NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
AS_OF = date(2026, 9, 1)
TESTS_PER_DAY, DAYS = 6, 14
USERS, SAVES_PER_USER = 50, 20
FIELD = "entries/C4/rooms_missing"
START_S = 60.0


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schools", type=int, default=1000)
    parser.add_argument("--records", help="SQLAlchemy URL of the records; SQLite by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cg-round-") as folder:
        settings = Settings(data=Path(folder), records=options.records)
        measured = run(settings, options.schools)
    engine = "postgresql" if options.records else "sqlite"
    print(json.dumps({"records": engine, "schools": options.schools, **measured}))
    return 0


def run(settings: Settings, schools: int) -> dict[str, float]:
    """Measure a county on fresh stores."""
    stores = open_stores(settings, lambda _: None)
    names = [f"zx-{n:05}" for n in range(schools)]
    users = prepare(stores, names)
    measured: dict[str, float] = {}
    clock = Clock(NOW)
    files = RoundCases(stores.series)
    reader = CaseReader(stores.records, files, Pins(stores.records))
    rounds = RoundService(stores.records, reader, files, official_rubrics(), clock)
    act = Act("system", NOW, "benchmark")
    rubrics = tuple(map(PinnedRubric, RUBRICS))
    day = AS_OF
    draft = Round("bench", "测试", day, day, date(2026, 11, 30), rubrics, tuple(names),
                  deadlines=Deadlines(appeal_working_days=0))  # fmt: skip
    held = rounds.create(draft, act)
    with timed(measured, "open_s"):
        held = rounds.open(held.id, held.revision, act).held
    stores.close()
    measured |= saving(settings, names, users)
    stores = open_stores(settings, lambda _: None)
    files = RoundCases(stores.series)
    reader = CaseReader(stores.records, files, Pins(stores.records))
    steps = CaseSteps(stores.records, reader, files, clock, CHINA)
    keys = [CaseKey(held.id, name, rubric) for name in names for rubric in RUBRICS]
    with timed(measured, "score_all_s"):
        for key in keys:
            announce(steps, key, act)
    clock.now += timedelta(days=30)
    with timed(measured, "finalise_s"):
        for key in keys:
            steps.finish(key, 5, act)
    rounds = RoundService(stores.records, reader, files, official_rubrics(), clock)
    held = rounds.close(held.id, held.revision, act)
    publishing = PublishingService(stores.records, lambda _: iter(()), publish_round)
    with timed(measured, "publish_s"):
        publishing.publish(held.id, held.revision, act)
    stores.close()
    return measured


def announce(steps: CaseSteps, key: CaseKey, act: Act) -> None:
    """Take a case from filling to the announcement: two sheets computed and frozen."""
    steps.sign(key, 1, act)
    steps.submit(key, 2, act)
    steps.accept(key, 3, act)
    steps.finish(key, 4, act)


class Clock:
    """A clock that the benchmark moves."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now


def prepare(stores: Stores, names: list[str]) -> list[str]:
    """Add schools with their measurements, and the users' tokens; return these."""
    act, start = Act("system", NOW, "benchmark"), datetime(2026, 9, 7, 1, tzinfo=UTC)
    times = [
        start + timedelta(days=day, minutes=40 * n)
        for day in range(DAYS)
        for n in range(TESTS_PER_DAY)
    ]
    for at, name in enumerate(names):
        stores.records.put_school(
            School(
                name, name, SchoolKind.GENERAL, (Stage.PRIMARY,), 1200, 90, 24, date(2026, 9, 1)
            ),
            act,
        )
        readings = tuple(
            StoredReading(n, "outlet_bandwidth", "isp", when, Outcome.OK, None,
                          {"download_line_rate_mbps": 500.0 + at % 700})
            for n, when in enumerate(times)
        )  # fmt: skip
        stores.series.apply_batches([Batch("b", name, f"a-{name}", "s", 1, NOW, readings)])
    tokens: list[str] = []
    made = datetime.now(UTC)
    for name in names[:USERS]:
        key = make_key("cgt")
        stores.records.add_person(Person(name, name, name, Role.EDITOR, made, name), None, act)
        ends = made + timedelta(days=30)
        token = Token(key.id, name, "", TokenScope.WRITE, key.secret_sha256, made, ends)
        stores.records.add_token(token, act)
        tokens.append(key.text)
    return tokens


def saving(settings: Settings, names: list[str], tokens: list[str]) -> dict[str, float]:
    """Save fields over HTTP from 50 users at once; return p50 and p95 in ms, and the rate."""
    spent: list[float] = []
    with serving(settings) as address:
        begin = threading.Barrier(len(tokens) + 1)

        def user(at: int) -> None:
            case = f"/api/v1/rounds/bench/schools/{names[at]}/rubrics/{RUBRICS[0]}/{FIELD}"
            headers = {"Authorization": f"Bearer {tokens[at]}"}
            with httpx2.Client(base_url=address, headers=headers, timeout=60) as client:
                begin.wait()
                for n in range(SAVES_PER_USER):
                    since = time.perf_counter()
                    answer = client.put(case, json={"value": n % 7, "revision": n})
                    spent.append(time.perf_counter() - since)
                    answer.raise_for_status()

        threads = [threading.Thread(target=user, args=(at,)) for at in range(len(tokens))]
        for thread in threads:
            thread.start()
        begin.wait()
        since = time.perf_counter()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - since
    if len(spent) != len(tokens) * SAVES_PER_USER:
        raise SystemExit("some saves failed")
    cuts = statistics.quantiles(spent, n=20)
    return {
        "save_p50_ms": round(cuts[9] * 1000, 1),
        "save_p95_ms": round(cuts[18] * 1000, 1),
        "saves_per_s": round(len(spent) / seconds, 1),
    }


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Yield the address of a collector process over the data."""
    command = [sys.executable, "-m", "collector", "serve", "--data", str(settings.data), "--port=0"]
    if settings.records:
        command += ["--records", settings.records.replace("+psycopg", "")]
    local_file = settings.data / "collector.json"
    with (settings.data / "serve.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + START_S
    while not local_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit((settings.data / "serve.log").read_text())
        time.sleep(0.05)
    try:
        yield json.loads(local_file.read_text())["address"]
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(START_S)


@contextmanager
def timed(into: dict[str, float], name: str) -> Iterator[None]:
    """Note how long the block took."""
    since = time.perf_counter()
    yield
    into[name] = round(time.perf_counter() - since, 2)


if __name__ == "__main__":
    raise SystemExit(main())
