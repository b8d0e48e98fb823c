"""`export-bundle`: everything not yet acknowledged as one signed file; works beside `run`."""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from dataclasses import asdict
from pathlib import Path

from agent.bundle import write_bundle
from agent.commands.arguments import add_config, add_format, add_state
from agent.config import load_settings
from agent.identity import IdentityError, load_identity, system_name
from agent.probes.base import utc_now
from agent.spool import Spool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `export-bundle [--out FILE] [--state DIR] [--config FILE]`."""
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="输出文件，缺省在当前目录按校名和时间命名 / default: named by school and time",
    )
    add_state(parser)
    add_config(parser)
    add_format(parser, "text", "json")


def run(arguments: argparse.Namespace) -> int:
    """Write the bundle; exit code 1 when there is nothing to carry."""
    identity = load_identity(arguments.state)
    if identity is None:
        raise IdentityError(
            "本机尚未登记，不能签名。请在能连上教委的网络中登记一次"
            " / not enrolled, so nothing can be signed: enrol once where the bureau can be reached"
        )
    settings = load_settings(arguments.config)
    now = utc_now()
    out = arguments.out or Path(f"campusgauge-{identity.school_id}-{now:%Y%m%dT%H%M%SZ}.bundle")
    try:
        spool = Spool(arguments.state / "spool", settings.spool, system=system_name(), beside=True)
    except sqlite3.Error as error:
        sys.stderr.write(f"缓存打不开 / cannot open the spool: {error}\n")
        return 1
    try:
        limits = settings.push.batch_readings, settings.push.batch_bytes
        spool.belong_to(identity.agent_id, *limits)
        spool.claim_all(*limits)
        if spool.batch_after(-1) is None:
            sys.stderr.write("没有待上报的读数，未生成文件 / nothing to carry, no file made\n")
            return 1
        made = write_bundle(spool, identity, out, now, _show_progress)
    finally:
        spool.close()
    if arguments.format == "json":
        document = {"file": str(out), **asdict(made)}
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        return 0
    sys.stdout.write(
        f"已导出 / exported: {out}（{made.batches} 批，{made.readings} 条读数 / readings）\n"
        "交给教委 / at the bureau: "
        f"campusgauge import-bundle {out.name} --data DIR --receipt FILE\n"
        f"拿回回执后 / with the receipt: campusgauge-agent settle-bundle FILE\n"
    )
    return 0


def _show_progress(batches: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{batches} …")
