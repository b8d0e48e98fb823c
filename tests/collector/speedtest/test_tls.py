"""The measurement server over TLS: its options, who is turned away, and what an upload counts."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from collector.speedtest.command import build_server
from collector.speedtest.server import MeasurementServer
from collector.speedtest.sessions import Limits

MIB = 1024 * 1024
SESSION = "CampusGauge-Session"
TLS_SHARE = 0.004
"""Most that handshake, heads and records add to 8 MiB as the kernel counts it."""


class Pair(NamedTuple):
    """A certificate for localhost, and its key."""

    certificate: Path
    key: Path


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pair, Pair]:
    """Return two certificates with their keys."""
    folder = tmp_path_factory.mktemp("tls")
    made = [Pair(folder / f"{n}.pem", folder / f"{n}.key") for n in (1, 2)]
    for certificate, key in made:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)],
            check=True, capture_output=True,
        )  # fmt: skip
    return made[0], made[1]


@pytest.fixture
def secure(pairs: tuple[Pair, Pair]) -> Iterator[MeasurementServer]:
    """Yield an open server that speaks TLS and waits half a second for a handshake."""
    certificate, key = pairs[0]
    server = build_server("127.0.0.1", 0, None, open=True, certificate=certificate, private_key=key)
    server.limits = Limits(head_seconds=0.5, sessions=8)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def call(
    server: MeasurementServer,
    trusted: Path,
    method: str,
    path: str,
    session: str = "",
    body: bytes = b"",
) -> bytes:
    """Do one request over verified TLS and return the answer's body."""
    context = ssl.create_default_context(cafile=str(trusted))
    connection = http.client.HTTPSConnection(
        "localhost", server.server_port, timeout=10, context=context
    )
    try:
        connection.request(method, path, body, {SESSION: session} if session else {})
        answer = connection.getresponse()
        assert answer.status in (200, 201), answer.status
        return answer.read()
    finally:
        connection.close()


def last_words(client: socket.socket) -> bytes:
    """Return what the server says before it hangs up: a TLS alert, or nothing."""
    said = b""
    try:
        while more := client.recv(1000):
            said += more
    except ConnectionResetError:
        return said
    return said


@pytest.mark.parametrize("case", ["another's key", "no certificate", "key only", "gone"])
def test_options_that_make_no_tls_are_wrong_use(
    pairs: tuple[Pair, Pair], tmp_path: Path, case: str
) -> None:
    """Said before anything listens, in words that name the option or the file."""
    first, second = pairs
    certificate, key, word = {
        "another's key": (first.certificate, second.key, "KEY_VALUES_MISMATCH"),
        "no certificate": (first.key, None, str(first.key)),
        "key only": (None, first.key, "--tls-certificate"),
        "gone": (tmp_path / "gone.pem", None, "No such file"),
    }[case]
    with pytest.raises(ValueError, match="certificate") as caught:
        build_server("127.0.0.1", 0, None, open=True, certificate=certificate, private_key=key)
    assert word in str(caught.value)


def test_a_certificate_that_the_client_does_not_trust_moves_nothing(
    secure: MeasurementServer, pairs: tuple[Pair, Pair]
) -> None:
    """The client refuses; the server counts a broken connection and goes on."""
    with pytest.raises(ssl.SSLCertVerificationError):
        call(secure, pairs[1].certificate, "GET", "/empty")
    assert call(secure, pairs[0].certificate, "GET", "/garbage?ckSize=1") != b""
    assert secure.refused["broken_connections"] == 1


def test_plain_http_and_silence_end_at_the_handshake(
    secure: MeasurementServer, pairs: tuple[Pair, Pair]
) -> None:
    """Neither gets an answer nor keeps its thread; others are served meanwhile and afterwards."""
    with (
        socket.create_connection(("127.0.0.1", secure.server_port), 5) as silent,
        socket.create_connection(("127.0.0.1", secure.server_port), 5) as plain,
    ):
        plain.sendall(b"GET /empty HTTP/1.1\r\nHost: x\r\n\r\n")
        assert call(secure, pairs[0].certificate, "GET", "/empty") == b""
        assert b"HTTP" not in last_words(plain)
        assert last_words(silent) == b""
    assert secure.refused["deadlines"] >= 1


def test_an_upload_over_tls_counts_what_tls_delivers(
    secure: MeasurementServer, pairs: tuple[Pair, Pair]
) -> None:
    """Exactly what was sent at its end; while it runs the kernel's count has TLS's records in."""
    trusted = pairs[0].certificate
    session = json.loads(call(secure, trusted, "POST", "/session"))["session"]
    context = ssl.create_default_context(cafile=str(trusted))
    with (
        socket.create_connection(("127.0.0.1", secure.server_port), 5) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as sender,
    ):
        head = f"POST /empty HTTP/1.1\r\nHost: x\r\n{SESSION}: {session}\r\n"
        sender.sendall(f"{head}Content-Length: {8 * MIB}\r\n\r\n".encode())
        sender.sendall(b"u" * (8 * MIB - 1))
        found = secure.sessions.find(session)
        for _ in range(500):
            if found.flows[0].received_bytes == 8 * MIB - 1:
                break
            time.sleep(0.01)
        running = found.uploaded_bytes
        sender.sendall(b"u")
        assert sender.recv(1000).startswith(b"HTTP/1.1 200")
    ended = json.loads(call(secure, trusted, "DELETE", "/session", session))
    assert 8 * MIB - 1 <= running <= 8 * MIB * (1 + TLS_SHARE)
    assert ended["uploaded_bytes"] == 8 * MIB
