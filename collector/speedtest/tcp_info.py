"""What Linux tells about a connection (struct tcp_info), as far as the server reports it.

Offsets: include/uapi/linux/tcp.h; the struct only ever grows at its end.
"""

from __future__ import annotations

import socket
import statistics
import struct
from collections.abc import Iterable
from dataclasses import dataclass

STRUCT_BYTES = 256
_NEEDED_BYTES = 160


@dataclass(frozen=True, slots=True)
class TcpInfo:
    """One connection. `delivered_bytes` is acknowledged by the peer, selectively or in order."""

    rtt_us: int
    retransmitted_segments: int
    data_segments_out: int
    delivered_bytes: int
    received_bytes: int


def tcp_info(sock: socket.socket) -> TcpInfo | None:
    """Return the kernel's counters of `sock`, None where there are none (not Linux, closed)."""
    if not hasattr(socket, "TCP_INFO"):
        return None
    try:
        data = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, STRUCT_BYTES)
    except OSError:
        return None
    if len(data) < _NEEDED_BYTES:
        return None
    (mss,) = struct.unpack_from("=I", data, 16)
    (sacked,) = struct.unpack_from("=I", data, 28)
    (rtt_us,) = struct.unpack_from("=I", data, 68)
    (again,) = struct.unpack_from("=I", data, 100)
    acked, received = struct.unpack_from("=QQ", data, 120)
    (out,) = struct.unpack_from("=I", data, 156)
    return TcpInfo(rtt_us, again, out, acked + sacked * mss, received)


def sums(infos: Iterable[TcpInfo]) -> tuple[int, int, int, int]:
    """Return delivered bytes, retransmitted and sent data segments, and the median RTT in µs."""
    known = list(infos)
    rtt_us = statistics.median(info.rtt_us for info in known) if known else 0
    return (
        sum(info.delivered_bytes for info in known),
        sum(info.retransmitted_segments for info in known),
        sum(info.data_segments_out for info in known),
        int(rtt_us),
    )
