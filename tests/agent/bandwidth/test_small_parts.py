"""Overhead, struct tcp_info, line memory, loss watch, same host, chart: small pure parts."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from agent.bandwidth import tcp_info
from agent.bandwidth.charts import bars
from agent.bandwidth.connection import endpoint, parse_head, request_head
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.host import is_same_host
from agent.bandwidth.line_memory import MAX_AGE_S, LineMemory
from agent.bandwidth.overhead import overhead
from agent.bandwidth.slices import Slice
from agent.bandwidth.stopping import (
    Known,
    Plan,
    PressureWatch,
    Verdict,
    hold_if_not_pressed,
    judge,
    may_be_burst,
)
from agent.bandwidth.tcp_info import TcpInfo
from agent.bandwidth.tcp_sums import TcpSums, add_up


def info(**fields: object) -> TcpInfo:
    """Return statistics of which only `fields` are known."""
    names = TcpInfo._fields
    values = {"timestamps": False, **fields}
    return TcpInfo(**{name: values.get(name) for name in names})  # type: ignore[arg-type]  # name


def test_a_full_frame_with_timestamps_carries_1448_in_1514() -> None:
    """The usual path: 1500-byte IPv4 with TCP timestamps."""
    found = overhead(info(timestamps=True, send_mss_bytes=1448), 4)
    assert (found.payload_bytes, found.frame_bytes, found.assumed) == (1448, 1514, False)


def test_other_paths_convert_with_their_own_overhead() -> None:
    """No timestamps, IPv6, and a smaller MTU (PPPoE) each change the factor."""
    assert overhead(info(send_mss_bytes=1460), 4).frame_bytes == 1514
    assert overhead(info(timestamps=True, send_mss_bytes=1428), 6).frame_bytes == 1514
    assert overhead(info(timestamps=True, send_mss_bytes=1440), 4).frame_bytes == 1506


def test_an_unknown_path_is_said_to_be_assumed() -> None:
    """Without statistics the usual frame is assumed, openly."""
    found = overhead(None, 4)
    assert (found.payload_bytes, found.frame_bytes, found.assumed) == (1448, 1514, True)


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="Windows has no TCP_INFO")
def test_the_kernel_counts_what_went_over_a_real_connection() -> None:
    """The offsets are right: bytes acknowledged, received and segments of a known transfer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        left = socket.create_connection(listener.getsockname())
        right, _ = listener.accept()
        with left, right:
            left.sendall(b"x" * 100_000)
            received = 0
            while received < 100_000:
                received += len(right.recv(1 << 20))
            left.sendall(b"y")
            right.recv(1)
            there, here = tcp_info.of(left), tcp_info.of(right)
    assert there is not None
    assert here is not None
    assert here.bytes_received == 100_001
    assert there.bytes_acked is not None
    assert there.bytes_acked >= 100_000
    assert there.sacked_segments == 0
    assert there.send_mss_bytes is not None
    assert there.send_mss_bytes > 500
    assert there.data_segments_out
    assert there.rtt_s is not None
    assert 0 < there.rtt_s < 1


def test_a_struct_of_an_old_kernel_leaves_the_rest_unknown() -> None:
    """A short struct gives None for what it lacks; a shorter one is refused."""
    old = tcp_info.parse(bytes(104))
    assert old.bytes_acked is None
    assert old.min_rtt_s is None
    with pytest.raises(ValueError, match="struct tcp_info"):
        tcp_info.parse(bytes(50))


def test_sums_count_selectively_acknowledged_segments_as_delivered() -> None:
    """Two connections, one with three segments delivered out of order."""
    sums = add_up([
        info(bytes_acked=1000, sacked_segments=3, send_mss_bytes=100, rtt_s=0.02,
             retransmitted_segments=1, data_segments_out=50),
        info(bytes_acked=500, sacked_segments=0, send_mss_bytes=100, rtt_s=0.04,
             retransmitted_segments=0, data_segments_out=50),
    ])  # fmt: skip
    assert sums.delivered_bytes == 1800
    assert sums.retransmit_share == 0.01
    assert add_up([]).retransmit_share is None


