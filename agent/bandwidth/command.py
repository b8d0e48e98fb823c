"""`campusgauge-agent bandwidth`: measure a line now, as a technician would."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from agent.bandwidth.backends import BACKENDS, measure_with
from agent.bandwidth.backends.base import Request
from agent.bandwidth.bounds import BOTH, Caps, Direction
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.line_memory import LineMemory
from agent.bandwidth.link_counters import InterfaceCounters, LinkCounters
from agent.bandwidth.live import LiveLine
from agent.bandwidth.requirement import Judgement, Shown, judge
from agent.bandwidth.result import Result
from agent.bandwidth.target import Target, TargetError, find_target, people_of
from agent.bandwidth.terminal import refusal, report
from agent.config import default_places

DIRECTIONS = {
    "down": (Direction.DOWNLOAD,),
    "up": (Direction.UPLOAD,),
    "both": BOTH,
}
LISTEN_TESTS, LISTEN_MINUTES = 2, 10.0
"""One test in each direction."""
_NOTES = """例 / examples:
  已登记的主机，向教委申请时段 / an enrolled host, in a slot of the bureau:
    campusgauge-agent bandwidth
  指定服务器和人数 / a server and a number of people:
    campusgauge-agent bandwidth --server http://10.0.0.5:8989 --people 1290
  校内骨干，两台主机 / the backbone between two hosts:
    campusgauge-agent bandwidth --listen 5201
    campusgauge-agent bandwidth --backend iperf3 --server 10.0.0.7:5201 --max-bytes 20000000000

第一次测一条线路要几秒到十几秒（查明突发额度），以后约一秒。
The first test of a line takes seconds, since it looks for burst credit; later ones about one.

