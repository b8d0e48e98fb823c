"""`campusgauge-agent bandwidth`: measure the line to a measurement server now."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from agent.bandwidth.connection import endpoint
from agent.bandwidth.engine import BOTH, Caps, Direction, measure
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.line_memory import LineMemory
from agent.bandwidth.terminal import LiveLine, report

DIRECTIONS = {
    "down": (Direction.DOWNLOAD,),
    "up": (Direction.UPLOAD,),
    "both": BOTH,
}
_NOTES = """第一次测一条线路要几秒到十几秒（查明突发额度），以后约一秒。
The first test of a line takes seconds, since it looks for burst credit; later ones about one.

例 / examples:
  campusgauge-agent bandwidth --server http://10.0.0.5:8989 --people 1290
  campusgauge-agent bandwidth --server https://speed.example.cn --token-file slot.txt --format json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `bandwidth`."""
    caps = Caps()
    parser.epilog = _NOTES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--server", required=True, metavar="URL", help="测速服务器地址 / measurement server")
    add("--direction", choices=tuple(DIRECTIONS), default="both", help="方向，缺省两个方向都测")
    add("--token-file", metavar="FILE", help="时段令牌文件，- 为标准输入 / slot token, - for stdin")
    add("--people", type=_positive, metavar="N", help="师生人数，按每人 512 kbit/s 判定 / heads")
    add("--source", metavar="ADDRESS", help="从本机这个地址（上联）出去 / leave from this address")
    add("--proxy", metavar="URL", help="HTTP 代理 http://host:port / HTTP proxy")
    add("--ca-file", type=Path, metavar="FILE", help="私有 CA 证书 / private CA")
    add("--state", type=Path, metavar="DIR", help="记住线路的目录 / where lines are remembered")
    add("--forget", action="store_true", help="当作第一次测 / test as if for the first time")
    add("--max-seconds", type=float, default=caps.max_seconds, metavar="S", help="每方向最长时间")
    add("--max-bytes", type=int, default=caps.max_bytes, metavar="N", help="每方向最多字节")
    add("--format", choices=("table", "json"), default="table", help="输出格式 / output format")


def _positive(text: str) -> int:
    number = int(text)
    if number <= 0:
        raise ValueError(text)
    return number


def run(arguments: argparse.Namespace) -> int:
    """Measure and print. 1 when nothing could be measured, 2 when an option is wrong."""
    try:
        where = endpoint(
            arguments.server,
            source=arguments.source,
            proxy=arguments.proxy,
            ca_file=arguments.ca_file,
        )
        token = _token(arguments.token_file)
        caps = Caps(arguments.max_seconds, arguments.max_bytes)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    live = None if arguments.format == "json" else LiveLine()
    try:
        result = measure(
            where,
            directions=DIRECTIONS[arguments.direction],
            token=token,
            caps=caps,
            memory=_memory(arguments.state, forget=arguments.forget),
            progress=live.show if live else None,
        )
    except MeasurementError as error:
        if live:
            live.clear()
        else:
            sys.stdout.write(json.dumps({"error": error.reason, "detail": error.detail}) + "\n")
        sys.stderr.write(f"没有测出速率 no rate: {error.reason}\n  {error.detail}\n")
        return 1
    if live:
        live.clear()
        sys.stdout.write(report(result, arguments.people))
    else:
        sys.stdout.write(json.dumps(result.as_json(), ensure_ascii=False) + "\n")
    return 0


def _token(file: str | None) -> str | None:
    """Read the slot token: never from the command line, which every user of a host can see."""
    if file is None:
        return None
    text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="ascii")
    return text.strip()


def _memory(state: Path | None, *, forget: bool) -> LineMemory:
    if state is None:
        from agent.config import default_places

        state = default_places().state_dir / "bandwidth"
    memory = LineMemory(state / "lines.json", time.time())
    if forget:
        memory.forget()
    return memory
