"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.config import default_places


def add_state(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add `--state DIR`; `optional` leaves it None when not given."""
    default = None if optional else default_places().state_dir
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        default=default,
        help="状态目录：身份密钥、待发数据 / folder of identity and spool"
        + ("" if optional else " (%(default)s)"),
    )


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add `--config FILE`."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        default=default_places().config_file,
        help="TOML 配置文件，缺省值即可用 / settings file; the defaults work",
    )


def add_format(parser: argparse.ArgumentParser, *formats: str) -> None:
    """Add `--format`, the first being the default."""
    parser.add_argument(
        "--format",
        choices=formats,
        default=formats[0],
        help="输出格式，json 供程序读取 / output format (%(default)s)",
    )
