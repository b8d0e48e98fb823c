"""iperf3 as a backend: recorded outputs of 3.12, and the real program."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.bandwidth.backends import iperf3, measure_with
from agent.bandwidth.backends.base import Request
from agent.bandwidth.backends.child_tool import Watch, find_path
from agent.bandwidth.backends.iperf3_output import parse
from agent.bandwidth.engine import Direction
from agent.bandwidth.errors import MeasurementError

Recorded = Callable[[str], bytes]
needs_iperf3 = pytest.mark.skipif(shutil.which("iperf3") is None, reason="needs Debian's iperf3")


def free_port() -> int:
    """Return a port nobody listens on just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.mark.parametrize(
    ("name", "direction"), [("down_200", Direction.DOWNLOAD), ("up_200", Direction.UPLOAD)]
)
def test_a_recorded_line_of_200_mbps_is_read_exactly(
    recorded: Recorded, name: str, direction: Direction
) -> None:
    """Three seconds on a shaped line: line rate within 0.5 %, slow start and queue left out."""
    run = parse(recorded(f"iperf3_{name}.json"), "", direction)
    path = find_path("127.0.0.1", 5201, None)
    part = iperf3.conclude(run, path, Watch(path, direction))
    assert part.line_rate_mbps == pytest.approx(200.0, rel=0.005)
    assert part.goodput_mbps == pytest.approx(200.0 * 1448 / 1514, rel=0.005)
    assert part.seconds == pytest.approx(3.0, abs=0.05)
    assert run.version == "3.12"
    assert run.streams == 2
    assert run.mss_bytes == 1448


def test_what_is_only_known_of_one_direction_is_none_in_the_other(recorded: Recorded) -> None:
    """The sender's kernel tells round trips, the server its count; a zero is not a round trip."""
    down = parse(recorded("iperf3_down_200.json"), "", Direction.DOWNLOAD)
    up = parse(recorded("iperf3_up_200.json"), "", Direction.UPLOAD)
    assert down.mean_rtt_s is None
    assert down.server_bytes_s is None
    assert up.mean_rtt_s == pytest.approx(0.0095, rel=0.1)
    assert up.server_bytes_s == pytest.approx(191_439_387 / 8, rel=0.001)


def test_an_upload_is_never_faster_than_the_server_saw_it(recorded: Recorded) -> None:
    """What waits in the sender's buffers is no rate."""
    document = json.loads(recorded("iperf3_up_200.json"))
    document["end"]["sum_received"]["bits_per_second"] = 120e6
    run = parse(json.dumps(document).encode(), "", Direction.UPLOAD)
    path = find_path("127.0.0.1", 5201, None)
    part = iperf3.conclude(run, path, Watch(path, Direction.UPLOAD))
    assert part.goodput_mbps == pytest.approx(120.0)


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("refused", "server_unreachable", "Connection refused"),
        ("unreachable", "server_unreachable", "timed out"),
        ("busy", "server_busy", "busy running a test"),
    ],
)
def test_an_error_in_the_json_counts_although_the_exit_code_was_zero(
    recorded: Recorded, name: str, reason: str, words: str
) -> None:
    """Recorded with exit code 0: the reason comes from iperf3's words, which are kept."""
    with pytest.raises(MeasurementError) as caught:
        parse(recorded(f"iperf3_{name}.json"), "", Direction.DOWNLOAD)
    assert caught.value.reason == reason
    assert words in caught.value.detail
    assert caught.value.transient


def test_a_test_ended_by_its_bytes_keeps_what_it_saw(recorded: Recorded) -> None:
    """Interrupted after 2.5 s: still the line's rate."""
    run = parse(recorded("iperf3_interrupted.json"), "", Direction.DOWNLOAD)
    path = find_path("127.0.0.1", 5201, None)
    part = iperf3.conclude(run, path, Watch(path, Direction.DOWNLOAD))
    assert run.stopped_early
    assert part.line_rate_mbps == pytest.approx(200.0, rel=0.01)


