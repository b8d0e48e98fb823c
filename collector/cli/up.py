"""`campusgauge up`: collector, measurement server and agent on this host, to the first sheet."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collector.cli.output import explained_errors
from collector.cli.records import opened_records
from collector.cli.serve import next_free_port
from collector.errors import UnavailableError
from collector.settings import DEFAULT_PORT

if TYPE_CHECKING:
    from rich.console import Console

    from collector.up.children import Children
    from collector.up.line import Line
    from collector.up.school_file import SchoolProfile

DEFAULT_DATA = Path("campusgauge-data")
HELP = """在本机启动全套系统：采集服务、测速服务器和采集端，得出第一份评分单。

The whole line on this host, from measurement to the first score sheet.

首次运行会生成示例学校档案 DIR/school.toml，可以改成真实数据后再运行。
再次运行保留已有数据。Ctrl-C 停止。Ctrl-C stops everything; the data stays.
"""


def up(
    data: Annotated[
        Path,
        typer.Option("--data", help="数据目录 data directory", file_okay=False, resolve_path=True),
    ] = DEFAULT_DATA,
    port: Annotated[
        int,
        typer.Option("--port", min=1, max=65000, help="首选端口；被占用时改用下一个空闲端口"),
    ] = DEFAULT_PORT,
    once: Annotated[
        bool, typer.Option("--once", help="得出第一份评分单后停止 stop after the first sheet")
    ] = False,
) -> None:
    """Start everything, show the first score sheet, then keep measuring until Ctrl-C."""
    from rich.console import Console

    from collector.up.children import Children

    console = Console()
    children = Children(data / "logs")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    with explained_errors():
        try:
            line, school = _start(console, data, port, children)
            _show_sheet(console, data, line, school)
            if not once:
                _keep_running(console, line)
        except _StopRequestedError:
            console.print("\n正在停止 · stopping …")
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            children.stop()
    console.print(f"已停止，数据保留在 {data} · stopped, the data stays there")


class _StopRequestedError(Exception):
    """Ctrl-C or SIGTERM: leaves whatever is under way and stops the children."""


def _stop(*_: object) -> None:
    raise _StopRequestedError


def _start(
    console: Console, data: Path, port: int, children: Children
) -> tuple[Line, SchoolProfile]:
    from collector.up.line import HOST, Line, Ports

    school, code = _register_school(console, data)
    collector_port = _free_port(HOST, port)
    ports = Ports(collector_port, _free_port(HOST, collector_port + 1))
    line = Line(data, ports, children)
    console.print(f"启动采集服务与测速服务器 · starting the servers: {line.address}")
    line.start_servers()
    if not line.agent_is_enrolled(school.id):
        console.print("登记本机采集端 · enrolling this host's agent")
        line.enrol_agent(code)
    started = datetime.now(UTC)
    line.start_agent()
    _wait_for_readings(console, line, school.id, started)
    return line, school


def _register_school(console: Console, data: Path) -> tuple[SchoolProfile, str]:
    """Bring the records in line with the school file; return the school and an enrolment code."""
    from collector.enrolment.service import new_code
    from collector.up import samples, school_file

    path = data / "school.toml"
    now = datetime.now(UTC)
    with opened_records(data, new=True) as records:
        made = samples.write_sample(samples.SCHOOL, path)
        console.print(f"{'已生成示例学校档案' if made else '学校档案'} · school profile: {path}")
        file = school_file.read_school_file(path)
        school_id = school_file.record(file, records, now)
        code, _ = new_code(records, school_id, now, valid=timedelta(hours=1), max_uses=1)
    return file.school, code


def _free_port(host: str, preferred: int) -> int:
    port = next_free_port(host, preferred - 1)
    if port is None:
        raise UnavailableError(
            "no_free_port",
            f"{preferred} 起没有空闲端口，请用 --port 换一个 · no free port from {preferred} on, "
            "choose another with --port",
        )
    return port


def _wait_for_readings(console: Console, line: Line, school_id: str, started: datetime) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("首次测量 · first measurements"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=console) as bar:
        task = bar.add_task("", total=None)
        missing = line.wait_for_readings(
            school_id,
            started,
            lambda done, total, waiting: bar.update(
                task, completed=done, total=total, description=waiting
            ),
        )
    if missing:
        names = "、".join(sorted(missing))
        console.print(f"尚无读数，稍后见页面 · not yet reported, see the page later: {names}")


def _show_sheet(console: Console, data: Path, line: Line, school: SchoolProfile) -> None:
    from collector.people.first_admin import FIRST_ADMIN_FILE
    from collector.up.findings_table import findings_table
    from rubrics.loader import load_rubric

    sheet = line.sheet(school.id, school.kind)
    console.print(findings_table(sheet, load_rubric(sheet["rubric"]), school.name))
    console.print(f"页面 · page: [link]{line.address}/schools/{school.id}[/link]")
    first_admin = data / FIRST_ADMIN_FILE
    if first_admin.exists():
        console.print(f"管理员首次登录 · first sign-in of the admin: {first_admin}")
    console.print(f"全县概览 · county overview: [link]{line.address}/[/link]")


def _keep_running(console: Console, line: Line) -> None:
    console.print("持续测量中，按 Ctrl-C 停止 · measuring, Ctrl-C stops", style="bold")
    while True:
        line.raise_if_ended()
        time.sleep(1)
