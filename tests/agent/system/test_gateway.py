"""Default gateways and neighbours from recorded tables."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.system.gateway import parse_default_gateway, parse_neighbours, parse_windows_gateway

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wlan0\t00000000\t0102A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
"""
WINDOWS = """\
===========================================================================
接口列表
 12...00 15 5d 00 01 02 ......Intel(R) Ethernet Connection
===========================================================================

IPv4 路由表
===========================================================================
活动路由:
网络目标        网络掩码          网关       接口   跃点数
          0.0.0.0          0.0.0.0      192.168.1.1     192.168.1.23     25
          0.0.0.0          0.0.0.0      10.20.0.254       10.20.0.7      50
===========================================================================
永久路由:
  无
"""
NEIGHBOURS = """\
IP address       HW type     Flags       HW address            Mask     Device
192.0.2.1        0x1         0x2         02:00:00:00:00:05     *        eth0
192.0.2.9        0x1         0x0         00:00:00:00:00:00     *        eth0
"""


def test_the_gateway_of_least_metric() -> None:
    """Wired before wireless; a route without a gateway is none."""
    assert parse_default_gateway(ROUTES) == "192.0.2.1"
    assert parse_default_gateway(ROUTES.splitlines()[0]) is None


def test_the_windows_gateway_in_any_language() -> None:
    """Only the numbers of the table are read."""
    assert parse_windows_gateway(WINDOWS) == "192.168.1.1"
    assert parse_windows_gateway("活动路由:\n  无\n") is None


def test_neighbours_that_answered() -> None:
    """An incomplete entry is a neighbour that did not answer ARP."""
    assert parse_neighbours(NEIGHBOURS) == {"192.0.2.1": True, "192.0.2.9": False}


@given(st.text())
def test_any_text_is_survived(text: str) -> None:
    """Torn tables give less, never a crash."""
    parse_default_gateway("x\n" + text)
    parse_windows_gateway(text)
    assert isinstance(parse_neighbours("x\n" + text), dict)
