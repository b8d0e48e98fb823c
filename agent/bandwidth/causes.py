"""What can hold a measurement back, in words, and what a technician can try."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """A code of `limited_by`: its name and the next thing to try, Chinese and English."""

    zh: str
    en: str
    try_zh: str
    try_en: str


CAUSES = {
    "line": Cause(
        "线路本身",
        "the line itself",
        "这就是线路的能力；低于合同带宽时请联系运营商。",
        "This is what the line carries; below the contract, call the provider.",
    ),
    "nic": Cause(
        "本机网口",
        "this host's port",
        "换千兆或更快的网卡、网线、交换机端口，再测。",
        "Use a faster network card, cable or switch port, then test again.",
    ),
    "wifi": Cause(
        "无线一跳",
        "the Wi-Fi hop",
        "改用网线连接，再测。",
        "Connect by cable, then test again.",
    ),
    "host_cpu": Cause(
        "本机处理器",
        "this host's processor",
        "关闭占用处理器的程序，或换一台主机，再测。",
        "Stop what keeps the processor busy, or use another host, then test again.",
    ),
    "server": Cause(
        "测速服务器",
        "the measurement server",
        "请教委查看测速服务器的端口速率和负载。",
        "Ask the bureau to look at the measurement server's port speed and load.",
    ),
    "cross_traffic": Cause(
        "同时有其他流量",
        "other traffic at the same time",
        "在线路空闲时（如放学后）再测。",
        "Test again while the line is idle, for example after school.",
    ),
    "per_ip_limit": Cause(
        "按地址限速",
        "a limit per address",
        "在防火墙或上网行为管理上为本机放行，再测。",
        "Exempt this host in the firewall, then test again.",
    ),
    "burst": Cause(
        "突发额度未耗尽",
        "burst credit not used up",
        "放宽 --max-seconds 和 --max-bytes，再测。",
        "Allow more --max-seconds and --max-bytes, then test again.",
    ),
    "unstable": Cause(
        "速率不稳定",
        "an unstable rate",
        "在不同时段多测几次；仍不稳定请查线路误码和防火墙负载。",
        "Test at several times of day; if it stays so, check the line for errors.",
    ),
    "same_host": Cause(
        "服务器就在本机",
        "the server is this very host",
        "改用教委的测速服务器。",
        "Use the bureau's measurement server.",
    ),
    "method": Cause(
        "测速工具本身偏低",
        "the tool itself reads low",
        "达标可信，不达标不算；请用 --backend builtin 再测。",
        "A pass counts, a fail does not; test again with --backend builtin.",
    ),
}
UNKNOWN = Cause("未知因素", "an unknown cause", "请升级本程序。", "Upgrade this program.")


def cause(code: str) -> Cause:
    """Return the words for `code`."""
    return CAUSES.get(code, UNKNOWN)
