"""`upgrade`: install the wheels of a newer bundle over this installation; state is not touched."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from agent.install import service


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `upgrade FOLDER [--no-restart]`."""
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="解开的安装包目录 / an unpacked bundle"
    )
    parser.add_argument(
        "--no-restart", action="store_true", help="不重启服务 / leave the service as it is"
    )


def run(arguments: argparse.Namespace) -> int:
    """Install what the bundle has, offline; exit code 1 when pip refuses."""
    wheels = arguments.folder / "wheels"
    own = sorted(wheels.glob("campusgauge-*.whl"))
    if len(own) != 1:
        sys.stderr.write(f"{wheels} 中没有安装包 / is no unpacked bundle\n")
        return 2
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index"]
    # The second also replaces a build of the same version.
    for more in (
        ["--upgrade", "--find-links", str(wheels), f"{own[0]}[agent,snmp]"],
        ["--no-deps", "--force-reinstall", str(own[0])],
    ):
        ended = subprocess.run([*pip, *more], check=False, timeout=600)  # noqa: S603 - our own pip
        if ended.returncode == 0:
            continue
        sys.stderr.write("升级未成功，原版本仍可用 / not upgraded\n")
        return 1
    if not arguments.no_restart and sys.platform != "win32":
        service.run_command(("systemctl", "try-restart", service.UNIT.name))
    sys.stdout.write("已升级，密钥和读数未动 / upgraded; key and readings are as they were\n")
    return 0
