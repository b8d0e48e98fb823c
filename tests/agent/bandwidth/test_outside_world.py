"""What can stand between a school and its measurement server: each gives a reason, never a rate."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from agent.bandwidth import transfer
from agent.bandwidth.connection import endpoint
from agent.bandwidth.engine import Caps, Direction, measure
from agent.bandwidth.errors import MeasurementError

Reply = Callable[[str, dict[str, str], socket.socket], None]
OPENED = {"session": "s1", "server": "x", "host": None, "max_seconds": 30, "max_bytes": 10**9}


class Impostor:
    """Answers on loopback as the given function says; each connection in its own thread."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
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

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            data = b""
            try:
                while b"\r\n\r\n" not in data:
                    more = sock.recv(4096)
                    if not more:
                        return
                    data += more
                first, *lines = data.split(b"\r\n\r\n")[0].decode().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines)
                self._reply(first, headers, sock)
            except OSError:
                return

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()


def answer(sock: socket.socket, status: str, headers: dict[str, str], body: bytes = b"") -> None:
    """Send one whole response."""
    fields = {"Content-Length": str(len(body)), **headers}
    head = f"HTTP/1.1 {status}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items())
    sock.sendall(head.encode() + b"\r\n" + body)


def opens_sessions(payload: Reply) -> Reply:
    """Return a server that opens sessions honestly and answers /garbage with `payload`."""

    def reply(first: str, headers: dict[str, str], sock: socket.socket) -> None:
        if first.startswith("POST /session"):
            answer(
                sock,
                "201 Created",
                {"Content-Type": "application/json"},
                json.dumps(OPENED).encode(),
            )
        elif first.startswith("GET /garbage"):
            payload(first, headers, sock)
        elif first.startswith("GET /empty"):
            answer(sock, "200 OK", {})
        elif first.startswith("GET /session/progress"):
            sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            sock.recv(1)
        else:
            answer(sock, "200 OK", {}, b"{}")

    return reply


@pytest.fixture
def reason_of() -> Iterator[Callable[[Reply], MeasurementError]]:
    """Return a function that measures against an impostor and returns why there is no rate."""
    running: list[Impostor] = []

    def ask(reply: Reply) -> MeasurementError:
        impostor = Impostor(reply)
        running.append(impostor)
        with pytest.raises(MeasurementError) as caught:
            measure(
                endpoint(impostor.url),
                directions=(Direction.DOWNLOAD,),
                caps=Caps(max_seconds=3),
            )
        return caught.value

    yield ask
    for impostor in running:
        impostor.close()


Ask = Callable[[Reply], MeasurementError]


def test_a_sign_in_page_is_no_measurement(reason_of: Ask) -> None:
    """A captive portal answers everything with HTML."""
    page = b"<html>please sign in</html>"
    portal = lambda _f, _h, sock: answer(sock, "200 OK", {"Content-Type": "text/html"}, page)  # noqa: E731
    assert reason_of(portal).reason == "captive_portal"
    assert reason_of(opens_sessions(portal)).reason == "captive_portal"


def test_a_redirect_is_no_measurement(reason_of: Ask) -> None:
    """A gateway that sends the browser elsewhere."""
    error = reason_of(
        lambda _f, _h, sock: answer(sock, "302 Found", {"Location": "http://portal.example/"})
    )
    assert error.reason == "captive_portal"


def test_compressed_test_data_is_refused(reason_of: Ask) -> None:
    """A middlebox that compresses would make the line look faster."""

    def compressed(_f: str, headers: dict[str, str], sock: socket.socket) -> None:
        fields = {
            "Content-Type": "application/octet-stream",
            "Content-Encoding": "gzip",
            "CampusGauge-Nonce": headers["campusgauge-nonce"],
        }
        answer(sock, "200 OK", fields, b"x" * 1000)

    assert reason_of(opens_sessions(compressed)).reason == "middlebox_changed_data"


def test_an_answer_from_a_cache_is_refused(reason_of: Ask) -> None:
    """An answer made for another test comes from something nearer than the server."""

    def cached(_f: str, _h: dict[str, str], sock: socket.socket) -> None:
        fields = {"Content-Type": "application/octet-stream", "CampusGauge-Nonce": "of another"}
        answer(sock, "200 OK", fields, b"x" * 1000)

    assert reason_of(opens_sessions(cached)).reason == "middlebox_cache"


def test_a_size_that_was_a_lie_gives_no_rate(reason_of: Ask) -> None:
    """A gigabyte announced, 200 kB sent: what arrived is too little to call a rate."""

    def short(_f: str, headers: dict[str, str], sock: socket.socket) -> None:
        fields = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(1 << 30),
            "CampusGauge-Nonce": headers["campusgauge-nonce"],
        }
        answer(sock, "200 OK", fields, b"x" * 200_000)

    error = reason_of(opens_sessions(short))
    assert (error.reason, error.transient) == ("server_gone", True)


@pytest.mark.parametrize(
    ("status", "reason", "transient"),
    [
        ("401 Unauthorized", "server_refused", False),
        ("403 Forbidden", "server_refused", False),
        ("407 Proxy Authentication Required", "proxy_refused", False),
        ("429 Too Many Requests", "server_busy", True),
        ("503 Service Unavailable", "server_busy", True),
        ("500 Internal Server Error", "server_error", True),
    ],
)
def test_a_refusal_keeps_its_meaning(
    reason_of: Ask, status: str, reason: str, transient: bool
) -> None:
    """Each status says whether trying again helps, and when."""
    error = reason_of(lambda _f, _h, sock: answer(sock, status, {"Retry-After": "7"}))
    assert (error.reason, error.transient, error.retry_after_s) == (
        (reason, transient, 7.0 if reason == "server_busy" else None)
    )


def test_another_service_on_the_port_is_said_so(reason_of: Ask) -> None:
    """An SSH server is no measurement server."""
    assert reason_of(lambda _f, _h, sock: sock.sendall(b"SSH-2.0-x\r\n\r\n")).reason == "not_http"


def test_a_server_that_hangs_up_gives_no_rate(reason_of: Ask) -> None:
    """Closed before the answer."""
    assert reason_of(lambda _f, _h, _s: None).reason == "server_gone"


def test_a_server_that_falls_silent_gives_no_rate(
    reason_of: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing moves any more in the middle of a transfer: the line or the server went down."""
    monkeypatch.setattr(transfer, "STALL_S", 0.5)
    release = threading.Event()

    def silent(_f: str, headers: dict[str, str], sock: socket.socket) -> None:
        sock.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nCampusGauge-Nonce: "
            + headers["campusgauge-nonce"].encode()
            + b"\r\n\r\n"
            + b"x" * 100_000
        )
        release.wait(5)

    error = reason_of(opens_sessions(silent))
    release.set()
    assert (error.reason, error.transient) == ("server_gone", True)


def test_nobody_there_and_no_such_address_are_told_apart() -> None:
    """A closed port and a source address this host does not have."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(MeasurementError) as caught:
        measure(endpoint(f"http://127.0.0.1:{port}"))
    assert caught.value.reason == "server_unreachable"
    with pytest.raises(MeasurementError) as caught:
        measure(endpoint(f"http://127.0.0.1:{port}", source="192.0.2.77"))
    assert caught.value.reason == "source_address_missing"
