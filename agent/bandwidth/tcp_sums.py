"""The kernel's counters of a transfer's sending sockets, added up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from agent.bandwidth.tcp_info import TcpInfo


class TcpSums(NamedTuple):
    """`delivered_bytes` counts what the receiver has acknowledged, selectively or in order."""

    delivered_bytes: int = 0
    retransmitted_segments: int = 0
    data_segments_out: int = 0
    rtt_s: float | None = None
    """Median over the connections (the upper one of an even number)."""

    @property
    def retransmit_share(self) -> float | None:
        """Retransmitted ÷ all data segments."""
        if not self.data_segments_out:
            return None
        return self.retransmitted_segments / self.data_segments_out


def add_up(infos: Iterable[TcpInfo]) -> TcpSums:
    """Sum the counters of one side's sockets."""
    delivered = again = out = 0
    rtts = []
    for info in infos:
        delivered += (info.bytes_acked or 0) + (info.sacked_segments or 0) * (
            info.send_mss_bytes or 0
        )
        again += info.retransmitted_segments or 0
        out += info.data_segments_out or 0
        if info.rtt_s:
            rtts.append(info.rtt_s)
    return TcpSums(delivered, again, out, sorted(rtts)[len(rtts) // 2] if rtts else None)
