"""The measurement server over real sockets: LibreSpeed's endpoints, sessions, bounds."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from collector.speedtest.sessions import Limits
from collector.speedtest.tokens import Grant, sign

MIB = 1024 * 1024
SESSION = "CampusGauge-Session"
Start = Callable[..., Any]


def head(request: str, session: str, length: int | None = None) -> bytes:
    """Return a request's head inside a session."""
    lines = [f"{request} HTTP/1.1", "Host: x", f"{SESSION}: {session}"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def token(secret: str | None, jti: str = "a", max_bytes: int = 10**9, seconds: float = 30) -> str:
    """Return a slot token valid at the test server's time 1000."""
    assert secret is not None
    return sign(secret, Grant(jti, "zx-001", seconds, max_bytes, 1030.0), issued_at=1000.0)


@pytest.mark.parametrize(
    "path", ["/garbage?ckSize=3", "/garbage.php?ckSize=3", "/backend/garbage.php?ckSize=3"]
)
def test_garbage_is_as_long_as_asked_and_incompressible(start: Start, path: str) -> None:
    """LibreSpeed's download: ckSize MiB of bytes that nothing on the way can shrink or keep."""
    import zlib

    status, headers, body = start(open=True).request("GET", path)
    assert status == 200
    assert len(body) == 3 * MIB
    assert headers["content-type"] == "application/octet-stream"
    assert "no-store" in headers["cache-control"]
    assert "no-transform" in headers["cache-control"]
    assert len(zlib.compress(body, 1)) > 0.999 * len(body)


def test_two_downloads_do_not_repeat_each_other(start: Start) -> None:
    """A cache that recognises blocks gains nothing."""
    server = start(open=True)
    first = server.request("GET", "/garbage?ckSize=1")[2]
    second = server.request("GET", "/garbage?ckSize=1")[2]
    assert first[:65536] != second[:65536]


@pytest.mark.parametrize(("asked", "mib"), [("0", 4), ("nonsense", 4), ("-5", 1)])
def test_odd_sizes_are_brought_into_bounds(start: Start, asked: str, mib: int) -> None:
    """As LibreSpeed does: at least one chunk, four when none or nonsense is asked for."""
    assert len(start(open=True).request("GET", f"/garbage?ckSize={asked}")[2]) == mib * MIB


def test_empty_swallows_an_upload_and_answers_pings(start: Start) -> None:
    """LibreSpeed's upload and ping."""
    server = start(open=True)
    assert server.request("POST", "/empty.php", body=b"x" * (2 * MIB))[0] == 200
    assert server.request("GET", "/empty.php")[0] == 200


def test_get_ip_names_the_caller(start: Start) -> None:
    """LibreSpeed's getIP, with the two fields its client reads."""
    status, _, body = start(open=True).request("GET", "/getIP.php?isp=true")
    assert status == 200
    assert json.loads(body) == {"processedString": "127.0.0.1 - private access", "rawIspInfo": ""}


def test_a_browser_elsewhere_may_use_an_open_server_only(start: Start) -> None:
    """CORS for LibreSpeed's own client; none where tokens are needed."""
    assert start(open=True).request("GET", "/empty")[1]["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in start().request("GET", "/empty")[1]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/garbage"), ("POST", "/empty"), ("GET", "/session/progress")]
)
def test_without_a_session_a_closed_server_moves_nothing(
    start: Start, method: str, path: str
) -> None:
    """No token, no transfer; the answer says what to do."""
    status, _, body = start().request(method, path, body=b"x" if method == "POST" else b"")
    assert status == 401
    assert json.loads(body)["reason"] == "no_session"


def test_a_token_opens_one_session(start: Start) -> None:
    """A session allows transfers; the same token again does not."""
    server = start()
    slot = token(server.secret)
    opened = server.open_session(slot)
    assert opened["port_mbps"] == 1000.0
    assert opened["host"] == "host-of-the-test"
    headers = {SESSION: opened["session"], "CampusGauge-Nonce": "n0nce"}
    status, answer, body = server.request("GET", "/garbage?ckSize=1", headers)
    assert (status, len(body), answer["campusgauge-nonce"]) == (200, MIB, "n0nce")
    assert server.request("DELETE", "/session", headers)[0] == 200
    status, _, body = server.request("POST", "/session", {"Authorization": f"Bearer {slot}"})
    assert status == 401
    assert json.loads(body)["reason"] == "slot_token_used"


def test_one_school_at_a_time(start: Start) -> None:
    """While a session is open a second token waits, and is not spent by waiting."""
    server = start()
    first = server.open_session(token(server.secret, "a"))
    second = token(server.secret, "b")
    bearer = {"Authorization": f"Bearer {second}"}
    status, headers, body = server.request("POST", "/session", bearer)
    assert status == 429
    assert json.loads(body)["reason"] == "server_busy"
    assert int(headers["retry-after"]) >= 1
    server.request("DELETE", "/session", {SESSION: first["session"]})
    assert server.open_session(second)["session"]


