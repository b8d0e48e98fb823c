"""`once`: takes readings now and shows them; needs no enrolment, writes nothing."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from agent.child import child_command
from agent.commands.arguments import add_config, add_format, add_state
from agent.config import load_settings
from agent.probe_run import failure, run_in_child, run_in_process
from agent.probes import load_probe
from agent.probes.base import Context, Cost, utc_now
from agent.reading import Reading
from agent.settings import ProbePlan, Settings
from agent.wire import reading_fields


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `once [PROBE] [--config FILE] --format json`."""
    parser.add_argument(
        "probe", nargs="?", metavar="PROBE", help="探针名，缺省为全部 / probe, default all enabled"
    )
    add_config(parser)
    add_state(parser, optional=True)
    add_format(parser, "table", "json")


def run(arguments: argparse.Namespace) -> int:
    """Print the readings; exit code 1 when nothing at all could be observed."""
    settings = load_settings(arguments.config)
    if arguments.probe is not None:
        load_probe(arguments.probe)  # raises with the names there are
        plans = [settings.probes[arguments.probe]]
    else:
        plans = [p for p in settings.probes.values() if p.enabled and p.idle_reason is None]
    readings = take_readings(plans, settings, arguments.state, arguments.config)
    if arguments.format == "json":
        text = json.dumps([reading_fields(reading) for reading in readings], ensure_ascii=False)
        sys.stdout.write(text + "\n")
    else:
        sys.stdout.write(_table(readings))
    return 0 if any(reading.values for reading in readings) else 1


def take_readings(
    plans: Sequence[ProbePlan],
    settings: Settings,
    state_dir: Path | None,
    config_file: Path | None,
) -> list[Reading]:
    """Run the probes side by side, each within its time, in the registry's order."""
    results: dict[str, list[Reading]] = {}
    stop = threading.Event()

    def take(plan: ProbePlan) -> None:
        if plan.cost is Cost.LIGHT:
            results[plan.probe] = run_in_process(load_probe(plan.probe), plan, Context())
        else:
            command = child_command(plan.probe, state_dir, config_file, settings)
            results[plan.probe] = run_in_child(
                plan, command, settings.children, now=utc_now, stop=stop
            )

    threads = [threading.Thread(target=take, args=(plan,), daemon=True) for plan in plans]
    for thread in threads:
        thread.start()
    for thread, plan in zip(threads, plans, strict=True):
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\033[K{plan.probe} …")
        thread.join(plan.timeout_s + 1)
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    return [
        reading
        for plan in plans
        for reading in results.get(plan.probe, [failure(plan.probe, "probe_hung", utc_now())])
    ]


def _table(readings: Sequence[Reading]) -> str:
    lines = []
    for reading in readings:
        why = f" {reading.reason}" if reading.reason else ""
        lines.append(f"{reading.probe}  {reading.target}  [{reading.outcome}{why}]")
        lines += [f"    {name} = {value:g}" for name, value in reading.values.items()]
    return "\n".join(lines) + "\n"
