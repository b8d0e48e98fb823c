"""`campusgauge serve`: the collector as a process."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import Annotated

import typer

from collector.cli.options import DataOption, read_settings
from collector.cli.output import explain, explained_errors, wrong_use
from collector.settings import (
    DEFAULT_PORT,
    SLOTS_FILE,
    SUPPORTED_RECORDS,
    SUPPORTED_SERIES,
    Settings,
)

PORTS_TRIED = 50
HELP = """启动采集服务：接收各校采集端的数据，提供页面和接口。Ctrl-C 停止。Run the collector.

监听非本机地址时，查看页面需要密钥：campusgauge key create --scope read --data DIR
"""


def serve(
    data: DataOption,
    host: Annotated[
        str | None,
        typer.Option("--host", help="监听地址；默认 127.0.0.1，仅本机可访问，查看无需密钥"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, help=f"端口，默认 {DEFAULT_PORT}；0 为任意空闲端口"
        ),
    ] = None,
    series: Annotated[
        str | None, typer.Option("--series", help=f"序列库地址，默认在数据目录；{SUPPORTED_SERIES}")
    ] = None,
    records: Annotated[
        str | None,
        typer.Option("--records", help=f"记录库地址，默认在数据目录；{SUPPORTED_RECORDS}"),
    ] = None,
    measurement_server: Annotated[
        list[str] | None,
        typer.Option("--measurement-server", help="测速服务器 URL，可重复；下发给采集端"),
    ] = None,
    measurement_token_file: Annotated[
        list[Path] | None,
        typer.Option(
            "--measurement-token-file",
            help=f"测速服务器的令牌文件，与上一项一一对应；仅一台时默认 DIR/{SLOTS_FILE}",
            dir_okay=False,
        ),
    ] = None,
    measurement_port_mbps: Annotated[
        list[float] | None,
        typer.Option(
            "--measurement-port-mbps",
            min=1,
            help="测速服务器的端口速率，Mbit/s，与 --measurement-server 一一对应；"
            "需求超过端口的学校会分到其他服务器",
        ),
    ] = None,
    tests_per_day: Annotated[
        int | None,
        typer.Option("--tests-per-day", min=1, max=48, help="每校每个上课日计划的测速次数，默认 6"),
    ] = None,
) -> None:
    """Run the collector until it is stopped."""
    settings = read_settings(
        data=data,
        host=host,
        port=port,
        series=series,
        records=records,
        measurement_servers=_servers(
            measurement_server or [], measurement_token_file or [], measurement_port_mbps or []
        ),
        tests_per_day=tests_per_day,
    )
    listener = listen(settings)
    # Imported only now: a wrong option or a taken port is said at once.
    from collector.serving import run

    with explained_errors(), listener:
        run(settings, listener, progress=explain)


def _servers(
    urls: list[str], token_files: list[Path], ports_mbps: list[float]
) -> list[dict[str, object]] | None:
    """Pair the servers with their token files and port speeds, in order; both may be left out."""
    if token_files and len(token_files) != len(urls):
        raise wrong_use(
            "--measurement-token-file 须与 --measurement-server 一一对应 give one for each server"
        )
    if ports_mbps and len(ports_mbps) != len(urls):
        raise wrong_use(
            "--measurement-port-mbps 须与 --measurement-server 一一对应 give one for each server"
        )
    ports: list[float | None] = [*ports_mbps] or [None] * len(urls)
    files: list[Path | None] = [*token_files] or [None] * len(urls)
    return [
        {
            "url": url,
            "name": url.partition("//")[2].rstrip("/") or url,
            "token_file": file,
            "port_mbps": port,
        }
        for url, file, port in zip(urls, files, ports, strict=True)
    ] or None


def listen(settings: Settings) -> socket.socket:
    """Return a bound socket. Exits with code 2 and the next free port if the port is taken."""
    try:
        return _bind(settings.host, settings.port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise wrong_use(
                f"无法监听 cannot listen on {settings.host}:{settings.port} ({error.strerror}). "
                "请检查 --host 和 --port；1024 以下的端口需要特权。"
            ) from error
        free = next_free_port(settings.host, settings.port)
        hint = (
            f"请改用 try --port {free}" if free else "请用 --port 指定其他端口 choose another port"
        )
        raise wrong_use(f"端口 {settings.port} 已被占用 is in use. {hint}") from error


def next_free_port(host: str, port: int) -> int | None:
    """Return the first port after `port` that can be bound, or None within `PORTS_TRIED`."""
    for candidate in range(port + 1, min(port + 1 + PORTS_TRIED, 65536)):
        try:
            _bind(host, candidate).close()
        except OSError:
            continue
        return candidate
    return None


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Listening at once makes a second collector on the same port fail here, not later.
        listener.listen(2048)
    except BaseException:
        listener.close()
        raise
    return listener
