"""The pusher against a real HTTP server: what each answer does to a batch."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.collector_client import Answer, CollectorClient
from agent.delivery import Action, judge
from agent.probes.base import CollectorAccess
from agent.pusher import MAX_RETRY_AFTER_S, Pusher, PushState
from agent.reading import Reading
from agent.settings import PushSettings
from agent.spool import Spool

MakeReading = Callable[..., Reading]
PROBLEM = {"title": "Refused", "status": 400, "detail": "do this next"}


@pytest.fixture
def states() -> list[PushState]:
    """Collect what the pusher says about trouble."""
    return []


@pytest.fixture
def push(
    scripted: Any, open_spool: Callable[..., Spool], states: list[PushState]
) -> Iterator[tuple[Spool, Pusher]]:
    """Return a spool and a pusher to the scripted collector, with jitter at its ceiling."""
    spool = open_spool()
    client = CollectorClient(CollectorAccess(scripted.url, "the-key"), timeout_s=2)
    pusher = Pusher(
        spool,
        lambda: client,
        PushSettings(batch_readings=4),
        jitter=lambda: 1.0,
        on_change=states.append,
    )
    yield spool, pusher
    client.close()


def held(spool: Spool) -> int:
    """Return how many readings are not delivered yet."""
    counts = spool.counts()
    return counts.queued + counts.claimed


def test_batch_is_delivered_with_the_key_in_a_header(
    scripted: Any, push: tuple[Spool, Pusher], make_reading: MakeReading
) -> None:
    """A stored batch is settled; the key travels in a header and nowhere else."""
    spool, pusher = push
    spool.put([make_reading(1), make_reading(2)])
    assert pusher.push_once() == PushSettings().interval_s
    (request,) = scripted.requests
    assert request["path"] == "/api/v1/readings"
    assert request["headers"]["Authorization"] == "Bearer the-key"
    assert request["headers"]["Content-Encoding"] == "gzip"
    assert "the-key" not in str(request["body"])
    assert [row["values"]["cpu_used_ratio"] for row in request["body"]["readings"]] == [1, 2]
    assert held(spool) == 0


def test_backlog_goes_out_in_quick_succession(
    scripted: Any, push: tuple[Spool, Pusher], make_reading: MakeReading
) -> None:
    """While full batches wait the pause is short, and then it is the interval again."""
    spool, pusher = push
    spool.put(make_reading(n) for n in range(10))
    waits = [pusher.push_once() for _ in range(3)]
    settings = PushSettings()
    assert waits == [settings.backlog_pause_s, settings.backlog_pause_s, settings.interval_s]
    assert [len(batch["readings"]) for batch in scripted.batches()] == [4, 4, 2]


@pytest.mark.parametrize("status", [0, 408, 425, 429, 500, 502, 503, 504])
def test_passing_trouble_keeps_the_same_batch(
    scripted: Any, push: tuple[Spool, Pusher], make_reading: MakeReading, status: int
) -> None:
    """After trouble that passes the very same body is sent again, and then it is settled."""
    spool, pusher = push
    spool.put([make_reading()])
    scripted.say(status, PROBLEM)
    pusher.push_once()
    assert held(spool) == 1
    pusher.push_once()
    first, second = scripted.batches()
    assert first == second
    assert held(spool) == 0


@pytest.mark.parametrize("status", [401, 403])
def test_refused_key_keeps_everything_and_says_so(
    scripted: Any,
    push: tuple[Spool, Pusher],
    make_reading: MakeReading,
    states: list[PushState],
    status: int,
) -> None:
    """A revoked key loses nothing, is tried rarely, and is reported once until it changes."""
    spool, pusher = push
    spool.put([make_reading()])
    for _ in range(2):
        scripted.say(status, PROBLEM)
        assert pusher.push_once() >= 300
    assert held(spool) == 1
    assert [state.reason for state in states] == ["push_key_refused"]
    pusher.push_once()
    assert [state.reason for state in states] == ["push_key_refused", None]
    assert held(spool) == 0


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>please sign in</html>"),
        (200, {"status": "ok"}),
        (301, b""),
        (302, b""),
        (404, PROBLEM),
        (405, PROBLEM),
        (204, b""),
        (400, b"<html>bad request, says the proxy</html>"),
        (422, b"not json"),
    ],
)
def test_what_is_no_collector_never_costs_a_reading(
    scripted: Any, push: tuple[Spool, Pusher], make_reading: MakeReading, status: int, body: object
) -> None:
    """Sign-in pages, proxies and wrong addresses: the batch stays, whatever they say."""
    spool, pusher = push
    spool.put([make_reading()])
    scripted.say(status, body, Location="http://127.0.0.1:1/")
    assert pusher.push_once() >= 300
    assert pusher.state.reason == "push_not_a_collector"
    assert held(spool) == 1
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("status", [400, 409, 415])
def test_batch_refused_for_good_is_kept_as_rejected(
    scripted: Any, push: tuple[Spool, Pusher], make_reading: MakeReading, status: int
) -> None:
    """A permanent refusal clears the way for the next batch and keeps the refused readings."""
    spool, pusher = push
    spool.put([make_reading()])
    scripted.say(status, PROBLEM)
    pusher.push_once()
    counts = spool.counts()
    assert (counts.claimed, counts.rejected) == (0, 1)


def test_named_rows_are_rejected_and_the_rest_sent(
    scripted: Any, push: tuple[Spool, Pusher], make_reading: MakeReading
) -> None:
    """422 with rows: those rows are set aside, the others arrive under a new batch id."""
    spool, pusher = push
    spool.put(make_reading(n) for n in range(4))
    errors = [
        {"row": 1, "field": "values.cpu_used_ratio", "reason": "above 1"},
        {"row": 99, "field": "x", "reason": "no such row"},
    ]
    scripted.say(422, {**PROBLEM, "errors": errors})
    assert pusher.push_once() == PushSettings().backlog_pause_s
    pusher.push_once()
    first, second = scripted.batches()
    assert first["batch_id"] != second["batch_id"]
    assert [row["sequence"] for row in second["readings"]] == [1, 3, 4]
    assert spool.counts().rejected == 1


def test_422_without_rows_does_not_loop(
    scripted: Any, push: tuple[Spool, Pusher], make_reading: MakeReading
) -> None:
    """A refusal that names no row rejects the batch instead of sending it for ever."""
    spool, pusher = push
    spool.put([make_reading()])
    scripted.say(422, PROBLEM)
    pusher.push_once()
    assert spool.counts().rejected == 1


def test_too_large_batch_is_halved_until_it_fits(
    scripted: Any, push: tuple[Spool, Pusher], make_reading: MakeReading
) -> None:
    """413 splits; a single reading that is too large is rejected, the others arrive."""
    spool, pusher = push
    spool.put(make_reading(n) for n in range(4))
    stored = (200, {"status": "stored"})
    too_large = (413, b"<html>nginx</html>")
    for status, body in (too_large, too_large, stored, too_large, stored):
        scripted.say(status, body)
        pusher.push_once()
    assert [len(batch["readings"]) for batch in scripted.batches()] == [4, 2, 2, 1, 1]
    assert spool.counts().rejected == 1
    assert held(spool) == 0


def test_back_off_grows_is_bounded_and_starts_afresh(
    scripted: Any, push: tuple[Spool, Pusher], make_reading: MakeReading
) -> None:
    """Waits double up to five minutes; after one success they are short again."""
    spool, pusher = push
    spool.put([make_reading()])
    waits = []
    for _ in range(9):
        scripted.say(503, PROBLEM)
        waits.append(pusher.push_once())
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    pusher.push_once()
    spool.put([make_reading()])
    scripted.say(503, PROBLEM)
    assert pusher.push_once() == 5


def test_retry_after_is_obeyed_within_reason(
    scripted: Any, push: tuple[Spool, Pusher], make_reading: MakeReading
) -> None:
    """A named wait is kept; an absurd one is cut, so that an agent never sleeps for a year."""
    spool, pusher = push
    spool.put([make_reading()])
    scripted.say(429, PROBLEM, Retry_After="77")
    assert pusher.push_once() == 77
    scripted.say(503, PROBLEM, Retry_After="99999999")
    assert pusher.push_once() == MAX_RETRY_AFTER_S


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Fri, 20 Nov 2026 01:02:00 GMT", 120.0),
        ("Fri, 20 Nov 2026 00:59:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("٣", 3.0),
    ],
)
def test_retry_after_forms(text: str, seconds: float | None) -> None:
    """Dates and nonsense in Retry-After are understood or ignored, never an exception."""
    now = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
    delivery = judge(Answer(503, {"retry-after": text}), 1, now)
    assert delivery.action is Action.RETRY
    assert delivery.retry_after_s == seconds


def test_nobody_listening_is_trouble_that_passes(
    open_spool: Callable[..., Spool], make_reading: MakeReading
) -> None:
    """A closed port keeps the batch and names the error without the key."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    spool = open_spool()
    spool.put([make_reading()])
    client = CollectorClient(CollectorAccess(f"http://127.0.0.1:{port}", "the-key"), timeout_s=1)
    pusher = Pusher(spool, lambda: client, PushSettings())
    pusher.push_once()
    assert pusher.state.reason == "push_unreachable"
    assert "refused" in pusher.state.detail
    assert "the-key" not in repr(pusher.state)
    assert held(spool) == 1


