"""`probe NAME`: runs one probe and prints its readings as JSON lines; what a heavy child is."""

from __future__ import annotations

import argparse
import json
import sys

from agent.child import end_with_parent, limit_own_memory
from agent.commands.arguments import add_config, add_state
from agent.config import load_settings
from agent.identity import load_identity
from agent.probe_run import run_in_process
from agent.probes import load_probe
from agent.probes.base import Context
from agent.wire import reading_fields


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="探针名 / probe name")
    add_state(parser, optional=True)
    add_config(parser)
    parser.add_argument(
        "--planned",
        action="store_true",
        help="按计划运行，而不是有人临时要求 / run as scheduled, not because a person asked",
    )
    parser.add_argument("--memory-bytes", type=int, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--as-child", action="store_true", help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Print one reading a line, as soon as it is there."""
    if arguments.as_child:
        end_with_parent()
    if arguments.memory_bytes is not None:
        limit_own_memory(arguments.memory_bytes)
    probe = load_probe(arguments.name)
    settings = load_settings(arguments.config)
    access = None
    state_dir = None
    if arguments.state is not None:
        identity = load_identity(arguments.state)
        access = identity.access(settings.push.ca_file) if identity else None
        state_dir = arguments.state / "probes" / probe.name
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    context = Context(state_dir=state_dir, collector=access, on_demand=not arguments.planned)
    for reading in run_in_process(probe, settings.probes[probe.name], context):
        sys.stdout.write(json.dumps(reading_fields(reading), ensure_ascii=False) + "\n")
        sys.stdout.flush()
    return 0
