"""Known answers: the command against real shaped links in network namespaces (short forms).

The long form over all rates and round-trip times is `benchmarks/bandwidth.py`.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.root
SERVE = (
    "from collector.speedtest.command import serve;"
    "serve('0.0.0.0', 8989, None, True, host_id='lab')"
)
LIES = (
    "import collector.speedtest.handler as handler;"
    "from collector.speedtest.sessions import Session;"
    "honest = handler.sums;"
    "handler.sums = lambda infos: (honest(infos)[0] * 3 // 2, *honest(infos)[1:]);"
    "Session.uploaded_bytes = property("
    "lambda self: sum(flow.uploaded_bytes() for flow in list(self.flows)) * 3 // 2);"
)


def serve(netlab: ModuleType, lab: Any, script: str = SERVE) -> None:
    """Start the measurement server on the far side."""
    netlab.await_listening(lab.start(lab.server(sys.executable, "-c", script)), 8989)


def measure(lab: Any, state: Path, *options: str) -> dict[str, Any]:
    """Run the command on the school's side and return its JSON document."""
    done = run(lab, state, *options)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def run(lab: Any, state: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command on the school's side."""
    return subprocess.run(
        lab.client(
            sys.executable, "-m", "agent", "bandwidth", "--server", "http://10.77.2.2:8989",
            "--state", str(state), "--format", "json", *options,
        ),
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def know(state: Path, payload_bytes_s: float) -> None:
    """Let the line be known, as after an earlier test."""
    line = {"at_s": time.time() - 60, "known": {"sustained_bytes_s": payload_bytes_s}}
    keys = [f"10.77.2.2:8989 10.77.1.2 {name}" for name in ("download", "upload")]
    document = {"version": 1, "lines": dict.fromkeys(keys, line)}
    (state / "lines.json").write_text(json.dumps(document))


@pytest.mark.parametrize(("down", "up", "rtt_ms"), [(100.0, 30.0, 20.0), (1000.0, 1000.0, 0.0)])
def test_a_known_line_is_measured_exactly_and_quickly(
    netlab: ModuleType, tmp_path: Path, down: float, up: float, rtt_ms: float
) -> None:
    """Both directions within 1 %, each in less than 2.5 s, and the line is named as the limit."""
    link = netlab.Link(down, up, rtt_ms)
    with netlab.lab(link) as lab:
        serve(netlab, lab)
        for name, rate in (("download", down), ("upload", up)):
            know(tmp_path, rate * 1e6 / 8 * netlab.PAYLOAD_SHARE)
            part = measure(lab, tmp_path, "--direction", name.removesuffix("load"))[name]
            assert part["line_rate_mbps"] == pytest.approx(rate, rel=0.01)
            assert part["goodput_mbps"] == pytest.approx(rate * netlab.PAYLOAD_SHARE, rel=0.01)
            assert part["seconds"] < 2.5
            assert part["bytes"] < rate * 1e6 / 8 * 2.5
            assert part["limited_by"] == ["line"]


def test_a_first_test_sees_through_burst_credit_and_the_next_is_short(
    netlab: ModuleType, tmp_path: Path
) -> None:
    """5 MB of credit at twice the rate: the sustained rate within 2 %, then a short repeat."""
    link = netlab.Link(100.0, 100.0, 0.0, bucket_bytes=5_000_000, peak_mbps=200.0)
    with netlab.lab(link) as lab:
        serve(netlab, lab)
        first = measure(lab, tmp_path, "--direction", "down")["download"]
        second = measure(lab, tmp_path, "--direction", "down")["download"]
    assert first["line_rate_mbps"] == pytest.approx(100.0, rel=0.02)
    assert first["burst_credit_bytes"] == pytest.approx(5e6, rel=0.15)
    assert first["burst_peak_mbps"] == pytest.approx(200.0, rel=0.15)
    assert second["line_rate_mbps"] == pytest.approx(100.0, rel=0.02)
    assert second["seconds"] < first["seconds"]


def test_random_loss_does_not_look_like_a_slow_line(netlab: ModuleType, tmp_path: Path) -> None:
    """One packet in a thousand lost: the rate is still the line's, within 1 %."""
    with netlab.lab(netlab.Link(100.0, 100.0, 20.0, loss_percent=0.1)) as lab:
        serve(netlab, lab)
        know(tmp_path, 100e6 / 8 * netlab.PAYLOAD_SHARE)
        result = measure(lab, tmp_path)
    for name in ("download", "upload"):
        assert result[name]["line_rate_mbps"] == pytest.approx(100.0, rel=0.01)
        assert result["latency_ms"]["idle"] == pytest.approx(20.0, abs=2.0)


def test_a_server_that_counts_too_much_makes_no_line_faster(
    netlab: ModuleType, tmp_path: Path
) -> None:
    """Half as much again of each count: a download rests on own bytes, an upload is refused."""
    with netlab.lab(netlab.Link(100.0, 100.0, 20.0, loss_percent=0.1)) as lab:
        serve(netlab, lab, LIES + SERVE)
        down = measure(lab, tmp_path, "--direction", "down", "--max-seconds", "2")["download"]
        refused = run(lab, tmp_path, "--direction", "up", "--max-seconds", "2")
    assert 80.0 < down["line_rate_mbps"] < 101.0
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["error"] == "counts_disagree"


def test_an_interface_that_goes_down_gives_no_rate(netlab: ModuleType, tmp_path: Path) -> None:
    """In the middle of a test: a reason within seconds, and no number."""
    impatient = (
        "import sys; import agent.bandwidth.transfer as t; t.STALL_S = 1.0;"
        "from agent.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    with netlab.lab(netlab.Link(100.0, 100.0, 0.0)) as lab:
        serve(netlab, lab)
        process = subprocess.Popen(
            lab.client(
                sys.executable, "-c", impatient, "bandwidth", "--server", "http://10.77.2.2:8989",
                "--state", str(tmp_path), "--format", "json", "--direction", "down",
            ),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(1.5)
        subprocess.run(lab.client("ip", "link", "set", "wan", "down"), check=True)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert json.loads(output)["error"] == "server_gone"


def test_a_lab_that_was_late_itself_says_so(netlab: ModuleType) -> None:
    """A relay stopped for 0.1 s under traffic: the lab calls the time unfair, and only then."""
    trickle = (
        "import socket, time; s = socket.socket(type=socket.SOCK_DGRAM); print(flush=True);"
        "[(s.sendto(b'.', ('10.77.2.2', 9)), time.sleep(0.01)) for _ in range(40)]"
    )
    with netlab.lab(netlab.Link(100.0, 100.0, 20.0)) as lab:
        lab.conduct()
        subprocess.run(lab.client(sys.executable, "-c", trickle), check=True)
        calm = lab.conduct()
        sending = subprocess.Popen(
            lab.client(sys.executable, "-c", trickle), stdout=subprocess.PIPE
        )
        assert sending.stdout is not None
        sending.stdout.readline()
        time.sleep(0.05)
        lab.relay.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        lab.relay.send_signal(signal.SIGCONT)
        sending.communicate(timeout=10)
        stopped = lab.conduct()
    assert calm.late_s < stopped.late_s
    assert stopped.late_s == pytest.approx(0.1, abs=0.03)
    assert not stopped.is_fair