def test_silent_server_is_left_after_the_time_out(
    open_spool: Callable[..., Spool], make_reading: MakeReading
) -> None:
    """A server that accepts and never answers costs the time-out and no more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        spool = open_spool()
        spool.put([make_reading()])
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        client = CollectorClient(CollectorAccess(url, "k"), timeout_s=0.3)
        started = time.monotonic()
        Pusher(spool, lambda: client, PushSettings()).push_once()
        assert time.monotonic() - started < 1.5
    assert held(spool) == 1


def test_before_enrolment_nothing_is_claimed(
    open_spool: Callable[..., Spool], make_reading: MakeReading
) -> None:
    """Without an identity readings stay queued."""
    spool = open_spool()
    spool.put([make_reading()])
    Pusher(spool, lambda: None, PushSettings()).push_once()
    assert spool.counts().queued == 1


def test_stop_ends_the_loop_at_once(push: tuple[Spool, Pusher], make_reading: MakeReading) -> None:
    """The loop leaves its wait when told to stop."""
    spool, pusher = push
    spool.put([make_reading()])
    stop = threading.Event()
    thread = threading.Thread(target=pusher.run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 5
    while held(spool) and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    thread.join(1)
    assert not thread.is_alive()
    assert held(spool) == 0


def test_broken_spool_does_not_end_the_pusher(
    push: tuple[Spool, Pusher], caplog: pytest.LogCaptureFixture
) -> None:
    """A disk that fails is logged, and the thread waits instead of dying."""
    spool, pusher = push
    spool.close()
    stop = threading.Event()
    thread = threading.Thread(target=pusher.run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 5
    while "push_broke" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "push_broke" in caplog.text
    assert thread.is_alive()
    stop.set()
    thread.join(1)
    assert not thread.is_alive()


@pytest.fixture
def tls_proxy(scripted: Any, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Run nginx with a certificate of a private authority before the scripted collector."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if nginx is None or shutil.which("openssl") is None:
        pytest.skip("nginx or openssl is not installed")
    for command in _certificate_commands():
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "nginx.conf").write_text(f"""
        daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; user root;
        events {{}}
        http {{
          access_log off; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;
          fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;
          server {{
            listen 127.0.0.1:{port} ssl;
            ssl_certificate {tmp_path}/server.pem; ssl_certificate_key {tmp_path}/server.key;
            location / {{ proxy_pass {scripted.url}; }}
          }}
        }}""")
    process = subprocess.Popen([nginx, "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            break
        except OSError:
            time.sleep(0.02)
    yield f"https://localhost:{port}", tmp_path / "ca.pem"
    process.terminate()
    process.wait()


def _certificate_commands() -> list[list[str]]:
    ca = "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 1 -subj /CN=CA"
    ca += " -addext keyUsage=critical,keyCertSign,cRLSign"
    ask = (
        "openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost"
    )
    ask += " -addext subjectAltName=DNS:localhost"
    sign = "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1"
    sign += " -copy_extensions copy -out server.pem"
    return [command.split() for command in (ca, ask, sign)]


def test_tls_is_verified_against_the_private_authority(
    tls_proxy: tuple[str, Path], scripted: Any
) -> None:
    """With the bureau's own CA it works; without it, or under another name, nothing is sent."""
    url, ca_file = tls_proxy
    body = {"readings": []}

    def post(address: str, ca: Path | None) -> Answer:
        client = CollectorClient(CollectorAccess(address, "k", ca), timeout_s=5)
        try:
            return client.post_json("/api/v1/readings", body)
        finally:
            client.close()

    assert post(url, ca_file).status == 200
    unknown = post(url, None)
    assert (unknown.status, "certificate verify failed" in unknown.error) == (0, True)
    wrong_name = post(url.replace("localhost", "127.0.0.1"), ca_file)
    assert (wrong_name.status, "IP address mismatch" in wrong_name.error) == (0, True)
    assert len(scripted.requests) == 1


def test_kept_connection_that_was_closed_is_replaced(
    scripted: Any, push: tuple[Spool, Pusher], make_reading: MakeReading
) -> None:
    """When the collector dropped the idle connection, the next push still succeeds at once."""
    spool, pusher = push
    spool.put([make_reading(1)])
    pusher.push_once()
    scripted.say(0)
    spool.put([make_reading(2)])
    pusher.push_once()
    assert held(spool) == 0
    first, second = scripted.batches()[1:]
    assert first == second
