"""`campusgauge speedtest-server`: the measurement server alone."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from collector.cli.output import wrong_use

HELP = """启动测速服务器（LibreSpeed 兼容），供各校采集端测出口带宽。Run the measurement server.

令牌文件不存在时自动生成（0600）；采集服务用 --measurement-token-file 指向同一文件。
--open 不校验令牌，只用于封闭网络或 LibreSpeed 自带的客户端。
网口比学校线路慢时用 --port-mbps 声明，结果会标注受限于服务器。
"""


def speedtest_server(
    host: Annotated[str, typer.Option("--host", help="监听地址")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="端口")] = 8989,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="令牌文件", dir_okay=False)
    ] = None,
    open_to_all: Annotated[bool, typer.Option("--open", help="不校验令牌")] = False,
    port_mbps: Annotated[
        float | None,
        typer.Option(
            "--port-mbps", min=1, help="本机网口速率，跑满时如实标注 / speed of this port"
        ),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(
            "--tls-certificate", help="证书（PEM），启用 TLS", dir_okay=False, exists=True
        ),
    ] = None,
    private_key: Annotated[
        Path | None,
        typer.Option(
            "--tls-key", help="私钥（PEM），缺省在证书文件中", dir_okay=False, exists=True
        ),
    ] = None,
    host_id: Annotated[
        str | None,
        typer.Option("--host-id", help="替换本机标识，只用于同机多个网络 / for namespaces only"),
    ] = None,
) -> None:
    """Serve until stopped."""
    from collector.speedtest.command import serve

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        serve(
            host,
            port,
            token_file,
            open_to_all,
            host_id=host_id,
            port_mbps=port_mbps,
            certificate=certificate,
            private_key=private_key,
        )
    except ValueError as error:
        raise wrong_use(f"用法有误 wrong use: {error}") from error
    except OSError as error:
        raise wrong_use(f"无法监听 cannot listen on {host}:{port} ({error.strerror})") from error
