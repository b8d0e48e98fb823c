"""The command as a technician meets it: judgement, words, charts, a live line, an enrolled host."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from agent.bandwidth.causes import CAUSES
from agent.bandwidth.charts import pad, plot, width
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.live import LiveLine
from agent.bandwidth.requirement import Shown, judge
from agent.bandwidth.result import DirectionResult, Result
from agent.bandwidth.slices import Slice
from agent.bandwidth.terminal import refusal, report
from agent.probes.outlet_bandwidth import OutletBandwidthSettings
from collector.speedtest.command import build_server

REASONS = Path(__file__).parents[3] / "rubrics" / "reasons.yaml"


def part(line_rate_mbps: float, *limited_by: str) -> DirectionResult:
    """Return a direction's result."""
    return DirectionResult(
        goodput_mbps=line_rate_mbps * 1448 / 1514,
        line_rate_mbps=line_rate_mbps,
        seconds=2.0,
        bytes=50_000_000,
        limited_by=limited_by,
        margin_ratio=0.004,
        converged=True,
        loaded_rtt_s=0.02,
        chart_mbps=(50.0, 90.0, 95.0, 95.0),
    )


def text_of(download: DirectionResult, people: int | None) -> str:
    """Return the report on one download."""
    result = Result(download, None, 0.0004, "10.0.0.5:8989", "10.0.0.9", "eth0")
    return report(result, judge(download, people) if people else None, colour=False)


@pytest.mark.parametrize(
    ("rate", "limited_by", "shown"),
    [
        (614.4, ("line",), Shown.MET),
        (614.4, ("wifi", "server"), Shown.MET),
        (614.3, ("line",), Shown.NOT_MET),
        (614.3, ("line", "cross_traffic"), Shown.INSUFFICIENT),
        (614.3, ("method",), Shown.INSUFFICIENT),
        (614.3, (), Shown.INSUFFICIENT),
        (614.3, ("unstable",), Shown.INSUFFICIENT),
        (614.4, ("unstable",), Shown.MET),
        (9000.0, ("burst",), Shown.INSUFFICIENT),
        (9000.0, ("same_host",), Shown.INSUFFICIENT),
    ],
)
def test_a_pass_counts_whatever_held_it_back_and_a_fail_only_on_a_full_line(
    rate: float, limited_by: tuple[str, ...], shown: Shown
) -> None:
    """1200 people need 614.4 Mbit/s: exactly that is enough."""
    judgement = judge(part(rate, *limited_by), 1200)
    assert judgement.required_mbps == 614.4
    assert judgement.shown is shown
    assert judgement.as_json()["result"] == shown.value


def test_the_report_shows_the_sum_a_headmaster_can_redo() -> None:
    """Heads times rate, the answer with its mark, and what is missing."""
    text = text_of(part(100.0, "line"), 1200)
    assert "1200 人 × 512 kbit/s ÷ 1000 = 614.4 Mbit/s" in text
    assert "✗ 未达标 not met：100.0 < 614.4，差 short 514.4 Mbit/s" in text
    assert "0.40 ms" in text
    assert "\x1b" not in text


def test_a_burst_above_the_requirement_is_not_called_too_slow() -> None:
    """9000 Mbit/s of credit: what is missing is a longer test."""
    text = text_of(part(9000.0, "cross_traffic", "burst"), 1200)
    assert "? 无法判定 cannot be told：突发额度未耗尽 burst credit not used up" in text
    assert "9000.0 <" not in text


@pytest.mark.parametrize("code", sorted(CAUSES))
def test_every_cause_says_what_to_try_in_both_languages(code: str) -> None:
    """Chinese first; and the reason catalogue knows the same causes."""
    text = text_of(part(100.0, code), None)
    assert CAUSES[code].zh in text
    assert text.index(CAUSES[code].try_zh) < text.index(CAUSES[code].try_en)
    reasons = yaml.safe_load(REASONS.read_text(encoding="utf-8"))
    codes = set(reasons.get("reasons", reasons))
    assert {"same_host", "line"} & {code} or f"limited_by_{code}" in codes


def test_a_chart_shows_scale_time_and_the_requirement() -> None:
    """The mark is a dashed line at its height, on rows of equal width; far above it is left out."""
    rows = plot([10.0, 80.0, 100.0, 100.0], 2.0, 150.0)
    assert rows[0].strip().startswith("150 ┤")
    assert "┄" in rows[0]
    assert rows[-1].endswith("2.0 s")
    assert len({len(row) for row in rows[:-1]}) == 1
    assert "┄" not in "".join(plot([100.0], 2.0, 900.0))
    assert plot([], 2.0, None) == []


