"""Kill agents and collector at random for a time, then count: nothing lost, nothing stored twice.

    python benchmarks/soak.py [--minutes 120] [--seed 1] [--agents 3] [--data DIR]
    python benchmarks/soak.py --count DIR     only count again what an ended soak left in DIR

A real collector, real agents with real probes pushing over TLS through a relay that swallows some
answers. Every `--every` seconds something happens: an agent or the collector gets SIGKILL or is
restarted cleanly, or the collector stays away for a while. At the end everything is stopped, the
spools are drained, and each reading that an agent's spool ever said it kept (its own log says so,
see `soak_agent.py`) is looked for in the store. Says how it goes once a minute; the last line is
JSON. Exit code 1 when a reading was lost, doubled or out of order, or a spool damaged.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from soak_compare import Comparison, compare
from soak_site import Agent, Site

DRAIN_S = 600.0
EVENTS = {
    "agent_killed": 40,
    "collector_killed": 25,
    "both_killed": 10,
    "agent_restarted": 10,
    "collector_restarted": 10,
    "collector_away": 5,
}
"""What happens: each once, in this order, and then so often in a hundred."""


class Soak:
    """Makes things happen, and counts them."""

    def __init__(self, site: Site, chance: random.Random, away_s: float) -> None:
        """`away_s` is the longest time without a collector."""
        self.site = site
        self.events: Counter[str] = Counter()
        self._chance = chance
        self._away_s = away_s

    def event(self) -> str:
        """Let one thing happen and return its name."""
        name = next((name for name in EVENTS if not self.events[name]), None)
        if name is None:
            (name,) = self._chance.choices(list(EVENTS), list(EVENTS.values()))
        agent = self._chance.choice(self.site.agents)
        collector_gone = name in ("collector_killed", "both_killed", "collector_away")
        if collector_gone:
            self._end_collector(signal.SIGKILL)
        elif name == "collector_restarted":
            self._end_collector(signal.SIGTERM)
        if name in ("agent_killed", "both_killed"):
            self._end_agent(agent, signal.SIGKILL)
        elif name == "agent_restarted":
            self._end_agent(agent, signal.SIGTERM)
        if name == "collector_away":
            time.sleep(self._chance.uniform(0, self._away_s))
        if collector_gone or name == "collector_restarted":
            self.site.start_collector()
        if agent.process is None:
            self.site.start_agent(agent)
        self.events[name] += 1
        return name

    def _end_collector(self, number: signal.Signals) -> None:
        if self.site.collector is not None:
            self.site.end(self.site.collector, number)

    def _end_agent(self, agent: Agent, number: signal.Signals) -> None:
        if agent.process is None:
            return
        if agent.process.poll() is not None:
            raise RuntimeError(f"{agent.name} ended by itself: {agent.folder / 'agent.log'}")
        self.site.end(agent.process, number)
        agent.process = None
        held = agent.held()
        if held and held[1] > 0:
            self.events["agents_ended_while_pushing"] += 1

    def drain(self) -> None:
        """Stop measuring, and let the agents send until they hold nothing."""
        self.site.relay.cut_ratio = 0.0
        for agent in self.site.agents:
            self._end_agent(agent, signal.SIGTERM)
        for agent in self.site.agents:
            self.site.start_agent(agent, measuring=False)
        deadline_s = time.monotonic() + DRAIN_S
        for agent in self.site.agents:
            while agent.held() != (0, 0):
                if time.monotonic() > deadline_s:
                    raise RuntimeError(f"{agent.name} still holds {agent.held()} readings")
                time.sleep(0.1)
            self._end_agent(agent, signal.SIGTERM)
        self._end_collector(signal.SIGTERM)


def say(text: str) -> None:
    """Print a line of progress with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def run(arguments: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Soak and return the figures."""
    chance = random.Random(arguments.seed)  # noqa: S311 - repeatable, not secret
    cutting = random.Random(arguments.seed + 1)  # noqa: S311 - as above
    started_s = time.monotonic()
    site = Site.make(folder, arguments.agents, arguments.interval, arguments.cut_ratio, cutting)
    soak = Soak(site, chance, away_s=min(120.0, arguments.minutes * 6))
    try:
        for agent in site.agents:
            site.start_agent(agent)
        go_on(soak, chance, arguments, time.monotonic() + arguments.minutes * 60)
        say("draining")
        soak.drain()
    finally:
        site.end_all()
    total = count(folder)
    return {
        "clean": total.clean,
        "seed": arguments.seed,
        "agents": len(site.agents),
        "minutes": round((time.monotonic() - started_s) / 60, 2),
        **asdict(total),
        "answers_cut": site.relay.cut,
        **{name: soak.events[name] for name in (*EVENTS, "agents_ended_while_pushing")},
    }


def count(folder: Path) -> Comparison:
    """Compare what all agents of a soak kept with what its collector stored."""
    total = Comparison()
    for place in sorted(folder.glob("agent*/")):
        total.add(compare(Agent(place.name, place), folder / "collector" / "series.duckdb"))
    return total


def go_on(soak: Soak, chance: random.Random, arguments: argparse.Namespace, until_s: float) -> None:
    """Let things happen until it is time."""
    shortest_s, longest_s = arguments.every
    said_s = time.monotonic()
    for _ in range(arguments.events):
        wait_s = chance.uniform(shortest_s, longest_s)
        if time.monotonic() + wait_s > until_s:
            return
        time.sleep(wait_s)
        name = soak.event()
        if time.monotonic() - said_s >= 60.0:
            said_s = time.monotonic()
            held = [agent.held() for agent in soak.site.agents]
            left_min = (until_s - said_s) / 60
            say(f"last={name} held={held} events={dict(soak.events)} left_min={left_min:.1f}")


def main() -> int:
    """Read the arguments, soak, print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--events", type=int, default=100_000, help="end after so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--agents", type=int, default=3)
    parser.add_argument("--interval", type=float, default=1.0, help="of probes and pushes, seconds")
    parser.add_argument(
        "--every", type=float, nargs=2, default=(20.0, 60.0), metavar=("FROM", "TO"), help="seconds"
    )
    parser.add_argument("--cut-ratio", type=float, default=0.02, help="share of answers swallowed")
    parser.add_argument("--data", type=Path, help="kept afterwards; else a temporary folder")
    parser.add_argument("--count", type=Path, help="folder of an ended soak")
    arguments = parser.parse_args()
    figures: dict[str, object]
    if arguments.count:
        total = count(arguments.count)
        figures = {"clean": total.clean, **asdict(total)}
    elif arguments.data:
        arguments.data.mkdir(parents=True)
        figures = run(arguments, arguments.data)
    else:
        with tempfile.TemporaryDirectory() as name:
            figures = run(arguments, Path(name))
    print(json.dumps(figures))
    return 0 if figures["clean"] else 1


if __name__ == "__main__":
    sys.exit(main())