@pytest.mark.parametrize("output", [b"", b"iperf3: error", b"[]", b'{"intervals": 3}'])
def test_output_that_is_no_result_is_a_failure_with_the_tool_s_words(output: bytes) -> None:
    """Nothing is guessed from a broken output."""
    with pytest.raises(MeasurementError) as caught:
        parse(output, "iperf3: parameter error", Direction.UPLOAD)
    assert caught.value.reason == "tool_failed"
    assert "parameter error" in caught.value.detail


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.7", ("10.0.0.7", 5201)),
        ("host:5300", ("host", 5300)),
        ("[fd00::1]:5300", ("fd00::1", 5300)),
        ("iperf3://host", ("host", 5201)),
    ],
)
def test_server_addresses(text: str, expected: tuple[str, int]) -> None:
    """Host alone, with a port, IPv6, and as a URL."""
    assert iperf3.server_address(text) == expected


def test_an_http_address_is_refused() -> None:
    """iperf3 does not speak HTTP: say how to write the address."""
    with pytest.raises(ValueError, match="host:port"):
        iperf3.server_address("http://10.0.0.7")


def test_a_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reading can say what to install."""
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(MeasurementError) as caught:
        measure_with("iperf3", Request("127.0.0.1:5201"))
    assert caught.value.reason == "tool_missing"
    assert "apt install iperf3" in caught.value.detail


@needs_iperf3
def test_two_hosts_test_each_other_with_two_commands(tmp_path: Path) -> None:
    """`--listen` answers one test in each direction and ends; here both are this very host."""
    port = free_port()
    base = [sys.executable, "-m", "agent", "bandwidth"]
    with subprocess.Popen(
        [*base, "--listen", str(port), "--source", "127.0.0.1"],
        stderr=subprocess.PIPE, text=True,
    ) as listening:  # fmt: skip
        try:
            document = _client(base, port, tmp_path)
            _, said = listening.communicate(timeout=15)
        finally:
            listening.kill()
    assert listening.returncode == 0
    assert "2/2" in said
    assert document["backend"] == "iperf3"
    assert document["backend_version"]
    for name in ("download", "upload"):
        assert document[name]["limited_by"] == ["same_host"]
        assert document[name]["goodput_mbps"] > 500
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", port)) != 0, "nothing keeps listening"


def _client(base: list[str], port: int, state: Path) -> dict[str, Any]:
    """Measure as soon as the other side listens."""
    command = [*base, "--backend", "iperf3", "--server", f"127.0.0.1:{port}", "--max-seconds", "1",
               "--state", str(state), "--format", "json"]  # fmt: skip
    for _ in range(20):
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
        document: dict[str, Any] = json.loads(done.stdout)
        if document.get("error") != "server_unreachable":
            return document
        time.sleep(0.2)
    pytest.fail("the other side never listened")


@needs_iperf3
def test_a_taken_port_is_said() -> None:
    """Listening fails at once with a reason, not after ten minutes."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run(
            [sys.executable, "-m", "agent", "bandwidth", "--source", "127.0.0.1", "--listen",
             str(taken.getsockname()[1])],
            check=False, capture_output=True, text=True, timeout=20,
        )  # fmt: skip
    assert done.returncode == 1
    assert "port_taken" in done.stderr
    assert "请换一个端口" in done.stderr


@pytest.mark.root
@needs_iperf3
def test_a_real_line_within_one_percent(shaped: Callable[..., dict[str, Any]]) -> None:
    """100 Mbit/s down and 40 up at 10 ms, both directions within 1 %, in six seconds each.

    A sender counts blocks of 128 KiB: in two seconds at 40 Mbit/s four streams' are 2 to 3 %.
    """
    document = shaped("iperf3", "10.77.2.2:5201", ["iperf3", "-s"], "--max-seconds", "6")
    for name, rate in (("download", 100.0), ("upload", 40.0)):
        part = document[name]
        assert part["line_rate_mbps"] == pytest.approx(rate, rel=0.01)
        assert part["goodput_mbps"] == pytest.approx(rate * 1448 / 1514, rel=0.01)
        assert "same_host" not in part["limited_by"]
    assert "idle" not in document["latency_ms"], "it times only the loaded line"
    assert document["latency_ms"]["upload"] > 10.0


@pytest.mark.root
@needs_iperf3
def test_bytes_bound_a_test(shaped: Callable[..., dict[str, Any]]) -> None:
    """With 20 MB allowed a ten-second test ends early, and still gives the rate."""
    options = ("--direction", "down", "--max-bytes", "20000000")
    part = shaped("iperf3", "10.77.2.2:5201", ["iperf3", "-s"], *options)["download"]
    assert part["evidence"]["stopped_early"] is True
    assert part["bytes"] < 30_000_000
    assert part["line_rate_mbps"] == pytest.approx(100.0, rel=0.02)
