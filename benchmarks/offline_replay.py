"""Thirty days without the collector, then everything at once: nothing lost, doubled or overrun.

    python benchmarks/offline_replay.py [--days 30] [--every 60] [--pause 0.5] [--data DIR]

Fills the spool of an enrolled agent with what its probes would have kept, and starts the real agent
against a real collector behind TLS. On the way answers are lost, the collector says 503 with
Retry-After, is killed and comes back; meanwhile somebody asks it for its health twice a second. The
last line is JSON; exit code 1 when a reading was lost, doubled or out of order.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from soak_compare import compare
from soak_site import Agent, Site

from agent.reading import Outcome, Reading
from agent.settings import SpoolSettings
from agent.spool import Spool
from agent.wire import reading_fields

SERIES = ("server_headroom", "host_uptime", "link_speed", "anchors")
CHUNK = 2000
DRAIN_S = 3600.0


def fill(agent: Agent, days: float, every_s: float) -> tuple[int, int]:
    """Keep what an agent measured in its days alone; return readings and bytes on disk."""
    spool = Spool(agent.state / "spool", SpoolSettings(), system="linux")
    began = datetime.now(UTC) - timedelta(days=days)
    chance = random.Random(1)  # noqa: S311 - values that compress as badly as real ones
    moments = int(days * 86400 / every_s)
    total = 0
    with agent.side_log.open("a", encoding="utf-8") as log:
        for first in range(0, moments, CHUNK // len(SERIES)):
            chunk = [
                Reading(
                    probe=probe,
                    target="host",
                    time=began + timedelta(seconds=number * every_s),
                    outcome=Outcome.OK,
                    values={f"{name}_ratio": chance.random() for name in ("a", "b", "c")},
                )
                for number in range(first, min(first + CHUNK // len(SERIES), moments))
                for probe in SERIES
            ]
            log.write(json.dumps(["asked", [reading_fields(one) for one in chunk]]) + "\n")
            spool.put(chunk)
            log.write(json.dumps(["kept", len(chunk)]) + "\n")
            total += len(chunk)
    used_bytes = spool.counts().used_bytes
    dropped = spool.counts().dropped_total
    spool.close()
    if dropped:
        raise RuntimeError(f"{dropped} readings did not fit into the spool")
    return total, used_bytes


class Watch(threading.Thread):
    """Asks the collector for its health, and keeps how long that took."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.answers_s: list[float] = []
        self._page = f"http://127.0.0.1:{port}/healthz"
        self._ended = threading.Event()

    def run(self) -> None:
        """Ask twice a second."""
        while not self._ended.wait(0.5):
            began_s = time.monotonic()
            try:
                with urllib.request.urlopen(self._page, timeout=10) as answer:  # noqa: S310 - loopback
                    answer.read()
            except OSError:  # killed on purpose
                continue
            self.answers_s.append(time.monotonic() - began_s)

    def end(self) -> None:
        """Stop asking."""
        self._ended.set()
        self.join(15)


def replay(site: Site, agent: Agent, total: int, pause_s: float) -> float:
    """Let the agent send all of it through every trouble; return the seconds it took."""
    began_s = time.monotonic()
    site.relay.to_refuse = 1
    site.start_agent(agent, measuring=False, backlog_pause_s=pause_s)
    killed = False
    while (held := agent.held()) != (0, 0):
        if time.monotonic() - began_s > DRAIN_S:
            raise RuntimeError(f"{held} readings are still held")
        if held and sum(held) < total / 2 and not killed and site.collector is not None:
            killed = True
            site.end(site.collector, signal.SIGKILL)
            site.start_collector()
        time.sleep(0.1)
    took_s = time.monotonic() - began_s
    if agent.process is not None:
        site.end(agent.process, signal.SIGTERM)
    return took_s


def run(arguments: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Fill, replay and count."""
    site = Site.make(folder, 1, 1.0, arguments.cut_ratio, random.Random(7))  # noqa: S311
    (agent,) = site.agents
    watch = Watch(site.port)
    try:
        total, used_bytes = fill(agent, arguments.days, arguments.every)
        watch.start()
        took_s = replay(site, agent, total, arguments.pause)
        watch.end()
        if site.collector is not None:
            site.end(site.collector, signal.SIGTERM)
    finally:
        site.end_all()
    result = compare(agent, site.data / "series.duckdb")
    quantiles = statistics.quantiles(watch.answers_s or [0.0, 0.0], n=100)
    return {
        "clean": result.clean,
        "days": arguments.days,
        **asdict(result),
        "spool_mib": round(used_bytes / 2**20, 1),
        "took_s": round(took_s, 1),
        "readings_per_s": round(total / took_s),
        "answers_cut": site.relay.cut,
        "refused_503": 1 - site.relay.to_refuse,
        "health_p50_ms": round(quantiles[49] * 1000),
        "health_p99_ms": round(quantiles[98] * 1000),
    }


def main() -> int:
    """Read the arguments, run, print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=float, default=30.0)
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two readings")
    parser.add_argument("--pause", type=float, default=0.5, help="between two batches, seconds")
    parser.add_argument("--cut-ratio", type=float, default=0.02, help="share of answers swallowed")
    parser.add_argument("--data", type=Path, help="kept afterwards; else a temporary folder")
    arguments = parser.parse_args()
    if arguments.data:
        arguments.data.mkdir(parents=True)
        figures = run(arguments, arguments.data)
    else:
        with tempfile.TemporaryDirectory() as name:
            figures = run(arguments, Path(name))
    print(json.dumps(figures))
    return 0 if figures["clean"] else 1


if __name__ == "__main__":
    sys.exit(main())
