"""`uninstall`: take the service away; key, readings and settings stay unless purged."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from agent.commands.arguments import add_state
from agent.commands.install import run_powershell
from agent.install import service


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `uninstall [--purge] [--state DIR] [--root DIR]`."""
    add_state(parser)
    parser.add_argument(
        "--purge",
        action="store_true",
        help="连同密钥、未上报的读数和配置一起删除 / key, unsent readings and settings go too",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", default=service.CONFIG)
    parser.add_argument("--root", type=Path, metavar="DIR", default=Path("/"))


def run(arguments: argparse.Namespace) -> int:
    """Uninstall the service; the program's own folder is left to whoever made it."""
    if sys.platform == "win32":
        code = run_powershell(service.windows_remove_script())
        if arguments.purge and code == 0:
            shutil.rmtree(arguments.state, ignore_errors=True)
        return code
    plan = service.linux_uninstall(
        arguments.state.absolute(), arguments.config.absolute(), purge=arguments.purge
    )
    for line in service.carry_out(plan, arguments.root, service.run_command):
        sys.stdout.write(line + "\n")
    if not arguments.purge:
        sys.stdout.write(f"保留 kept: {arguments.state}, {arguments.config}（--purge 删除）\n")
    sys.stdout.write(f"程序目录可自行删除 / the program itself: {Path(sys.prefix)}\n")
    return 0
