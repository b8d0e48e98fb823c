"""A measurement for people: live progress, a small chart, what limited it, what to try."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from agent.bandwidth.estimator import rates_bytes_s
from agent.bandwidth.result import DirectionResult, Result
from agent.bandwidth.slices import Slice

BARS = "▁▂▃▄▅▆▇█"
CHART_COLUMNS = 40
DRAW_S = 0.1
KBIT_PER_HEAD = 512
"""附件3-2 item 1e: 512 kbit/s for each person in school, K = 1000."""

NAMES = {"download": "下行 download", "upload": "上行 upload"}
CAUSES = {
    "line": ("线路本身", "the line itself", "这就是线路的能力。"),
    "nic": ("本机网卡", "this host's network card", "换更快的网卡、网线或交换机端口再测。"),
    "wifi": ("无线一跳", "the Wi-Fi hop", "改用网线再测。"),
    "host_cpu": ("本机处理器", "this host's CPU", "关闭占用处理器的程序，或换一台主机再测。"),
    "server": ("测速服务器", "the measurement server", "请教委检查测速服务器的端口速率和负载。"),
    "cross_traffic": ("同时有其他流量", "other traffic", "在线路空闲时（如放学后）再测。"),
    "per_ip_limit": ("按地址限速", "a limit per address", "在防火墙或上网行为管理上放行本机再测。"),
    "burst": ("突发额度未耗尽", "burst credit", "放宽 --max-seconds 和 --max-bytes 再测。"),
    "unstable": ("速率不稳定", "an unstable rate", "多测几次，取不同时段。"),
    "same_host": ("服务器就在本机", "the server is this host", "改用教委的测速服务器。"),
}


class LiveLine:
    """One line on standard error that follows the transfer; silent where that is no terminal."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._drawn_at = 0.0

    def show(self, direction: str, slices: list[Slice]) -> None:
        """Redraw at most ten times a second."""
        now = time.monotonic()
        if not self._is_terminal or now - self._drawn_at < DRAW_S or len(slices) < 2:
            return
        self._drawn_at = now
        elapsed_s = slices[-1].t_s - slices[0].t_s
        step_s = max(elapsed_s / CHART_COLUMNS, 0.02)
        rates = [rate * 8e-6 for rate in rates_bytes_s(slices, step_s)]
        current = rates[-1] if rates else 0.0
        sys.stderr.write(
            f"\r\x1b[K{NAMES[direction]} {chart(rates)} {current:8.1f} Mbit/s {elapsed_s:5.1f} s"
        )
        sys.stderr.flush()

    def clear(self) -> None:
        """Remove the line."""
        if self._is_terminal:
            sys.stderr.write("\r\x1b[K")


def chart(values: Sequence[float]) -> str:
    """Draw values as a row of bars, scaled to the largest."""
    recent = list(values)[-CHART_COLUMNS:]
    top = max(recent, default=0.0)
    if top <= 0:
        return ""
    return "".join(BARS[round(value / top * (len(BARS) - 1))] for value in recent)


def report(result: Result, people: int | None) -> str:
    """Return the whole result as text, Chinese first."""
    lines = [f"测速服务器 server  {result.server}"]
    if result.idle_rtt_s is not None:
        lines.append(f"空闲时延 idle RTT  {result.idle_rtt_s * 1000:.1f} ms")
    for name, part in result.directions():
        lines += ["", *_direction(name, part)]
    if people is not None and result.download is not None:
        lines += ["", *_verdict(result.download, people)]
    return "\n".join(lines) + "\n"


def _direction(name: str, part: DirectionResult) -> list[str]:
    margin = ""
    if part.margin_ratio is not None:
        margin = f"（±{part.margin_ratio * 100:.2g} %，95 %）"
    lines = [
        f"{NAMES[name]}",
        f"  {chart(part.chart_mbps)}",
        f"  线路速率 line rate  {part.line_rate_mbps:.1f} Mbit/s{margin}",
        f"  有效载荷 goodput    {part.goodput_mbps:.1f} Mbit/s",
        f"  用时与流量 cost     {part.seconds:.2f} s, {part.bytes / 1e6:.1f} MB",
    ]
    if part.loaded_rtt_s is not None:
        lines.append(f"  负载时延 loaded RTT {part.loaded_rtt_s * 1000:.1f} ms")
    if part.burst_credit_bytes and part.burst_peak_mbps:
        lines.append(
            f"  突发额度 burst      {part.burst_credit_bytes / 1e6:.1f} MB, "
            f"{part.burst_peak_mbps:.0f} Mbit/s，上面是其后的持续速率 (the rate above is sustained)"
        )
    if not part.limited_by:
        lines.append("  受限于 limited by   未发现限制因素 / nothing seen to limit it")
    for cause in part.limited_by:
        chinese, english, advice = CAUSES[cause]
        lines.append(f"  受限于 limited by   {chinese} / {english}。{advice}")
    return lines


def _verdict(download: DirectionResult, people: int) -> list[str]:
    needed = people * KBIT_PER_HEAD / 1000
    rate = download.line_rate_mbps
    working = f"{people} 人 × {KBIT_PER_HEAD} kbit/s ÷ 1000 = {needed:.1f} Mbit/s"
    if "same_host" in download.limited_by:
        answer = "? 无法判定：服务器在本机 / cannot be told: the server is this host"
    elif rate >= needed:
        answer = f"✓ 达标 met：{rate:.1f} ≥ {needed:.1f}"
    elif set(download.limited_by) == {"line"}:
        answer = f"✗ 未达标 not met：{rate:.1f} < {needed:.1f}"
    else:
        answer = (
            f"? 证据不足 insufficient：{rate:.1f} < {needed:.1f}，但测到的只是下限"
            " (only a lower bound)"
        )
    return [f"出口带宽要求 required  {working}", f"  {answer}"]
