"""A measurement for people, Chinese first: the rates, what limited them, and what to try."""

from __future__ import annotations

from agent.bandwidth.causes import cause
from agent.bandwidth.charts import pad, plot
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.requirement import KBIT_PER_HEAD, VOID, Judgement, Shown
from agent.bandwidth.result import DirectionResult, Result
from rubrics.reasons import load_reasons

LABEL_COLUMNS = 24
NAMES = {"download": "↓ 下行 download", "upload": "↑ 上行 upload"}
GREEN, RED, YELLOW, BOLD, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[0m"


def report(result: Result, judgement: Judgement | None, *, colour: bool) -> str:
    """Return the whole result as text."""
    tool = result.backend + (f" {result.backend_version}" if result.backend_version else "")
    way = f"（{result.interface}）" if result.interface else ""
    lines = [
        _line("测速服务器 server", f"{result.server}  {tool}"),
        _line("本机地址 this host", f"{result.source}{way}"),
    ]
    if result.idle_rtt_s is not None:
        lines.append(_line("空闲时延 idle latency", _milliseconds(result.idle_rtt_s)))
    for name, part in result.directions():
        mark = judgement.required_mbps if judgement and name == "download" else None
        lines += ["", _paint(NAMES[name], BOLD, colour), *_direction(part, mark)]
    if judgement is not None:
        lines += ["", *_judgement(judgement, colour=colour)]
    lines += _advice(result)
    return "\n".join(lines) + "\n"


def _line(label: str, text: str) -> str:
    return f"{pad(label, LABEL_COLUMNS)}{text}"


def _paint(text: str, style: str, colour: bool) -> str:
    return f"{style}{text}{PLAIN}" if colour else text


def _direction(part: DirectionResult, mark: float | None) -> list[str]:
    to_line = part.line_rate_mbps / part.goodput_mbps if part.goodput_mbps else 1.0
    margin = "" if part.margin_ratio is None else f"  ±{part.margin_ratio * 100:.2g} %"
    lines = plot([rate * to_line for rate in part.chart_mbps], part.seconds, mark)
    lines += [
        _line("线路速率 line rate", f"{part.line_rate_mbps:.1f} Mbit/s{margin}"),
        _line("有效载荷 payload", f"{part.goodput_mbps:.1f} Mbit/s"),
        _line("用时流量 cost", f"{part.seconds:.2f} s  {part.bytes / 1e6:.1f} MB"),
    ]
    if part.loaded_rtt_s is not None:
        lines.append(_line("负载时延 under load", _milliseconds(part.loaded_rtt_s)))
    if part.burst_credit_bytes and part.burst_peak_mbps:
        lines.append(
            _line(
                "突发额度 burst",
                f"{part.burst_credit_bytes / 1e6:.1f} MB，{part.burst_peak_mbps:.0f} Mbit/s；"
                "上面是其后的持续速率 (the rate above is what lasts)",
            )
        )
    held = [cause(code) for code in part.limited_by]
    words = "；".join(f"{one.zh} {one.en}" for one in held)
    lines.append(_line("受限于 limited by", words or "未见线路跑满 the line was not seen full"))
    return lines


def _judgement(judgement: Judgement, *, colour: bool) -> list[str]:
    rate, required = judgement.rate_mbps, judgement.required_mbps
    working = f"{judgement.people} 人 × {KBIT_PER_HEAD} kbit/s ÷ 1000 = {required:.1f} Mbit/s"
    answers = {
        Shown.MET: (GREEN, f"✓ 达标 met：{rate:.1f} ≥ {required:.1f}"),
        Shown.NOT_MET: (
            RED,
            f"✗ 未达标 not met：{rate:.1f} < {required:.1f}，差 short {required - rate:.1f} Mbit/s",
        ),
        Shown.INSUFFICIENT: (
            YELLOW,
            f"? 无法判定 cannot be told：{_why(judgement)}",
        ),
    }
    style, text = answers[judgement.shown]
    return [
        _line("出口要求 required", f"{working}（附件3-2 第1项）"),
        _line("本次结论 this test", _paint(text, style, colour)),
    ]


def _why(judgement: Judgement) -> str:
    """Return why a test shows nothing."""
    for code in judgement.limited_by:
        if code in VOID:
            return f"{cause(code).zh} {cause(code).en}"
    short = f"{judgement.rate_mbps:.1f} < {judgement.required_mbps:.1f}，"
    return short + "但线路没有跑满 but the line was not full"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds >= 0.001 else f"{seconds * 1000:.2f} ms"


def _advice(result: Result) -> list[str]:
    codes = dict.fromkeys(code for _, part in result.directions() for code in part.limited_by)
    if not codes:
        return []
    lines = ["", "下一步 what to try"]
    for code in codes:
        words = cause(code)
        lines += [f"  · {words.zh}：{words.try_zh}", f"    {words.try_en}"]
    return lines


def refusal(error: MeasurementError) -> str:
    """Return why there is no rate and what to do, in the words of `rubrics/reasons.yaml`."""
    known = load_reasons().get(error.reason)
    lines = [f"✗ 没有测出速率 no rate: {error.reason}", f"  {error.detail}"]
    if known is not None:
        lines += [f"  {known.zh}", f"  {known.en}"]
    if error.retry_after_s is not None:
        lines.append(f"  {error.retry_after_s:.0f} 秒后可再试 / try again in so many seconds")
    return "\n".join(lines) + "\n"
