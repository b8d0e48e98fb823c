"""The command line of the agent: `campusgauge-agent` and `python -m agent`.

Exit codes: 0 done, 1 the thing asked about is not so, 2 wrong use, with a sentence on standard
error that says what to do. A command's module is imported when the command is called, so that
`run` takes its first sample at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("enrol", "agent.commands.enrol", "用登记码登记本机 / enrol this host with a code"),
    ("run", "agent.commands.run", "持续测量并上报 / measure and report, all the time"),
    ("once", "agent.commands.once", "立即测一次，只显示不上报 / measure once, show only"),
    ("check", "agent.commands.check", "本机能证明哪些条款、还缺什么 / what this host can prove"),
    ("bandwidth", "agent.bandwidth.command", "测线路带宽 / measure the line now"),
    ("survey", "agent.commands.survey", "无线覆盖测点 / walk the points of a wireless survey"),
    ("doctor", "agent.commands.doctor", "检查连接、时钟、权限 / connection, clock, rights"),
    (
        "export-bundle",
        "agent.commands.export_bundle",
        "连不上教委时导出数据文件 / readings as a file, for want of a network",
    ),
    (
        "settle-bundle",
        "agent.commands.settle_bundle",
        "用教委的回执清理已导入的数据 / forget what a bureau's receipt lists",
    ),
    ("install", "agent.commands.install", "安装为系统服务 / install as a service"),
    ("upgrade", "agent.commands.upgrade", "升级，保留密钥和数据 / upgrade, state kept"),
    ("uninstall", "agent.commands.uninstall", "卸载，--purge 连同数据 / remove"),
    ("list", "agent.commands.list", "有哪些探针、测什么 / the probes and what they report"),
    ("probe", "agent.commands.probe", "运行单个探针，逐行输出 JSON / one probe, JSON lines"),
)
_INTRODUCTION = """校园标尺采集端：在学校主机上测量网络与设备，并向教委上报。
The CampusGauge agent measures a school's network and reports to the education bureau.

先试一下，不需登记 / try it, nothing leaves the host:
  campusgauge-agent once
然后 / then:
  campusgauge-agent enrol --server https://… --code …
  campusgauge-agent run
"""


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal; argparse would ask `shutil`, which brings bz2 and lzma."""

    def __init__(self, prog: str) -> None:
        try:
            columns = os.get_terminal_size().columns
        except OSError:  # no terminal
            columns = 80
        super().__init__(prog, width=max(columns - 2, 40))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="campusgauge-agent",
        description=_INTRODUCTION,
        formatter_class=_Help,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    called = next((word for word in given if not word.startswith("-")), None)
    chosen = None
    for name, path, title in COMMANDS:
        command = commands.add_parser(name, help=title, description=title, formatter_class=_Help)
        if name == called:
            try:
                chosen = import_module(path)
            except ModuleNotFoundError as error:
                return _component_missing(error)
            chosen.add_arguments(command)
    arguments = parser.parse_args(given)
    try:
        from agent.config import ConfigError
        from agent.identity import IdentityError
        from agent.probes import UnknownProbeError
    except ModuleNotFoundError as error:
        return _component_missing(error)

    try:
        code: int = chosen.run(arguments) if chosen else 2
    except (ConfigError, IdentityError, UnknownProbeError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except ModuleNotFoundError as error:  # some are imported where they are needed
        return _component_missing(error)
    except OSError as error:
        sys.stderr.write(f"系统拒绝 / the system refused: {error}\n")
        return 1
    return code


def _component_missing(error: ModuleNotFoundError) -> int:
    """Say how to get a package that the base installation leaves out; our own must be there."""
    if (error.name or "").split(".")[0] in {"agent", "rubrics"}:
        raise error
    sys.stderr.write(
        f'缺少组件 missing: {error.name}. 请安装 install: pip install "campusgauge[agent]"\n'
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
