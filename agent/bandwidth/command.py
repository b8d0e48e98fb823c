"""`campusgauge-agent bandwidth`: measure the line to a measurement server now."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from agent.bandwidth.connection import endpoint
from agent.bandwidth.engine import BOTH, Caps, Direction, measure
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.line_memory import LineMemory

DIRECTIONS = {
    "down": (Direction.DOWNLOAD,),
    "up": (Direction.UPLOAD,),
    "both": BOTH,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `bandwidth`."""
    parser.add_argument(
        "--server", required=True, metavar="URL", help="测速服务器 / measurement server"
    )
    parser.add_argument(
        "--direction", choices=tuple(DIRECTIONS), default="both", help="方向，缺省 both"
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="测速令牌文件 / file with the slot token"
    )
    parser.add_argument("--source", metavar="ADDRESS", help="从该本机地址（上联）测 / uplink")
    parser.add_argument("--proxy", metavar="URL", help="HTTP 代理 / HTTP proxy")
    parser.add_argument("--ca-file", type=Path, metavar="FILE", help="私有 CA 证书 / private CA")
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="记住线路以缩短下次测试 / remember the line here"
    )
    parser.add_argument("--people", type=int, metavar="N", help="师生人数：按 512 kbit/s 每人判定")
    parser.add_argument("--max-seconds", type=float, default=Caps().max_seconds)
    parser.add_argument("--max-bytes", type=int, default=Caps().max_bytes)
    parser.add_argument("--format", choices=("table", "json"), default="table")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; 1 when nothing could be measured."""
    try:
        where = endpoint(
            arguments.server,
            source=arguments.source,
            proxy=arguments.proxy,
            ca_file=arguments.ca_file,
        )
        token = _token(arguments.token_file)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    memory = LineMemory(arguments.state / "lines.json" if arguments.state else None, time.time())
    try:
        result = measure(
            where,
            directions=DIRECTIONS[arguments.direction],
            token=token,
            caps=Caps(arguments.max_seconds, arguments.max_bytes),
            memory=memory,
        )
    except MeasurementError as error:
        sys.stderr.write(f"{error}\n")
        if arguments.format == "json":
            sys.stdout.write(json.dumps({"error": error.reason, "detail": error.detail}) + "\n")
        return 1
    sys.stdout.write(json.dumps(result.as_json(), ensure_ascii=False) + "\n")
    return 0


def _token(file: Path | None) -> str | None:
    if file is not None:
        return file.read_text(encoding="ascii").strip()
    return os.environ.get("CAMPUSGAUGE_AGENT_TOKEN")


if __name__ == "__main__":
    own = argparse.ArgumentParser()
    add_arguments(own)
    sys.exit(run(own.parse_args()))
