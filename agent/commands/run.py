"""`run`: the steady agent."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from agent.commands.arguments import add_config, add_state
from agent.probes import load_probe
from agent.settings_apart import begin_reading

_ON_EVERY_HOST = ("server_headroom", "storage_volumes", "host_uptime", "link_speed", "anchors")
"""The probes that run in the steady process unless somebody turns them off."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `run --state DIR [--config FILE] [--now]`."""
    add_state(parser)
    add_config(parser)
    parser.add_argument(
        "--now",
        action="store_true",
        help="启动时所有探针先测一次 / start with one run of every probe, heavy ones too",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT. Exit code 1 when another agent holds the state folder."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings_read = begin_reading(arguments.config)
    # Imported while another process reads the settings, so that the first sample comes at once.
    import sqlite3

    for name in _ON_EVERY_HOST:
        load_probe(name)

    from agent.identity import system_name
    from agent.log_lines import log_to_stderr
    from agent.service import Service
    from agent.spool import Spool, SpoolBusyError

    log_to_stderr()
    settings = settings_read()
    try:
        spool = Spool(arguments.state / "spool", settings.spool, system=system_name())
    except SpoolBusyError as error:
        sys.stderr.write(f"该状态目录已有一个采集端在运行 / {error}\n")
        return 1
    except sqlite3.Error as error:
        sys.stderr.write(f"缓存打不开，请检查磁盘 / cannot open the spool: {error}\n")
        return 1
    Service(
        settings,
        spool,
        stop,
        state_dir=arguments.state,
        config_file=arguments.config,
        heavy_at_once=arguments.now,
    ).run()
    return 0