退出码：0 已测出；1 没有测出，或不够 --people 所给的人数；2 用法错误。
Exit codes: 0 measured; 1 no rate, or not enough for the --people given; 2 wrong use.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `bandwidth`."""
    caps = Caps()
    parser.epilog = _NOTES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--server", metavar="URL", help="测速服务器，缺省向教委申请 / default: a slot of the bureau"
    )
    where.add_argument(
        "--listen",
        type=_port,
        metavar="PORT",
        help="充当另一端：应答两次 iperf3 测试后结束 / be the other side of an iperf3 test",
    )
    add(
        "--backend",
        choices=tuple(BACKENDS),
        default="builtin",
        help="测量方法 / what measures (%(default)s)",
    )
    add("--direction", choices=tuple(DIRECTIONS), default="both", help="方向 / (%(default)s)")
    add("--people", type=_positive, metavar="N", help="师生人数，缺省问教委 / heads, to judge by")
    add("--token-file", metavar="FILE", help="时段令牌文件，- 为标准输入 / slot token, - for stdin")
    add("--source", metavar="ADDRESS", help="从本机这个地址（上联）出去 / leave from this address")
    add(
        "--second-source",
        metavar="ADDRESS",
        help="同一线路上本机的另一地址，用于识别按地址限速 / another address here on the same line",
    )
    add(
        "--outlet-interface",
        metavar="NAME",
        help="本机即出口网关时的外网口 / on the gateway: the interface of the outlet line",
    )
    add("--proxy", metavar="URL", help="HTTP 代理 http://host:port / HTTP proxy")
    add("--ca-file", type=Path, metavar="FILE", help="私有 CA 证书 / private CA")
    add("--state", type=Path, metavar="DIR", help="状态目录：身份、线路 / identity, known lines")
    add("--forget", action="store_true", help="当作第一次测 / test as if for the first time")
    add(
        "--max-seconds",
        type=float,
        default=caps.max_seconds,
        metavar="S",
        help="每方向最长秒数 / seconds per direction (%(default)s)",
    )
    add(
        "--max-bytes",
        type=int,
        default=caps.max_bytes,
        metavar="N",
        help="每方向最多字节 / bytes per direction (%(default)s)",
    )
    add("--format", choices=("table", "json"), default="table", help="输出格式 / output format")


def _positive(text: str) -> int:
    number = int(text)
    if number <= 0:
        raise ValueError(text)
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 < number < 65536:
        raise ValueError(text)
    return number


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; see the exit codes in the help text."""
    if arguments.listen:
        return _listen(arguments)
    state = arguments.state or default_places().state_dir
    as_json = arguments.format == "json"
    live = LiveLine(sys.stderr)
    try:
        target = find_target(
            state, arguments.server, _token(arguments.token_file), arguments.backend
        )
        live.begin(target.server)
        try:
            result = _measure(arguments, target, live)
        finally:
            live.clear()
    except (TargetError, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except MeasurementError as error:
        if as_json:
            sys.stdout.write(json.dumps({"error": error.reason, "detail": error.detail}) + "\n")
        sys.stderr.write(refusal(error))
        return 1
    people = arguments.people or people_of(state)
    judgement = judge(result.download, people) if people and result.download else None
    sys.stdout.write(_json(result, judgement) if as_json else _text(result, judgement))
    too_little = judgement is not None and judgement.shown is Shown.NOT_MET
    return 1 if too_little and arguments.people else 0


def _measure(arguments: argparse.Namespace, target: Target, live: LiveLine) -> Result:
    """Measure, and give the slot back with what was used of it."""
    used_bytes = None
    try:
        result = measure_with(
            arguments.backend,
            Request(
                target.server,
                directions=DIRECTIONS[arguments.direction],
                caps=_caps(arguments, target),
                source=arguments.source,
                proxy=arguments.proxy,
                ca_file=arguments.ca_file or target.ca_file,
                token=target.token,
                memory=_memory(arguments),
                second_source=arguments.second_source,
                link=_link(arguments.outlet_interface),
                progress=live.show,
            ),
        )
        used_bytes = sum(part.bytes for _, part in result.directions())
    finally:
        target.give_back(used_bytes)
    return result


def _text(result: Result, judgement: Judgement | None) -> str:
    return report(result, judgement, colour=sys.stdout.isatty())


def _json(result: Result, judgement: Judgement | None) -> str:
    document = result.as_json()
    if judgement is not None:
        document["requirement"] = judgement.as_json()
    return json.dumps(document, ensure_ascii=False) + "\n"


def _caps(arguments: argparse.Namespace, target: Target) -> Caps:
    """Return what the options allow, and a slot does, for each direction."""
    if target.bounds is None:
        return Caps(arguments.max_seconds, arguments.max_bytes)
    share = len(DIRECTIONS[arguments.direction])
    return Caps(
        min(arguments.max_seconds, target.bounds.max_seconds / share),
        min(arguments.max_bytes, target.bounds.max_bytes // share),
    )


def _link(interface: str | None) -> LinkCounters | None:
    return InterfaceCounters(interface) if interface else None


def _listen(arguments: argparse.Namespace) -> int:
    from agent.bandwidth.backends.iperf3_server import answer

    port = arguments.listen
    sys.stderr.write(
        f"在 {port} 端口等待测试，最多 {LISTEN_MINUTES:.0f} 分钟，Ctrl-C 结束。\n"
        f"Waiting on port {port} for up to {LISTEN_MINUTES:.0f} minutes; Ctrl-C ends it.\n"
        f"在另一台主机上 / on the other host: campusgauge-agent bandwidth --backend iperf3 "
        f"--server <本机地址 this host's address>:{port}\n"
    )
    try:
        done = answer(
            port,
            address=arguments.source,
            tests=LISTEN_TESTS,
            minutes=LISTEN_MINUTES,
            say=lambda count: sys.stderr.write(f"已测 tests answered: {count}\n"),
        )
    except MeasurementError as error:
        sys.stderr.write(refusal(error))
        return 1
    except KeyboardInterrupt:
        return 0
    return 0 if done else 1


def _token(file: str | None) -> str | None:
    """Read the slot token: never from the command line, which every user of a host can see."""
    if file is None:
        return None
    text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="ascii")
    return text.strip()


def _memory(arguments: argparse.Namespace) -> LineMemory:
    folder = arguments.state or default_places().state_dir / "bandwidth"
    memory = LineMemory(folder / "lines.json", time.time())
    if arguments.forget:
        memory.forget()
    return memory
