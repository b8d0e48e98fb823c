"""How fast the county's pages are with 3,000 schools: server, browser, and what travels.

    python benchmarks/overview.py [--schools 3000] [--requests 50] [--no-browser]

A real collector serves a county whose summaries are written through the store's own port; every
tenth request follows a refresh of 30 schools, as the background worker makes them. Requests go one
after the other over one connection, in turns over all views. The empty page (`/sign-in`) is asked
in between: what a page costs beside it is its own, whatever else the machine does meanwhile.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random

import httpx2
from playwright.sync_api import Page, sync_playwright

from collector.domain import (
    STANDING,
    Act,
    Agent,
    EnrolmentCode,
    IndicatorVerdict,
    Key,
    School,
    SchoolKind,
    Scope,
    Stage,
    Summary,
    Township,
)
from collector.settings import Settings
from collector.storage.sql_records import SqlRecordStore, open_records
from collector.web.county_rows import PAGE_SIZE
from rubrics.loader import official_rubrics

RUBRIC = "zhongxian-smart-campus-general"
RANKED = "zhongxian-inspection"
INDICATORS = 12
HEATMAP = "heatmap"
VIEWS = {
    "townships": f"/?rubric={RUBRIC}",
    "schools": f"/?view=schools&page=7&rubric={RUBRIC}",
    "schools by verdict": f"/?view=schools&sort=not_met&rubric={RUBRIC}",
    HEATMAP: f"/?view=heatmap&page=3&rubric={RUBRIC}",
    "ranking": f"/?view=ranking&rubric={RANKED}",
    "wall": f"/wall?view=townships&rubric={RUBRIC}",
}
EMPTY = "/sign-in"
CHROMIUM = "/usr/bin/chromium"


def main() -> int:
    """Fill, serve, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schools", type=int, default=3000)
    parser.add_argument("--requests", type=int, default=50, help="of each view")
    parser.add_argument("--no-browser", action="store_true")
    options = parser.parse_args()
    # In memory where that is possible: filling makes 6,000 durable commits, and none is measured.
    memory = Path("/dev/shm")  # noqa: S108  # a folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        data = Path(folder)
        records = open_records(Settings(data=data).records_url, lambda _: None)
        fill(records, options.schools)
        with served(data) as address:
            took = ask(address, records, options.schools, options.requests)
            report(took)
            if not options.no_browser:
                look(address)
        records.close()
    return 0


def fill(records: SqlRecordStore, number: int) -> None:
    """Add the schools in 30 townships, each with an agent and a summary by two rubrics."""
    act = Act("system", datetime.now(UTC) - timedelta(hours=1), "benchmark")
    for at in range(30):
        records.put_township(Township(f"t{at:02d}", f"第{at:02d}镇"), act)
    random = Random(7)  # noqa: S311  # a benchmark, no secret
    for at in range(number):
        school = School(
            f"s-{at:04d}", f"第{at:04d}小学", SchoolKind.GENERAL, (Stage.PRIMARY,),
            random.randint(50, 3000), random.randint(10, 200), 12, township_id=f"t{at % 30:02d}",
        )  # fmt: skip
        records.put_school(school, act)
        enrol(records, school.id)
        put(records, school.id, random)


def enrol(records: SqlRecordStore, school_id: str) -> None:
    """Add the agent that every school has; nothing has arrived of it yet."""
    now = datetime.now(UTC)
    code, secret = sha256(school_id.encode()).digest(), sha256(f"key {school_id}".encode()).digest()
    agent = Agent(f"a-{school_id}", school_id, f"host-{school_id}", "Linux", now)
    records.add_code(EnrolmentCode(code, school_id, now, now + timedelta(hours=1), 1))
    key = Key(f"k-{school_id}", Scope.AGENT, secret, now, school_id, agent.id)
    records.enrol(code, agent, key, now)


