"""`campusgauge bundle-agent`: one archive with which a school installs the agent offline."""

from __future__ import annotations

import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from collector.cli.output import explain, show, wrong_use

HELP = """制作采集端离线安装包：所需的全部 wheel 加安装脚本，学校主机无需联网。An offline installer.

在能访问软件源的主机上运行；软件源按 pip 的设置。解开后 Linux 运行 sh install.sh，
Windows 在管理员 PowerShell 中运行 install.ps1；再次运行即升级，密钥和数据保留。
"""


class Platform(StrEnum):
    """What the school's host runs."""

    LINUX_X86_64 = "linux_x86_64"
    LINUX_AARCH64 = "linux_aarch64"
    WIN_AMD64 = "win_amd64"


class PythonVersion(StrEnum):
    """Which Python the school's host has."""

    V311 = "3.11"
    V312 = "3.12"
    V313 = "3.13"


def bundle_agent(
    platform: Annotated[Platform, typer.Option("--platform", help="学校主机的系统")],
    out: Annotated[Path, typer.Option("--out", help="输出文件：.tar.gz 或 .zip", dir_okay=False)],
    python: Annotated[
        PythonVersion, typer.Option("--python", help="学校主机的 Python 版本")
    ] = PythonVersion.V311,
    wheel: Annotated[
        Path | None,
        typer.Option("--wheel", help="用这个 campusgauge wheel，默认取本机安装的版本"),
    ] = None,
) -> None:
    """Gather the wheels for the platform and pack them with the script."""
    from collector.agent_bundle import AgentBundleError, download_wheels, own_wheel, pack

    if not out.name.endswith((".zip", ".tar.gz")):
        raise wrong_use("--out 须以 .tar.gz 或 .zip 结尾 must end in .tar.gz or .zip")
    with tempfile.TemporaryDirectory() as folder:
        wheels = Path(folder) / "wheels"
        wheels.mkdir()
        try:
            explain("打包本机版本 packing this version …")
            own = own_wheel(wheels, wheel)
            explain(f"下载依赖 gathering what it needs: {platform}, Python {python} …")
            download_wheels(own, wheels, platform.value, python.value, sys.executable)
        except AgentBundleError as error:
            raise wrong_use(f"未完成 not made: {error}") from error
        pack(wheels, out, python.value)
    show(f"{out}\t{out.stat().st_size / 1e6:.1f} MB")
