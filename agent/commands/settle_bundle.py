"""`settle-bundle`: forget the readings that a receipt of the bureau says are stored there."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from pathlib import Path

from agent.bundle import ReceiptError, read_receipt, settle_received
from agent.commands.arguments import add_config, add_state
from agent.config import load_settings
from agent.identity import IdentityError, load_identity, system_name
from agent.spool import Spool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `settle-bundle RECEIPT [--state DIR]`."""
    parser.add_argument(
        "receipt", type=Path, metavar="RECEIPT", help="教委导入后给出的回执 / from the bureau"
    )
    add_state(parser)
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Settle the batches; exit code 1 for a receipt that does not hold."""
    identity = load_identity(arguments.state)
    if identity is None:
        raise IdentityError("本机尚未登记 / this host is not enrolled")
    settings = load_settings(arguments.config)
    try:
        batch_ids = read_receipt(arguments.receipt, identity)
        spool = Spool(arguments.state / "spool", settings.spool, system=system_name(), beside=True)
    except (ReceiptError, sqlite3.Error) as error:
        sys.stderr.write(f"未处理 / nothing was changed: {error}\n")
        return 1
    try:
        settled = settle_received(spool, batch_ids)
        left = spool.counts()
    finally:
        spool.close()
    sys.stdout.write(
        f"已清理 {settled} 批，尚余 {left.claimed + left.queued} 条读数"
        f" / settled {settled} batches, {left.claimed + left.queued} readings left\n"
    )
    return 0