def test_chinese_labels_line_up() -> None:
    """A Chinese character takes two columns."""
    assert width("线路速率 line") == 13
    assert width(pad("时延", 10)) == width(pad("latency", 10)) == 10


def test_a_refusal_says_what_to_do() -> None:
    """The reason code, what was seen, and the catalogue's sentence in both languages."""
    text = refusal(MeasurementError("server_unreachable", "10.0.0.5:8989", transient=True))
    assert "server_unreachable" in text
    assert "请检查地址、端口和防火墙" in text
    assert "Check address, port and firewall" in text


def test_nothing_is_drawn_where_there_is_no_terminal() -> None:
    """A log file gets no control characters."""
    out = io.StringIO()
    live = LiveLine(out)
    live.begin("server")
    live.show("download", [Slice(0.0, 0), Slice(1.0, 10_000_000)])
    live.clear()
    assert out.getvalue() == ""


@pytest.mark.parametrize("setting", [{"backend": "iperf3"}, {"server": "10.0.0.7"}])
def test_a_server_of_its_own_belongs_to_the_backends_that_need_one(setting: dict[str, Any]) -> None:
    """iperf3 without a server, and a server the bureau did not assign, are refused."""
    with pytest.raises(ValueError, match="server is for backend"):
        OutletBandwidthSettings(**setting)


class _Bureau(BaseHTTPRequestHandler):
    """A collector as an enrolled host meets it: a slot, the school's heads, the slot's return."""

    measurement_server = ""
    seen: ClassVar[list[tuple[str, str]]] = []

    def do_GET(self) -> None:
        """Tell the heads."""
        self._answer({"school": {"id": "zx-001", "name": "示例"}, "heads": 1290})

    def do_POST(self) -> None:
        """Give a slot, or take one back."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.seen.append((self.path, body))
        if self.path.endswith("/release"):
            self._answer({})
            return
        self._answer(
            {"id": "j1", "server": self.measurement_server, "token": "t", "max_seconds": 4,
             "max_bytes": 10**9}
        )  # fmt: skip

    def _answer(self, value: dict[str, Any]) -> None:
        assert self.headers["Authorization"] == "Bearer key-1"
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
        del format, args


@pytest.fixture
def enrolled(tmp_path: Path) -> Iterator[Path]:
    """Yield the state folder of a host enrolled at a bureau with an open measurement server."""
    measuring = build_server("127.0.0.1", 0, None, open=True)
    _Bureau.measurement_server = f"http://127.0.0.1:{measuring.server_port}"
    _Bureau.seen = []
    bureau = ThreadingHTTPServer(("127.0.0.1", 0), _Bureau)
    for server in (measuring, bureau):
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    identity = {
        "server": f"http://127.0.0.1:{bureau.server_port}", "agent_id": "a", "key": "key-1",
        "school": {"id": "zx-001", "name": "示例"}, "ca_file": None,
    }  # fmt: skip
    (tmp_path / "identity.json").write_text(json.dumps(identity))
    yield tmp_path
    for server in (measuring, bureau):
        server.shutdown()
        server.server_close()


def test_an_enrolled_host_needs_no_options(enrolled: Path) -> None:
    """Server, token and heads come from the bureau; the slot goes back with what was used."""
    done = subprocess.run(
        [sys.executable, "-m", "agent", "bandwidth", "--state", str(enrolled), "--format", "json"],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["requirement"]["people"] == 1290
    assert document["requirement"]["required_mbps"] == 660.48
    used = document["download"]["bytes"] + document["upload"]["bytes"]
    assert [path for path, _ in _Bureau.seen] == ["/api/v1/slots", "/api/v1/slots/j1/release"]
    assert json.loads(_Bureau.seen[1][1]) == {"used_bytes": used}


def test_a_terminal_sees_progress_and_then_only_the_report(enrolled: Path) -> None:
    """On a real pseudo-terminal: both directions move, the live line is gone at the end."""
    parent, child = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "agent", "bandwidth", "--state", str(enrolled)],
        stdout=child, stderr=child, stdin=child, env={**os.environ, "TERM": "xterm"},
    ) as process:  # fmt: skip
        os.close(child)
        text = b""
        while True:
            try:
                more = os.read(parent, 65536)
            except OSError:
                break
            if not more:
                break
            text += more
        process.wait(30)
    os.close(parent)
    seen = text.decode()
    assert process.returncode == 0
    assert "connecting" in seen
    assert re.search(r"↓ 下行 download +[0-9.]+ Mbit/s", seen)
    assert re.search(r"↑ 上行 upload +[0-9.]+ Mbit/s", seen)
    last_erased = seen.rindex("\r\x1b[K")
    assert "测速服务器 server" in seen[last_erased:]
