"""Ways to the server: TLS with a private CA, IPv6, HTTP proxies; the command and its tokens."""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.bandwidth.connection import endpoint
from agent.bandwidth.engine import Caps, Direction, measure
from agent.bandwidth.errors import MeasurementError
from collector.speedtest.command import build_server
from collector.speedtest.server import MeasurementServer
from collector.speedtest.tokens import Grant, sign

CAPS = Caps(max_seconds=1.0, max_bytes=1_000_000_000)


def serving(server: MeasurementServer) -> Iterator[MeasurementServer]:
    """Serve in a thread until the test is over."""
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def plain() -> Iterator[MeasurementServer]:
    """Yield an open server on IPv4 loopback."""
    yield from serving(build_server("127.0.0.1", 0, None, open=True))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a certificate for localhost, its own authority, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


@pytest.fixture
def secure(certificate: tuple[Path, Path]) -> Iterator[MeasurementServer]:
    """Yield an open server that speaks TLS."""
    cert, key = certificate
    yield from serving(
        build_server("127.0.0.1", 0, None, open=True, certificate=cert, private_key=key)
    )


class Proxy:
    """A forwarding HTTP proxy on loopback: CONNECT, and absolute addresses."""

    def __init__(self, *, refuse: bool = False) -> None:
        self.refuse = refuse
        self.requests: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                data = b""
                while b"\r\n\r\n" not in data:
                    more = client.recv(65536)
                    if not more:
                        return
                    data += more
                first = data.split(b"\r\n")[0].decode()
                self.requests.append(first)
                method, target, _ = first.split()
                if self.refuse:
                    client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                    return
                where = target.removeprefix("http://").split("/")[0]
                with socket.create_connection(("127.0.0.1", int(where.rpartition(":")[2]))) as up:
                    if method == "CONNECT":
                        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    else:
                        up.sendall(data.replace(f"http://{where}".encode(), b"", 1))
                    pump(client, up)
            except OSError:
                return

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()


def pump(one: socket.socket, other: socket.socket) -> None:
    """Copy both ways until either side ends."""
    while True:
        ready, _, _ = select.select([one, other], [], [], 10)
        for source in ready:
            data = source.recv(1 << 18)
            if not data:
                return
            (other if source is one else one).sendall(data)
        if not ready:
            return


def test_tls_is_verified_with_the_private_authority(
    secure: MeasurementServer, certificate: tuple[Path, Path]
) -> None:
    """With the bureau's CA both directions work; without it, or by another name, nothing does."""
    url = f"https://localhost:{secure.server_port}"
    result = measure(endpoint(url, ca_file=certificate[0]), caps=CAPS)
    assert result.download is not None
    assert result.upload is not None
    assert result.download.bytes > 1_000_000
    by_number = url.replace("localhost", "127.0.0.1")
    for wrong in (endpoint(url), endpoint(by_number, ca_file=certificate[0])):
        with pytest.raises(MeasurementError) as caught:
            measure(wrong, caps=CAPS)
        assert caught.value.reason == "tls_refused"


def test_ipv6_works_like_ipv4() -> None:
    """An IPv6 address, with its larger header in the conversion."""
    if not socket.has_ipv6:
        pytest.skip("this system has no IPv6")
    for server in serving(build_server("::1", 0, None, open=True)):
        result = measure(endpoint(f"http://[::1]:{server.server_port}"), caps=CAPS)
        assert result.download is not None
        frame = result.download.evidence["frame_bytes"]
        payload = result.download.evidence["payload_bytes_per_frame"]
        assert frame - payload == 14 + 40 + 20 + 12  # type: ignore[operator]  # both are numbers
        assert result.source == "::1"


def test_a_plain_proxy_is_used_for_everything(plain: MeasurementServer) -> None:
    """Every request goes through the proxy, uploads are still counted by the server."""
    proxy = Proxy()
    where = endpoint(f"http://127.0.0.1:{plain.server_port}", proxy=proxy.url)
    result = measure(where, caps=CAPS, connections=2)
    proxy.close()
    assert result.upload is not None
    assert result.upload.bytes > 1_000_000
    assert all(f"http://127.0.0.1:{plain.server_port}/" in line for line in proxy.requests)


