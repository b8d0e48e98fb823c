"""speedtest-cli as a backend: recorded outputs of 2.1.3, and the real client."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from agent.bandwidth.backends import measure_with, speedtest_cli
from agent.bandwidth.backends.base import Request
from agent.bandwidth.backends.child_tool import Watch, find_path
from agent.bandwidth.backends.speedtest_cli import (
    Counted,
    conclude,
    fastest_bytes_s,
    parse,
    without_unsent,
)
from agent.bandwidth.engine import Caps, Direction
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.slices import Slice
from collector.speedtest.server import MeasurementServer

Recorded = Callable[[str], bytes]


def test_a_recorded_result_is_a_lower_bound_without_a_margin(recorded: Recorded) -> None:
    """From a line of 200 Mbit/s: below the truth, marked as the method's doing, never certain."""
    counted = parse(recorded("speedtest_cli_download.json"), "", Direction.DOWNLOAD)
    path = find_path("127.0.0.2", 80, None)
    part = conclude(counted, Direction.DOWNLOAD, path, Watch(path, Direction.DOWNLOAD))
    assert counted.version == "2.1.3"
    assert part.goodput_mbps == pytest.approx(189.83, abs=0.01)
    assert 0.97 * 200 < part.line_rate_mbps < 200
    assert part.margin_ratio is None
    assert part.as_json()["confidence"] is None


def test_no_byte_is_a_failure_not_a_rate_of_zero(recorded: Recorded) -> None:
    """Recorded with nobody listening: the client swallows the error and prints zeros."""
    with pytest.raises(MeasurementError) as caught:
        parse(recorded("speedtest_cli_no_server.json"), "", Direction.DOWNLOAD)
    assert caught.value.reason == "too_few_data"


def test_the_plain_program_needs_the_internet_and_its_words_are_kept(recorded: Recorded) -> None:
    """Recorded from `speedtest-cli --mini` on an intranet: so the backend gives it its settings."""
    said = recorded("speedtest_cli_offline.txt").decode()
    with pytest.raises(MeasurementError) as caught:
        parse(b"", said, Direction.DOWNLOAD)
    assert caught.value.reason == "tool_failed"
    assert "name resolution" in caught.value.detail


def test_an_upload_counts_only_as_far_as_it_arrived(recorded: Recorded) -> None:
    """Bytes that never reached the server are taken off; none at all is a failure."""
    counted = parse(recorded("speedtest_cli_upload.json"), "", Direction.UPLOAD)
    half = without_unsent(counted, Direction.UPLOAD, {"uploaded_bytes": counted.bytes // 2})
    assert half.rate_bytes_s == pytest.approx(counted.rate_bytes_s / 2, rel=1e-6)
    assert without_unsent(counted, Direction.DOWNLOAD, {"uploaded_bytes": 5}) == counted
    with pytest.raises(MeasurementError, match="too_few_data"):
        without_unsent(counted, Direction.UPLOAD, {"uploaded_bytes": 0})


def test_no_more_is_believed_than_passed_the_interface() -> None:
    """A client that says 300 while the interface carried 100 Mbit/s is not believed."""
    path = find_path("127.0.0.2", 80, None)
    watch = Watch(path, Direction.UPLOAD)
    watch.slices = [Slice(n / 10, n * 1_250_000) for n in range(30)]
    part = conclude(Counted("2.1.3", 37_500_000.0, 10**8), Direction.UPLOAD, path, watch)
    assert part.line_rate_mbps == pytest.approx(100.0, rel=0.001)


def test_what_drains_after_the_clock_has_stopped_is_no_rate() -> None:
    """Two seconds by its clock, but the last tenth of the bytes passed in the 0.2 s after it."""
    steady = [Slice(n / 10, n * 500_000) for n in range(23)]
    assert fastest_bytes_s(steady, 2.0) == pytest.approx(5_000_000)
    assert fastest_bytes_s([*steady, Slice(3.2, 11_000_000)], 2.0) == pytest.approx(5_000_000)
    assert fastest_bytes_s(steady, 30.0) == pytest.approx(5_000_000)
    assert fastest_bytes_s(steady[:1], 2.0) is None
    assert fastest_bytes_s([], 2.0) is None


def test_what_fills_the_queue_is_no_rate_of_the_line() -> None:
    """A quarter of a megabyte leaves the interface at once and then waits in front of the line."""
    filled = [Slice(0.0, 0), *(Slice(n / 10, 250_000 + n * 500_000) for n in range(1, 23))]
    assert fastest_bytes_s(filled, 2.0) == pytest.approx(5_000_000)


def test_what_was_sent_twice_arrives_once() -> None:
    """The interface sent 11 MB so that 10 MB of payload arrived: no more than those count."""
    path = find_path("127.0.0.2", 80, None)
    watch = Watch(path, Direction.UPLOAD)
    watch.slices = [Slice(n / 10, n * 550_000) for n in range(21)]
    part = conclude(Counted("2.1.3", 6_000_000.0, 10_000_000), Direction.UPLOAD, path, watch)
    assert part.goodput_mbps == pytest.approx(40.0, rel=0.001)


def test_both_directions_against_our_server(measurement_server: MeasurementServer) -> None:
    """The real client in the bureau's session, as a mini server; here on the same host."""
    result = measure_with(
        "speedtest-cli",
        Request(f"http://127.0.0.1:{measurement_server.server_port}", caps=Caps(2.0, 10**10)),
    )
    assert result.backend == "speedtest-cli"
    assert result.backend_version == "2.1.3"
    for _, part in result.directions():
        assert part.limited_by == ("same_host",)
        assert part.goodput_mbps > 50
    assert measurement_server.sessions.running == 0


class _NoMini(BaseHTTPRequestHandler):
    """Some web server."""

    def do_GET(self) -> None:
        """Have nothing."""
        self.send_error(404)

    def do_POST(self) -> None:
        """Want nothing."""
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
        del format, args


@pytest.fixture
def no_mini() -> Iterator[str]:
    """Serve a web server that is no mini server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _NoMini)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_without_its_files_is_named(no_mini: str) -> None:
    """Asked before the client runs, because the client takes 404 for an empty file."""
    with pytest.raises(MeasurementError) as caught:
        measure_with("speedtest-cli", Request(no_mini))
    assert caught.value.reason == "not_a_mini_server"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reading can say what to install."""
    monkeypatch.setattr(speedtest_cli, "find_spec", lambda _name: None)
    with pytest.raises(MeasurementError) as caught:
        measure_with("speedtest-cli", Request("http://127.0.0.1:1"))
    assert caught.value.reason == "tool_missing"
    assert "pip install speedtest-cli" in caught.value.detail


@pytest.mark.root
def test_on_a_real_line_it_reads_low_and_says_so(shaped: Callable[..., dict[str, Any]]) -> None:
    """100 down and 40 up at 10 ms: not above the line, always with the cause `method`.

    Two percent are for the times at which a busy host reads its interface's counter.
    """
    serve = (
        "from collector.speedtest.command import serve;"
        "serve('0.0.0.0', 8989, None, True, host_id='lab')"
    )
    document = shaped(
        "speedtest-cli", "http://10.77.2.2:8989", [sys.executable, "-c", serve],
        "--max-seconds", "2", "--people", "1200",
    )  # fmt: skip
    for name, rate in (("download", 100.0), ("upload", 40.0)):
        assert 0.75 * rate < document[name]["line_rate_mbps"] < 1.02 * rate
        assert "method" in document[name]["limited_by"]
        assert document[name]["margin_ratio"] is None
    assert document["requirement"]["result"] == "insufficient"