def put(records: SqlRecordStore, school_id: str, random: Random) -> None:
    """Write what the worker would write of one school, computed just now."""
    rubrics, now = official_rubrics(), datetime.now(UTC)
    names = list(rubrics[RUBRIC].indicators)[:INDICATORS]
    verdicts = tuple(
        IndicatorVerdict(
            name, random.choice(["met", "not_met", "insufficient"]),
            f"{random.uniform(1, 999):.3f}", "Mbit/s", "ge", ("500",), "1", "1a",
        )
        for name in names
    )  # fmt: skip
    counts = {"met": random.randint(0, 30), "not_met": random.randint(0, 9), "insufficient": 20}
    table = Summary(
        STANDING, school_id, RUBRIC, rubrics[RUBRIC].version, now, "sha256:x",
        counts=counts, indicators=verdicts,
    )  # fmt: skip
    low = random.randint(0, 160) / 2
    ranked = replace(
        table, rubric_id=RANKED, indicators=(), proven=str(low),
        possible=str(min(100.0, low + random.randint(0, 40) / 2)), max="100",
    )  # fmt: skip
    records.put_summaries(STANDING, school_id, [table, ranked])


@contextmanager
def served(data: Path) -> Iterator[str]:
    """Run a collector on the data; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "collector", "serve", "--data", str(data), "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                httpx2.get(address + "/healthz")
                break
            except httpx2.TransportError:
                time.sleep(0.1)
        yield address
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(60)


def ask(address: str, records: SqlRecordStore, schools: int, number: int) -> dict[str, list[float]]:
    """Ask for every view in turn; milliseconds until the whole page is there."""
    random = Random(8)  # noqa: S311  # a benchmark, no secret
    took: dict[str, list[float]] = {name: [] for name in ("empty", *VIEWS)}
    with httpx2.Client(base_url=address, timeout=60) as client:
        for name, path in (("empty", EMPTY), *VIEWS.items()):
            page = client.get(path, headers={"accept": "text/html"}).raise_for_status().text
            cells = min(schools, PAGE_SIZE) * INDICATORS
            if name == HEATMAP and page.count("criterion-") != cells:
                raise ValueError(f"The heatmap has no {cells} cells: nothing would be measured.")
        for turn in range(number):
            if turn % 10 == 0:
                for _ in range(30):
                    put(records, f"s-{random.randrange(schools):04d}", random)
            for name, path in (("empty", EMPTY), *VIEWS.items()):
                began = time.perf_counter()
                client.get(path, headers={"accept": "text/html"}).raise_for_status()
                took[name].append(1000 * (time.perf_counter() - began))
    return took


def report(took: dict[str, list[float]]) -> None:
    """Print median and p95, and the ratio of the medians to the empty page's."""
    empty = statistics.median(took["empty"])
    print(f"{'page':22}{'p50 ms':>9}{'p95 ms':>9}{'min ms':>9}{'× empty':>9}")
    for name, times in took.items():
        middle = statistics.median(times)
        print(
            f"{name:22}{middle:9.1f}{p95(times):9.1f}{min(times):9.1f}{middle / empty:9.1f}",
            flush=True,
        )


def p95(times: Sequence[float]) -> float:
    """Return the 95th percentile (nearest rank)."""
    return sorted(times)[-(-95 * len(times) // 100) - 1]


def look(address: str) -> None:
    """Print first contentful paint, bytes and requests of each view in Chromium, cold cache."""
    paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1"
    sizes = (
        "['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind))"
        ".map(entry => entry.transferSize)"
    )
    print(f"\n{'page':22}{'FCP ms':>9}{'kB':>9}{'requests':>9}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        for name, path in (("empty", EMPTY), *VIEWS.items()):
            seen = []
            for _ in range(5):
                context = browser.new_context(viewport={"width": 1280, "height": 900})
                page = context.new_page()
                page.goto(address + path, wait_until="load")
                seen.append((painted_at(page, paint), page.evaluate(sizes)))
                context.close()
            middle = statistics.median(first for first, _ in seen)
            sent = seen[0][1]
            print(f"{name:22}{middle:9.0f}{sum(sent) / 1000:9.1f}{len(sent):9}", flush=True)
        browser.close()


def painted_at(page: Page, paint: str) -> float:
    """Wait for the first contentful paint; milliseconds after the navigation began.

    Asked from outside: the pages' own policy forbids the polling that a browser test would do.
    """
    for _ in range(250):
        at = float(page.evaluate(paint))
        if at >= 0:
            return at
        page.wait_for_timeout(20)
    raise TimeoutError("Nothing was painted in five seconds.")


if __name__ == "__main__":
    raise SystemExit(main())