def test_tls_goes_through_a_proxys_tunnel(
    secure: MeasurementServer, certificate: tuple[Path, Path]
) -> None:
    """CONNECT, then TLS with the server itself."""
    proxy = Proxy()
    where = endpoint(
        f"https://localhost:{secure.server_port}", proxy=proxy.url, ca_file=certificate[0]
    )
    result = measure(where, caps=CAPS, connections=2, directions=(Direction.DOWNLOAD,))
    proxy.close()
    assert result.download is not None
    assert all(line.startswith("CONNECT localhost:") for line in proxy.requests)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_is_named(scheme: str) -> None:
    """407 from the proxy is not a fault of the line or the server."""
    proxy = Proxy(refuse=True)
    with pytest.raises(MeasurementError) as caught:
        measure(endpoint(f"{scheme}://localhost:1", proxy=proxy.url))
    proxy.close()
    assert caught.value.reason == "proxy_refused"


def test_the_command_prints_one_document_and_nothing_else(
    plain: MeasurementServer, tmp_path: Path
) -> None:
    """The format that outside checkers read, with same_host on a loopback server."""
    done = command(plain, tmp_path, "--format", "json", "--max-seconds", "1")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert done.stderr == ""
    for name in ("download", "upload"):
        part = document[name]
        assert {
            "line_rate_mbps",
            "goodput_mbps",
            "seconds",
            "bytes",
            "limited_by",
            "confidence",
        } <= set(part)
        assert part["limited_by"] == ["same_host"]
        assert part["line_rate_mbps"] > part["goodput_mbps"] > 0
    assert {"idle", "download", "upload"} == set(document["latency_ms"])


def test_the_command_reports_to_people(plain: MeasurementServer, tmp_path: Path) -> None:
    """Chinese first, with the threshold for this school and no verdict from its own host."""
    done = command(plain, tmp_path, "--direction", "down", "--people", "1200", "--max-seconds", "1")
    assert done.returncode == 0, done.stderr
    assert "1200 人 × 512 kbit/s ÷ 1000 = 614.4 Mbit/s" in done.stdout
    assert "无法判定" in done.stdout
    assert "上行" not in done.stdout


def test_a_token_comes_from_a_file_or_standard_input(tmp_path: Path) -> None:
    """A closed server takes the token once; without one the command says what is missing."""
    token_file = tmp_path / "secret"
    for server in serving(build_server("127.0.0.1", 0, token_file, open=False)):
        now = time.time()
        secret = token_file.read_text().strip()
        slot = sign(secret, Grant("j", "zx-001", 20, 10**9, now + 30), issued_at=now)
        options = ("--format", "json", "--direction", "down", "--max-seconds", "1")
        refused = command(server, tmp_path, *options)
        assert refused.returncode == 1
        assert json.loads(refused.stdout)["error"] == "slot_token_missing"
        done = command(server, tmp_path, *options, "--token-file", "-", stdin=slot)
        assert done.returncode == 0, done.stderr
        again = command(server, tmp_path, *options, "--token-file", "-", stdin=slot)
        assert json.loads(again.stdout)["error"] == "slot_token_used"


@pytest.mark.parametrize(
    "options", [("--server", "ftp://x"), ("--server", "http://x", "--people", "-3"), ()]
)
def test_wrong_use_ends_with_two(options: tuple[str, ...]) -> None:
    """Exit code 2 and a sentence on standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "agent", "bandwidth", *options],
        check=False, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr
    assert not done.stdout


def command(
    server: MeasurementServer, state: Path, *options: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `campusgauge-agent bandwidth` against `server`."""
    return subprocess.run(
        [sys.executable, "-m", "agent", "bandwidth", "--server",
         f"http://127.0.0.1:{server.server_port}", "--state", str(state), *options],
        check=False, capture_output=True, text=True, timeout=60, input=stdin,
    )  # fmt: skip
