"""Enrolment that fails says in Chinese what is wrong and what to do, over real sockets."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.__main__ import main
from agent.delivery import judge
from agent.identity import load_identity
from rubrics.reasons import load_reasons

DAY = timedelta(days=1)


def certificate(folder: Path, name: str = "localhost", since: int = -1, until: int = 30) -> Path:
    """Write a self-signed certificate with its key; days count from now. Returns the PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + since * DAY)
        .not_valid_after(now + until * DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}-{since}-{until}.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


@pytest.fixture
def listen() -> Iterator[Callable[..., int]]:
    """Return a starter of one-connection servers; they speak TLS, say `words`, and end."""
    opened: list[tuple[socket.socket, threading.Thread]] = []

    def start(pem: Path | None = None, words: bytes = b"") -> int:
        server = socket.create_server(("127.0.0.1", 0))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if pem is not None:
            context.load_cert_chain(pem)

        def serve() -> None:
            try:
                connection, _ = server.accept()
                with connection:
                    connection.settimeout(5)
                    if pem is not None:
                        connection = context.wrap_socket(connection, server_side=True)
                    connection.recv(65536)
                    connection.sendall(words)
            except OSError:
                return

        thread = threading.Thread(target=serve)
        thread.start()
        opened.append((server, thread))
        return int(server.getsockname()[1])

    yield start
    for server, thread in opened:
        server.close()
        thread.join(6)


def enrol(url: str, state: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """Run the command, which must fail, and return what the person reads."""
    assert main(["enrol", "--server", url, "--code", "ABCD", "--state", str(state), *more]) == 1
    assert load_identity(state) is None
    return capsys.readouterr().err


def says(text: str, code: str) -> bool:
    """Whether both sentences of the reason are in the text."""
    reason = load_reasons()[code]
    return reason.zh in text and reason.en in text


def test_a_dead_address_is_told_apart_from_a_wrong_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused means host there and service not; an unknown name means spelling or DNS."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    text = enrol(f"http://127.0.0.1:{port}", tmp_path, capsys)
    assert says(text, "collector_refused")
    assert "ConnectionRefusedError" in text
    assert says(enrol("https://no-such-name.invalid", tmp_path, capsys), "collector_name_unknown")


@pytest.mark.parametrize(
    ("since", "until", "trusted", "name", "code"),
    [
        (-1, 30, False, "localhost", "collector_tls_unknown_ca"),
        (-30, -1, True, "localhost", "collector_tls_expired"),
        (5, 30, True, "localhost", "collector_tls_not_yet_valid"),
        (-1, 30, True, "bureau.example", "collector_tls_wrong_name"),
    ],
)
def test_a_certificate_that_does_not_hold_is_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    listen: Callable[..., int],
    since: int,
    until: int,
    trusted: bool,
    name: str,
    code: str,
) -> None:
    """Unknown authority, clock ahead, clock behind and wrong name are four different cures."""
    pem = certificate(tmp_path, name, since, until)
    more = ("--ca-file", str(pem)) if trusted else ()
    text = enrol(f"https://localhost:{listen(pem)}", tmp_path / "s", capsys, *more)
    assert says(text, code)


def test_what_speaks_no_tls_or_no_http_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], listen: Callable[..., int]
) -> None:
    """TLS to a plain port, http to something else, and a missing CA file."""
    plain = listen(words=b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert says(enrol(f"https://localhost:{plain}", tmp_path, capsys), "collector_tls_not_spoken")
    other = listen(words=b"220 mail.example ESMTP\r\n")
    assert says(enrol(f"http://127.0.0.1:{other}", tmp_path, capsys), "collector_not_http")
    missing = ("--ca-file", str(tmp_path / "none.pem"))
    text = enrol(f"https://localhost:{listen()}", tmp_path, capsys, *missing)
    assert says(text, "collector_ca_file_unreadable")


def test_a_silent_firewall_is_a_time_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port that accepts and says nothing ends after the time given, with the firewall named."""
    from agent import identity

    real = identity.CollectorClient
    monkeypatch.setattr(
        identity, "CollectorClient", lambda access, **_: real(access, timeout_s=0.2)
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        text = enrol(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path, capsys)
    assert says(text, "collector_timed_out")


def test_a_proxy_of_the_environment_is_mentioned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent connects directly, and says so by the variable's name, never its value."""
    monkeypatch.setenv("https_proxy", "http://user:secret@proxy:3128")
    text = enrol("https://no-such-name.invalid", tmp_path, capsys)
    assert says(text, "proxy_not_used")
    assert "secret" not in text


@pytest.mark.parametrize("code", ["code_unknown", "code_expired", "code_used_up"])
def test_the_collectors_refusals_are_told_in_chinese(
    scripted: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    """The sentence of the code stands first, the collector's own words after it."""
    scripted.say(410, {"title": "No", "detail": "own words", "code": code})
    text = enrol(scripted.url, tmp_path, capsys)
    assert says(text, code)
    assert "[own words]" in text


def test_a_clock_that_is_off_is_said_at_enrolment(
    scripted: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The host is enrolled, and the person learns by how much the clock is wrong."""
    told = (datetime.now(UTC) - timedelta(hours=8)).isoformat()
    given = {"agent_id": "a", "key": "k", "school": {"id": "s", "name": "校"}, "server_time": told}
    scripted.say(201, given)
    assert main(["enrol", "--server", scripted.url, "--code", "A", "--state", str(tmp_path)]) == 0
    text = capsys.readouterr().err
    assert says(text, "host_clock_off")
    assert "+28800 s" in text


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (401, "key_revoked", "push_key_revoked"),
        (401, "key_superseded", "push_key_superseded"),
        (403, "agent_quarantined", "push_quarantined"),
        (401, "key_unknown", "push_key_refused"),
    ],
)
def test_a_refused_key_says_which_way(status: int, code: str, reason: str) -> None:
    """Revoked, replaced and quarantined need different hands; readings are held in each case."""
    import json

    from agent.collector_client import Answer

    body = json.dumps({"title": "t", "detail": "d", "code": code}).encode()
    delivery = judge(Answer(status, body=body), 1, datetime.now(UTC))
    assert (delivery.action, delivery.reason) == ("hold", reason)
