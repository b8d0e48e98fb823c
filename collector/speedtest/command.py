"""`campusgauge speedtest-server`: run the measurement server as its own process."""

from __future__ import annotations

import logging
import signal
import ssl
import threading
import time
from pathlib import Path

from collector.speedtest.host import host_facts
from collector.speedtest.server import MeasurementServer
from collector.speedtest.tokens import TokenSpender, read_secret, server_id

log = logging.getLogger(__name__)

DEFAULT_PORT = 8989


def serve(
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    token_file: Path | None = None,
    open: bool = False,  # noqa: A002 - the option is called --open
    *,
    host_id: str | None = None,
    port_mbps: float | None = None,
    certificate: Path | None = None,
    private_key: Path | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Exactly one of `token_file` (made with mode 0600 when missing) and `open` must be given; raises
    ValueError otherwise, OSError when the port cannot be had. `host_id` replaces the identity by
    which agents notice that they run on this very machine; give one only where several network
    namespaces with lines of their own share a machine. `port_mbps` announces the port's speed.
    """
    server = build_server(
        host,
        port,
        token_file,
        open,
        host_id=host_id,
        port_mbps=port_mbps,
        certificate=certificate,
        private_key=private_key,
    )

    def stop(*_: object) -> None:
        # shutdown() waits for serve_forever, which runs in this very thread.
        threading.Thread(target=server.shutdown, daemon=True).start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    log.info("measurement server %s on %s port %d", server.identity, host, server.server_port)
    with server:
        server.serve_forever(poll_interval=0.2)


def build_server(
    host: str,
    port: int,
    token_file: Path | None,
    open: bool,  # noqa: A002 - as in serve
    *,
    host_id: str | None = None,
    port_mbps: float | None = None,
    certificate: Path | None = None,
    private_key: Path | None = None,
) -> MeasurementServer:
    """Return a bound server that is not yet serving; raises as `serve` says."""
    if open == (token_file is not None):
        raise ValueError(
            "--token-file 和 --open（仅限封闭网络）须给且只给一个。"
            "Give either a token file (--token-file FILE) or --open for a closed network."
        )
    if private_key is not None and certificate is None:
        raise ValueError(
            "给了私钥还须给证书 --tls-certificate。"
            "A TLS key needs its certificate (--tls-certificate FILE)."
        )
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            tls.load_cert_chain(certificate, private_key)
        except OSError as error:  # also ssl.SSLError: no certificate, another's key
            why = getattr(error, "reason", None) or error.strerror
            raise ValueError(
                f"证书 {certificate} 与私钥不能使用 certificate and key cannot be used: {why}"
            ) from error
    spender, identity = None, "open"
    if token_file is not None:
        secret = read_secret(token_file)
        spender, identity = TokenSpender(secret, time.time), server_id(secret)
    return MeasurementServer(
        (host, port), spender, identity, tls=tls, facts=host_facts(host_id, port_mbps)
    )