def test_an_upload_is_counted_by_the_server(start: Start) -> None:
    """The session's end tells how much really arrived."""
    server = start(open=True)
    headers = {SESSION: server.open_session()["session"]}
    assert server.request("POST", "/empty", headers, body=b"u" * (3 * MIB + 17))[0] == 200
    status, _, body = server.request("DELETE", "/session", headers)
    assert status == 200
    assert json.loads(body)["uploaded_bytes"] == 3 * MIB + 17


def test_progress_follows_an_upload(start: Start) -> None:
    """Lines of seven numbers; time and bytes never fall; the last count is what was sent."""
    server = start(open=True)
    headers = {SESSION: server.open_session()["session"]}
    with socket.create_connection(("127.0.0.1", server.port), 5) as watcher:
        watcher.sendall(head("GET /session/progress", headers[SESSION]))
        with socket.create_connection(("127.0.0.1", server.port), 5) as sender:
            sender.sendall(head("POST /empty", headers[SESSION], 8 * MIB))
            for _ in range(4):
                sender.sendall(b"u" * MIB)
                time.sleep(0.04)
            server.request("DELETE", "/session", headers)
        data = b""
        while more := watcher.recv(65536):
            data += more
    rows = [tuple(map(int, row.split())) for row in data.partition(b"\r\n\r\n")[2].splitlines()]
    assert len(rows) >= 8
    assert all(len(row) == 7 for row in rows)
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert max(row[1] for row in rows) == 4 * MIB


def test_the_byte_bound_ends_a_session(start: Start) -> None:
    """A token for 4 MiB does not move 100."""
    server = start()
    opened = server.open_session(token(server.secret, max_bytes=4 * MIB))
    with socket.create_connection(("127.0.0.1", server.port), 10) as client:
        client.sendall(head("GET /garbage?ckSize=1000", opened["session"]))
        received = 0
        ends_at = time.monotonic() + 5
        while time.monotonic() < ends_at:
            try:
                data = client.recv(65536)
            except ConnectionError:
                break
            if not data:
                break
            received += len(data)
            time.sleep(0.001)
    assert time.monotonic() < ends_at
    assert server.server.refused["session_bounds"] == 1
    assert received < 1000 * MIB


def test_the_time_bound_ends_a_session(start: Start) -> None:
    """A client that just sits on its transfer is cut off when its seconds are over."""
    server = start()
    opened = server.open_session(token(server.secret, seconds=0.4))
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), 10) as client:
        client.sendall(head("POST /empty", opened["session"], 99999) + b"ab")
        assert client.recv(1000) == b""
    assert 0.3 < time.monotonic() - began < 2.5


def test_a_slow_head_is_cut_off_at_its_deadline(start: Start) -> None:
    """Slow-loris: a byte now and then does not keep a connection for ever."""
    server = start(open=True, limits=Limits(head_seconds=0.5))
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), 5) as client:
        client.sendall(b"GET /empty HTTP/1.1\r\n")
        closed = False
        while not closed and time.monotonic() - began < 5:
            time.sleep(0.05)
            try:
                client.sendall(b"X")
                client.settimeout(0.01)
                closed = client.recv(10) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                closed = True
    assert closed
    assert time.monotonic() - began < 3
    assert server.server.refused["deadlines"] >= 1


def test_connections_beyond_the_bound_are_closed_and_counted(start: Start) -> None:
    """A flood of connections from one address leaves the server serving."""
    server = start(open=True, limits=Limits(connections_per_address=4, sessions=8))
    idle = [socket.create_connection(("127.0.0.1", server.port), 5) for _ in range(12)]
    time.sleep(0.2)
    assert server.server.refused["connections_per_address"] >= 8
    for sock in idle:
        sock.close()
    time.sleep(0.2)
    assert server.request("GET", "/empty")[0] == 200


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("POST /empty HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n", 400),
        ("POST /empty HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        ("POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n", 413),
        ("GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        ("BREW /empty HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        ("nonsense\r\n\r\n", 400),
    ],
)  # fmt: skip
def test_bad_requests_get_an_answer(start: Start, request_text: str, status: int) -> None:
    """Each is refused with its own status, and the server goes on."""
    server = start(open=True)
    with socket.create_connection(("127.0.0.1", server.port), 5) as client:
        client.sendall(request_text.encode())
        answer = client.recv(4096).decode()
    assert str(status) in answer.splitlines()[0] or "<" in answer
    assert str(status) in answer
    assert server.request("GET", "/empty")[0] == 200
