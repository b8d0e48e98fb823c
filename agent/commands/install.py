"""`install`: make the agent a service that starts with the host."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from agent.commands.arguments import add_state
from agent.install import service


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `install [--state DIR] [--config FILE] [--raw-sockets] [--root DIR]`."""
    add_state(parser)
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        default=service.CONFIG,
        help="配置文件，没有则写入带注释的示例 / made from the sample if missing (%(default)s)",
    )
    parser.add_argument(
        "--raw-sockets",
        action="store_true",
        help="允许原始套接字（仅 ARP 终端清点需要）/ CAP_NET_RAW, for the ARP sweep alone",
    )
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        default=Path("/"),
        help="只写文件到此目录下，不动系统 / stage files below DIR, run nothing",
    )


def run(arguments: argparse.Namespace) -> int:
    """Install; safe to repeat. Exit code 1 when the system refuses."""
    program = Path(sys.executable).with_name(
        "campusgauge-agent.exe" if sys.platform == "win32" else "campusgauge-agent"
    )
    if sys.platform == "win32":
        config = arguments.state.parent / "agent.toml"
        return run_powershell(service.windows_script(program, arguments.state, config))
    plan = service.linux_install(
        program,
        arguments.state.absolute(),
        arguments.config.absolute(),
        raw_sockets=arguments.raw_sockets,
    )
    for line in service.carry_out(plan, arguments.root, service.run_command):
        sys.stdout.write(line + "\n")
    sys.stdout.write(
        "下一步 / next: campusgauge-agent enrol --server https://… --code …，"
        "然后 / then: campusgauge-agent doctor\n"
    )
    return 0


def run_powershell(script: str) -> int:
    """Run a script on Windows and return its exit code; PowerShell 5 reads a BOM as UTF-8."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "script.ps1"
        file.write_text(script, encoding="utf-8-sig")
        command = ["powershell.exe", "-NoProfile", "-ExecutionPolicy", "Bypass", "-File", str(file)]
        return subprocess.run(command, check=False, timeout=300).returncode  # noqa: S603 - our own script