def test_lines_are_remembered_forgotten_and_age(tmp_path: Path) -> None:
    """What one test learns the next one knows, per server, source and direction, for 90 days."""
    file = tmp_path / "deep" / "lines.json"
    known = Known(1.2e7, 5e6, 2.4e7)
    LineMemory(file, 1000.0).learn("s:1", "10.0.0.2", "download", known)
    later = LineMemory(file, 2000.0)
    assert later.recall("s:1", "10.0.0.2", "download") == known
    assert later.recall("s:1", "10.0.0.2", "upload") is None
    assert LineMemory(file, 1001.0 + MAX_AGE_S).recall("s:1", "10.0.0.2", "download") is None
    assert LineMemory(None, 0.0).recall("s:1", "10.0.0.2", "download") is None
    later.forget()
    assert later.recall("s:1", "10.0.0.2", "download") is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"lines": {"a": 3}}', '{"lines": {"a": {"known": {"x": 1}}}}'],
)
def test_a_damaged_memory_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    """The next test is longer, nothing else."""
    file = tmp_path / "lines.json"
    file.write_text(text)
    memory = LineMemory(file, 5.0)
    memory.learn("s", "a", "download", Known(1.0))
    assert json.loads(file.read_text())["lines"]
    assert LineMemory(file, 6.0).recall("s", "a", "download") == Known(1.0)


def held_back(*rows: tuple[int, int, float]) -> list[bool]:
    """Return what the watch says of rows (retransmitted, sent, round trip) 0.2 s apart."""
    watch = PressureWatch()
    return [
        watch.look(0.2 * n, TcpSums(0, again, out, rtt_s), 0.02)
        for n, (again, out, rtt_s) in enumerate(rows)
    ]


def test_connections_that_leave_the_line_unfilled_are_noticed() -> None:
    """Round trips as if idle, again and again: with losses or without."""
    assert held_back(*[(n * 10, n * 1000, 0.0205) for n in range(6)])[-1]
    assert held_back(*[(0, n * 1000, 0.0205) for n in range(6)])[-1]


def test_a_standing_queue_is_the_line_being_full() -> None:
    """Losses with a queue, or a dip after the slow start, are ordinary."""
    assert not any(held_back(*[(n * 10, n * 1000, 0.07) for n in range(6)]))
    rtts = (0.02, 0.021, 0.021, 0.06, 0.021, 0.06)
    assert not any(held_back(*[(500, n * 1000, rtt) for n, rtt in enumerate(rtts)]))


def test_a_steady_rate_below_a_full_line_does_not_end_a_first_test() -> None:
    """Straight, but nothing pressed: the transfer goes on, within its bounds."""
    watch = PressureWatch()
    for n in range(3):
        watch.look(0.2 * n, TcpSums(0, 0, n * 1000, 0.0205), 0.02)
    trace = [Slice(n * 0.008, n * 100_000) for n in range(60)]
    steady = judge(trace, 0.01, Plan(20, 10**10, Known(1.25e7))).steady
    done = Verdict(stop=True, steady=steady, converged=True)
    plan = Plan(20, 10**10)
    assert not hold_if_not_pressed(done, watch, 3.5, plan).stop
    assert hold_if_not_pressed(done, watch, 14.0, plan).stop
    assert hold_if_not_pressed(done, watch, 3.5, Plan(20, 10**10, Known(1.25e7))).stop


def test_a_bound_ends_a_test_that_nothing_presses() -> None:
    """2.5 GB at 21 Gbit/s, no queue: once it went on until the server had no more to send."""
    watch = PressureWatch()
    for n in range(3):
        watch.look(0.2 * n, TcpSums(0, 0, n * 1000, 0.0001), 0.0001)
    assert watch.is_pressed is False
    trace = [Slice(n * 0.005, n * 13_125_000) for n in range(201)]
    for plan in (Plan(20, 2_500_000_000), Plan(1.0, 10**10)):
        verdict = judge(trace, 0.0001, plan)
        assert verdict.steady is not None
        assert hold_if_not_pressed(verdict, watch, 1.0, plan).stop
    within = Plan(20, 10**10)
    assert not hold_if_not_pressed(judge(trace, 0.0001, within), watch, 1.0, within).stop


