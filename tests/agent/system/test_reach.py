"""Attempts against real servers on loopback, and the packet parsers on any bytes."""

from __future__ import annotations

import http.server
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.system.reach import (
    build_dns_question,
    build_echo,
    internet_checksum,
    is_echo_reply,
    is_this_host,
    parse_dns_reply,
    try_dns,
    try_http,
    try_icmp,
    try_tcp,
)

HERE = "127.0.0.1"


@contextmanager
def web_server(status: int) -> Iterator[int]:
    """Serve `status` to every GET; yield the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Location", "http://portal.example/login")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
            pass

    with http.server.ThreadingHTTPServer((HERE, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def dns_server(answer: Callable[[bytes], bytes | None]) -> Iterator[int]:
    """Answer one datagram by `answer`; yield the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HERE, 0))
        sock.settimeout(2)

        def serve() -> None:
            question, client = sock.recvfrom(512)
            reply = answer(question)
            if reply is not None:
                sock.sendto(reply, client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield sock.getsockname()[1]
        thread.join()


@contextmanager
def listener() -> Iterator[int]:
    """Accept TCP connections without a word; yield the port."""
    with socket.create_server((HERE, 0)) as sock:
        yield sock.getsockname()[1]


def closed_port() -> int:
    """Return a port where nobody listens."""
    with socket.create_server((HERE, 0)) as sock:
        return int(sock.getsockname()[1])


def dns_reply(flags: int) -> Callable[[bytes], bytes]:
    """Return a server that repeats the question under these flags."""
    return lambda question: question[:2] + struct.pack(">H", flags) + question[4:]


def test_tcp() -> None:
    """An open port is reached with a round trip; a closed one is refused."""
    with listener() as port:
        attempt = try_tcp(HERE, port, 1)
    assert attempt.reached
    assert attempt.connect_ms is not None
    assert 0 < attempt.connect_ms < 1000
    assert attempt.is_this_host
    refused = try_tcp(HERE, closed_port(), 1)
    assert (refused.reached, refused.reason, refused.connect_ms) == (False, "anchor_refused", None)


@pytest.mark.parametrize(
    ("status", "expected", "reached"),
    [(204, 204, True), (200, None, True), (302, None, True), (302, 204, False), (503, None, False)],
)
def test_http_tells_a_sign_in_page_from_the_anchor(
    status: int, expected: int | None, reached: bool
) -> None:
    """A redirect to a portal is not what `/generate_204` answers."""
    with web_server(status) as port:
        attempt = try_http(HERE, port, "/generate_204", expected, 1)
    assert attempt.reached is reached
    assert attempt.reason == (None if reached else "anchor_wrong_answer")
    assert reached or str(status) in attempt.detail


def test_a_server_that_speaks_no_http_is_a_wrong_answer() -> None:
    """Bytes that are no HTTP do not count as reached."""
    with socket.create_server((HERE, 0)) as sock:

        def serve() -> None:
            client, _ = sock.accept()
            with client:
                client.recv(1024)
                client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        attempt = try_http(HERE, sock.getsockname()[1], "/", None, 1)
        thread.join()
    assert (attempt.reached, attempt.reason) == (False, "anchor_wrong_answer")


def test_a_silent_server_ends_in_time() -> None:
    """A server that accepts and says nothing is a time-out."""
    with listener() as port:
        assert try_http(HERE, port, "/", None, 0.1).reason == "anchor_timeout"


@pytest.mark.parametrize(
    ("flags", "reached"), [(0x8180, True), (0x8183, True), (0x8182, False), (0x8185, False)]
)
def test_dns_needs_an_answer_not_a_success(flags: int, reached: bool) -> None:
    """`No such name` is the server speaking; SERVFAIL and REFUSED are not the Internet."""
    with dns_server(dns_reply(flags)) as port:
        attempt = try_dns(HERE, port, "www.edu.cn", 1)
    assert attempt.reached is reached


def test_dns_ignores_replies_to_other_questions() -> None:
    """A reply with another id, or to another name, is not this server's answer."""
    for spoil in (
        lambda q: bytes([q[0] ^ 1]) + q[1:2] + b"\x81\x80" + q[4:],
        lambda q: q[:2] + b"\x81\x80" + q[4:].replace(b"edu", b"xyz"),
        lambda q: q,
    ):
        with dns_server(spoil) as port:
            assert try_dns(HERE, port, "www.edu.cn", 1).reason == "anchor_wrong_answer"


def test_dns_silence_and_refusal() -> None:
    """No reply is a time-out; a closed port says so."""
    with dns_server(lambda _: None) as port:
        assert try_dns(HERE, port, "www.edu.cn", 0.1).reason == "anchor_timeout"
    assert try_dns(HERE, closed_port(), "www.edu.cn", 1).reason == "anchor_refused"


def test_icmp_on_loopback_or_an_honest_no() -> None:
    """With the right an echo comes back; without it nothing was tried."""
    attempt = try_icmp(HERE, 1)
    if attempt.reached is None:
        assert attempt.reason == "icmp_not_permitted"
    else:
        assert attempt.reached
        assert attempt.connect_ms is not None


def test_names_that_do_not_resolve() -> None:
    """A name that DNS cannot carry is refused by the resolver itself: no packet leaves."""
    attempt = try_tcp("x" * 70 + ".example", 80, 1)
    assert (attempt.reached, attempt.reason) == (False, "anchor_name_unresolved")
    assert attempt.address == ""


def test_dns_question_is_that_of_the_standard() -> None:
    """The question for www.edu.cn, byte by byte."""
    expected = (
        b"\xab\xcd\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x03edu\x02cn\x00\x00\x01\x00\x01"
    )
    assert build_dns_question(0xABCD, "www.edu.cn") == expected
    with pytest.raises(ValueError, match=r"label|domain"):
        build_dns_question(1, "a..b")


def test_checksum_known_answer() -> None:
    """The worked example of RFC 1071, section 3."""
    assert internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


@given(st.binary(max_size=64))
def test_an_echo_verifies_and_only_its_reply_matches(token: bytes) -> None:
    """The checksum over a whole request is zero; a request is not a reply."""
    request = build_echo(7, 1, token)
    assert internet_checksum(request) == 0
    assert not is_echo_reply(request, token)
    assert is_echo_reply(b"\0" + request[1:], token)
    assert is_echo_reply(b"\x46" + bytes(23) + b"\0" + request[1:], token)


@given(st.binary())
def test_any_bytes_are_survived(data: bytes) -> None:
    """Foreign packets are no reply, never a crash."""
    assert not is_echo_reply(data, b"0123456789abcdef")
    assert parse_dns_reply(build_dns_question(1, "www.edu.cn"), data) in (None, *range(16))


def test_own_addresses_are_known() -> None:
    """Every loopback address is this host; a documentation address is not."""
    assert is_this_host(socket.AF_INET, "127.8.8.8")
    assert not is_this_host(socket.AF_INET, "198.51.100.7")
