"""`list`: which probes there are, what they report and how often."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from agent.commands.arguments import add_config, add_format
from agent.commands.probe_reference import reference
from agent.config import load_settings
from agent.probes import load_probe, probe_names
from agent.probes.base import Probe
from agent.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `list [--config FILE] [--format table|json|markdown|reference]`."""
    add_config(parser)
    add_format(parser, "table", "json", "markdown", "reference")


def run(arguments: argparse.Namespace) -> int:
    """Print the probes with the settings in force."""
    settings = load_settings(arguments.config)
    probes = [load_probe(name) for name in probe_names()]
    if arguments.format == "json":
        text = json.dumps([_fields(probe, settings) for probe in probes], ensure_ascii=False)
        sys.stdout.write(text + "\n")
    elif arguments.format == "markdown":
        sys.stdout.write(markdown(probes))
    elif arguments.format == "reference":
        sys.stdout.write(reference(probes))
    else:
        sys.stdout.write(_table(probes, settings))
    return 0


def markdown(probes: Sequence[Probe[Any]]) -> str:
    """Return the probe table of `agent/README.md`, from what the probes declare."""
    lines = ["| probe | 名称 | every | cost | reports |", "|---|---|---|---|---|"]
    for probe in probes:
        reports = "<br>".join(f"`{m.name}` {m.meaning} ({m.unit})" for m in probe.metrics)
        cells = (f"`{probe.name}`", probe.title, f"{probe.interval_s:g} s", probe.cost, reports)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _table(probes: Sequence[Probe[Any]], settings: Settings) -> str:
    lines = []
    for probe in probes:
        plan = settings.probes[probe.name]
        state = f"每 {plan.interval_s:g} s" if plan.enabled else "停用 / off"
        if plan.enabled and plan.idle_reason is not None:
            state = f"待配置 / to be set: [probes.{probe.name}]"
        lines.append(f"{probe.name}  {probe.title}  {state}  [{probe.cost}]")
        lines += [f"    {m.name} ({m.unit})  {m.meaning}" for m in probe.metrics]
    return "\n".join(lines) + "\n"


def _fields(probe: Probe[Any], settings: Settings) -> dict[str, Any]:
    plan = settings.probes[probe.name]
    return {
        "probe": probe.name,
        "title": probe.title,
        "enabled": plan.enabled,
        "idle_reason": plan.idle_reason,
        "interval_s": plan.interval_s,
        "timeout_s": plan.timeout_s,
        "cost": str(probe.cost),
        "metrics": [{"name": m.name, "unit": m.unit, "meaning": m.meaning} for m in probe.metrics],
    }
