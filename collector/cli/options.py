"""Options that several commands share, and the settings they make."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from collector.cli.output import Format, wrong_use
from collector.settings import Settings

DataOption = Annotated[
    Path,
    typer.Option(
        "--data",
        envvar="CAMPUSGAUGE_DATA",
        help="数据目录 data directory（存放记录库、序列库）",
        file_okay=False,
        resolve_path=True,
    ),
]
FormatOption = Annotated[
    Format, typer.Option("--format", help="输出格式：text 给人看，json 给程序读")
]


def read_settings(**given: Any) -> Settings:
    """Return the settings from options and environment; options that were not given are None."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        lines = [
            f"--{'.'.join(str(part) for part in e['loc']).replace('_', '-')}: "
            f"{e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        ]
        raise wrong_use("设置有误 wrong setting: " + "; ".join(lines)) from error