def test_a_first_test_goes_on_where_a_known_line_is_done() -> None:
    """Half a second of a known line is enough; of an unknown one it is not."""
    trace = [Slice(n * 0.008, n * 100_000) for n in range(60)]
    short = judge(trace, 0.01, Plan(20, 10**10, Known(1.25e7)))
    first = judge(trace, 0.01, Plan(20, 10**10))
    changed = judge(trace, 0.01, Plan(20, 10**10, Known(2.5e7)))
    assert (short.stop, first.stop, changed.stop) == (True, False, False)
    assert first.converged


def test_a_test_cut_short_may_have_seen_only_credit() -> None:
    """A first test that its caps ended early, or one above a line that is known to have credit."""
    first = Plan(2, 10**7)
    with_credit = Plan(2, 10**7, Known(1.0e7, credit_bytes=5e6))
    assert may_be_burst(first, 2.0e7, 10**7, 0.5)
    assert not may_be_burst(first, 2.0e7, 70_000_000, 3.5)
    assert may_be_burst(with_credit, 2.0e7, 10**7, 0.5)
    assert not may_be_burst(with_credit, 1.005e7, 10**7, 0.5)
    assert not may_be_burst(Plan(2, 10**7, Known(1.0e7)), 2.0e7, 10**7, 0.5)


def test_caps_end_any_test() -> None:
    """Seconds and bytes are hard bounds."""
    trace = [Slice(n * 0.008, n * 100_000) for n in range(60)]
    assert judge(trace, 0.01, Plan(0.4, 10**10)).stop
    assert judge(trace, 0.01, Plan(20, 5_000_000)).stop


@pytest.mark.parametrize(
    ("local", "peer", "theirs", "same"),
    [
        ("10.0.0.2", "127.0.0.1", None, True),
        ("::1", "::1", None, True),
        ("10.0.0.2", "::ffff:127.0.0.1", None, True),
        ("10.0.0.2", "10.0.0.2", None, True),
        ("172.17.0.2", "172.17.0.1", "boot", True),
        ("10.0.0.2", "10.0.0.5", "other", False),
        ("10.0.0.2", "10.0.0.5", None, False),
    ],
)
def test_the_same_host_is_recognised(local: str, peer: str, theirs: str | None, same: bool) -> None:
    """Loopback, an own address, or a container of the same machine."""
    assert is_same_host(local, peer, theirs, "boot") is same


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://user:pw@host", "https://"])
def test_a_wrong_address_is_named(url: str) -> None:
    """Wrong schemes, missing hosts and secrets in the address are refused."""
    with pytest.raises(ValueError, match=r"\w"):
        endpoint(url)


def test_requests_through_a_proxy_name_the_whole_address() -> None:
    """Plain HTTP over a proxy uses the absolute form (RFC 9112 section 3.2.2)."""
    where = endpoint("http://[2001:db8::1]:8989/speed/", proxy="http://proxy.example:3128")
    head = request_head(where, "GET", "/empty", {}).decode()
    assert head.startswith("GET http://[2001:db8::1]:8989/speed/empty HTTP/1.1\r\n")
    assert where.proxy == ("proxy.example", 3128)


@pytest.mark.parametrize("head", [b"", b"SSH-2.0-OpenSSH", b"HTTP/1.1", b"HTTP/1.1 abc OK"])
def test_what_is_not_http_is_said_so(head: bytes) -> None:
    """Another service on the port is no measurement server."""
    with pytest.raises(MeasurementError) as caught:
        parse_head(head)
    assert caught.value.reason == "not_http"


def test_a_chart_is_scaled_to_its_largest_value() -> None:
    """Half the largest is half the height; nothing moved draws nothing."""
    assert bars([0, 50, 100], 3) == "▁▄█"
    assert bars([0, 0], 2) == ""
